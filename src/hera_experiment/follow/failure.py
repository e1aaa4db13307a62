"""What tasks printed, and why they failed: message, the end of the log, stack trace."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from hera_experiment.argo.phases import FAILURES
from hera_experiment.argo.tasks import Task, Workflow, duration, tasks_of
from hera_experiment.errors import UserError
from hera_experiment.follow.lines import STYLES, Line, as_seen
from hera_experiment.follow.reasons import reason_of
from hera_experiment.follow.source_paths import SourcePaths
from hera_experiment.follow.task_log import Origin, TaskLogs, whole_log
from hera_experiment.runs.find import Run

LAST_LINES = 20
"""How many lines of a failed task's output are shown, but for a longer stack trace."""

MOST_REPORTED = 5
"""How many kinds of failure are reported with their output; the others are in the tree."""

MOST_PRINTED = 10
"""How many tasks that went well show what they printed, the last ones."""

PRINTED_LINES = 40
"""How many lines of each of them."""

_COMPARED = 10
_LOOP = re.compile(r"\(\d+:(.*?)\)")
_NUMBERS = re.compile(r"0x[0-9a-f]+|\d+")
_RESULTS = re.compile(
    r"workflowtaskresults\S* is forbidden: User \"system:serviceaccount:(?P<space>[^:\"]+):"
    r"(?P<name>[^:\"]+)\""
)

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


class Reporter:
    """Reads what the tasks of ``workflow`` printed, for a person.

    ``whole_log`` tells where the whole log of a task is, or what to type to see it; ``paths`` name
    the experiment's files.
    """

    def __init__(
        self,
        workflow: Workflow,
        logs: TaskLogs,
        whole_log: Callable[[Task], str] | None = None,
        paths: SourcePaths | None = None,
    ) -> None:
        self._workflow = workflow
        self._logs = logs
        self._whole_log = whole_log
        self._paths = paths

    @classmethod
    def of(cls, run: Run, workflow: Workflow) -> Reporter:
        """Return what tells about the tasks of ``run``, of which ``workflow`` is the present."""
        paths = SourcePaths(run.server.context.experiment, workflow)
        return cls(workflow, TaskLogs.of(run.server), lambda task: whole_log(run, task), paths)

    def failures(self, now: datetime) -> list[Line]:
        """Return the lines that explain why the workflow failed; none when no task did.

        What several tasks died of in the same way is told once.
        """
        failed = [task for task in tasks_of(self._workflow) if task.phase in FAILURES]
        # A task ended by us (Ctrl-C, terminate) explains nothing: the ones that broke come first.
        failed = [task for task in failed if "workflow shutdown" not in task.message]
        groups = self._alike(failed)
        lines: list[Line] = []
        for tasks, body in groups[:MOST_REPORTED]:
            lines += [Line(""), _head(tasks, now), *body]
        rest = sum(len(tasks) for tasks, _ in groups[MOST_REPORTED:])
        if rest:
            lines += [Line(""), Line(f"… and {rest} more failed tasks", "red")]
        return lines

    def printed(self, tasks: Sequence[Task]) -> list[Line]:
        """Return what ``tasks`` that went well printed, the end of it where that is much."""
        lines: list[Line] = []
        for task in tasks[-MOST_PRINTED:]:
            try:
                log = self._logs.end_of(self._workflow, task, PRINTED_LINES + 1)
            except (OSError, UserError):
                continue
            shown = self._seen(task, log.lines)
            while shown and not shown[-1].strip():
                shown.pop()
            if not shown:
                continue
            lines += [Line(""), Line(f"{task.name}:", "bold")]
            lines += (Line(f"    {line}") for line in shown[-PRINTED_LINES:])
            if len(log.lines) > PRINTED_LINES:
                whole = self._whole_log(task) if self._whole_log else ""
                lines.append(Line(f"    … the end alone; its whole log: {whole}", "dim"))
        return lines

    def _alike(self, failed: Sequence[Task]) -> list[tuple[list[Task], list[Line]]]:
        """Return the tasks that died in the same way together, with what there is to say."""
        found: dict[object, tuple[list[Task], list[Line]]] = {}
        read: Counter[object] = Counter()
        first: dict[object, object] = {}
        for task in failed:
            cause = _cause(task)
            if cause is not None:
                found.setdefault(cause, ([], _advice(task)))[0].append(task)
                continue
            kind = (task.node.get("templateName"), _neutral(task, task.message), task.exit_code)
            read[kind] += 1
            if read[kind] > _COMPARED or len(read) > _COMPARED:
                # To read the logs of a thousand takes minutes, and they tell the same.
                key = first.get(kind, kind)
                found.setdefault(key, ([], []))[0].append(task)
                continue
            body = [*_advice(task), *self._output(task)]
            text = (_neutral(task, line.text) for line in body if line.style != "dim")
            key = (kind, tuple(text))
            first.setdefault(kind, key)
            found.setdefault(key, ([], body))[0].append(task)
        return list(found.values())

    def _output(self, task: Task) -> list[Line]:
        if task.pod is None:
            return []
        try:
            log = self._logs.end_of(self._workflow, task, _FETCHED)
        except (OSError, UserError) as error:
            return [Line(f"    its log cannot be read: {error}", "yellow")]
        shown = last_lines(self._seen(task, log.lines))
        lines = []
        if 0 < len(shown) < len(log.lines):
            lines.append(Line("    the end of its output:", "dim"))
        lines.extend(Line(f"    {line}") for line in shown)
        if not shown and log.origin is not Origin.POD:
            return [Line(f"    {log.origin.value}", "yellow")]
        if not shown:
            lines.append(Line("    it printed nothing", "dim"))
        if log.origin is Origin.ARCHIVE:
            lines.append(Line(f"    {log.origin.value}", "dim"))
        if self._whole_log is not None and shown:
            lines.append(Line(f"    its whole log: {self._whole_log(task)}", "dim"))
        return lines

    def _seen(self, task: Task, log: Sequence[str]) -> list[str]:
        lines = [as_seen(line, colours=False)[:_LONGEST] for line in log]
        if self._paths is None:
            return lines
        return [self._paths.shown(task.pod, line) for line in lines]


def _neutral(task: Task, text: str) -> str:
    """Return ``text`` without what tells one task of a loop from another, and one run of it."""
    for items in _LOOP.findall(task.name):
        for word in re.split(r"[,:]", items):
            if len(word) > 1:
                text = text.replace(word, "•")
    return _NUMBERS.sub("0", text)


def _cause(task: Task) -> str | None:
    """Return what lies behind the failure of ``task`` where it is no fault of its own."""
    found = _RESULTS.search(task.message)
    return found[0] if found else None


def _advice(task: Task) -> list[Line]:
    reason = reason_of(task.message)
    lines = [Line(f"    {reason}", "yellow")] if reason else []
    found = _RESULTS.search(task.message)
    if found:
        from hera_experiment.check.rights import grant
        from hera_experiment.platform.kubernetes_reviews import RESULTS

        space = found["space"]
        subject = f"system:serviceaccount:{space}:{found['name']}"
        yaml = grant("report-results", space, subject, RESULTS)
        lines += [Line(f"    {line}") for line in yaml.splitlines()]
    return lines


def _head(tasks: Sequence[Task], now: datetime) -> Line:
    task = tasks[0]
    message = task.message or "no message"
    code = task.exit_code
    if code not in ("", "0") and f"exit code {code}" not in message:
        message += f" (exit code {code})"
    ran = duration(task.seconds(now))
    after = f" after {ran}" if ran else ""
    tries = f" in the last of {task.attempts} attempts" if task.attempts > 1 else ""
    more = f" and {len(tasks) - 1} more alike" if len(tasks) > 1 else ""
    text = f"{task.name}{more}: {task.phase}{after}{tries}: {message}"
    return Line(text, f"bold {STYLES['Failed']}")
