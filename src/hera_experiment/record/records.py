"""The records of an experiment's submissions, one file each below ``.hera/submissions/``."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hera_experiment.errors import UserError, tell
from hera_experiment.experiment import Experiment
from hera_experiment.platform import state_folder
from hera_experiment.record.run_record import RunRecord, State

FOLDER = "submissions"
_SUFFIX = ".json"
_ENDED, _SAMPLES = ".ended.gz", ".usage.gz"
_NAME_LENGTH = 180


class RecordNotWritten(UserError):
    """A record could not be written; what it would have said is not kept."""


class RecordInUse(UserError):
    """Another process is busy with the same submission."""


class Files:
    """What records need of the file system.

    Each step may fail, or be the last one of a process that is ended.
    """

    def make_folder(self, folder: Path) -> None:
        """Make ``folder``, which only its owner may read, unless it is there."""
        folder.mkdir(mode=0o700, exist_ok=True)

    def open_draft(self, path: Path) -> int:
        """Return a descriptor of an empty file that only its owner may read."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, 0o600)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of ``data``."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, descriptor: int) -> None:
        """Return when what was written is on the disk."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close the descriptor."""
        os.close(descriptor)

    def replace(self, draft: Path, path: Path) -> None:
        """Let ``draft`` take the place of ``path``, in one step."""
        os.replace(draft, path)

    def sync_folder(self, folder: Path) -> None:
        """Return when the folder's own list of names is on the disk."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, path: Path) -> bytes:
        """Return what ``path`` holds."""
        return path.read_bytes()

    def remove(self, path: Path) -> None:
        """Remove ``path`` if it is there."""
        path.unlink(missing_ok=True)

    def modified(self, path: Path) -> int:
        """Return when ``path`` was last written, in nanoseconds."""
        return path.stat().st_mtime_ns


class Records:
    """The records in ``folder``, which is made when the first is written.

    A record is there as a whole or not at all, wherever the process that writes it is ended: it is
    written as a draft, which then takes its place. ``say`` is told once of files that are no
    records.
    """

    def __init__(
        self, folder: Path, files: Files | None = None, say: Callable[[str], None] = tell
    ) -> None:
        self.folder = folder
        self._files = files or Files()
        self._say = say
        self._told = False

    @classmethod
    def of(cls, experiment: Experiment) -> Records:
        """Return the records of ``experiment``."""
        return cls(experiment.state / FOLDER)

    def write(self, record: RunRecord) -> None:
        """Write ``record`` in the place of what was known of its submission.

        Raises
        ------
        RecordNotWritten
            When that is impossible, as on a full disk; what was known before is still there.
        """
        path = self._path(record)
        try:
            self._make_folder()
            known = path.exists()
            try:
                self._write(path, record.as_json())
            except OSError:
                if not known:  # what is said not to be recorded must not be there after all
                    with contextlib.suppress(OSError):
                        self._files.remove(path)
                raise
        except OSError as error:
            raise self._not_written(record.name, error) from None

    def read(self, name: str) -> RunRecord | None:
        """Return the newest record of a workflow called ``name``, None when there is none."""
        found = (record for record in self._records(_file_name(name)) if record.name == name)
        return next(found, None)

    def find(self, submission: str) -> RunRecord | None:
        """Return the record of one submission, None when there is none."""
        found = self._records("", f".{submission}{_SUFFIX}")
        return next((record for record in found if record.submission == submission), None)

    def all(self) -> list[RunRecord]:
        """Return all records, newest first; files that are no records are told of."""
        return self._records("")

    def beside(self, record: RunRecord) -> list[RunRecord]:
        """Return what the run of a script created that ``record`` is of, in order, itself too."""
        created = (each for each in self.all() if each.state is State.CREATED)
        found = [each for each in created if each.session and each.session == record.session]
        return found[::-1] or [record]

    def remove(self, name: str, submission: str = "") -> None:
        """Forget the workflow called ``name``; of several submissions, only the one named."""
        for record in self._records(_file_name(name)):
            if record.name == name and submission in ("", record.submission):
                try:
                    self._files.remove(self._path(record))
                    for suffix in (_ENDED, _SAMPLES):
                        self._files.remove(self._path(record).with_suffix(suffix))
                except OSError as error:
                    raise UserError(
                        f"the record of {name} cannot be removed: {error.strerror}",
                        str(self.folder),
                    ) from None

    def note(self, record: RunRecord, text: str) -> None:
        """Keep ``text`` with the record, in the place of an earlier note.

        Raises :class:`RecordNotWritten`, and :class:`RecordInUse` while it is being submitted.
        """
        with self.held(record):
            self.write(replace(self.find(record.submission) or record, note=text))

    def keep_end(self, record: RunRecord, workflow: Mapping[str, Any]) -> None:
        """Keep how the run of ``record`` ended, which Argo forgets; a full disk keeps nothing."""
        self._keep(record, _ENDED, workflow)

    def end(self, record: RunRecord) -> dict[str, Any] | None:
        """Return the workflow of ``record`` as it ended, None where that was not kept."""
        return self._kept(record, _ENDED)

    def keep_samples(self, record: RunRecord, samples: Mapping[str, Any]) -> None:
        """Keep what pods used in ``samples``, by node: the most of it and of what was kept before.

        A run may be followed several times, at once as well. A full disk keeps nothing.
        """
        found = self.samples(record)
        for key, seen in samples.items():
            before = found.get(key) or {}
            found[key] = {name: max(value, before.get(name, 0)) for name, value in seen.items()}
        self._keep(record, _SAMPLES, found)

    def samples(self, record: RunRecord) -> dict[str, Any]:
        """Return what was kept of the use of pods, by node."""
        return self._kept(record, _SAMPLES) or {}

    def _keep(self, record: RunRecord, suffix: str, document: Mapping[str, Any]) -> None:
        path = self._path(record).with_suffix(suffix)
        data = gzip.compress(json.dumps(document).encode("ascii"), 6, mtime=0)
        with contextlib.suppress(OSError):
            if not path.exists() or self._files.read(path) != data:
                self._write(path, data)

    def _kept(self, record: RunRecord, suffix: str) -> dict[str, Any] | None:
        try:
            data = self._files.read(self._path(record).with_suffix(suffix))
            found = json.loads(gzip.decompress(data))
        except (OSError, EOFError, ValueError, zlib.error):
            return None
        return found if isinstance(found, dict) else None

    @contextlib.contextmanager
    def held(self, record: RunRecord) -> Iterator[None]:
        """Keep every other process from the submission of ``record`` for a while.

        Raises
        ------
        RecordInUse
            When another one is at it.
        RecordNotWritten
            When no lock can be made.
        """
        path = self._path(record).with_suffix(".lock")
        try:
            self._make_folder()
            descriptor = _locked(path)
        except OSError as error:
            raise self._not_written(record.name, error) from None
        if descriptor is None:
            raise RecordInUse(
                f"another process is submitting {record.name}",
                next_step="wait until it has ended, then look again",
            )
        try:
            yield
        finally:
            # Before the lock goes: whoever waits for this file sees that it is no longer the one.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            os.close(descriptor)

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            state_folder.prepare(self.folder.parent)
            self._files.make_folder(self.folder)
            self._files.sync_folder(self.folder.parent)

    def _write(self, path: Path, data: bytes) -> None:
        draft = path.with_name(f"{path.name}.draft")
        try:
            descriptor = self._files.open_draft(draft)
            try:
                self._files.write(descriptor, data)
                self._files.sync(descriptor)
            finally:
                self._files.close(descriptor)
            self._files.replace(draft, path)
        except OSError:
            with contextlib.suppress(OSError):
                self._files.remove(draft)
            raise
        self._files.sync_folder(self.folder)

    def _records(self, start: str, end: str = _SUFFIX) -> list[RunRecord]:
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(
                f"the records of submissions cannot be read: {error.strerror}", str(self.folder)
            ) from None
        found: list[tuple[str, int, RunRecord]] = []
        unreadable: list[str] = []
        for name in names:
            if not (name.startswith(start) and name.endswith(end) and name.endswith(_SUFFIX)):
                continue
            path = self.folder / name
            try:
                record = RunRecord.from_json(self._files.read(path))
                # Of one second, the file that was written last is the newest.
                found.append((record.created, self._files.modified(path), record))
            except FileNotFoundError:  # removed since
                continue
            except (OSError, ValueError):
                unreadable.append(name)
        self._tell(unreadable)
        found.sort(key=lambda each: each[:2], reverse=True)
        return [record for _, _, record in found]

    def _tell(self, unreadable: list[str]) -> None:
        if unreadable and not self._told:
            self._told = True
            names = ", ".join(sorted(unreadable)[:3]) + (", …" if len(unreadable) > 3 else "")
            self._say(f"no record of a submission can be read in {self.folder}: {names}")

    def _path(self, record: RunRecord) -> Path:
        # A name that a script gives may be submitted again: each submission has a file of its own.
        return self.folder / f"{_file_name(record.name)}.{record.submission}{_SUFFIX}"

    def _not_written(self, name: str, error: OSError) -> RecordNotWritten:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return RecordNotWritten(
            f"the record of {name} cannot be written: {error.strerror or type(error).__name__}",
            str(self.folder),
            "make room there" if full else "run from a folder that is yours",
        )


def _file_name(name: str) -> str:
    # The server refuses names that are none; until then they must not lead out of the folder.
    return re.sub(r"[^A-Za-z0-9.-]", "_", name)[:_NAME_LENGTH]


def _locked(path: Path) -> int | None:
    """Return the descriptor that holds the lock ``path``, None when somebody else holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(path, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        # Whoever had it has removed the file meanwhile.
        os.close(descriptor)


def _is(path: Path, descriptor: int) -> bool:
    try:
        there, ours = path.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
