"""The live display of a terminal: a region below the script's output, drawn anew by rich."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING

from hera_experiment.argo.tasks import (
    Workflow,
    is_finished,
    name_of,
    utc_now,
)
from hera_experiment.follow.lines import Line
from hera_experiment.follow.pending import NO_REASONS, Reasons
from hera_experiment.follow.rows import region
from hera_experiment.follow.tree import Branch, tree_of
from hera_experiment.printing import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

_REFRESHES_PER_SECOND = 4
_SHARE = 10
_ROOM_FOR_A_HINT = 8


@dataclass(frozen=True)
class _Drawn:
    workflow: Workflow
    reasons: Reasons

    @cached_property
    def branches(self) -> Sequence[Branch]:
        # Only when it is drawn: states may come faster.
        return tree_of(self.workflow)


class LiveProgress:
    """Draws all unfinished workflows four times a second below whatever the script prints.

    The region gives way while the script is in the middle of a line, so that a question it asks
    stays readable; it leaves nothing behind.
    """

    def __init__(
        self,
        console: Console,
        now: Callable[[], datetime] = utc_now,
        waiting: str = "the script has created no workflow yet",
        hint: str = "",
    ) -> None:
        self._console = console
        self._now = now
        self._waiting = waiting
        self._hint = hint
        self._workflows: dict[str, _Drawn] = {}
        self._text: Text | None = None
        self._size: tuple[int, int] | None = None
        self._next = 0.0
        self._live = self._begun()

    def _begun(self) -> Live:
        # A new one each time: a Live that begins again would first wipe as many lines as it had
        # when it ended, which are the script's by now.
        from rich.live import Live

        live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        return live

    def _render(self) -> Text:
        # Drawing ten thousand tasks takes long: it may have a tenth of the time and no more.
        began = monotonic()
        if self._text is None or self._console.size != self._size or began >= self._next:
            self._size = self._console.size
            self._text = self._drawing()
            self._next = began + _SHARE * (monotonic() - began)
        return self._text

    def _drawing(self) -> Text:
        from rich.text import Text

        if not self._workflows:
            return Text(self._waiting, style="dim")
        going = [each for each in self._workflows.values() if not is_finished(each.workflow)]
        width, height = self._console.size
        hint = self._hint if going and height >= _ROOM_FOR_A_HINT else ""
        rows = max(3, (height - 1 - bool(hint)) // max(1, len(going)))
        text = Text(no_wrap=True, overflow="crop")
        now = self._now()
        for each in going:
            drawn = region(each.workflow, now, width - 1, rows, each.reasons, each.branches)
            for line in drawn:
                text.append("\n" if text else "").append(printable(line.text), line.style)
        if hint:
            text.append(f"\n{hint}", "dim")
        return text

    def update(self, workflow: Workflow, reasons: Reasons = NO_REASONS) -> None:
        """Draw ``workflow`` from now on."""
        # Replaced as a whole: the thread that draws must not see it change.
        self._workflows = {**self._workflows, name_of(workflow): _Drawn(workflow, reasons)}

    def note(self, line: Line) -> None:
        """Write ``line`` above the region."""
        self._console.print(printable(line.text), style=line.style, markup=False, highlight=False)

    def script_wrote(self, data: bytes) -> None:
        """Write ``data`` above the region, byte for byte."""
        self._live.stop()
        self._console.file.flush()
        os.write(self._console.file.fileno(), data)
        if data.endswith(b"\n"):
            self._live = self._begun()

    def close(self) -> None:
        """Take the region away."""
        self._live.stop()


class TerminalOutput:
    """Lines in colour, whole words and paths uncut, for the terminal of ``console``."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, lines: Iterable[Line]) -> None:
        """Write ``lines``, each as it is: no markup, no highlighting, no wrapping."""
        for line in lines:
            self._console.print(
                printable(line.text),
                style=line.style or None,
                markup=False,
                highlight=False,
                emoji=False,
                soft_wrap=True,
            )
