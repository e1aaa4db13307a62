"""What a person sees while workflows run: live on a terminal, plain lines everywhere else.

The live display itself is :mod:`hera_experiment.follow.live`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TextIO

from hera_experiment.argo.phases import FULFILLED
from hera_experiment.argo.tasks import (
    Task,
    Workflow,
    attempts_of,
    duration,
    is_task,
    name_of,
    nodes_of,
    task_of,
    utc_now,
)
from hera_experiment.environment.script_process import is_live
from hera_experiment.follow.lines import STYLES, Line, Output, PlainOutput
from hera_experiment.follow.pending import NO_REASONS, Reasons, reason_of_node
from hera_experiment.follow.reasons import Reason, in_short
from hera_experiment.printing import unfiltered

if TYPE_CHECKING:
    from rich.console import Console

_LOG_WIDTH = 120
_NO = ("", "0", "false", "no", "n")


class Progress(Protocol):
    """Shows workflows as they go on."""

    def update(self, workflow: Workflow, reasons: Reasons = NO_REASONS) -> None:
        """Take in the present state of one workflow, and why tasks of it do not start."""

    def note(self, line: Line) -> None:
        """Show a sentence of our own."""

    def script_wrote(self, data: bytes) -> None:
        """Pass on what the script printed, unchanged."""

    def close(self) -> None:
        """Leave the terminal as it was found; nothing is shown afterwards."""


def task_line(task: Task, now: datetime, prefix: str = "") -> Line:
    """Return the one line that tells of ``task``: phase, name, duration, Argo's message."""
    parts = [f"{task.phase:<9}", prefix + task.name, duration(task.seconds(now))]
    if task.phase not in ("Skipped", "Omitted"):
        parts.append(in_short(task.message))
    return Line("  ".join(part for part in parts if part), STYLES.get(task.phase, ""))


@dataclass
class _Shown:
    ended: set[str] = field(default_factory=set)
    reasons: set[Reason] = field(default_factory=set)


class PlainProgress:
    """One line per task, when it has ended, and one per reason for which tasks wait.

    Each line is written once, however many states go by; memory and time per state are
    proportional to the number of nodes.
    """

    def __init__(self, output: Output, now: Callable[[], datetime] = utc_now) -> None:
        self._output = output
        self._now = now
        self._shown: dict[str, _Shown] = {}

    def update(self, workflow: Workflow, reasons: Reasons = NO_REASONS) -> None:
        """Write the lines that ``workflow`` has in store since the last call."""
        name = name_of(workflow)
        lines: list[Line] = []
        if name not in self._shown:
            self._shown[name] = _Shown()
            lines.append(Line(f"workflow {name} is running", "bold"))
        shown = self._shown[name]
        prefix = f"{name}: " if len(self._shown) > 1 else ""
        nodes = nodes_of(workflow)
        ended: set[str] = set()
        fresh: list[str] = []
        for identifier, node in nodes.items():
            phase = node.get("phase")
            if phase in FULFILLED:
                ended.add(identifier)
                if identifier not in shown.ended:
                    fresh.append(identifier)
            elif phase == "Pending" and node.get("type") != "Retry":
                reason = reasons.get(identifier) or reason_of_node(workflow, node)
                # One that events may yet say more about is told when they have.
                if reason and reason not in shown.reasons and (reasons or not reason.is_vague):
                    shown.reasons.add(reason)
                    lines.append(Line(f"Pending    {prefix}{reason}", STYLES["Pending"]))
        # Replaced, not added to: a retry takes nodes back, and they are shown again.
        shown.ended = ended
        if fresh:
            attempts = attempts_of(nodes)
            now = self._now()
            fresh.sort(key=lambda identifier: nodes[identifier].get("finishedAt") or "~")
            tasks = [
                task_of(nodes[identifier], nodes, f"{name}.")
                for identifier in fresh
                if is_task(identifier, nodes[identifier], nodes, attempts)
            ]
            # Of a run that goes on most may have ended long ago.
            begun = str((workflow.get("status") or {}).get("startedAt") or "")
            now_ended = [t for t in tasks if str(t.node.get("finishedAt") or "~") >= begun]
            if before := len(tasks) - len(now_ended):
                text = f"{prefix}{before} task{'s' * (before > 1)} had ended before"
                lines.append(Line(text, STYLES["Skipped"]))
            lines.extend(task_line(task, now, prefix) for task in now_ended)
        if lines:
            self._output.write(lines)

    def note(self, line: Line) -> None:
        """Write ``line``."""
        self._output.write([line])

    def script_wrote(self, data: bytes) -> None:
        """Write ``data`` as a line; not used where the script has the log itself."""
        self._output.write([Line(data.decode(errors="replace").rstrip("\n"))])

    def close(self) -> None:
        """Do nothing: every line is out already."""


class Display(Protocol):
    """Where a run is shown.

    ``is_live`` when we draw on the terminal, so that nothing else may write to it unasked;
    ``width`` is the number of columns of a table; ``quiet`` leaves out what tasks print that go
    well; ``notify`` is a person's command that is run when a run has ended.
    """

    is_live: bool
    quiet: bool
    notify: str

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def output(self) -> Output:
        """Where lines go before and after the progress."""

    def progress(self, hint: str = "") -> Progress:
        """Begin to show progress, on a terminal with a ``hint``: what Ctrl-C does."""


class LogDisplay:
    """Lines on ``stream``, each written once."""

    is_live = False
    width = _LOG_WIDTH

    def __init__(self, stream: TextIO, *, quiet: bool = False, notify: str = "") -> None:
        self.output = PlainOutput(stream)
        self.quiet = quiet
        self.notify = notify

    def progress(self, hint: str = "") -> Progress:
        """Begin to write lines."""
        return PlainProgress(self.output)


class TerminalDisplay:
    """A live region, then coloured lines, on the terminal of standard output."""

    is_live = True

    def __init__(self, *, quiet: bool = False, notify: str = "") -> None:
        self.quiet = quiet
        self.notify = notify
        self._console: Console | None = None

    @property
    def _screen(self) -> Console:
        # Late, so that rich is imported while the script starts.
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=unfiltered(sys.stdout))
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

    def progress(self, hint: str = "") -> Progress:
        """Begin to draw."""
        from hera_experiment.follow.live import LiveProgress

        return LiveProgress(self._screen, hint=hint)


def display_of(
    stream: TextIO = sys.stdout,
    environ: Mapping[str, str] = os.environ,
    *,
    quiet: bool = False,
    notify: str = "",
) -> Display:
    """Return the display for ``stream``, live when it is a terminal that can move its cursor.

    The shell's variables ``QUIET`` and ``NOTIFY`` count where nothing else is asked for.
    """
    quiet = quiet or environ.get("QUIET", "").lower() not in _NO
    notify = notify or environ.get("NOTIFY", "")
    if is_live(stream, environ):
        return TerminalDisplay(quiet=quiet, notify=notify)
    return LogDisplay(stream, quiet=quiet, notify=notify)
