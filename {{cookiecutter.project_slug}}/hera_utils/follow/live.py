"""The live display of a terminal: a region below the script's output, drawn anew by rich."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from hera_utils.argo.phases import FAILURES, FULFILLED
from hera_utils.follow.lines import STYLES, Line, shortened
from hera_utils.follow.tasks import (
    Task,
    Workflow,
    duration,
    elapsed,
    is_finished,
    name_of,
    phase_of,
    tasks_of,
    utc_now,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

_REFRESHES_PER_SECOND = 4
_BAR = 24


def region(workflow: Workflow, now: datetime, width: int, rows: int) -> list[Line]:
    """Return at most ``rows`` lines (at least 3) of ``width`` columns about ``workflow``.

    The head with the counts comes first, then failed tasks, running ones, and what others wait
    for; those without room are counted.
    """
    tasks = tasks_of(workflow)
    done = [task for task in tasks if task.phase in FULFILLED]
    status = workflow.get("status") or {}
    ran = duration(elapsed(status.get("startedAt"), status.get("finishedAt"), now))
    filled = _BAR * len(done) // len(tasks) if tasks else 0
    phase = phase_of(workflow)
    tail = f"  {phase}  {'━' * filled}{'╌' * (_BAR - filled)}  {len(done)}/{len(tasks)}  {ran}"
    lines = [Line(shortened(name_of(workflow), max(8, width - len(tail))) + tail, "bold")]
    failed = [task for task in done if task.phase in FAILURES]
    running = [task for task in tasks if task.phase == "Running"]
    waiting = [task for task in tasks if task.phase == "Pending"]
    room = max(2, rows - 1)
    for group in (failed, running):
        lines.extend(_some(group, now, width, max(1, room // 2)))
    lines.extend(_reasons(waiting, width))
    return lines[: max(3, rows)]


def _some(tasks: list[Task], now: datetime, width: int, room: int) -> list[Line]:
    shown = tasks if len(tasks) <= room else tasks[: room - 1]
    lines = [_row(task, now, width) for task in shown]
    if len(shown) < len(tasks):
        phase = tasks[0].phase
        lines.append(Line(f"  {phase:<9}  … and {len(tasks) - len(shown)} more", "dim"))
    return lines


def _row(task: Task, now: datetime, width: int) -> Line:
    ran = duration(task.seconds(now))
    message = f"  {task.message}" if task.phase in FAILURES and task.message else ""
    message = shortened(message, width // 3)
    name = shortened(task.name, max(8, width - 13 - len(message) - 2 - len(ran)))
    return Line(f"  {task.phase:<9}  {name}  {ran}{message}", STYLES.get(task.phase, ""))


def _reasons(waiting: list[Task], width: int) -> list[Line]:
    if not waiting:
        return []
    counts: dict[str, int] = {}
    for task in waiting:
        counts[task.message] = counts.get(task.message, 0) + 1
    return [
        Line(
            shortened(f"  Pending    {count} task{'s' if count > 1 else ''}  {message}", width),
            STYLES["Pending"],
        )
        for message, count in sorted(counts.items(), reverse=True)
    ]


class LiveProgress:
    """Draws all unfinished workflows four times a second below whatever the script prints.

    The region gives way while the script is in the middle of a line, so that a question it asks
    stays readable; it leaves nothing behind.
    """

    def __init__(self, console: Console, now: Callable[[], datetime] = utc_now) -> None:
        self._console = console
        self._now = now
        self._workflows: Mapping[str, Workflow] = {}
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
        from rich.text import Text

        if not self._workflows:
            return Text("the script has created no workflow yet", style="dim")
        going = [each for each in self._workflows.values() if not is_finished(each)]
        width, height = self._console.size
        rows = max(3, (height - 1) // max(1, len(going)))
        text = Text(no_wrap=True, overflow="crop")
        now = self._now()
        for workflow in going:
            for line in region(workflow, now, width - 1, rows):
                text.append("\n" if text else "").append(line.text, line.style)
        return text

    def update(self, workflow: Workflow) -> None:
        """Draw ``workflow`` from now on."""
        # Replaced as a whole: the thread that draws must not see it change.
        self._workflows = {
            **self._workflows,
            name_of(workflow): workflow,
        }

    def note(self, line: Line) -> None:
        """Write ``line`` above the region."""
        self._console.print(line.text, style=line.style, markup=False, highlight=False)

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
                line.text,
                style=line.style or None,
                markup=False,
                highlight=False,
                emoji=False,
                soft_wrap=True,
            )
