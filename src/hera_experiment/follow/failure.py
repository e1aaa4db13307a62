"""Why a workflow failed: each failed task's message, the end of its log, its stack trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from hera_experiment.argo.phases import FAILURES
from hera_experiment.argo.tasks import Task, Workflow, duration, tasks_of
from hera_experiment.errors import UserError
from hera_experiment.follow.lines import STYLES, Line, as_seen
from hera_experiment.follow.reasons import reason_of
from hera_experiment.follow.task_log import Origin, TaskLogs

LAST_LINES = 20
"""How many lines of a failed task's output are shown, but for a longer stack trace."""

MOST_REPORTED = 5
"""How many failed tasks are reported with their output; the others are in the table."""

_FETCHED = 1000
_LONGEST = 2000
# An exception's message may run over lines that are not indented: a trace this near to the end of
# the log is taken to be what ended the task.
_NEAR = 60
_TRACE = ("Traceback (most recent call last):", "  + Exception Group Traceback (most recent")
_CHAIN = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)


def last_lines(log: Sequence[str], count: int = LAST_LINES) -> list[str]:
    """Return the last ``count`` lines of ``log``, or more, so as not to cut a stack trace.

    A Python stack trace that reaches into them is given from its first line, together with the
    exceptions that it is chained to.
    """
    lines = list(log)
    while lines and not lines[-1].strip():
        lines.pop()
    first = max(0, len(lines) - count)
    trace = _last_trace(lines, len(lines))
    if trace is None or not (len(lines) - trace <= _NEAR or _end(lines, trace) >= first):
        return lines[first:]
    return lines[min(first, _chain_start(lines, trace)) :]


def _last_trace(lines: Sequence[str], before: int) -> int | None:
    for index in range(before - 1, -1, -1):
        if lines[index].startswith(_TRACE):
            return index
    return None


def _chain_start(lines: Sequence[str], trace: int) -> int:
    # A chain reads: trace, blank, "During handling…", blank, trace.
    while trace >= 2 and lines[trace - 2].startswith(_CHAIN):
        earlier = _last_trace(lines, trace)
        if earlier is None:
            break
        trace = earlier
    return trace


def _end(lines: Sequence[str], trace: int) -> int:
    # A trace goes on while lines are indented; the next line is the exception itself.
    end = trace + 1
    while end < len(lines) and (lines[end].startswith((" ", "\t")) or not lines[end].strip()):
        end += 1
    return end


def report(
    workflow: Workflow,
    logs: TaskLogs,
    now: datetime,
    whole_log: Callable[[Task], str] | None = None,
) -> list[Line]:
    """Return the lines that explain why ``workflow`` failed; none when no task did.

    ``whole_log`` tells where the whole log of a task is, or what to type to see it.
    """
    failed = [task for task in tasks_of(workflow) if task.phase in FAILURES]
    # A task ended by us (Ctrl-C, terminate) explains nothing: the ones that broke come first.
    failed = [task for task in failed if "workflow shutdown" not in task.message]
    lines: list[Line] = []
    for task in failed[:MOST_REPORTED]:
        lines.append(Line(""))
        lines.extend(_explained(task, workflow, logs, now, whole_log))
    if len(failed) > MOST_REPORTED:
        lines.append(Line(""))
        lines.append(Line(f"… and {len(failed) - MOST_REPORTED} more failed tasks", "red"))
    return lines


def _explained(
    task: Task,
    workflow: Workflow,
    logs: TaskLogs,
    now: datetime,
    whole_log: Callable[[Task], str] | None,
) -> list[Line]:
    lines = [_head(task, now), *_advice(task)]
    if task.pod is None:
        return lines
    try:
        log = logs.end_of(workflow, task, _FETCHED)
    except (OSError, UserError) as error:
        return [*lines, Line(f"    its log cannot be read: {error}", "yellow")]
    shown = last_lines([as_seen(line, colours=False)[:_LONGEST] for line in log.lines])
    if 0 < len(shown) < len(log.lines):
        lines.append(Line("    the end of its output:", "dim"))
    lines.extend(Line(f"    {line}") for line in shown)
    if not shown and log.origin is not Origin.POD:
        lines.append(Line(f"    {log.origin.value}", "yellow"))
        return lines
    if not shown:
        lines.append(Line("    it printed nothing", "dim"))
    if log.origin is Origin.ARCHIVE:
        lines.append(Line(f"    {log.origin.value}", "dim"))
    if whole_log is not None and shown:
        lines.append(Line(f"    its whole log: {whole_log(task)}", "dim"))
    return lines


def _head(task: Task, now: datetime) -> Line:
    message = task.message or "no message"
    code = task.exit_code
    if code and f"exit code {code}" not in message:
        message += f" (exit code {code})"
    ran = duration(task.seconds(now))
    after = f" after {ran}" if ran else ""
    tries = f" in the last of {task.attempts} attempts" if task.attempts > 1 else ""
    text = f"{task.name}: {task.phase}{after}{tries}: {message}"
    return Line(text, f"bold {STYLES['Failed']}")


def _advice(task: Task) -> list[Line]:
    reason = reason_of(task.message)
    return [Line(f"    {reason}", "yellow")] if reason else []
