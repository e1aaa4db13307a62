"""Brings what is new from a folder of a claim through the shell of a pod."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import TypeVar

from hera_experiment.errors import UserError
from hera_experiment.results import listing
from hera_experiment.results.channel import Broken, ScriptFailed, Shell
from hera_experiment.results.listing import Entry, Listing, read_listing, read_some
from hera_experiment.results.outcome import printable, size
from hera_experiment.results.packed import unpacked
from hera_experiment.results.store import Store

T = TypeVar("T")

_SMALL = 4 << 20
_MOST_BYTES = 64 << 20
_MOST_NAMES = 500_000
_ROUNDS = 3
_ATTEMPTS = 6
_EVERY = 5.0


@dataclass
class Meter:
    """Counts what arrives, and says so every few seconds."""

    say: Callable[[str], None]
    expected: int
    clock: Callable[[], float] = monotonic
    arrived: int = 0
    _said: float | None = None

    def counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Pass ``pieces`` on."""
        for piece in pieces:
            self.count(len(piece))
            yield piece

    def count(self, number: int) -> None:
        """Note that so many bytes have arrived."""
        self.arrived += number
        now = self.clock()
        if self._said is None:
            self._said = now
        elif now - self._said >= _EVERY:
            self._said = now
            self.say(f"  {size(self.arrived)} of {size(self.expected)}")


@dataclass
class Brought:
    """The paths of the files that arrived, and of those that did not and why."""

    arrived: set[bytes] = field(default_factory=set)
    changing: list[bytes] = field(default_factory=list)
    unreadable: list[bytes] = field(default_factory=list)
    refused: dict[bytes, str] = field(default_factory=dict)

    def take(self, entry: Entry, pieces: Iterable[bytes], store: Store) -> None:
        """Let ``store`` receive a file."""
        try:
            if store.receive(entry, pieces):
                self.arrived.add(entry.path)
        except Broken:
            raise
        except (OSError, ValueError) as error:
            # A folder of that name, or a name that this file system does not take.
            self.refused[entry.path] = getattr(error, "strerror", None) or str(error)

    def is_settled(self, entry: Entry) -> bool:
        """Say whether nothing more is to be tried."""
        return entry.path in self.arrived or entry.path in self.refused


class FromPod:
    """One folder of a claim, seen through a shell.

    A script whose connection broke off is run again after a pause that doubles, until six in a row
    brought nothing.
    """

    def __init__(
        self,
        shell: Shell,
        folder: str,
        say: Callable[[str], None],
        pause: Callable[[float], None] = sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shell = shell
        self._folder = folder
        self._say = say
        self._pause = pause
        self._clock = clock

    def list(self) -> Listing | None:
        """Return what is in the folder, None when there is no such folder."""
        printed = self._printed(listing.LIST)
        return None if printed is None else read_listing(printed)

    def bring(self, wanted: Sequence[Entry], store: Store) -> Brought:
        """Bring ``wanted``, the files that are new.

        A file that changes while it is read is read again, twice at most; one that only grows
        comes as it was when it was looked at. One that is gone meanwhile is not missed.
        """
        meter = Meter(self._say, sum(each.size for each in wanted), self._clock)
        brought = Brought()
        lacking = list(wanted)
        for round_ in range(_ROUNDS):
            if round_:
                lacking = self._look_again(lacking, store, brought)
            if not lacking:
                return brought
            readable = [each for each in lacking if each.sum]
            together = [each for each in readable if not round_ and each.size <= _SMALL]
            for batch in batches(together, _MOST_BYTES, _MOST_NAMES):
                self._bring(batch, store, brought, meter, self._packed)
            for entry in [each for each in readable if round_ or each.size > _SMALL]:
                self._bring([entry], store, brought, meter, self._alone)
            lacking = [each for each in lacking if not brought.is_settled(each)]
        brought.unreadable = [each.path for each in lacking if not each.sum]
        brought.changing = [each.path for each in lacking if each.sum]
        return brought

    def _look_again(
        self, entries: Sequence[Entry], store: Store, brought: Brought
    ) -> builtins.list[Entry]:
        given = listing.names([each.path for each in entries])
        found = read_some(self._printed(listing.LIST_SOME, given) or b"")
        brought.arrived |= {each.path for each in found if store.has(each)}
        return [each for each in found if not brought.is_settled(each)]

    def _bring(
        self,
        entries: Sequence[Entry],
        store: Store,
        brought: Brought,
        meter: Meter,
        arriving: Callable[[Sequence[Entry], Store], Iterator[tuple[Entry, Iterator[bytes]]]],
    ) -> None:
        def take_all() -> None:
            left = [each for each in entries if not brought.is_settled(each)]
            try:
                for entry, pieces in arriving(left, store) if left else ():
                    brought.take(entry, meter.counted(pieces), store)
            except ScriptFailed:
                # A file is gone, or no longer to be read: those that lack are looked at again.
                return

        self._steadily(take_all, lambda: meter.arrived)

    def _packed(
        self, entries: Sequence[Entry], store: Store
    ) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        by_path = {each.path: each for each in entries}
        given = listing.names(list(by_path))
        for path, pieces in unpacked(self._run(listing.PACK, given)):
            if path in by_path:
                yield by_path[path], without_first(store.arrived(by_path[path]), pieces)

    def _alone(
        self, entries: Sequence[Entry], store: Store
    ) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        for entry in entries:
            start = store.arrived(entry)
            given = listing.part(entry.path, start, entry.size - start)
            yield entry, self._run(listing.READ, given) if start < entry.size else iter(())

    def _printed(self, script: str, given: bytes = b"") -> bytes | None:
        """Return all that ``script`` prints; None when the folder is not there."""
        try:
            return self._steadily(lambda: b"".join(self._run(script, given)))
        except ScriptFailed as error:
            if error.status == listing.NO_FOLDER:
                return None
            raise UserError(
                f"the pod cannot read {self._folder}: {printable(error.errors)}",
                next_step="another image may: READER_IMAGE=IMAGE",
            ) from None

    def _run(self, script: str, given: bytes = b"") -> Iterator[bytes]:
        return self._shell.run(script, self._folder, str(len(given)), given=given)

    def _steadily(self, action: Callable[[], T], arrived: Callable[[], int] = lambda: 0) -> T:
        return steadily(action, arrived, self._pause)


def steadily(
    action: Callable[[], T], arrived: Callable[[], int], pause: Callable[[float], None]
) -> T:
    """Repeat ``action`` while its connection breaks off, after pauses that double.

    Raises ``UserError`` once it has broken off six times in a row while
    the number that ``arrived`` returns stayed the same.
    """
    failures = 0
    while True:
        before = arrived()
        try:
            return action()
        except Broken as error:
            failures = 1 if arrived() > before else failures + 1
            if failures >= _ATTEMPTS:
                advice = "try again: what has arrived is kept"
                raise UserError(str(error), next_step=advice) from None
            pause(2.0 ** (failures - 2))


def without_first(number: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield ``pieces`` but the first ``number`` bytes."""
    for piece in pieces:
        yield piece[number:]
        number = max(0, number - len(piece))


def batches(entries: Sequence[Entry], most_bytes: int, most_names: int) -> Iterator[list[Entry]]:
    """Yield ``entries`` in groups of at most so many bytes, and bytes of names, or of one file."""
    batch: list[Entry] = []
    length = names = 0
    for entry in entries:
        length, names = length + entry.size, names + len(entry.path)
        if batch and (length > most_bytes or names > most_names):
            yield batch
            batch, length, names = [], entry.size, len(entry.path)
        batch.append(entry)
    if batch:
        yield batch
