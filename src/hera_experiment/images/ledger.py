"""``.hera/images.json``: which image came of which content, and its digest in the registry."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.images.source import ARGUMENTS, ImageSource, variable_of
from hera_experiment.platform.state_folder import open_lock, prepare

FILE = "images.json"
_KEPT = 200


@dataclass(frozen=True)
class Entry:
    """One image of a container: what it was built from, and what is known of it.

    ``context`` is the hash of its files. Of ``arguments`` the values of BUILD_ARGS are not kept
    (None), since they may be secrets. ``asked`` is when a build last wanted it, ``built`` and
    ``pushed`` when that happened here (RFC 3339, empty for never); ``digest`` is the registry's.
    """

    container: str
    context: str
    tag: str
    arguments: Mapping[str, str | None] = field(default_factory=dict)
    asked: str = ""
    built: str = ""
    pushed: str = ""
    digest: str = ""

    @classmethod
    def of(cls, source: ImageSource) -> Entry:
        """Return the entry of ``source``, of which nothing else is known yet."""
        known: dict[str, str | None] = {
            name: None if variable_of(name) == ARGUMENTS else value
            for name, value in source.arguments.items()
        }
        known.update(dict.fromkeys(source.unknown))
        return cls(source.container, source.context, source.tag, known)


class Ledger:
    """The entries of one experiment by the reference of the image with its content's tag.

    A change is there as a whole or not at all, whoever else writes and wherever we are ended.
    """

    def __init__(
        self,
        state: Path,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._state = state
        self._path = state / FILE
        self._now = now

    @classmethod
    def of(cls, experiment: Experiment) -> Ledger:
        """Return the one of ``experiment``."""
        return cls(experiment.state)

    def entries(self) -> dict[str, Entry]:
        """Return all entries.

        Raises
        ------
        UserError
            When the file cannot be read.
        """
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return {reference: Entry(**entry) for reference, entry in document["images"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise UserError(
                "it cannot be read", str(self._path), "remove it: the next build writes it anew"
            ) from None

    def get(self, reference: str) -> Entry | None:
        """Return what is known of the image ``reference``."""
        return self.entries().get(reference)

    def digest(self, reference: str) -> str:
        """Return the digest of the image ``reference`` in its registry, empty when unknown."""
        entry = self.get(reference)
        return entry.digest if entry else ""

    def pushed_last(self, source: ImageSource) -> str:
        """Return the digest's reference of ``source`` where it was pushed last, empty for never."""
        found = [
            (entry.pushed, reference.rpartition(":")[0], entry.digest)
            for reference, entry in self.entries().items()
            if (entry.container, entry.tag) == (source.container, source.tag) and entry.digest
        ]
        return "@".join(max(found)[1:]) if found else ""

    def of_container(self, container: str) -> list[Entry]:
        """Return the entries of ``container``, the one that was asked for last first."""
        found = [entry for entry in self.entries().values() if entry.container == container]
        return sorted(found, key=lambda entry: entry.asked, reverse=True)

    def asked(self, reference: str, source: ImageSource, *, built: bool = False) -> None:
        """Record that a build wanted ``source``, and whether it was built for that."""
        now = self._stamp()
        with self._changing() as entries:
            entry = entries.get(reference, Entry.of(source))
            entries[reference] = replace(entry, asked=now, built=now if built else entry.built)

    def pushed(self, reference: str, source: ImageSource, digest: str, *, now: bool = True) -> None:
        """Record the digest of ``source`` in a registry, and whether it went there just now."""
        with self._changing() as entries:
            entry = entries.get(reference, Entry.of(source))
            time = self._stamp() if now else entry.pushed
            entries[reference] = replace(entry, digest=digest, pushed=time)

    def _stamp(self) -> str:
        return self._now().isoformat(timespec="microseconds")

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Entry]]:
        prepare(self._state)
        lock = open_lock(self._state / "images.lock")
        try:
            # Held for as long as it takes to write a file.
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries = self.entries()
            yield entries
            self._write(entries)
        finally:
            os.close(lock)

    def _write(self, entries: Mapping[str, Entry]) -> None:
        def age(reference: str) -> str:
            entry = entries[reference]
            return max(entry.asked, entry.pushed)

        kept = sorted(sorted(entries, key=age, reverse=True)[:_KEPT])
        document = {"version": 1, "images": {each: asdict(entries[each]) for each in kept}}
        draft = self._path.with_suffix(".draft")
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(0o600)
            draft.replace(self._path)
        except OSError as error:
            raise UserError(
                f"it cannot be written: {error.strerror}", str(self._path), "make room, try again"
            ) from None
