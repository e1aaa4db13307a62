"""All runs in a table, one run as a tree, and both as documents for machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hera_experiment.argo.phases import FAILURES
from hera_experiment.argo.tasks import (
    Task,
    Workflow,
    duration,
    elapsed,
    is_finished,
    parsed,
    phase_of,
    tasks_of,
)
from hera_experiment.follow.failure import Reporter
from hera_experiment.follow.lines import STYLES, Line
from hera_experiment.follow.pending import Explainer, Reasons, facts_of
from hera_experiment.follow.rows import head, tree_lines
from hera_experiment.follow.summary import verdict
from hera_experiment.follow.tree import tree_of
from hera_experiment.runs.find import Run
from hera_experiment.runs.listing import GONE, REFUSED, UNKNOWN, UNSURE, Listed

_WIDE = 10_000
_STYLES = {**STYLES, UNSURE: "yellow", REFUSED: "red", GONE: "dim", UNKNOWN: "yellow"}
_COLUMNS = ("RUN", "WHERE", "STATUS", "DONE", "BEGUN", "DURATION", "")


def table_of_runs(runs: Sequence[Listed], now: datetime) -> list[Line]:
    """Return one line a run, in the order given; the moment of its beginning is local time.

    A line of its own stands before those that were not submitted from this folder.
    """
    if not runs:
        return []
    rows = [_row(run, now) for run in runs]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join(padded).rstrip()

    styled = [
        Line(line(row), _STYLES.get(run.phase, "")) for row, run in zip(rows, runs, strict=True)
    ]
    mine = sum(run.is_mine for run in runs)
    if mine < len(runs):
        styled.insert(mine, Line("not submitted from this folder:", "bold"))
    return [Line(line(_COLUMNS), "bold"), *styled]


def _row(run: Listed, now: datetime) -> tuple[str, ...]:
    status = (run.workflow or {}).get("status") or {}
    begun = parsed(run.created or None)
    message = run.remark
    if not message and run.phase in FAILURES:
        message = str(status.get("message") or "")
    return (
        run.name,
        run.label or "(settings)",
        run.phase,
        # Argo's total counts the pods that there are so far: tasks that are done alone stay true.
        str(status.get("progress") or "").partition("/")[0],
        f"{begun.astimezone():%Y-%m-%d %H:%M}" if begun else "",
        duration(elapsed(status.get("startedAt"), status.get("finishedAt"), now)),
        " ".join(message.split()),
    )


def document_of_runs(runs: Sequence[Listed]) -> list[dict[str, Any]]:
    """Return the same for machines: dates in UTC, empty strings for what there is not."""
    found = []
    for run in runs:
        status = (run.workflow or {}).get("status") or {}
        found.append(
            {
                "name": run.name,
                "cluster": run.label,
                "mine": run.is_mine,
                "phase": run.phase,
                "created": run.created,
                "startedAt": status.get("startedAt") or "",
                "finishedAt": status.get("finishedAt") or "",
                "progress": str(status.get("progress") or ""),
                "message": run.remark or str(status.get("message") or ""),
                "library": run.record.library if run.record else "",
                "note": run.record.note if run.record else "",
            }
        )
    return found


def reasons_of(run: Run) -> Reasons:
    """Return why pods of ``run`` do not start; makes requests where one is pending."""
    if is_finished(run.workflow):
        return {}
    return Explainer(facts_of(run.server)).reasons(run.workflow)


def lines_of(run: Run, now: datetime, width: int) -> list[Line]:
    """Return the tree of ``run``, and why it failed where it did."""
    workflow: Workflow = run.workflow
    branches = tree_of(workflow)
    lines = [head(workflow, branches, now, max(width, 40))]
    lines += tree_lines(workflow, now, _WIDE, reasons=reasons_of(run), branches=branches)
    lines += Reporter.of(run, workflow).failures(now)
    if is_finished(workflow):
        lines += [Line(""), verdict(workflow, now)]
    return lines


def document_of(run: Run) -> dict[str, Any]:
    """Return one run for machines, with its tasks in the order in which they began."""
    workflow = run.workflow
    status = workflow.get("status") or {}
    reasons = reasons_of(run)
    return {
        "name": run.name,
        "cluster": run.server.label,
        "namespace": run.namespace,
        "phase": phase_of(workflow),
        "created": workflow["metadata"].get("creationTimestamp") or "",
        "startedAt": status.get("startedAt") or "",
        "finishedAt": status.get("finishedAt") or "",
        "progress": str(status.get("progress") or ""),
        "message": str(status.get("message") or ""),
        "library": run.record.library if run.record else "",
        "runtime": run.record.runtime if run.record else "",
        "note": run.record.note if run.record else "",
        "tasks": [_task(workflow, task, reasons) for task in tasks_of(workflow)],
    }


def _task(workflow: Workflow, task: Task, reasons: Reasons) -> dict[str, Any]:
    reason = reasons.get(str((task.pod or task.node).get("id")))
    return {
        "name": task.name,
        "phase": task.phase,
        "startedAt": task.node.get("startedAt") or "",
        "finishedAt": task.node.get("finishedAt") or "",
        "message": task.message,
        "exitCode": task.exit_code,
        "attempts": task.attempts,
        "pod": task.pod_name(workflow),
        "waitsFor": reason.what if reason else "",
        "advice": reason.next_step if reason else "",
    }
