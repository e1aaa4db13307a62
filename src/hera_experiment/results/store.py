"""The folder on this machine that receives files, and never anything outside of it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from hera_experiment.errors import UserError
from hera_experiment.results.listing import Entry, is_safe

_PIECE = 1 << 20
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class Store:
    """Receives files in ``folder``; what has not arrived whole waits in the folder ``drafts``.

    Paths come from elsewhere and are not trusted: each folder on the way is opened as what it is,
    so that a link never leads out. A link where a folder or a file belongs is replaced. Both
    folders are on one file system, so that a file appears whole or not at all.

    Methods raise ``OSError`` for what concerns one file, and
    :class:`~hera_experiment.errors.UserError` when nothing more can be written.
    """

    def __init__(self, folder: Path, drafts: Path) -> None:
        self.folder = folder
        self._drafts = drafts

    def path(self, name: bytes) -> Path:
        """Return where the file called ``name`` is, or will be."""
        return self.folder / os.fsdecode(name)

    def has(self, entry: Entry) -> bool:
        """Say whether the file is here with that very content."""
        try:
            with self._parent(entry.path, make=False) as (parent, name):
                file = os.open(name, FILE_FLAGS, dir_fd=parent)
        except OSError:
            return False
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size != entry.size:
            os.close(file)
            return False
        with open(file, "rb") as opened:
            return checksum(opened) == entry.sum

    def arrived(self, entry: Entry) -> int:
        """Return how many bytes of the file wait in its draft."""
        try:
            return min(self._draft(entry).stat().st_size, entry.size)
        except OSError:
            return 0

    def receive(self, entry: Entry, pieces: Iterable[bytes]) -> bool:
        """Add ``pieces`` to the draft; put it in its place once it is whole and right.

        False when it is not: a draft of the wrong content is removed, one that is too short stays.
        """
        digest = hashlib.sha256()
        length = self.arrived(entry)
        with self._open_draft(entry, length) as draft:
            while piece := draft.read(_PIECE):
                digest.update(piece)
            for piece in pieces:
                piece = piece[: entry.size - length]
                length += len(piece)
                digest.update(piece)
                self._write(draft.fileno(), piece)
        if length < entry.size:
            return False
        if digest.hexdigest() != entry.sum:
            self._draft(entry).unlink()
            return False
        self._place(entry)
        return True

    def copy(self, name: bytes, source: int) -> None:
        """Put what the file ``source`` holds now in the place called ``name``, whole or not at all.

        ``source`` is a descriptor of a regular file; its time of change and permissions come too.
        """
        facts = os.fstat(source)
        try:
            self._drafts.mkdir(parents=True, exist_ok=True)
            file, draft = tempfile.mkstemp(dir=self._drafts)
        except OSError as error:
            raise self._cannot_write(error) from None
        try:
            left = facts.st_size
            while left and (piece := os.read(source, min(left, _PIECE))):
                left -= len(piece)
                self._write(file, piece)
            os.fchmod(file, facts.st_mode & 0o777)
            os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
            with self._parent(name, make=True) as (parent, last):
                os.rename(draft, last, dst_dir_fd=parent)
        except BaseException:
            os.unlink(draft)
            raise
        finally:
            os.close(file)

    def reserve(self, entry: Entry, link: Path) -> os.stat_result:
        """Make the file as it will be, its content apart: it is all hole.

        ``link`` is a second name of it. Who owns it may read and write it, as root may there.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with self._parent(entry.path, make=True) as (parent, name):
            file = os.open(name, flags, 0o600, dir_fd=parent)
            try:
                os.ftruncate(file, entry.size)
                os.fchmod(file, entry.mode & 0o777 | 0o600)
                os.utime(file, (entry.changed, entry.changed))
                os.link(name, link, src_dir_fd=parent, follow_symlinks=False)
                return os.fstat(file)
            finally:
                os.close(file)

    def make_folder(self, name: bytes) -> None:
        """Make a folder, and those on the way to it."""
        with self._parent(name + b"/.", make=True):
            pass

    def link(self, name: bytes, target: bytes) -> None:
        """Make a link, which leads where :func:`stays_inside` allowed it to."""
        with self._parent(name, make=True) as (parent, last):
            try:
                if os.readlink(last, dir_fd=parent) == target:
                    return
                os.unlink(last, dir_fd=parent)
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                raise FileExistsError(errno.EEXIST, "a file of that name is here") from None
            os.symlink(target, last, dir_fd=parent)

    def _place(self, entry: Entry) -> None:
        draft = self._draft(entry)
        os.utime(draft, (entry.changed, entry.changed))
        if entry.mode & stat.S_IXUSR:
            mode = draft.stat().st_mode
            draft.chmod(mode | (mode & 0o444) >> 2)
        with self._parent(entry.path, make=True) as (parent, name):
            os.rename(draft, name, dst_dir_fd=parent)

    def _draft(self, entry: Entry) -> Path:
        # Named by the content that it shall have: the beginning of another is never gone on with.
        return self._drafts / entry.sum

    def _open_draft(self, entry: Entry, length: int) -> FileIO:
        try:
            self._drafts.mkdir(parents=True, exist_ok=True)
            draft = FileIO(self._draft(entry), "ab+")
            draft.truncate(length)
            draft.seek(0)
            return draft
        except OSError as error:
            raise self._cannot_write(error) from None

    def _write(self, file: int, piece: bytes) -> None:
        try:
            while piece:
                piece = piece[os.write(file, piece) :]
        except OSError as error:
            raise self._cannot_write(error) from None

    def _cannot_write(self, error: OSError) -> UserError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "make room and try again: what has arrived is kept" if full else ""
        return UserError(f"cannot write results: {error.strerror}", str(self._drafts), advice)

    @contextmanager
    def _parent(self, path: bytes, *, make: bool) -> Iterator[tuple[int, bytes]]:
        """Open the folder that ``path`` lies in; yields its descriptor and the last name."""
        *folders, last = path.split(b"/")
        if not is_safe(b"/".join(folders) or b"x") or last in (b"", b".."):
            raise ValueError(f"{path!r} leads out of its folder")
        if make:
            self.folder.mkdir(parents=True, exist_ok=True)
        # The folder itself may be a link that a person made, to another disk.
        parent = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in folders:
                inner = _enter(parent, name, make=make)
                os.close(parent)
                parent = inner
            yield parent, last
        finally:
            os.close(parent)


def _enter(parent: int, name: bytes, *, make: bool) -> int:
    try:
        return os.open(name, FOLDER_FLAGS, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            raise
    except OSError:
        if not make or not stat.S_ISLNK(os.lstat(name, dir_fd=parent).st_mode):
            raise
        os.unlink(name, dir_fd=parent)
    os.mkdir(name, dir_fd=parent)
    return os.open(name, FOLDER_FLAGS, dir_fd=parent)


def stays_inside(name: bytes, target: bytes) -> bool:
    """Say whether the link ``name`` leads nowhere out of the folder it is relative to.

    ``..`` may only begin it: after the name of another link it would lead from where that leads.
    """
    if target.startswith(b"/"):
        return False
    parts = [part for part in target.split(b"/") if part not in (b"", b".")]
    up = 0
    while up < len(parts) and parts[up] == b"..":
        up += 1
    return bool(parts) and b".." not in parts[up:] and up <= name.count(b"/")


def checksum(file: BinaryIO) -> str:
    """Return the SHA-256 of what is left to read of ``file``."""
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()
