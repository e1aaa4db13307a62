"""The claims of the laptop, which are folders."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hera_experiment.argo.workflows import claims_of
from hera_experiment.errors import UserError, tell
from hera_experiment.results.data_files import FOLDER, DataFile, announce
from hera_experiment.results.listing import Entry
from hera_experiment.results.outcome import Results, joined, named, nothing_written
from hera_experiment.results.store import FILE_FLAGS, FOLDER_FLAGS, Store
from hera_experiment.results.transfer import left, smallest

_DEEPEST = 200


class FolderTransport:
    """Copies between folders; the claims of ``workflow`` are those below ``claims``."""

    def __init__(
        self, workflow: Mapping[str, Any], claims: Path, say: Callable[[str], None] = tell
    ) -> None:
        self._workflow = workflow
        self._claims = claims
        self._say = say

    def download(self, destination: Path) -> Results:
        """See :class:`~hera_experiment.results.transport.Transport`.

        Links are copied as links, and what is no file (a socket, a pipe) is passed over; a file
        that cannot be copied becomes a remark, since a run is not undone by a full disk. A link
        that a task has made is followed neither there nor here.
        """
        name = str(self._workflow["metadata"]["name"])
        claims = claims_of(self._workflow)
        there = [claim for claim in claims if _is_folder(self._claims / claim / name)]
        drafts = destination.parent / ".parts" / destination.name
        remarks: list[str] = []
        files: list[Path] = []
        missing = 0
        for claim in there:
            target = destination if len(there) == 1 else destination / claim
            copying = _Copying(self._claims / claim / name, Store(target, drafts))
            copying.copy()
            files += copying.files
            remarks += copying.remarks()
            missing += sum(map(len, copying.refused.values()))
        with suppress(OSError):
            drafts.rmdir()
            drafts.parent.rmdir()
        if claims and not there:
            remarks.append(nothing_written(name, claims))
        return Results(destination, tuple(sorted(files)), tuple(remarks), missing=missing)

    def bring(self, folders: Mapping[str, Sequence[str]], destination: Path, most: int) -> Results:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        whole = Results(destination)
        for claim, names in folders.items():
            room = most
            for name in names:
                source = self._claims / claim / name
                if not _is_folder(source):
                    continue
                within, beyond = smallest(_sizes(source), room)
                room -= sum(each.size for each in within)
                store = Store(destination / claim / name, destination / ".parts")
                copying = _Copying(source, store, frozenset(each.path for each in beyond))
                copying.copy()
                remarks = (*copying.remarks(), *left(claim, beyond))
                whole = joined(whole, Results(destination, tuple(copying.files), remarks))
        with suppress(OSError):
            (destination / ".parts").rmdir()
        return whole

    def upload(self, claim: str, files: Sequence[DataFile]) -> None:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        folder = self._claims / claim
        folder.mkdir(parents=True, exist_ok=True)
        # Whatever is in the claim is the tasks' to change, so the drafts lie beside it.
        drafts = folder.resolve().parent / f".{claim}-parts"
        store = Store(folder, drafts)
        names = {each: os.fsencode(FOLDER) + b"/" + each.path for each in files}
        changed = [each for each in files if not store.has(_entry(each, names[each]))]
        announce(changed, claim, self._say)
        try:
            for each in changed:
                file = os.open(each.file, os.O_RDONLY)
                try:
                    store.copy(names[each], file)
                finally:
                    os.close(file)
        except OSError as error:
            raise UserError(f"cannot write: {error.strerror}", str(error.filename)) from None
        finally:
            with suppress(OSError):
                drafts.rmdir()

    def remove(self, folders: Mapping[str, Sequence[str]]) -> int:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        return sum(
            remove_tree(self._claims / claim / name)
            for claim, names in folders.items()
            for name in names
        )


def remove_tree(path: Path) -> int:
    """Remove a folder, a file or a link, which is not followed; return the bytes freed.

    Raises :class:`~hera_experiment.errors.UserError` when that is impossible.
    """
    freed = tree_size(path)
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path)
    except OSError as error:
        raise UserError(
            f"cannot remove it: {error.strerror}",
            str(error.filename or path),
            "a container wrote it as another user: its owner or root may remove it",
        ) from None
    return freed


def tree_size(path: Path) -> int:
    """Return the bytes of the files below ``path``, or of the file; links are not followed."""
    try:
        facts = path.lstat()
    except OSError:
        return 0
    if not stat.S_ISDIR(facts.st_mode):
        return facts.st_size
    found = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with suppress(OSError):
                found += os.lstat(os.path.join(folder, name)).st_size
    return found


def _sizes(folder: Path) -> Iterator[Entry]:
    """Yield the files below ``folder`` with their sizes; links are not followed."""
    top = os.fsencode(folder)
    for place, _, names in os.walk(top):
        for name in names:
            with suppress(OSError):
                facts = os.lstat(path := os.path.join(place, name))
                if stat.S_ISREG(facts.st_mode):
                    yield Entry(os.path.relpath(path, top), facts.st_size, 0, facts.st_mode)


def _entry(file: DataFile, path: bytes) -> Entry:
    return Entry(path, file.size, 0, 0, file.sum)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


class _Copying:
    """Copies the folder ``source`` into ``store``; gathers the files, and the paths not copied.

    The files ``without`` stay where they are.
    """

    def __init__(self, source: Path, store: Store, without: frozenset[bytes] = frozenset()) -> None:
        self._source = source
        self._store = store
        self._without = without
        self.files: list[Path] = []
        self.refused: dict[str, list[bytes]] = {}

    def remarks(self) -> list[str]:
        """Return one sentence for each reason why something was not copied."""
        way = f"{self._source} to {self._store.folder}"
        return [
            f"cannot copy all of {way} ({why}): {named(paths)}"
            for why, paths in self.refused.items()
        ]

    def copy(self) -> None:
        """Copy all that is there."""
        self._folder(os.fsencode(self._source), b"", None)

    def _folder(self, name: bytes, path: bytes, parent: int | None) -> None:
        with self._remarked(path):
            if path.count(b"/") >= _DEEPEST:
                raise OSError(errno.ENAMETOOLONG, "too many folders in each other")
            folder = os.open(name, FOLDER_FLAGS, dir_fd=parent)
            try:
                if path:
                    self._store.make_folder(path)
                else:
                    self._store.folder.mkdir(parents=True, exist_ok=True)
                for each in sorted(os.fsencode(entry) for entry in os.listdir(folder)):
                    self._entry(each, path + b"/" + each if path else each, folder)
            finally:
                os.close(folder)

    def _entry(self, name: bytes, path: bytes, parent: int) -> None:
        with self._remarked(path):
            mode = os.lstat(name, dir_fd=parent).st_mode
            if stat.S_ISDIR(mode):
                self._folder(name, path, parent)
            elif stat.S_ISLNK(mode):
                self._store.link(path, os.readlink(name, dir_fd=parent))
                self.files.append(self._store.path(path))
            elif stat.S_ISREG(mode) and path not in self._without:
                self._file(name, path, parent)

    def _file(self, name: bytes, path: bytes, parent: int) -> None:
        file = os.open(name, FILE_FLAGS, dir_fd=parent)
        try:
            # It may have become something else meanwhile, whose content never ends.
            if stat.S_ISREG(os.fstat(file).st_mode):
                self._store.copy(path, file)
                self.files.append(self._store.path(path))
        finally:
            os.close(file)

    @contextmanager
    def _remarked(self, path: bytes) -> Iterator[None]:
        try:
            yield
        except (OSError, UserError) as error:
            why = error.what if isinstance(error, UserError) else str(error.strerror)
            self.refused.setdefault(why, []).append(path or b".")
