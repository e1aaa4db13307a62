"""What is said of a workflow that has ended: its tasks, why it failed, the verdict."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hera_experiment.argo.phases import FAILURES
from hera_experiment.argo.tasks import Task, Workflow, phase_of
from hera_experiment.follow.failure import report
from hera_experiment.follow.lines import Line
from hera_experiment.follow.summary import table, verdict
from hera_experiment.follow.task_log import TaskLogs


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
