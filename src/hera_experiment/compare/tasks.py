"""The tasks whose outputs differ between two runs, in the order of the graph."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hera_experiment.argo.phases import FULFILLED
from hera_experiment.argo.tasks import Task, nodes_of, ranks_of
from hera_experiment.compare.changes import ADDED, REMOVED, ValueChange, changes_of
from hera_experiment.compare.files import FileDifference
from hera_experiment.compare.writers import writers_of

if TYPE_CHECKING:
    from hera_experiment.account.account import Account

_INDEX = re.compile(r"\(\d+:")
_RUN = "<run>"


@dataclass(frozen=True)
class TaskDifference:
    """A task whose outputs differ; ``name`` is without a loop's index, which may differ too.

    ``kind`` is ``changed``, ``removed`` or ``added`` (only the other run has the task). ``files``
    are those that it wrote, ``values`` its output parameters, result, phase and exit code, those
    that differ. ``arguments`` are the input parameters that differ.
    """

    name: str
    kind: str
    files: tuple[FileDifference, ...] = ()
    values: tuple[ValueChange, ...] = ()
    arguments: tuple[ValueChange, ...] = ()

    @property
    def group(self) -> str:
        """The name without the loop's item: what the tasks of one fan-out share."""
        return self.name.partition("(")[0]


def differing_tasks(
    one: Account,
    other: Account,
    files: tuple[FileDifference, ...],
    known: Mapping[str, Sequence[str]],
) -> tuple[tuple[TaskDifference, ...], tuple[FileDifference, ...]]:
    """Return the tasks whose outputs differ, and ``files`` with the tasks that wrote them.

    A file counts for a task only if no other task can have written it; of those ``known`` it is
    known already.
    """
    before, after = tasks_by_name(one), tasks_by_name(other)
    files = _with_writers(one, other, files, known)
    of_task: dict[str, list[FileDifference]] = {}
    for file in files:
        if file.differs and len(file.tasks) == 1:
            of_task.setdefault(file.tasks[0], []).append(file)
    found: list[TaskDifference] = []
    for name in dict.fromkeys((*before, *after)):
        mine = tuple(of_task.get(name, ()))
        if name not in after or name not in before:
            kind = REMOVED if name in before else ADDED
            found.append(TaskDifference(name, kind, mine))
            continue
        values = changes_of(outputs_of(before[name], one), outputs_of(after[name], other))
        if mine or values:
            arguments = changes_of(
                arguments_of(before[name], one.name), arguments_of(after[name], other.name)
            )
            found.append(TaskDifference(name, "changed", mine, values, arguments))
    order = {name: (rank, at) for at, (name, rank) in enumerate(_ranks(one, other).items())}
    found.sort(key=lambda task: order[task.name])
    return tuple(found), files


def tasks_by_name(account: Account) -> dict[str, Task]:
    """Return the tasks of a run by name, without the loop's index where that leaves them apart."""
    short = [_INDEX.sub("(", task.name) for task in account.tasks]
    twice = (
        {name for name in short if short.count(name) > 1} if len(set(short)) < len(short) else ()
    )
    return {
        task.name if name in twice else name: task
        for task, name in zip(account.tasks, short, strict=True)
    }


def arguments_of(task: Task, run: str) -> dict[str, str]:
    """Return the input parameters of a task, the name of its ``run`` hidden."""
    return _parameters(task.node, "inputs", run) or _parameters(task.pod or {}, "inputs", run)


def outputs_of(task: Task, account: Account) -> dict[str, Any]:
    """Return what a task left beside files: output parameters, result, phase and exit code."""
    run = account.name
    found: dict[str, Any] = _parameters(task.node, "outputs", run)
    outputs = task.node.get("outputs") or {}
    if "result" in outputs:
        found["result"] = str(outputs["result"]).replace(run, _RUN)
    # What runs still, or waits, has none of its own yet.
    if task.phase in FULFILLED:
        found["phase"] = task.phase
        if task.exit_code:
            found["exit code"] = task.exit_code
    return found


def _parameters(node: Mapping[str, Any], kind: str, run: str) -> dict[str, str]:
    given = (node.get(kind) or {}).get("parameters") or ()
    return {str(each["name"]): str(each.get("value", "")).replace(run, _RUN) for each in given}


def _with_writers(
    one: Account,
    other: Account,
    files: tuple[FileDifference, ...],
    known: Mapping[str, Sequence[str]],
) -> tuple[FileDifference, ...]:
    first, second = writers_of(one, tasks_by_name(one)), writers_of(other, tasks_by_name(other))
    found: list[FileDifference] = []
    for file in files:
        if file.path in known:
            found.append(file.of_tasks(tuple(known[file.path])))
            continue
        said = [each[file.path] for each in (first, second) if each.get(file.path)]
        both = [name for name in said[0] if all(name in each for each in said)] if said else []
        found.append(file.of_tasks(tuple(both or (said[0] if said else ()))))
    return tuple(found)


def leading_to(one: Account, other: Account) -> dict[str, tuple[str, ...]]:
    """Return by task the tasks that lead to it in either run, in no order."""
    found: dict[str, set[str]] = {}
    for account in (one, other):
        nodes = nodes_of(account.workflow)
        by_id = {str(t.node.get("id")): name for name, t in tasks_by_name(account).items()}
        parents: dict[str, list[str]] = {}
        for key, node in nodes.items():
            for child in node.get("children") or ():
                parents.setdefault(child, []).append(key)
        for key, name in by_id.items():
            above = found.setdefault(name, set())
            seen, waiting = {key}, [key]
            while waiting:
                for parent in parents.get(waiting.pop(), ()):
                    if parent not in seen:
                        seen.add(parent)
                        waiting.append(parent)
            above |= {by_id[each] for each in seen - {key} if each in by_id}
    return {name: tuple(sorted(names)) for name, names in found.items()}


def _ranks(one: Account, other: Account) -> dict[str, int]:
    """Return by task how many nodes lead to it, those of ``one`` first."""
    found: dict[str, int] = {}
    for account in (one, other):
        ranks = ranks_of(nodes_of(account.workflow))
        for name, task in tasks_by_name(account).items():
            found.setdefault(name, ranks.get(str(task.node.get("id")), 0))
    return found
