"""Brings what is new from a claim by reader workflows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import sleep

from hera_experiment.errors import UserError
from hera_experiment.results.bring import Brought, Meter, batches, without_first
from hera_experiment.results.channel import Broken
from hera_experiment.results.listing import Entry, Listing, read_listing
from hera_experiment.results.packed import unpacked
from hera_experiment.results.reader_workflow import ReaderWorkflows
from hera_experiment.results.reader_workflow_manifest import GONE
from hera_experiment.results.store import Store

_ATTEMPTS = 5
# Of one archive: the disks of the pod and of Argo's server hold it for a while.
_MOST_BYTES = 4 << 30
# Bytes of names, which go into the workflow: 1 MiB at most, in which compression only helps.
_MOST_NAMES = 400_000


class FromWorkflow:
    """One folder of a claim, seen through workflows that list it and pack some of its files."""

    def __init__(
        self,
        readers: ReaderWorkflows,
        folder: str,
        say: Callable[[str], None],
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._readers = readers
        self._folder = folder
        self._say = say
        self._pause = pause

    def list(self) -> Listing | None:
        """Return what is in the folder, None when there is no such folder."""
        printed = self._readers.list(self._folder)
        return None if printed == GONE else read_listing(printed)

    def bring(self, wanted: Sequence[Entry], store: Store) -> Brought:
        """Bring ``wanted``, the files that are new.

        What changed meanwhile is listed and packed once more.
        """
        brought = Brought()
        meter = Meter(self._say, sum(each.size for each in wanted))
        lacking = list(wanted)
        for round_ in range(2):
            if round_ and lacking:
                names = {each.path for each in lacking}
                again = self.list() or Listing()
                lacking = [each for each in again.files if each.path in names]
            readable = [each for each in lacking if each.sum]
            for batch in batches(readable, _MOST_BYTES, _MOST_NAMES):
                self._bring(batch, store, brought, meter)
            lacking = [each for each in lacking if not brought.is_settled(each)]
        brought.unreadable = [each.path for each in lacking if not each.sum]
        brought.changing = [each.path for each in lacking if each.sum]
        return brought

    def _bring(
        self, entries: Sequence[Entry], store: Store, brought: Brought, meter: Meter
    ) -> None:
        by_path = {each.path: each for each in entries}
        with self._readers.packed(self._folder, entries) as archive:
            for attempt in range(_ATTEMPTS):
                try:
                    for path, pieces in unpacked(archive(), compressed=True):
                        entry = by_path.get(path)
                        if entry is not None and not brought.is_settled(entry):
                            pieces = without_first(store.arrived(entry), pieces)
                            brought.take(entry, meter.counted(pieces), store)
                    return
                except Broken as error:
                    if attempt == _ATTEMPTS - 1:
                        advice = "try again: what has arrived is kept"
                        raise UserError(str(error), next_step=advice) from None
                    self._pause(2.0**attempt)
