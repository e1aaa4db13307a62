"""A workflow as lines: its head with the progress, and the tree of its tasks, folded to fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from hera_experiment.argo.phases import FAILURES, FULFILLED, PENDING, RUNNING, SUCCEEDED, SYMBOLS
from hera_experiment.argo.tasks import (
    Task,
    Workflow,
    duration,
    elapsed,
    name_of,
    phase_of,
)
from hera_experiment.follow.count import Plan
from hera_experiment.follow.lines import STYLES, Line
from hera_experiment.follow.pending import NO_REASONS, Reasons, reason_of_node
from hera_experiment.follow.reasons import Reason, in_short
from hera_experiment.follow.tree import Branch, tree_of
from hera_experiment.printing import cut, shortened

_BAR = 24
_LEAST_MESSAGE = 12
_BESIDE_THE_BAR = 40

UNLIMITED = 1_000_000
"""Rows enough for any tree: only large fan-outs are folded."""


@dataclass(frozen=True)
class Detail:
    """How much is shown: of a fan-out all ``members`` or those of note, at most ``shown`` of them.

    ``ended`` tells whether what has succeeded is opened, ``each`` whether it has a line at all.
    """

    members: int
    shown: int
    ended: bool = True
    each: bool = True


_DETAILS = (
    Detail(members=8, shown=8),
    Detail(members=3, shown=5),
    Detail(members=3, shown=5, ended=False),
    Detail(members=1, shown=3, ended=False, each=False),
    Detail(members=0, shown=1, ended=False, each=False),
    Detail(members=0, shown=0, ended=False, each=False),
)


def tree_lines(
    workflow: Workflow,
    now: datetime,
    width: int,
    rows: int = UNLIMITED,
    reasons: Reasons = NO_REASONS,
    branches: Sequence[Branch] | None = None,
) -> list[Line]:
    """Return the tree of ``workflow`` in at most ``rows`` lines of ``width`` columns.

    The less room, the more is folded: first fan-outs into a line with their failed, running and
    waiting members, then what has succeeded; what is amiss is cut last. ``branches`` is the tree
    where it is known already.
    """
    found = tree_of(workflow) if branches is None else branches
    drawn: list[Line] = []
    for detail in _DETAILS:
        drawn = _Drawing(workflow, now, width, reasons, detail).lines(found)
        if len(drawn) <= rows:
            return drawn
    hidden = len(drawn) - rows + 1
    # What has come to nothing, or has not begun, tells more than what went well.
    by_weight = sorted(range(len(drawn)), key=lambda index: (_WEIGHT[drawn[index].style], index))
    kept = sorted(by_weight[: max(0, rows - 1)])
    return [*(drawn[index] for index in kept), Line(f"  … {hidden} more lines", "dim")][:rows]


def region(
    workflow: Workflow,
    now: datetime,
    width: int,
    rows: int,
    reasons: Reasons = NO_REASONS,
    branches: Sequence[Branch] | None = None,
) -> list[Line]:
    """Return at most ``rows`` lines (at least 3) of ``width`` columns about ``workflow``.

    The head with the progress comes first, then the tree of its tasks, folded as far as it must
    be; ``branches`` is that tree where it is known already.
    """
    found = tree_of(workflow) if branches is None else branches
    tree = tree_lines(workflow, now, width, max(2, rows - 1), reasons, found)
    return [head(workflow, found, now, width), *tree]


def head(workflow: Workflow, branches: Sequence[Branch], now: datetime, width: int) -> Line:
    """Return the line about ``workflow`` as a whole: its phase, a bar, tasks done, how long."""
    tasks = [task for branch in branches for task in branch.tasks()]
    count = Plan(workflow).count(tasks)
    status = workflow.get("status") or {}
    ran = duration(elapsed(status.get("startedAt"), status.get("finishedAt"), now))
    phase = phase_of(workflow)
    parts = ["", phase, str(count), *([f"{count.failed} failed"] if count.failed else []), ran]
    if count.total and phase not in FAILURES:
        bar = min(_BAR, max(0, width - _BESIDE_THE_BAR))
        filled = bar * count.done // count.total
        parts.insert(2, "━" * filled + "╌" * (bar - filled))
    tail = "  ".join(parts)
    message = str(status.get("message") or "")
    room = width - len(tail) - len(name_of(workflow))
    if message and phase not in FAILURES and room > _LEAST_MESSAGE:
        tail += f"  {cut(message, room - 2)}"
    name = shortened(name_of(workflow), max(8, width - len(tail)))
    return Line(cut(name + tail, width), "bold")


_WEIGHT = Counter({STYLES["Failed"]: -3, STYLES["Pending"]: -2, STYLES["Running"]: -1})


class _Drawing:
    def __init__(
        self, workflow: Workflow, now: datetime, width: int, reasons: Reasons, detail: Detail
    ) -> None:
        self._workflow = workflow
        self._now = now
        self._width = width
        self._reasons = reasons
        self._detail = detail
        self._plan = Plan(workflow)
        self._advised: set[Reason] = set()

    def lines(self, branches: Sequence[Branch]) -> list[Line]:
        return list(self._below(branches, ""))

    def _below(self, branches: Sequence[Branch], guide: str) -> Iterator[Line]:
        shown = list(branches)
        ended = 0
        if not self._detail.each:
            shown = [branch for branch in branches if branch.phase not in _WELL]
            ended = len(branches) - len(shown)
        if ended:
            yield self._row(guide + ("├─ " if shown else "└─ "), SUCCEEDED, f"{ended} done", "")
        for index, branch in enumerate(shown):
            last = index == len(shown) - 1
            own, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
            yield from self._branch(branch, guide + own, guide + below)

    def _branch(self, branch: Branch, guide: str, below: str) -> Iterator[Line]:
        if branch.task is not None:
            yield from self._task(branch, branch.task, guide, below)
            return
        yield self._head(branch, guide)
        if branch.phase in _WELL and not self._detail.ended:
            return
        members = branch.branches
        folded = branch.is_fan_out and len(members) > self._detail.members
        if not folded:
            yield from self._below(members, below)
            return
        noted = [member for phase in _NOTED for member in members if member.phase in phase]
        shown = noted[: self._detail.shown]
        rows = [(member, None) for member in shown] + [
            (None, each) for each in self._waits(members)
        ]
        hidden = len(noted) - len(shown)
        for index, (member, waits) in enumerate(rows):
            last = index == len(rows) - 1 and not hidden
            own, deeper = ("└─ ", "   ") if last else ("├─ ", "│  ")
            if member is not None:
                yield from self._branch(member, below + own, below + deeper)
            elif waits is not None:
                reason, count = waits
                yield self._row(below + own, PENDING, f"{count} wait", reason.what)
                yield from self._advice(reason, below + deeper)
        if hidden and rows:
            yield Line(shortened(f"{below}└─ … and {hidden} more", self._width), "dim")

    def _waits(self, members: Sequence[Branch]) -> list[tuple[Reason, int]]:
        """Return each reason for which members do not start, with their number."""
        if not self._detail.shown:
            return []
        waiting = (task for member in members for task in member.tasks())
        reasons = (self._reason(task) for task in waiting if task.phase == PENDING)
        return Counter(reason for reason in reasons if reason).most_common(self._detail.shown)

    def _head(self, branch: Branch, guide: str) -> Line:
        tasks = list(branch.tasks())
        phases = Counter(task.phase for task in tasks)
        parts = [str(self._plan.count_below(branch, tasks))] if tasks else []
        for phase, word in _COUNTED:
            if phases[phase] and (branch.is_fan_out or phase in FAILURES):
                parts.append(f"{phases[phase]} {word}")
        starts = [start for task in tasks if (start := task.node.get("startedAt"))]
        ends = [end for task in tasks if (end := task.node.get("finishedAt"))]
        if starts:
            end = max(ends) if ends and branch.phase in FULFILLED else None
            parts.append(duration(elapsed(min(starts), end, self._now)))
        label = f"{branch.label} ×{len(branch.branches)}" if branch.is_fan_out else branch.label
        message = "" if branch.node is None else str(branch.node.get("message") or "")
        if message and branch.phase in FAILURES and not any(phases[p] for p in FAILURES):
            parts.append(message)
        return self._row(guide, branch.phase, label, "  ".join(parts))

    def _task(self, branch: Branch, task: Task, guide: str, below: str) -> Iterator[Line]:
        parts = [duration(task.seconds(self._now))]
        progress = str((task.pod or task.node).get("progress") or "")
        if task.phase == RUNNING and progress not in ("", "0/1", "1/1"):
            parts.append(progress)
        if task.attempts > 1:
            parts.append(f"attempt {task.attempts}" if task.phase == RUNNING else "")
            if task.phase in FULFILLED:
                parts.append(f"{task.attempts} attempts")
        reason = self._reason(task)
        if reason is not None:
            parts.append(reason.what)
        elif task.phase in FAILURES or task.node.get("type") == "Skipped":
            parts.append(in_short(task.message))
        text = "  ".join(part for part in parts if part)
        label = branch.label
        yield self._row(guide, task.phase, label, text)
        if reason is not None:
            yield from self._advice(reason, below)

    def _advice(self, reason: Reason, below: str) -> Iterator[Line]:
        # Once is enough, however many tasks wait for the same thing.
        if reason.next_step and reason not in self._advised:
            self._advised.add(reason)
            yield Line(cut(f"{below}→ {reason.next_step}", self._width), STYLES[PENDING])

    def _reason(self, task: Task) -> Reason | None:
        if task.phase in FULFILLED:
            return None
        node = task.pod or task.node
        found = self._reasons.get(str(node.get("id")))
        if (node.get("phase") or PENDING) != PENDING:
            return None
        return found or reason_of_node(self._workflow, node)

    def _row(self, guide: str, phase: str, label: str, rest: str) -> Line:
        head = f"{guide}{SYMBOLS.get(phase, '?')} "
        rest = f"  {rest}" if rest else ""
        room = self._width - len(head)
        label = shortened(label, max(8, room // 2, room - len(rest)))
        rest = cut(rest, max(0, room - len(label)))
        return Line(f"{head}{label}{rest}", STYLES.get(phase, ""))


_WELL = FULFILLED - FAILURES
_NOTED = (FAILURES, {RUNNING})
_COUNTED = (("Failed", "failed"), ("Error", "failed"), (RUNNING, "running"), (PENDING, "waiting"))
