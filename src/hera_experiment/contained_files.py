"""Files below a folder that others write to: read and made without ever leaving that folder.

A container or a task may have put a link, a named pipe or a device where a file is looked for.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A named pipe that nobody writes to would otherwise keep its reader waiting.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MOST_LINKS = 40

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotReadable(Exception):
    """A file is there that must not be read, or not whole; the text says why: ``is a folder``."""


def read_contained(folder: Path, path: str, limit: int) -> bytes:
    """Return the content of the regular file ``path`` below ``folder``.

    Links are followed as long as they stay below ``folder``.

    Raises
    ------
    NotReadable
        When it leads out, is no regular file, or has more than ``limit`` bytes.
    OSError
        When it is not there or may not be read.
    """
    with _way(folder, path, make=False) as (parent, names):
        if not names:
            raise NotReadable("is a folder")
        try:
            descriptor = os.open(names[-1], _FILE, dir_fd=parent)
        except OSError as error:
            # A socket cannot be opened at all.
            if error.errno == errno.ENXIO:
                raise NotReadable("is a socket") from None
            raise
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise NotReadable(f"is {kind_of(mode)}, not a file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise NotReadable(f"has more than {limit >> 10} KiB")
    return data


def contained_path(folder: Path, path: str) -> Path:
    """Return where ``path`` below ``folder`` really is, free of links; made where it is missing.

    Raises :class:`NotReadable` when it leads out, ``OSError`` when a folder cannot be made.
    """
    with _way(folder, path, make=True) as (parent, names):
        if names:
            _make(names[-1], parent)
        return folder.joinpath(*names)


def kind_of(mode: int) -> str:
    """Return what a file of this mode is to a person."""
    return next((text for test, text in _KINDS if test(mode)), "a file")


@contextmanager
def _way(folder: Path, path: str, *, make: bool) -> Iterator[tuple[int, list[str]]]:
    """Go to ``path``; yields the open folder that it lies in, and its names without any link.

    Each folder is opened as what it is, relative to the one before: who exchanges one for a link
    meanwhile leads nobody out.
    """
    opened = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    names: list[str] = []
    waiting = _parts(path)
    links = 0
    try:
        while waiting:
            name = waiting.pop()
            if name == "..":
                if not names:
                    raise NotReadable("leads out of its folder")
                names.pop()
                os.close(opened.pop())
                continue
            target = _target(name, opened[-1])
            if target is not None:
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                if target.startswith("/"):
                    target = _inside(folder, target)
                    while names:
                        names.pop()
                        os.close(opened.pop())
                waiting += _parts(target)
                continue
            names.append(name)
            if not waiting:
                yield opened[-1], names
                return
            opened.append(_enter(name, opened[-1], make))
        yield opened[-1], names
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _parts(path: str) -> list[str]:
    """Return the names of a path, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _target(name: str, parent: int) -> str | None:
    try:
        return os.readlink(name, dir_fd=parent)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return None


def _inside(folder: Path, target: str) -> str:
    for known in dict.fromkeys((str(folder), os.path.realpath(folder))):
        if target == known or target.startswith(f"{known}/"):
            return target[len(known) :]
    raise NotReadable(f"is a link out of its folder, to {target}")


def _enter(name: str, parent: int, make: bool) -> int:
    if make:
        _make(name, parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def _make(name: str, parent: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
