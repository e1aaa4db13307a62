"""How large a text is drawn: never more than is said here, whatever font the viewer has.

The widths are those of DejaVu Sans and Verdana, the widest of the fonts that a browser may take for
``sans-serif``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from hera_experiment.graph.model import Node

LABEL, SMALL = 13, 11
"""Heights of the letters of a name, and of what stands below it."""
PADDING = 10
"""Room between the border of a node and its text, left and right."""
SIGN = 18
"""Room for the sign of a phase, behind the name."""
STACK = 4
"""How far the sheets of a loop lie apart."""

_LABEL_LINE, _SMALL_LINE = 18, 15
_ABOVE = 6
_MOST = 290
"""Widest text in a node."""
_LINES = 14
_LEAST = 64
_BOLD = 1.13
_NARROW = dict.fromkeys("ijlI.,:;'|!", 0.4) | dict.fromkeys('ftr()[]/\\-" ', 0.46)
_WIDE = dict.fromkeys("mMW@%", 1.02) | dict.fromkeys("w&→", 0.86) | dict.fromkeys("_=+<>~^×…", 0.86)


@dataclass(frozen=True)
class Written:
    """The lines of a node: its name, then smaller ones; and the room that they take.

    A loop is drawn as several ``sheets``, the foremost below on the left.
    """

    label: str
    times: str
    lines: tuple[str, ...]
    width: float
    height: float
    sheets: int = 1

    @property
    def baselines(self) -> list[float]:
        """Where the lines stand, from the upper border on."""
        first = _ABOVE + LABEL
        return [first + _SMALL_LINE * number for number in range(len(self.lines) + 1)]


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide ``text`` is at most, in the unit of ``size``."""
    return sum(map(_width, text)) * size * (_BOLD if bold else 1)


def fitted(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """Return ``text``, without its middle where it is wider than ``room``."""
    if width_of(text, size, bold=bold) <= room:
        return text
    kept = len(text) - 1
    while kept > 0:
        # Both ends tell names apart that begin alike.
        head = (kept + 1) // 2
        shorter = f"{text[:head]}…{text[len(text) - (kept - head) :]}"
        if width_of(shorter, size, bold=bold) <= room:
            return shorter
        kept -= 1
    return "…"


def written(node: Node, *, holds: bool = False) -> Written:
    """Return the lines of a node with its size; where it holds others, with that of its head."""
    if holds and not (node.label or node.details):
        return Written("", "", (), 0, 0)
    times = node.times
    tail = width_of(f"  {times}", LABEL, bold=True) if times else 0
    tail += SIGN if node.phase else 0
    label = fitted(node.label, _MOST - tail, LABEL, bold=True)
    below = _below(node)
    widths = [width_of(label, LABEL, bold=True) + tail, *(width_of(each, SMALL) for each in below)]
    sheets = 3 if times and not holds else 1
    behind = STACK * (sheets - 1)
    width = max(_LEAST, *widths) + 2 * PADDING + behind
    height = 2 * _ABOVE + _LABEL_LINE + _SMALL_LINE * len(below) + behind
    return Written(label, times, below, ceil(width), ceil(height), sheets)


def _below(node: Node) -> tuple[str, ...]:
    said: Sequence[str] = [*filter(None, [node.subtitle]), *node.details]
    if len(said) > _LINES:
        said = [*said[: _LINES - 1], f"and {len(said) - _LINES + 1} more"]
    return tuple(fitted(each, _MOST, SMALL) for each in said)


def _width(character: str) -> float:
    if character in _NARROW:
        return _NARROW[character]
    if character in _WIDE:
        return _WIDE[character]
    if character.isascii():
        return 0.78 if character.isupper() else 0.65
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn"):
        return 0
    if unicodedata.east_asian_width(character) in "WF" or character > "\uffff":
        return 1.4
    return 0.9
