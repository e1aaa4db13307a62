"""Chooses how a run is shown: live on a terminal, line by line everywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TextIO

from hera_experiment.environment.script_process import is_live
from hera_experiment.follow.lines import Output, PlainOutput
from hera_experiment.follow.progress import PlainProgress, Progress

if TYPE_CHECKING:
    from rich.console import Console

_LOG_WIDTH = 120


class Display(Protocol):
    """Where a run is shown.

    ``is_live`` when we draw on the terminal, so that nothing else may write to it unasked;
    ``width`` is the number of columns of a table.
    """

    is_live: bool

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def output(self) -> Output:
        """Where lines go before and after the progress."""

    def progress(self) -> Progress:
        """Begin to show progress."""


class LogDisplay:
    """Lines on ``stream``, each written once."""

    is_live = False
    width = _LOG_WIDTH

    def __init__(self, stream: TextIO) -> None:
        self.output = PlainOutput(stream)

    def progress(self) -> Progress:
        """Begin to write lines."""
        return PlainProgress(self.output)


class TerminalDisplay:
    """A live region, then coloured lines, on the terminal of standard output."""

    is_live = True

    def __init__(self) -> None:
        self._console: Console | None = None

    @property
    def _screen(self) -> Console:
        # Late, so that rich is imported while the script starts.
        if self._console is None:
            from rich.console import Console

            self._console = Console()
        return self._console

    @property
    def width(self) -> int:
        """The columns of the terminal."""
        return self._screen.width

    @property
    def output(self) -> Output:
        """Coloured lines."""
        from hera_experiment.follow.live import TerminalOutput

        return TerminalOutput(self._screen)

    def progress(self) -> Progress:
        """Begin to draw."""
        from hera_experiment.follow.live import LiveProgress

        return LiveProgress(self._screen)


def display_of(stream: TextIO = sys.stdout, environ: Mapping[str, str] = os.environ) -> Display:
    """Return the display for ``stream``, live when it is a terminal that can move its cursor."""
    if is_live(stream, environ):
        return TerminalDisplay()
    return LogDisplay(stream)
