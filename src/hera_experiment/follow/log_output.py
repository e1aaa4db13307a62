"""Writes the lines of tasks for a person or a file: each with its task before it."""

from __future__ import annotations

import sys
from typing import TextIO

from hera_experiment.follow.lines import as_seen, shortened
from hera_experiment.follow.log_position import TaskLine

_WIDEST = 40
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
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
        self._stream = stream
        self._prefixed = prefixed
        self._terminal = stream.isatty() if terminal is None else terminal
        self._width = min(_WIDEST, max(map(len, tasks), default=0))
        self._colours: dict[str, int] = {}

    def write(self, line: TaskLine) -> None:
        """Write one line; the last lines are written with :meth:`flush`."""
        text = as_seen(line.text) if self._terminal else line.text
        if self._terminal and "\x1b" in text:
            text += _PLAIN
        if self._prefixed:
            text = self._prefix(line.task) + text
        self._put(text + "\n")

    def flush(self) -> None:
        """Write what is held back."""
        self._stream.flush()

    def _prefix(self, task: str) -> str:
        self._width = max(self._width, min(_WIDEST, len(task)))
        name = shortened(" ".join(task.split()), self._width).ljust(self._width)
        if not self._terminal:
            return f"{name} | "
        index = self._colours.setdefault(task, len(self._colours))
        return f"\x1b[{_COLOURS[index % len(_COLOURS)]}m{name} |{_PLAIN} "

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            # A terminal of another encoding, or half a character: shown as well as can be.
            encoding = self._stream.encoding or "ascii"
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
