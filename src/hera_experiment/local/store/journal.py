"""One append-only file of JSON lines: the memory of one workflow.

Each line begins with a checksum of the rest and is written by a single ``write()``, so a process
that is killed leaves at most one torn line, at the end of the file: readers leave it out, and the
next append moves it aside. The first line holds the manifest. A line that finishes the workflow
ends with the whole document and a *checkpoint* (metadata and status without nodes), each with a
checksum of its own, and their lengths: a list of many old workflows reads only the end of each
file, and what happened to the lines before does no harm. Journals of before have no checksums.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

TORN_SUFFIX = ".torn"
"""What takes the place of ``.jsonl`` in the name of the file that keeps torn lines."""

_BLOCK = 1 << 16
_TAIL = 1 << 12
_BRACE = crc32(b"{")
_BEGINNINGS = (b'{"crc":"', b'{"version":')
_ENDING = re.compile(rb',"ending":"(\d{12}) ([0-9a-f]{8}) (\d{12}) ([0-9a-f]{8})"\}\n\Z')
_ENDING_LENGTH = len(',"ending":"') + 12 + 1 + 8 + 1 + 12 + 1 + 8 + len('"}\n')
_CLOSED = b',"closed":'
_CHANGED = ("status", "labels", "annotations", "spec")


@dataclass(frozen=True)
class Damage:
    """A line that cannot be read, by its number from 1, and why."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line} {self.why}"


@dataclass(frozen=True)
class Ending:
    """What the line says with which a workflow finished: ``checkpoint`` is None if damaged."""

    checkpoint: dict[str, Any] | None
    document: tuple[int, int, int]
    """Where the whole document begins in the file, its length and checksum."""


def ending(document: bytes, checkpoint: bytes) -> list[bytes]:
    """Return the last keys of a line that finishes a workflow, in pieces, without the brace."""
    sums = f"{len(document):012d} {crc32(document):08x} {len(checkpoint):012d}"
    sums = f',"ending":"{sums} {crc32(checkpoint):08x}"'
    return [b'"document":', document, _CLOSED, checkpoint, sums.encode("ascii")]


class Journal:
    """The journal at ``path``. Not thread-safe: its owner holds a lock around every call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def append(self, *pieces: bytes) -> None:
        """Write one line, a JSON object without its first brace and newline, whole or not at all.

        In pieces, for with 10 000 tasks each copy of the last line takes ten megabytes.
        """
        if self._descriptor is None:
            self._descriptor = self._open()
        before = os.fstat(self._descriptor).st_size
        checksum = _BRACE
        for piece in pieces:
            checksum = crc32(piece, checksum)
        left = [b'{"crc":"%08x",' % checksum, *pieces, b"\n"]
        try:
            while left:
                left = _rest(left, os.writev(self._descriptor, left))
        except OSError:
            # No half of a line may stay for the next one to be glued to.
            os.ftruncate(self._descriptor, before)
            raise

    def close(self) -> None:
        """Give the file descriptor back; a later append opens the file again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def modified(self) -> float:
        """Return when the last line was written, in seconds since the epoch; else the folder."""
        for path in (self.path, self.path.parent):
            with suppress(OSError):
                return path.stat().st_mtime
        return 0.0

    def lines(self) -> Iterator[dict[str, Any] | Damage]:
        """Yield every whole line, or what is wrong with it."""
        checked = False
        number = 0
        if not self.path.exists():
            yield Damage(1, "is missing: there is no such file")
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    if number == 1 and not _may_begin(line):
                        yield Damage(1, "is not from a journal")
                    return
                value = _parse(line, checked)
                checked = checked or _sum_of(line) is not None
                yield value if isinstance(value, dict) else Damage(number, value)
        if not number:
            yield Damage(1, "is missing: the file is empty")

    def never_began(self) -> bool:
        """Tell a journal whose server died before its first line, without which no task began."""
        logs = self.path.parent / "logs"
        if logs.is_dir() and any(logs.iterdir()):
            return False
        try:
            with self.path.open("rb") as file:
                line = file.readline(_BLOCK)
                return not line or (len(line) < _BLOCK and line[-1:] != b"\n" and _may_begin(line))
        except FileNotFoundError:
            return True

    def ending(self) -> Ending | None:
        """Return how the journal ends, reading no more than that; None when it says no end."""
        with self._reading() as (file, end):
            tail = os.pread(file, _TAIL, max(0, end - _TAIL))
            found = _ENDING.search(tail[-_ENDING_LENGTH:])
            if found is None:
                return None
            length, checkpoint_length = int(found[1]), int(found[3])
            start = end - _ENDING_LENGTH - checkpoint_length
            if start < 0:
                return None
            if start < end - len(tail):
                tail = os.pread(file, end - start, start)
        text = tail[start - end : -_ENDING_LENGTH]
        sound = crc32(text) == int(found[4], 16)
        document = (start - len(_CLOSED) - length, length, int(found[2], 16))
        return Ending(json.loads(text) if sound else None, document)

    def document(self, ending: Ending) -> bytes | None:
        """Return the whole document of an ending, None when it is damaged."""
        position, length, checksum = ending.document
        if position < 0:
            return None
        with self._reading() as (file, _):
            text = os.pread(file, length, position)
        return text if len(text) == length and crc32(text) == checksum else None

    @contextmanager
    def _reading(self) -> Iterator[tuple[int, int]]:
        """Give a descriptor and the size of the file, sooner than ``open()`` would."""
        file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield file, os.fstat(file).st_size
        finally:
            os.close(file)

    def last(self) -> dict[str, Any] | None:
        """Return the last whole line without reading those before it; None for a damaged one."""
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            tail = b""
            while end > 0:
                start = max(0, end - _BLOCK)
                tail = _read(file, start, end) + tail
                end = start
                whole = tail[: tail.rfind(b"\n") + 1]
                begin = whole.rfind(b"\n", 0, -1) + 1
                if begin or (whole and end == 0):
                    value = _parse(whole[begin:], False)
                    return value if isinstance(value, dict) else None
        return None

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            if os.fstat(descriptor).st_size:
                self._move_torn_line(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _move_torn_line(self, descriptor: int) -> None:
        with self.path.open("rb") as file:
            size = end = file.seek(0, os.SEEK_END)
            whole = 0
            while end > 0 and not whole:
                start = max(0, end - _BLOCK)
                whole = start + _read(file, start, end).rfind(b"\n") + 1
                whole = 0 if whole == start else whole
                end = start
            if whole == size:
                return
            torn = _read(file, whole, size)
        with self.path.with_suffix(TORN_SUFFIX).open("ab") as aside:
            aside.write(torn)
        os.ftruncate(descriptor, whole)


def _rest(pieces: list[bytes], written: int) -> list[bytes]:
    """Return what is still to be written of ``pieces``."""
    for at, piece in enumerate(pieces):
        if written < len(piece):
            return [piece[written:], *pieces[at + 1 :]]
        written -= len(piece)
    return []


def _read(file: Any, start: int, end: int) -> bytes:
    file.seek(start)
    found: bytes = file.read(end - start)
    return found


def _may_begin(line: bytes) -> bool:
    return any(line.startswith(each[: len(line)]) for each in _BEGINNINGS)


def _sum_of(line: bytes) -> int | None:
    if line.startswith(_BEGINNINGS[0]) and line[16:18] == b'",':
        try:
            return int(line[8:16], 16)
        except ValueError:
            pass
    return None


def _parse(line: bytes, checked: bool) -> dict[str, Any] | str:
    """Return the object of a line, or what is wrong; ``checked``: those before had checksums."""
    checksum = _sum_of(line)
    if checksum is None:
        if checked or not line.startswith(_BEGINNINGS[1]):
            return "has no checksum" if checked else "is not from a journal"
    elif crc32(memoryview(line)[18:-1], _BRACE) != checksum:
        return "is not what was written: its checksum differs"
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return "is not JSON"
    return value if isinstance(value, dict) and _has_shape(value) else "has another shape"


def _has_shape(value: dict[str, Any]) -> bool:
    """Tell whether what readers rely on is there: of journals without checksums above all."""
    manifest = value.get("manifest")
    checkpoint = value.get("checkpoint")
    return (
        isinstance(value.get("version"), int)
        and all(isinstance(value.get(key) or {}, dict) for key in _CHANGED)
        and _are_nodes(value.get("nodes"))
        and isinstance(value.get("removed") or [], list)
        and _are_children(value.get("children"))
        and (manifest is None or _is_workflow(manifest))
        and (
            checkpoint is None
            or (_is_workflow(checkpoint) and isinstance(value.get("created"), int))
        )
    )


def _is_workflow(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return False
    spec, status = value.get("spec") or {}, value.get("status") or {}
    labels = value["metadata"].get("labels") or {}
    return (
        isinstance(value["metadata"].get("namespace"), str)
        and isinstance(labels, dict)
        and all(isinstance(label, str) for label in labels.values())
        and isinstance(spec, dict)
        and all(isinstance(each, dict) for each in spec.get("templates") or ())
        and isinstance(status, dict)
        and _are_nodes(status.get("nodes"))
    )


def _are_children(value: Any) -> bool:
    children = value or {}
    return isinstance(children, dict) and all(
        isinstance(ids, list) and all(isinstance(each, str) for each in ids)
        for ids in children.values()
    )


def _are_nodes(value: Any) -> bool:
    nodes = value or {}
    return isinstance(nodes, dict) and all(
        isinstance(node, dict) and isinstance(node.get("id", ""), str) for node in nodes.values()
    )
