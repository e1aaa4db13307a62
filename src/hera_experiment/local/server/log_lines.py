"""The lines of one growing log file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.local.store.log_times import LogTimes

LONGEST_LINE = 1 << 20
"""Bytes after which a line is cut in two, as Argo does."""

_FIRST_BLOCK = 1 << 13
_BLOCK = 1 << 18


@dataclass(frozen=True)
class Lines:
    """Lines of one pod, by its name, without their ends; ``time`` is in seconds since the epoch.

    They are handled many at a time: a log of two million lines is read in seconds, not minutes.
    """

    time: float
    pod: str
    texts: list[str]


class LogFile:
    """Reads ``path`` from where it stopped the last time.

    ``tail`` starts at that many lines before the present end; ``since`` leaves out what was
    written before (seconds since the epoch); ``limit`` stops after that many bytes.
    """

    def __init__(
        self,
        path: Path,
        pod: str,
        *,
        tail: int | None = None,
        since: float | None = None,
        limit: int | None = None,
    ) -> None:
        self._path = path
        self._pod = pod
        self._tail = tail
        self._since = since
        self._left = limit
        self._offset: int | None = None

    def lines(self, final: bool) -> Iterator[Lines]:
        """Yield the whole lines that are new, and when ``final`` an unfinished one at the end.

        The file is open only while a block of it is read: thousands of logs are merged at once.
        """
        if self._offset is None:
            self._offset = 0 if self._tail is None else _tail_offset(self._path, self._tail)
        times = LogTimes(self._path)
        size = _FIRST_BLOCK
        while self._left is None or self._left > 0:
            size = min(size, LONGEST_LINE)
            block = self._read(size)
            if not block:
                return
            if end := block.rfind(b"\n") + 1:
                block = block[:end]  # what goes on comes again at the beginning of the next block
            elif len(block) == size < LONGEST_LINE:
                size *= 4
                continue
            elif len(block) < size and not final:
                return
            if self._left is not None:
                block = block[: self._left]
                self._left -= len(block)
            start, self._offset = self._offset, self._offset + len(block)
            for time, part in times.parts(start, block):
                if part and (self._since is None or time >= self._since):
                    yield Lines(time, self._pod, _texts(part))
            size = _BLOCK

    def _read(self, size: int) -> bytes:
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(self._offset or 0)
                return file.read(size) or b""
        except OSError:
            return b""


def _texts(part: bytes) -> list[str]:
    # Not splitlines(), for which a carriage return ends a line, too.
    texts = part.removesuffix(b"\n").decode("utf-8", "replace").split("\n")
    return [text.removesuffix("\r") for text in texts] if b"\r" in part else texts


def _tail_offset(path: Path, lines: int) -> int:
    """Return where the last ``lines`` lines begin; an unfinished one counts."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        size = position = file.seek(0, 2)
        if size == 0 or lines <= 0:
            return size
        file.seek(size - 1)
        missing = lines + (file.read(1) == b"\n")
        while position > 0:
            start = max(0, position - _BLOCK)
            file.seek(start)
            block = file.read(position - start)
            found = block.count(b"\n")
            if found >= missing:
                index = len(block)
                for _ in range(missing):
                    index = block.rindex(b"\n", 0, index)
                return start + index + 1
            missing -= found
            position = start
    return 0
