"""How a task ended, there and here, and whether that is the same end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hera_experiment.argo.phases import SUCCEEDED
from hera_experiment.argo.tasks import Task
from hera_experiment.errors import UserError
from hera_experiment.follow.failure import last_lines
from hera_experiment.follow.lines import as_seen
from hera_experiment.follow.task_log import TaskLogs
from hera_experiment.runs.find import Run

_READ = 400
_PASSING = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b0x[0-9a-f]+\b|/tmp/tmp\w+|/[\w./-]+/lib/python3\.\d+/"
)
"""What differs between two runs of one and the same: the time, addresses, names of drafts, and the
folder of Python's own modules."""


@dataclass(frozen=True)
class Ending:
    """The end of a task: Argo's ``phase``, ``message`` and ``exit_code``, and its last ``lines``.

    ``exit_code`` is empty when its container never began; ``log`` says why there are no lines, and
    is empty where they could be read.
    """

    phase: str
    message: str
    exit_code: str
    lines: tuple[str, ...] = ()
    log: str = ""

    @property
    def last_line(self) -> str:
        """The last line that says something, empty when there is none."""
        return next((line for line in reversed(self.lines) if line.strip()), "")

    @property
    def succeeded(self) -> bool:
        """Whether the task did what it was to do."""
        return self.phase == SUCCEEDED

    def __str__(self) -> str:
        code = f"exit code {self.exit_code}" if self.exit_code else self.phase
        told = self.last_line or self.message
        return f"{code}, {told}" if told else code


def ending_of(run: Run, task: Task) -> Ending:
    """Return how the last attempt of ``task`` ended."""
    pod = task.pod or task.node
    phase = str(pod.get("phase") or task.phase)
    known = phase, str(pod.get("message") or task.message), task.exit_code
    try:
        log = TaskLogs.of(run.server).end_of(run.workflow, task, _READ)
    except (OSError, UserError) as error:
        return Ending(*known, log=f"its log cannot be read: {error}")
    lines = tuple(last_lines([as_seen(line, colours=False) for line in log.lines]))
    return Ending(*known, lines, "" if lines else log.origin.value)


def difference(there: Ending, here: Ending, paths: Mapping[str, str]) -> str:
    """Return how the end ``here`` is another than the one ``there``; nothing for the same.

    ``paths`` are what a path here is called there.
    """
    if there.succeeded != here.succeeded:
        return "it succeeds here" if here.succeeded else "it fails here alone"
    if there.exit_code != here.exit_code:
        return f"{_code(here)} here, {_code(there)} there"
    if there.log:
        return ""
    if _neutral(there.last_line, {}) != _neutral(here.last_line, paths):
        return f"its last line there was: {there.last_line or '(none)'}"
    if not there.exit_code and there.message != here.message:
        return f"there Argo said: {there.message}"
    return ""


def _code(ending: Ending) -> str:
    return f"exit code {ending.exit_code}" if ending.exit_code else "no exit code"


def _neutral(line: str, paths: Mapping[str, str]) -> str:
    for here, there in paths.items():
        line = line.replace(here, there)
    return _PASSING.sub("•", line).rstrip()
