"""Layers of an image, unpacked by an ordinary user into folders that overlayfs takes as lower ones.

A layer is a tar file (https://github.com/opencontainers/image-spec/blob/main/layer.md) by anybody:
nothing in it may reach beyond its folder, or take more room than was granted. What a layer takes
away from those below is told as overlayfs wants it of a mount with ``userxattr``
(https://docs.kernel.org/filesystems/overlayfs.html): a character device 0/0 in place of a file, an
attribute of a folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import queue
import shutil
import stat
import tarfile
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

OPAQUE = "user.overlay.opaque"
"""The attribute of a folder that hides what lower layers have in it, with the value ``y``."""

DEEPEST = 200
"""So many folders one in another; whoever removes them goes as deep."""

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PIECE = 1 << 18
_AHEAD = 16
# A longer header than for a name, a target and some attributes nobody needs.
_LONGEST_HEADER = 1 << 20
_LONGEST_NAME, _LONGEST_PATH = 255, 4095
_MOST_OPEN = 64
_MOST_LINKS = 40
_SHOWN = 80
_LATEST = 1 << 62
_REMOVED, _OPAQUE, _OF_AUFS = b".wh.", b".wh..wh..opq", b".wh..wh."

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_COPIED = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LayerRefused(Exception):
    """A layer is not unpacked; the text says why: ``it holds the path ../x, which leads out``."""


@dataclass(frozen=True)
class HardLink:
    """A file that a layer has by the name of one in a lower layer."""

    path: bytes
    target: bytes


@dataclass(frozen=True)
class Unpacked:
    """What was in a layer.

    ``diff_id`` is the digest of the tar file, ``size`` the bytes of its files, ``entries`` how
    many it has, ``hides_all`` whether it leaves nothing of the layers below, ``missing`` what
    :func:`link_across` has to add.
    """

    diff_id: str
    size: int
    entries: int
    hides_all: bool
    missing: tuple[HardLink, ...]


class Allowance:
    """How many bytes and files all layers of an image may have; threads share it."""

    def __init__(self, size: int, entries: int) -> None:
        self._lock = threading.Lock()
        self._size, self._most = size, size
        self._entries, self._most_entries = entries, entries

    def check(self, size: int) -> None:
        """Raise :class:`LayerRefused` when so many bytes are too many from the beginning."""
        if size > self._most:
            raise LayerRefused(f"it unpacks to more than {self._most / 1e9:g} GB")

    def take(self, size: int = 0, entries: int = 0) -> None:
        """Take so much of it; raises :class:`LayerRefused` when it is used up."""
        with self._lock:
            self._size -= size
            self._entries -= entries
            if self._size < 0:
                raise LayerRefused(f"it unpacks to more than {self._most / 1e9:g} GB")
            if self._entries < 0:
                raise LayerRefused(f"it has more than {self._most_entries} files")


def unpack(pieces: Iterator[bytes], folder: Path, allowance: Allowance) -> Unpacked:
    """Unpack the layer that comes as ``pieces`` into the empty ``folder``.

    Raises
    ------
    LayerRefused
        When it is no such layer, or holds what an image must not.
    OSError
        When a file cannot be made.
    """
    stream = _Stream(_ahead(_inflated(_ahead(pieces))), allowance)
    try:
        with _Unpacking(folder, stream, allowance) as unpacking:
            return unpacking.run()
    finally:
        stream.close()


def link_across(folder: Path, missing: tuple[HardLink, ...], lower: list[Path]) -> None:
    """Copy into the layer at ``folder`` the files of ``lower`` layers (lowest first) it links to.

    Raises :class:`LayerRefused` when there is none, ``OSError`` when it cannot be copied.
    """
    for link in missing:
        source = _found(link.target, lower)
        if source is None:
            raise LayerRefused(f"{_shown(link.path)} is a link to {_shown(link.target)}, not there")
        try:
            parent, _, name = link.path.rpartition(b"/")
            above = _walk(folder, parent)
            try:
                before = os.fstat(above)
                os.fchmod(above, 0o700)
                target = os.open(name, _NEW_FILE, 0o600, dir_fd=above)
                with open(source, "rb", closefd=False) as reader, open(target, "wb") as writer:
                    shutil.copyfileobj(reader, writer)
                    writer.flush()
                    found = os.fstat(source)
                    os.fchmod(target, stat.S_IMODE(found.st_mode))
                    os.utime(target, ns=(found.st_mtime_ns, found.st_mtime_ns))
                os.utime(above, ns=(before.st_mtime_ns, before.st_mtime_ns))
                os.fchmod(above, stat.S_IMODE(before.st_mode))
            finally:
                os.close(above)
        finally:
            os.close(source)


def merge(layers: Sequence[Path], folder: Path) -> None:
    """Fill the empty ``folder`` with what overlayfs shows of ``layers``, the lowest first.

    Files are hard links to those of the layers. Raises ``OSError``.
    """
    modes: dict[bytes, tuple[int, int]] = {}
    target = os.open(folder, _FOLDER)
    try:
        for layer in layers:
            source = os.open(layer, _FOLDER)
            try:
                _lay_over(source, target, b"", modes)
            finally:
                os.close(source)
        os.fchmod(target, 0o755)
    finally:
        os.close(target)
    for path in sorted(modes, reverse=True):
        mode, time = modes[path]
        inner = _walk(folder, path)
        try:
            os.fchmod(inner, mode)
            os.utime(inner, ns=(time, time))
        finally:
            os.close(inner)


def _lay_over(source: int, target: int, path: bytes, modes: dict[bytes, tuple[int, int]]) -> None:
    """Lay the open folder ``source`` of a layer over ``target``; both are ``path``."""
    with os.scandir(source) as entries:
        names = [os.fsencode(entry.name) for entry in entries]
    for name in names:
        inside = _joined(path, name)
        state = os.stat(name, dir_fd=source, follow_symlinks=False)
        is_folder = stat.S_ISDIR(state.st_mode)
        stays = is_folder and _is_folder(name, target)
        if not stays:
            with suppress(FileNotFoundError):
                _remove(name, target, inside, lambda gone: modes.pop(gone, None))
        if stat.S_ISCHR(state.st_mode):
            continue
        if not is_folder:
            os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            continue
        if not stays:
            os.mkdir(name, 0o700, dir_fd=target)
        modes[inside] = stat.S_IMODE(state.st_mode), state.st_mtime_ns
        is_closed = state.st_mode & 0o500 != 0o500
        if is_closed:
            os.chmod(name, 0o700, dir_fd=source)
        try:
            _lay_folder_over(source, target, name, inside, modes)
        finally:
            if is_closed:
                os.chmod(name, stat.S_IMODE(state.st_mode), dir_fd=source)


def _lay_folder_over(
    source: int, target: int, name: bytes, path: bytes, modes: dict[bytes, tuple[int, int]]
) -> None:
    upper = os.open(name, _FOLDER, dir_fd=source)
    try:
        lower = os.open(name, _FOLDER, dir_fd=target)
        try:
            if _is_opaque(upper):
                _empty(lower, path, lambda gone: modes.pop(gone, None))
            _lay_over(upper, lower, path, modes)
        finally:
            os.close(lower)
    finally:
        os.close(upper)


def _is_folder(name: bytes, above: int) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def remove_tree(folder: Path) -> None:
    """Remove ``folder``, also where its owner may not enter; raises ``OSError``."""
    with suppress(FileNotFoundError):
        os.chmod(folder, 0o700)
        descriptor = os.open(folder, _FOLDER)
        try:
            _empty(descriptor, b"", lambda path: None)
        finally:
            os.close(descriptor)
        os.rmdir(folder)


def _empty(folder: int, path: bytes, removed: Callable[[bytes], object]) -> None:
    """Remove what is in the open ``folder``, which is ``path``; tell of each by its path."""
    with os.scandir(folder) as entries:
        found = [os.fsencode(entry.name) for entry in entries]
    for name in found:
        _remove(name, folder, _joined(path, name), removed)


def _remove(name: bytes, above: int, path: bytes, removed: Callable[[bytes], object]) -> None:
    """Remove ``path``, which is ``name`` in an open folder, and tell of each file that goes."""
    if _is_folder(name, above):
        os.chmod(name, 0o700, dir_fd=above)
        inner = os.open(name, _FOLDER, dir_fd=above)
        try:
            _empty(inner, path, removed)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=above)
    else:
        os.unlink(name, dir_fd=above)
    removed(path)


def _walk(folder: Path, path: bytes) -> int:
    """Return the open folder ``path`` below ``folder``, no link followed."""
    at = os.open(folder, _FOLDER)
    for name in path.split(b"/") if path else ():
        above = at
        try:
            at = os.open(name, _FOLDER, dir_fd=above)
        finally:
            os.close(above)
    return at


def _found(path: bytes, lower: list[Path]) -> int | None:
    """Return the open regular file ``path`` of the layers, the highest that has it."""
    *parents, name = path.split(b"/")
    for folder in reversed(lower):
        at = os.open(folder, _FOLDER)
        hides = False
        try:
            for parent in parents:
                inner = os.open(parent, _FOLDER, dir_fd=at)
                os.close(at)
                at = inner
                hides = hides or _is_opaque(at)
            found = os.open(name, _COPIED, dir_fd=at)
            if stat.S_ISREG(os.fstat(found).st_mode):
                return found
            os.close(found)
            return None
        except FileNotFoundError:
            if hides:
                return None
        except OSError as error:
            # A link, or the whiteout of a file or a folder.
            if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
                return None
            raise
        finally:
            os.close(at)
    return None


def _is_opaque(folder: int) -> bool:
    try:
        return os.getxattr(folder, OPAQUE) == b"y"
    except OSError:
        return False


def _ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield ``pieces``, which a thread of their own fetches ahead of whoever takes them."""
    waiting: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
    ended = threading.Event()

    def fetch() -> None:
        try:
            for piece in pieces:
                waiting.put(piece)
                if ended.is_set():
                    return
            waiting.put(None)
        except BaseException as error:
            waiting.put(error)
        finally:
            close: Any = getattr(pieces, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=fetch, name="image-layer", daemon=True)
    thread.start()
    try:
        while (piece := waiting.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        ended.set()
        while thread.is_alive():
            # It may wait for room.
            with suppress(queue.Empty):
                waiting.get(timeout=0.01)


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the tar file in ``pieces``, whatever the manifest calls it: engines look, too."""
    begin = b""
    for piece in pieces:
        begin += piece
        if len(begin) >= len(_ZSTD):
            break
    if begin.startswith(_ZSTD):
        raise LayerRefused("its layers are packed with zstd, which takes an engine: RUNTIME=podman")
    if not begin.startswith(_GZIP):
        yield begin
        yield from pieces
        return
    inflate = zlib.decompressobj(wbits=31)
    waiting = begin
    while True:
        try:
            found = inflate.decompress(waiting, _PIECE)
        except zlib.error:
            raise LayerRefused("a layer is damaged") from None
        if found:
            yield found
        # A file may be of many parts, each packed for itself.
        waiting = inflate.unconsumed_tail or inflate.unused_data
        if inflate.eof and waiting:
            inflate = zlib.decompressobj(wbits=31)
        if not waiting and len(found) < _PIECE:
            waiting = next(pieces, b"")
            if not waiting:
                break
            if inflate.eof:
                inflate = zlib.decompressobj(wbits=31)
    if not inflate.eof:
        raise LayerRefused("a layer is damaged: it ends too early")


class _Stream:
    """The tar file as ``tarfile`` reads it: forward only, hashed and counted as it goes."""

    def __init__(self, pieces: Iterator[bytes], allowance: Allowance) -> None:
        self._pieces = pieces
        self._allowance = allowance
        self._hash = hashlib.sha256()
        self._left = memoryview(b"")
        self._position = 0
        self.last = b""

    @property
    def diff_id(self) -> str:
        """The digest of all, once it is at its end."""
        return f"sha256:{self._hash.hexdigest()}"

    def close(self) -> None:
        close: Any = getattr(self._pieces, "close", None)
        if close is not None:
            close()

    def tell(self) -> int:
        return self._position

    def take(self, most: int) -> memoryview:
        """Return the next bytes, ``most`` of them or fewer, none at the end."""
        if not self._left:
            piece = next(self._pieces, b"")
            self._allowance.take(len(piece))
            self._hash.update(piece)
            self._left = memoryview(piece)
        found, self._left = self._left[:most], self._left[most:]
        self._position += len(found)
        return found

    def read(self, size: int) -> bytes:
        """Return a header, or a piece of a file with holes."""
        if not 0 <= size <= _LONGEST_HEADER:
            raise LayerRefused("a layer is damaged: a header has no end")
        found = bytes(self.take(size))
        while len(found) < size and (more := self.take(size - len(found))):
            found += more
        self.last = found
        return found

    def seek(self, position: int) -> None:
        """Skip what is before ``position``."""
        if position < self._position:
            raise LayerRefused("a layer is damaged: it leads back to its beginning")
        while self._position < position and self.take(position - self._position):
            pass

    def drain(self) -> None:
        """Go to the end."""
        while self.take(_PIECE):
            pass


class _Unpacking:
    """Makes the files of one layer below a folder, each relative to its opened parent."""

    def __init__(self, folder: Path, stream: _Stream, allowance: Allowance) -> None:
        self._stream = stream
        self._allowance = allowance
        self._root = os.open(folder, _FOLDER)
        # The folders that were wanted last, by their path, in which no link is.
        self._opened: dict[bytes, int] = {}
        # What a folder gets in the end, until when we have to get into it: mode and time.
        self._folders: dict[bytes, tuple[int, float | None]] = {b"": (0o755, None)}
        self._links: dict[bytes, bytes] = {}
        self._missing: dict[bytes, bytes] = {}
        self._hides_all = False
        self._size = self._entries = 0

    def __enter__(self) -> _Unpacking:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_opened(lambda path: True)
        os.close(self._root)

    def run(self) -> Unpacked:
        try:
            for member in self._members():
                self._entries += 1
                self._allowance.take(entries=1)
                try:
                    self._add(member)
                except OSError as error:
                    # No number: it is the connection that broke.
                    if error.errno in (None, errno.ENOSPC, errno.EDQUOT):
                        raise
                    name = _shown(_encoded(member.name))
                    raise LayerRefused(f"{name} cannot be made: {error.strerror}") from None
        except RecursionError:
            raise LayerRefused("a layer is damaged: a header has no end") from None
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise LayerRefused(f"a layer is damaged: {error}") from None
        self._stream.drain()
        self._set_folders()
        return Unpacked(
            self._stream.diff_id,
            self._size,
            self._entries,
            self._hides_all,
            tuple(HardLink(path, target) for path, target in self._missing.items()),
        )

    def _members(self) -> Iterator[tarfile.TarInfo]:
        stream: Any = self._stream
        try:
            tar = tarfile.TarFile(
                fileobj=stream, mode="r", encoding="utf-8", errors="surrogateescape"
            )
        except tarfile.ReadError:
            if stream.tell() == 0:
                return
            raise
        members: Any = vars(tar)["members"]
        while (member := tar.next()) is not None:
            # It keeps them all.
            members.clear()
            yield member
        if self._stream.last.strip(b"\0"):
            raise LayerRefused("a layer is damaged: what should be a header is none")

    def _add(self, member: tarfile.TarInfo) -> None:
        if member.size < 0:
            raise LayerRefused("a layer is damaged: a file has a size below 0")
        path = _path(_encoded(member.name))
        parent, _, name = path.rpartition(b"/")
        if _REMOVED in parent:
            removing = [part for part in parent.split(b"/") if part.startswith(_REMOVED)]
            if any(part.startswith(_OF_AUFS) for part in removing):
                return
            if removing:
                raise LayerRefused(f"it has files in {_shown(removing[0])}, which removes a folder")
        if name.startswith(_REMOVED):
            self._remove(parent, name)
            return
        if not name:
            if member.isdir():
                # What shows is the mode of the upper folder; we have to get in.
                self._folders[b""] = (member.mode & 0o7777 | 0o700, member.mtime)
            return
        above, real = self._folder(parent)
        path = _joined(real, name)
        self._missing.pop(path, None)
        if member.isdir():
            self._make_folder(above, path, name)
            self._folders[path] = (member.mode & 0o7777, member.mtime)
        elif member.isreg():
            self._make_file(above, path, name, member)
        elif member.issym():
            target = _encoded(member.linkname)
            self._replacing(above, path, name, lambda: os.symlink(target, name, dir_fd=above))
            self._links[path] = target
            time = _nanoseconds(member.mtime)
            os.utime(name, ns=(time, time), dir_fd=above, follow_symlinks=False)
        elif member.islnk():
            self._make_link(above, path, name, _path(_encoded(member.linkname)))
        elif member.isfifo():
            self._replacing(above, path, name, lambda: os.mkfifo(name, 0o600, dir_fd=above))
            os.chmod(name, member.mode & 0o7777, dir_fd=above)
            time = _nanoseconds(member.mtime)
            os.utime(name, ns=(time, time), dir_fd=above, follow_symlinks=False)
        # Devices take an administrator's rights: as with engines that have none they are left out.

    def _make_folder(self, above: int, path: bytes, name: bytes) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=above)
        except FileExistsError:
            mode = os.stat(name, dir_fd=above, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                return
            self._clear(above, path, name)
            os.mkdir(name, 0o700, dir_fd=above)
            if stat.S_ISCHR(mode):
                # What lower layers have there was removed before.
                self._hide(path)

    def _make_file(self, above: int, path: bytes, name: bytes, member: tarfile.TarInfo) -> None:
        made = self._replacing(
            above, path, name, lambda: os.open(name, _NEW_FILE, 0o600, dir_fd=above)
        )
        try:
            if member.issparse():
                self._copy_sparse(made, member)
            else:
                self._copy(made, member.size)
            self._size += member.size
            os.fchmod(made, member.mode & 0o7777)
            time = _nanoseconds(member.mtime)
            os.utime(made, ns=(time, time))
        finally:
            os.close(made)

    def _copy(self, made: int, size: int) -> None:
        while size:
            piece = self._stream.take(size)
            if not piece:
                raise LayerRefused("a layer is damaged: it ends too early")
            size -= len(piece)
            while piece:
                piece = piece[os.write(made, piece) :]

    def _copy_sparse(self, made: int, member: tarfile.TarInfo) -> None:
        # Its holes are in no piece that was counted.
        self._allowance.take(member.size)
        sparse: Any = member
        for offset, size in sparse.sparse:
            os.lseek(made, offset, os.SEEK_SET)
            self._copy(made, size)
        os.ftruncate(made, member.size)

    def _make_link(self, above: int, path: bytes, name: bytes, target: bytes) -> None:
        parent, _, other = target.rpartition(b"/")
        if not other or other.startswith(_REMOVED):
            raise LayerRefused(f"{_shown(path)} is a link to {_shown(target)}, which is no file")
        try:
            source, real = self._folder(parent, make=False)
            target = _joined(real, other)
            if target == path:
                return
            mode = os.stat(other, dir_fd=source, follow_symlinks=False).st_mode
        except FileNotFoundError:
            with suppress(FileNotFoundError):
                self._clear(above, path, name)
            self._missing[path] = target
            return
        if stat.S_ISDIR(mode):
            raise LayerRefused(f"{_shown(path)} is a link to {_shown(target)}, which is a folder")
        self._replacing(
            above,
            path,
            name,
            lambda: os.link(
                other, name, src_dir_fd=source, dst_dir_fd=above, follow_symlinks=False
            ),
        )
        if target in self._links:
            self._links[path] = self._links[target]

    def _remove(self, parent: bytes, name: bytes) -> None:
        """Take away what lower layers have: all of ``parent``, or what ``name`` tells."""
        if name.startswith(_OF_AUFS):
            if name == _OPAQUE:
                self._hide(self._folder(parent)[1])
            return
        name = name[len(_REMOVED) :]
        if name in (b"", b".", b".."):
            raise LayerRefused(f"it removes {_shown(_joined(parent, name))}, which is no file")
        above, real = self._folder(parent)
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=above)
        except FileExistsError:
            # What this layer has itself stays, and hides a lower file anyway.
            if stat.S_ISDIR(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
                self._hide(_joined(real, name))

    def _hide(self, path: bytes) -> None:
        """Hide what lower layers have in the folder ``path``."""
        if path:
            os.setxattr(self._folder(path)[0], OPAQUE, b"y")
        else:
            # The folder of a whole layer cannot say so: overlayfs does not ask it.
            self._hides_all = True

    def _replacing(self, above: int, path: bytes, name: bytes, make: Callable[[], T]) -> T:
        """Return what ``make`` returns; what this layer had there before gives way."""
        try:
            return make()
        except FileExistsError:
            self._clear(above, path, name)
            return make()

    def _clear(self, above: int, path: bytes, name: bytes) -> None:
        is_folder = _is_folder(name, above)
        _remove(name, above, path, self._forget)
        if is_folder:
            inside = path + b"/"
            self._close_opened(lambda other: other == path or other.startswith(inside))

    def _close_opened(self, wanted: Callable[[bytes], bool]) -> None:
        for path in [path for path in self._opened if wanted(path)]:
            os.close(self._opened.pop(path))

    def _forget(self, path: bytes) -> None:
        self._folders.pop(path, None)
        self._links.pop(path, None)

    def _folder(self, path: bytes, *, make: bool = True) -> tuple[int, bytes]:
        """Return the open folder ``path`` of this layer, and its path without links.

        Links of the layer itself are followed by their text, as inside the image: what is opened
        never is one. Made are the folders that no entry told of.
        """
        if (found := self._opened.pop(path, None)) is not None:
            self._opened[path] = found
            return found, path
        waiting = path.split(b"/")[::-1]
        names: list[bytes] = []
        opened = [os.dup(self._root)]
        links = 0
        try:
            while waiting:
                name = waiting.pop()
                if name in (b"", b".", b".."):
                    if name == b".." and names:
                        names.pop()
                        os.close(opened.pop())
                    continue
                real = b"/".join((*names, name))
                target = self._links.get(real)
                if target is None:
                    opened.append(self._enter(opened[-1], real, name, make))
                    names.append(name)
                    if len(names) > DEEPEST:
                        raise LayerRefused(f"its folders are nested deeper than {DEEPEST}")
                    continue
                links += 1
                if links > _MOST_LINKS:
                    raise LayerRefused(f"the way to {_shown(path)} goes round in links")
                if target.startswith(b"/"):
                    while names:
                        names.pop()
                        os.close(opened.pop())
                waiting += target.split(b"/")[::-1]
            if links:
                return self._folder(b"/".join(names), make=make)
            found = opened.pop()
        finally:
            for descriptor in opened:
                os.close(descriptor)
        if len(self._opened) >= _MOST_OPEN:
            os.close(self._opened.pop(next(iter(self._opened))))
        self._opened[path] = found
        return found, path

    def _enter(self, above: int, path: bytes, name: bytes, make: bool) -> int:
        try:
            return os.open(name, _FOLDER, dir_fd=above)
        except FileNotFoundError:
            if not make:
                raise
        except NotADirectoryError:
            mode = os.stat(name, dir_fd=above, follow_symlinks=False).st_mode
            if not make or not stat.S_ISCHR(mode):
                raise
        self._allowance.take(entries=1)
        self._make_folder(above, path, name)
        self._folders[path] = (0o755, None)
        return os.open(name, _FOLDER, dir_fd=above)

    def _set_folders(self) -> None:
        """Give the folders their modes and times, the innermost first."""
        for path in sorted(self._folders, reverse=True):
            mode, mtime = self._folders[path]
            folder = self._folder(path)[0]
            os.fchmod(folder, mode)
            if mtime is not None:
                time = _nanoseconds(mtime)
                os.utime(folder, ns=(time, time))


def _path(name: bytes) -> bytes:
    """Return a path of a layer without what means nothing; raises :class:`LayerRefused`."""
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    path = b"/".join(parts)
    if b".." in parts:
        raise LayerRefused(f"it holds the path {_shown(name)}, which leads out of it")
    if b"\0" in path:
        raise LayerRefused(f"it holds the path {_shown(name)}, which is none")
    if len(path) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in parts):
        raise LayerRefused(f"the name {_shown(name)} is longer than {_LONGEST_NAME} bytes")
    if len(parts) > DEEPEST:
        raise LayerRefused(f"its folders are nested deeper than {DEEPEST}")
    return path


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _joined(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder else name


def _shown(path: bytes) -> str:
    """Return a path for a sentence."""
    text = path.decode("utf-8", "backslashreplace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _nanoseconds(time: float) -> int:
    return max(-_LATEST, min(int(time * 1e9), _LATEST))
