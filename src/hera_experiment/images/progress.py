"""What a person sees while images are built and pushed: lines in a log, rows on a terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TextIO

from hera_experiment.printing import printable, unfiltered

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_REFRESHES_PER_SECOND = 4


class Progress(Protocol):
    """Shows what becomes of each container; called from several threads."""

    def say(self, container: str, text: str, style: str = "") -> None:
        """Show a line that stays."""

    def step(self, container: str, text: str) -> None:
        """Show which instruction is being carried out."""

    def detail(self, container: str, text: str) -> None:
        """Show what the engine says meanwhile, where that can be taken away again."""

    def end(self, container: str) -> None:
        """Show the container no more."""

    def close(self) -> None:
        """Leave the terminal as it was found."""


class PlainProgress:
    """A line for each step, with the container in front."""

    def __init__(self, stream: TextIO, width: int) -> None:
        self._stream = stream
        self._width = width
        self._lock = threading.Lock()

    def say(self, container: str, text: str, style: str = "") -> None:
        """Write the line."""
        with self._lock:
            line = f"{container.ljust(self._width)}  {printable(text)}"
            print(line, file=self._stream, flush=True)

    def step(self, container: str, text: str) -> None:
        """Write the step."""
        self.say(container, text)

    def detail(self, container: str, text: str) -> None:
        """Write nothing: a log is for what matters later."""

    def end(self, container: str) -> None:
        """Do nothing: every line is out already."""

    def close(self) -> None:
        """Do nothing: every line is out already."""


class LiveProgress:
    """A row for each container that is at work, below the lines that stay."""

    def __init__(
        self, console: Console, width: int, clock: Callable[[], float] = monotonic
    ) -> None:
        from rich.live import Live

        self._console = console
        self._width = width
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[float, str, str]] = {}
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
        )
        self._live.start()

    def say(self, container: str, text: str, style: str = "") -> None:
        """Write the line above the rows."""
        line = f"{container.ljust(self._width)}  {printable(text)}"
        self._console.print(
            line, style=style or None, markup=False, highlight=False, emoji=False, soft_wrap=True
        )

    def step(self, container: str, text: str) -> None:
        """Show the step in the container's row."""
        with self._lock:
            begun, _, _ = self._rows.get(container, (self._clock(), "", ""))
            self._rows[container] = (begun, text, "")

    def detail(self, container: str, text: str) -> None:
        """Show ``text`` at the end of the container's row."""
        with self._lock:
            begun, step, _ = self._rows.get(container, (self._clock(), "", ""))
            self._rows[container] = (begun, step, text)

    def end(self, container: str) -> None:
        """Take the container's row away."""
        with self._lock:
            self._rows.pop(container, None)

    def close(self) -> None:
        """Take all rows away."""
        self._live.stop()

    def _render(self) -> Text:
        from rich.text import Text

        with self._lock:
            rows = sorted(self._rows.items())
        text = Text(no_wrap=True, overflow="crop")
        for container, (begun, step, detail) in rows:
            seconds = f"{self._clock() - begun:4.0f} s"
            room = max(10, self._console.width - self._width - len(seconds) - 5)
            words = f"{step}  {detail}" if detail else step
            row = f"{container.ljust(self._width)}  {words[:room].ljust(room)}  {seconds}"
            text.append("\n" if text else "").append(printable(row), "cyan")
        return text


def progress_of(
    width: int, stream: TextIO = sys.stdout, environ: Mapping[str, str] = os.environ
) -> Progress:
    """Return the progress for ``stream``; names of containers have at most ``width`` letters."""
    if stream.isatty() and environ.get("TERM", "dumb") != "dumb":
        from rich.console import Console

        return LiveProgress(Console(file=unfiltered(stream)), width)
    return PlainProgress(stream, width)
