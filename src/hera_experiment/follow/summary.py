"""What a person sees at the end: the table of tasks, why it failed, the verdict, the results."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from hera_experiment.argo.phases import FAILURES
from hera_experiment.argo.tasks import (
    Task,
    Workflow,
    duration,
    elapsed,
    name_of,
    phase_of,
    tasks_of,
    utc_now,
)
from hera_experiment.follow.count import Plan
from hera_experiment.follow.failure import report
from hera_experiment.follow.lines import STYLES, Line, Output, shortened, shown
from hera_experiment.follow.task_log import TaskLogs
from hera_experiment.follow.watch import WorkflowSource
from hera_experiment.results.folder_transport import FolderTransport
from hera_experiment.results.outcome import Results

MOST_ROWS = 40
"""With more tasks than this the table has one row per fan-out."""

_MOST_FAILED_ROWS = 10


class _Row(NamedTuple):
    name: str
    status: str
    ran: str
    style: str


def table(workflow: Workflow, now: datetime, width: int) -> list[Line]:
    """Return the table of the tasks of ``workflow`` in lines of at most ``width`` columns.

    Beyond :data:`MOST_ROWS` tasks each fan-out is one row (its duration runs from the first start
    to the last end), with its failed tasks below it.
    """
    tasks = tasks_of(workflow)
    if not tasks:
        return []
    rows = _rows(tasks, now) if len(tasks) <= MOST_ROWS else _grouped(tasks, now)
    statuses = max(len("STATUS"), *(len(row.status) for row in rows))
    durations = max(len("DURATION"), *(len(row.ran) for row in rows))
    names = max(len("TASK"), *(len(row.name) for row in rows))
    names = min(names, max(8, width - statuses - durations - 4))
    lines = [Line(f"{'TASK':<{names}}  {'STATUS':<{statuses}}  {'DURATION':>{durations}}", "bold")]
    for row in rows:
        name = shortened(row.name, names)
        text = f"{name:<{names}}  {row.status:<{statuses}}  {row.ran:>{durations}}"
        lines.append(Line(text, row.style))
    return lines


def _rows(tasks: Sequence[Task], now: datetime) -> list[_Row]:
    return [
        _Row(
            task.name if task.attempts < 2 else f"{task.name} ({task.attempts} attempts)",
            task.phase,
            duration(task.seconds(now)),
            STYLES.get(task.phase, ""),
        )
        for task in tasks
    ]


def _grouped(tasks: Sequence[Task], now: datetime) -> list[_Row]:
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.group, []).append(task)
    rows: list[_Row] = []
    for name, members in groups.items():
        if len(members) == 1:
            rows.extend(_rows(members, now))
            continue
        phases = Counter(task.phase for task in members)
        status = ", ".join(
            phase if len(phases) == 1 else f"{count} {phase}"
            for phase, count in phases.most_common()
        )
        starts = [str(task.node["startedAt"]) for task in members if task.node.get("startedAt")]
        ends = [str(task.node["finishedAt"]) for task in members if task.node.get("finishedAt")]
        ran = duration(elapsed(min(starts), max(ends), now) if starts and ends else None)
        failed = [task for task in members if task.phase in FAILURES]
        style = STYLES["Failed"] if failed else STYLES.get(members[0].phase, "")
        rows.append(_Row(f"{name} ({len(members)} tasks)", status, ran, style))
        for row in _rows(failed[:_MOST_FAILED_ROWS], now):
            rows.append(row._replace(name=f"  {row.name}"))
        if len(failed) > _MOST_FAILED_ROWS:
            more = f"  … and {len(failed) - _MOST_FAILED_ROWS} more failed"
            rows.append(_Row(more, "", "", STYLES["Failed"]))
    return rows


def verdict(workflow: Workflow, now: datetime) -> Line:
    """Return the sentence about ``workflow`` as a whole."""
    status = workflow.get("status") or {}
    phase = phase_of(workflow)
    ran = duration(elapsed(status.get("startedAt"), status.get("finishedAt"), now))
    text = f"workflow {name_of(workflow)}: {phase}" + (f" after {ran}" if ran else "")
    count = Plan(workflow).count(tasks_of(workflow))
    # Tasks that were ended because someone stopped the workflow did not fail by themselves.
    stopped = bool((workflow.get("spec") or {}).get("shutdown"))
    if phase in FAILURES and count.failed and not stopped:
        of = "" if count.total is None else f" of {count.total}"
        text += f", {count.failed}{of} tasks failed"
    elif phase in FAILURES and status.get("message"):
        text += f": {status['message']}"
    return Line(text, f"bold {STYLES.get(phase, '')}".strip())


def where_results_are(results: Results, start: Path) -> list[Line]:
    """Return the lines that name the folder of results, each picture in it, and what is amiss.

    Paths are relative to ``start`` when they lie below it.
    """
    lines = []
    if results.files:
        count = f"{len(results.files)} file{'s' if len(results.files) > 1 else ''}"
        lines.append(Line(f"results: {shown(results.folder, start)}{os.sep} ({count})"))
        pictures = [path for path in results.files if path.suffix.lower() == ".png"]
        lines.extend(Line(f"chart:   {shown(path, start)}") for path in pictures)
    lines.extend(Line(sentence, "yellow") for sentence in results.remarks)
    return lines


def ending(
    workflow: Workflow,
    logs: TaskLogs,
    now: datetime,
    width: int,
    whole_log: Callable[[Task], str] | None = None,
) -> list[Line]:
    """Return the table of tasks, the explanation of each failure, and last the verdict."""
    lines = table(workflow, now, width)
    if phase_of(workflow) in FAILURES:
        lines += report(workflow, logs, now, whole_log)
    return [*lines, Line(""), verdict(workflow, now)]


@dataclass(frozen=True)
class Conclusion:
    """Shows each workflow of a run on the laptop when it is over, and fetches its results.

    ``claims`` is the folder of the claims; ``log_file`` tells where the log of a pod (by workflow
    and node) lies; ``results`` is the folder that receives one folder per workflow; ``width`` the
    columns of the table; paths are shown as from ``start``.
    """

    output: Output
    claims: Path
    log_file: Callable[[str, str], Path]
    results: Path
    start: Path
    width: int
    now: Callable[[], datetime] = utc_now

    def __call__(self, workflows: Sequence[Workflow], source: WorkflowSource) -> None:
        """Show ``workflows``; ``source`` is asked for the logs of tasks that failed."""
        for workflow in workflows:
            self.output.write([Line(""), *self._about(workflow, TaskLogs(source))])

    def _about(self, workflow: Workflow, logs: TaskLogs) -> list[Line]:
        name = name_of(workflow)

        def whole_log(task: Task) -> str:
            return shown(self.log_file(name, str((task.pod or task.node)["id"])), self.start)

        lines = ending(workflow, logs, self.now(), self.width, whole_log)
        results = FolderTransport(workflow, self.claims).download(self.results / name)
        return lines + where_results_are(results, self.start)
