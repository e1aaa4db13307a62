"""Files below folders that others write to: read and made without ever leaving those folders.

A container or a task may have put a link, a named pipe or a device where a file is looked for.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A named pipe that nobody writes to would otherwise keep its reader waiting.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MOST_LINKS = 40
_DESCRIPTORS = Path("/proc/self/fd")
_OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotReadable(Exception):
    """A file is there that must not be read, or not whole; the text says why: ``is a folder``."""


@dataclass(frozen=True)
class Tree:
    """A tree of files that stands at ``path``, free of links, of a file system; "" is its root.

    With ``known_as`` it is contained: no link leads out of it, and those are the absolute paths
    by which a link may name it; it may be one file alone. Without, it is an overlay: its
    ``folders`` are seen as one, the top one first, as Linux shows them, and a link leads to
    wherever the file system has its target.
    """

    path: str
    folders: tuple[Path, ...]
    known_as: tuple[str, ...] = ()


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
    return read_in_trees([tree_of(folder)], path, limit)


def read_in_trees(trees: Sequence[Tree], path: str, limit: int) -> bytes:
    """Return the content of the regular file ``path`` of the file system made of ``trees``.

    Raises as :func:`read_contained` does.
    """
    with _Walk(trees) as walk:
        mode = walk.to(path)
        if not stat.S_ISREG(mode):
            raise NotReadable(_no_file(mode))
        descriptor = os.open(walk.last, _FILE, dir_fd=walk.holder)
    try:
        mode = os.fstat(descriptor).st_mode
        # It may have been exchanged since it was looked at.
        if not stat.S_ISREG(mode):
            raise NotReadable(_no_file(mode))
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise NotReadable(f"has more than {limit >> 10} KiB")
    return data


@dataclass(frozen=True)
class Found:
    """A file, folder or link below a place: its ``path`` from there, empty for the place itself.

    ``mode`` tells its kind too, ``target`` is where a link leads, ``changed`` seconds since 1970.
    A file can be opened until the next one is asked for.
    """

    path: str
    mode: int
    size: int
    changed: float
    open: Callable[[], BinaryIO]
    target: str = ""

    @property
    def is_file(self) -> bool:
        """True for a regular file."""
        return stat.S_ISREG(self.mode)


def walk_in_trees(trees: Sequence[Tree], path: str) -> Iterator[Found]:
    """Yield what is at ``path`` of the file system made of ``trees`` and below it, by name.

    A folder comes before what is in it. Links on the way to ``path`` are followed as in
    :func:`read_in_trees`, those below it are not.

    Raises
    ------
    NotReadable
        When a link leads out of its tree.
    OSError
        When there is nothing, or it may not be read.
    """
    with _Walk(trees) as walk:
        walk.to(path)
        yield from walk.below("")


def path_in_trees(trees: Sequence[Tree], path: str) -> str:
    """Return ``path`` of the file system made of ``trees`` free of links.

    Raises :class:`NotReadable` when a link leads out of its tree, ``OSError`` when it is not there.
    """
    with _Walk(trees) as walk:
        walk.to(path)
        return "/" + "/".join(walk.names)


def contained_path(folder: Path, path: str, mode: int | None = None) -> Path:
    """Return where ``path`` below ``folder`` really is, free of links; made where it is missing.

    What is made gets ``mode``, or what is usual. Raises :class:`NotReadable` when it leads out,
    ``OSError`` when a folder cannot be made.
    """
    with _Walk([tree_of(folder)], make=True, mode=mode) as walk:
        walk.to(path)
        return folder.joinpath(*walk.names)


def kind_of(mode: int) -> str:
    """Return what a file of this mode is to a person."""
    return next((text for test, text in _KINDS if test(mode)), "a file")


def _no_file(mode: int) -> str:
    return "is a folder" if stat.S_ISDIR(mode) else f"is {kind_of(mode)}, not a file"


def tree_of(folder: Path, *known_as: str) -> Tree:
    """Return ``folder`` as a contained file system; links may name it by ``known_as`` too."""
    # By its last name too a folder of ours may be a link: it is opened as what that leads to.
    real = Path(os.path.realpath(folder))
    return Tree("", (real,), tuple(dict.fromkeys((*known_as, str(folder), str(real)))))


class _Walk:
    """A way through the file system made of ``trees``, from folder to folder.

    Each folder is opened as what it is, relative to the one before: who exchanges one for a link
    meanwhile leads nobody out. Missing folders are made where ``make`` says so, with ``mode``.
    """

    def __init__(
        self, trees: Sequence[Tree], *, make: bool = False, mode: int | None = None
    ) -> None:
        self._trees = {tree.path: tree for tree in trees}
        self._make = make
        self._mode = mode
        self._tree = self._trees[""]
        # Those that are seen as the one at ``names``, the top one first.
        self._folders: list[int] = []
        self.names: list[str] = []
        """The way so far, without any link."""
        self.holder = -1
        """The open folder that the file or link reached last is in, as ``last``."""
        self.last = ""

    def __enter__(self) -> _Walk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._now_in([])

    def to(self, path: str) -> int:
        """Go to ``path`` from the root and return the mode of what is there."""
        self._restart([])
        # Each with the number of names that a ``..`` does not lead above; the last one first.
        waiting = [(name, 0) for name in _parts(path)]
        links = 0
        while waiting:
            name, floor = waiting.pop()
            if name == ".":
                continue
            if name == "..":
                self._up(floor)
                continue
            mode = self._step(name)
            if stat.S_ISLNK(mode):
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                waiting += self._behind_link()
            elif not stat.S_ISDIR(mode):
                if waiting:
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
                return mode
        return stat.S_IFDIR

    def below(self, path: str) -> Iterator[Found]:
        """Yield what was reached last, as ``path``, and what is in it."""
        if self.last:
            yield self._found(path, self.holder, self.last)
            return
        if not self._folders:
            # A volume in memory, which is gone.
            return
        yield self._found(path, self._folders[0], ".")
        here = list(self.names)
        for name in sorted(self._listed(), key=os.fsencode):
            inner = f"{path}/{name}" if path else name
            self._restart(here)
            if stat.S_ISLNK(self._step(name)):
                yield self._found(inner, self.holder, self.last)
            else:
                yield from self.below(inner)

    def _found(self, path: str, holder: int, name: str) -> Found:
        status = os.stat(name, dir_fd=holder, follow_symlinks=False)
        link = stat.S_ISLNK(status.st_mode)

        def opened() -> BinaryIO:
            descriptor = os.open(name, _FILE, dir_fd=holder)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise NotReadable("was exchanged while it was read")
            return open(descriptor, "rb")

        return Found(
            path,
            status.st_mode,
            status.st_size,
            status.st_mtime,
            opened,
            os.readlink(name, dir_fd=holder) if link else "",
        )

    def _listed(self) -> set[str]:
        """Return the names in the folder reached last, as an overlay shows them."""
        found: dict[str, bool] = {}
        for folder in self._folders:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name not in found:
                        status = entry.stat(follow_symlinks=False)
                        overlay = not self._tree.known_as
                        found[entry.name] = not (overlay and _is_whiteout(status))
        return {name for name, seen in found.items() if seen}

    def _up(self, floor: int) -> None:
        if len(self.names) > floor:
            self._restart(self.names[:-1])
        elif floor or self._trees[""].known_as:
            raise NotReadable("leads out of its folder")

    def _behind_link(self) -> list[tuple[str, int]]:
        """Return what is to be gone instead of the link reached last, from where it begins."""
        target = os.readlink(self.last, dir_fd=self.holder)
        tree = self._tree
        floor = len(tree.path.split("/")) - 1 if tree.known_as else 0
        if target.startswith("/"):
            if tree.known_as:
                target = _inside(tree, target)
            self._restart(self.names[:floor])
        return [(name, floor) for name in _parts(target)]

    def _restart(self, names: Sequence[str]) -> None:
        """Go to the folder ``names``, which are free of links, from the root."""
        self.names = []
        self._begin(self._trees[""])
        for name in names:
            self._step(name)

    def _step(self, name: str) -> int:
        """Go on to ``name``, unless it is a link, and return its mode."""
        tree = self._trees.get("/".join(["", *self.names, name]))
        mode = self._look(name) if tree is None else self._begin(tree)
        if not stat.S_ISLNK(mode):
            self.names.append(name)
        return mode

    def _begin(self, tree: Tree) -> int:
        """Go on to the top of ``tree``."""
        self._tree = tree
        self.last = ""
        self._now_in([])
        for folder in tree.folders:
            try:
                # An open folder is named by a link of the kernel's own.
                follows = os.O_NOFOLLOW if folder.parent == _DESCRIPTORS else 0
                self._folders.append(os.open(folder, _FOLDER & ~follows))
            except NotADirectoryError:
                return self._begin_file(folder)
        return stat.S_IFDIR

    def _begin_file(self, file: Path) -> int:
        self._now_in([os.open(file.parent, _FOLDER)])
        self.holder, self.last = self._folders[0], file.name
        mode = os.stat(file.name, dir_fd=self.holder, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            raise NotReadable("is a link out of its folder")
        return mode

    def _look(self, name: str) -> int:
        """Go on to ``name`` of this tree where it is a folder, and return its mode."""
        overlay = not self._tree.known_as
        found: list[int] = []
        try:
            for folder in self._folders:
                try:
                    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if overlay and _is_whiteout(status):
                    break
                if not stat.S_ISDIR(status.st_mode):
                    if found:
                        break
                    self.holder, self.last = folder, name
                    return status.st_mode
                found.append(os.open(name, _FOLDER, dir_fd=folder))
                if overlay and _is_opaque(found[-1]):
                    break
            if not found and self._make:
                found.append(_made(name, self._folders[0], self._mode))
        except BaseException:
            _close(found)
            raise
        if not found:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        self.last = ""
        self._now_in(found)
        return stat.S_IFDIR

    def _now_in(self, folders: list[int]) -> None:
        _close(self._folders)
        self._folders = folders


def _parts(path: str) -> list[str]:
    """Return the names of a path, the last one first; what ends in a slash must be a folder."""
    return [part or "." for part in reversed(path.split("/"))]


def _inside(tree: Tree, target: str) -> str:
    for known in tree.known_as:
        if target == known or target.startswith(f"{known}/"):
            return target[len(known) :]
    raise NotReadable(f"is a link out of its folder, to {target}")


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_opaque(folder: int) -> bool:
    """Tell whether an overlay shows nothing of what is below this folder."""
    for name in _OPAQUE:
        # Not there, or not for this user to see.
        with suppress(OSError):
            if os.getxattr(folder, name) == b"y":
                return True
    return False


def _made(name: str, parent: int, mode: int | None) -> int:
    try:
        os.mkdir(name, dir_fd=parent)
    except FileExistsError:
        mode = None
    folder = os.open(name, _FOLDER, dir_fd=parent)
    if mode is not None:
        os.fchmod(folder, mode)
    return folder


def _close(folders: list[int]) -> None:
    for folder in folders:
        os.close(folder)
