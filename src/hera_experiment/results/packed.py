"""Files that travel together: in which batches, and out of a tar archive while it arrives."""

from __future__ import annotations

import io
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Protocol, TypeVar

_PIECE = 1 << 16


class _Arriving(io.RawIOBase):
    """Pieces of bytes as the file that :mod:`tarfile` reads from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, fewer only at the end."""
        gathered = [self._left]
        length = len(self._left)
        while length < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            gathered.append(piece)
            length += len(piece)
        whole = b"".join(gathered)
        self._left = whole[size:]
        return whole[:size]


def unpacked(
    archive: Iterable[bytes], *, compressed: bool = False
) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """Yield the path of each file in ``archive``, and its content piece by piece.

    The content is to be read before the next file. Several archives, one behind the other, are
    read as one. What is no file is passed over: a second name of the same file comes as a link to
    the first. An archive that breaks off just ends. Nothing is written by the names in it.
    """
    try:
        with tarfile.open(
            fileobj=_Arriving(archive),
            mode="r|gz" if compressed else "r|",
            encoding="utf-8",
            errors="surrogateescape",
            ignore_zeros=True,
        ) as opened:
            remembered: list[tarfile.TarInfo] = getattr(opened, "members", [])
            for member in opened:
                content = opened.extractfile(member) if member.isreg() else None
                if content is not None:
                    yield os.fsencode(member.name.removeprefix("./")), _pieces(content)
                # The archive remembers each member, of which there may be many.
                remembered.clear()
    except (tarfile.TarError, EOFError, zlib.error):
        return


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(_PIECE):
        yield piece


def without_first(number: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield ``pieces`` but the first ``number`` bytes."""
    for piece in pieces:
        yield piece[number:]
        number = max(0, number - len(piece))


class Sized(Protocol):
    """A file with a path and a size in bytes."""

    @property
    def path(self) -> bytes:
        """Where it is."""

    @property
    def size(self) -> int:
        """Bytes."""


File = TypeVar("File", bound=Sized)


def batches(files: Iterable[File], most_bytes: int, most_names: int) -> Iterator[list[File]]:
    """Yield ``files`` in groups of at most so many bytes, and bytes of names, or of one file."""
    batch: list[File] = []
    length = names = 0
    for file in files:
        length, names = length + file.size, names + len(file.path)
        if batch and (length > most_bytes or names > most_names):
            yield batch
            batch, length, names = [], file.size, len(file.path)
        batch.append(file)
    if batch:
        yield batch
