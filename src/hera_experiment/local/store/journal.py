"""One append-only file of JSON lines: the memory of one workflow.

A line is written by a single ``write()``, so a process that is killed leaves at most one torn
line, at the end of the file; readers leave it out and the next append removes it. The first line
holds the manifest. A line that finishes the workflow carries a *checkpoint* (metadata, spec and
status without nodes), so that a list of many old workflows reads only the end of each file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK = 1 << 16


class Journal:
    """The journal at ``path``. Not thread-safe: its owner holds a lock around every call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def append(self, line: bytes) -> None:
        """Write one line, given without its newline."""
        if self._descriptor is None:
            self._descriptor = self._open()
        data = line + b"\n"
        written = os.write(self._descriptor, data)
        while written < len(data):
            written += os.write(self._descriptor, data[written:])

    def close(self) -> None:
        """Give the file descriptor back; a later append opens the file again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def modified(self) -> float:
        """Return when the last line was written, in seconds since the epoch."""
        return self.path.stat().st_mtime

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield every whole line; one that is no JSON object is left out."""
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n") and (value := _parse(line)) is not None:
                    yield value

    def last(self) -> dict[str, Any] | None:
        """Return the last whole line without reading those before it."""
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            tail = b""
            while end > 0:
                start = max(0, end - _BLOCK)
                file.seek(start)
                tail = file.read(end - start) + tail
                end = start
                whole = tail[: tail.rfind(b"\n") + 1]
                begin = whole.rfind(b"\n", 0, -1) + 1
                if begin or (whole and end == 0):
                    return _parse(whole[begin:])
        return None

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        if os.fstat(descriptor).st_size:
            self._remove_torn_line(descriptor)
        return descriptor

    def _remove_torn_line(self, descriptor: int) -> None:
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                start = max(0, end - _BLOCK)
                file.seek(start)
                newline = file.read(end - start).rfind(b"\n")
                if newline >= 0:
                    os.ftruncate(descriptor, start + newline + 1)
                    return
                end = start
        os.ftruncate(descriptor, 0)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
