"""A line of output with the role it plays, and the ways of showing it and the lines of tasks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TextIO

from hera_experiment.printing import printable, shortened, unfiltered
from hera_experiment.signals import discard_output


class Line(NamedTuple):
    """One line for a person: its text, and a style of rich's (``bold``, ``red``…) for terminals."""

    text: str
    style: str = ""


class Output(Protocol):
    """Where lines go."""

    def write(self, lines: Iterable[Line]) -> None:
        """Show ``lines``, one below the other."""


class PlainOutput:
    """Lines without colour, for a log, a pipe or a file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, lines: Iterable[Line]) -> None:
        """Write and flush ``lines``, so that a log is never behind.

        Once nobody reads any more (``| head``) lines go nowhere: the run itself goes on.
        """
        try:
            self._stream.write("".join(f"{printable(line.text)}\n" for line in lines))
            self._stream.flush()
        except BrokenPipeError:
            discard_output(self._stream.fileno())


STYLES = {
    "Succeeded": "green",
    "Failed": "red",
    "Error": "red",
    "Running": "cyan",
    "Pending": "yellow",
    "Skipped": "dim",
    "Omitted": "dim",
}
"""The colour of each of Argo's phases."""


def shown(path: Path, start: Path) -> str:
    """Return ``path`` as a person at ``start`` would type it."""
    try:
        return str(path.relative_to(start))
    except ValueError:
        return str(path)


def as_seen(line: str, *, colours: bool = True) -> str:
    """Return ``line`` as it looks in the end on a terminal.

    Of what a progress bar writes over with carriage returns the last state is left. Colours stay
    if so wished; whatever else would move the cursor, clear the screen or ring goes.
    """
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part), "")
    return printable(line, colours=colours)


_WIDEST = 40
_TASK_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_PLAIN = "\x1b[0m"


class LogOutput:
    """Writes ``task | line``; on a terminal in a colour a task, and fit to be looked at.

    Elsewhere lines are as the task wrote them. ``tasks`` are those known from the beginning, for
    the width of the column; with ``prefixed`` off the lines stand alone.
    """

    def __init__(
        self,
        stream: TextIO = sys.stdout,
        *,
        tasks: list[str],
        prefixed: bool = True,
        terminal: bool | None = None,
    ) -> None:
        self._stream = unfiltered(stream)
        self._prefixed = prefixed
        self._terminal = stream.isatty() if terminal is None else terminal
        self._width = min(_WIDEST, max(map(len, tasks), default=0))
        self._colours: dict[str, int] = {}

    def write(self, task: str, text: str) -> None:
        """Write one line of ``task``; the last lines are written with :meth:`flush`."""
        if self._terminal:
            text = as_seen(text)
        if self._terminal and "\x1b" in text:
            text += _PLAIN
        if self._prefixed:
            text = self._prefix(task) + text
        self._put(text + "\n")

    def write_many(self, task: str, texts: Sequence[str]) -> None:
        """Write lines of ``task`` that came together."""
        if self._terminal:
            for text in texts:
                self.write(task, text)
            return
        prefix = self._prefix(task) if self._prefixed else ""
        self._put(prefix + f"\n{prefix}".join(texts) + "\n")

    def flush(self) -> None:
        """Write what is held back."""
        self._stream.flush()

    def _prefix(self, task: str) -> str:
        self._width = max(self._width, min(_WIDEST, len(task)))
        name = shortened(printable(" ".join(task.split())), self._width).ljust(self._width)
        if not self._terminal:
            return f"{name} | "
        index = self._colours.setdefault(task, len(self._colours))
        return f"\x1b[{_TASK_COLOURS[index % len(_TASK_COLOURS)]}m{name} |{_PLAIN} "

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            # A terminal of another encoding, or half a character: shown as well as can be.
            encoding = self._stream.encoding or "ascii"
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
