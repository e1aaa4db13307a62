"""What may reach a terminal: text of servers, tasks and files, without what would steer it.

A terminal takes orders within text: to clear the screen, to write elsewhere, to put words into the
keyboard or the clipboard. So all that a verb prints goes through one filter.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO, cast

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|[ -/]*[0-~]|$)"
)
# Beside what a terminal obeys, what makes a text read in another order than it is written.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
# What is left of a sequence that something else cut in two.
_LOOSE = re.compile(r"\x1b(?!\[[0-9;:]*m)")
_ANY = re.compile(rf"\x1b|{_CONTROL.pattern}")
_UNITS = ("kB", "MB", "GB", "TB")


def printable(text: str, *, colours: bool = False) -> str:
    """Return ``text`` without anything that a terminal obeys, but for ends of lines and tabs.

    ``colours`` stay if so wished.
    """
    if not _ANY.search(text):
        return text

    def kept(found: re.Match[str]) -> str:
        return found[0] if colours and _COLOUR.fullmatch(found[0]) else ""

    text = _CONTROL.sub("", _ESCAPE.sub(kept, text))
    return _LOOSE.sub("", text) if colours else text.replace("\x1b", "")


def size(number: int) -> str:
    """Return a number of bytes as people read it."""
    if number < 1000:
        return f"{number} B"
    value, unit = number / 1000, 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}"


def shortened(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` columns, cut in the middle: both ends tell it apart."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` columns of one line, cut at its end."""
    text = " ".join(text.split("\n")).rstrip()
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]


class _Filtered:
    """A stream of text whose :func:`printable` part alone is written."""

    def __init__(self, stream: TextIO) -> None:
        self.unfiltered = stream

    def write(self, text: str) -> int:
        self.unfiltered.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self.unfiltered, name)


def unfiltered(stream: TextIO) -> TextIO:
    """Return what is behind ``stream``, for those who draw and filter what they draw."""
    return cast(TextIO, getattr(stream, "unfiltered", stream))


@contextmanager
def filtered_output() -> Iterator[None]:
    """Filter what is written to standard output and error while the block runs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Filtered(unfiltered(each))) for each in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
