"""The status of a workflow as a tree, as a person reads it.

Argo's nodes are a graph: a task is the child of the task it waits for. What belongs to what stands
in ``boundaryID`` (the DAG or steps that a node is part of) and in the children of a fan-out
(TaskGroup). Source: ``pkg/apis/workflow/v1alpha1/workflow_types.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hera_experiment.argo.phases import FAILURES, PENDING, RUNNING, SUCCEEDED
from hera_experiment.argo.tasks import (
    Node,
    Task,
    Workflow,
    attempts_of,
    is_task,
    name_of,
    nodes_of,
    order_of,
    task_of,
)

_LOOP = re.compile(r"(.*)\(\d+:.*\)", re.DOTALL)
_STEP = re.compile(r".*\[(\d+)\]", re.DOTALL)


@dataclass(frozen=True)
class Branch:
    """A task, or what holds tasks: a DAG, steps, a fan-out.

    ``label`` is its own name, without what it is part of; ``task`` is set for tasks alone, ``node``
    is None for a fan-out that Argo keeps no node of; ``is_fan_out`` when the branches are the
    members of a loop.
    """

    label: str
    node: Node | None
    task: Task | None = None
    branches: tuple[Branch, ...] = ()
    is_fan_out: bool = False

    def tasks(self) -> Iterator[Task]:
        """Yield the tasks in it, its own first."""
        if self.task is not None:
            yield self.task
        for branch in self.branches:
            yield from branch.tasks()

    @property
    def phase(self) -> str:
        """Argo's phase; of a loop of steps, what its members come to."""
        if self.node is not None:
            return str(self.node.get("phase") or PENDING)
        phases = {branch.phase for branch in self.branches}
        for phase in (RUNNING, PENDING, *FAILURES):
            if phase in phases:
                return phase
        return SUCCEEDED


def tree_of(workflow: Workflow) -> tuple[Branch, ...]:
    """Return the branches right below ``workflow``, in the order in which they began."""
    nodes = nodes_of(workflow)
    name = name_of(workflow)
    attempts = attempts_of(nodes)
    members = _members(nodes, attempts, name)
    order = order_of(nodes)
    prefix = f"{name}."

    def branches(parent: str) -> tuple[Branch, ...]:
        found = []
        for identifier in members.get(parent, ()):
            node = nodes[identifier]
            task = None
            if is_task(identifier, node, nodes, attempts):
                task = task_of(node, nodes, prefix)
            below = () if task is not None else branches(identifier)
            label = str(node.get("displayName") or node.get("name") or identifier)
            label = label.removeprefix(prefix)
            found.append((node, Branch(label, node, task, below, node.get("type") == "TaskGroup")))
        found.sort(key=lambda each: (_step(each[0]), order(each[0])))
        return _looped(found)

    root = nodes.get(name)
    if root is not None and is_task(name, root, nodes, attempts):
        task = task_of(root, nodes, prefix)
        return (Branch(task.name, root, task), *branches(name))
    return branches(name)


def _members(nodes: Mapping[str, Node], attempts: set[str], root: str) -> dict[str, list[str]]:
    """Return which nodes stand below which: not all that Argo keeps is worth a line."""
    holder = {
        child: identifier
        for identifier, node in nodes.items()
        if node.get("type") == "TaskGroup"
        for child in node.get("children") or ()
        # What waits for a fan-out of nothing is the child of the TaskGroup itself.
        if child in nodes and str(nodes[child].get("name")).startswith(f"{node.get('name')}(")
    }
    retry_of = {
        child: identifier
        for identifier, node in nodes.items()
        if node.get("type") == "Retry"
        for child in node.get("children") or ()
    }
    last_attempts = {retry: attempt for attempt, retry in retry_of.items()}
    members: dict[str, list[str]] = {}
    for identifier, node in nodes.items():
        if identifier == root or identifier in attempts or node.get("type") == "StepGroup":
            continue
        parent = holder.get(identifier) or str(node.get("boundaryID") or root)
        if parent not in nodes:
            parent = root
        if parent in retry_of:
            if last_attempts[retry_of[parent]] != parent:
                continue
            parent = retry_of[parent]
        members.setdefault(parent, []).append(identifier)
    return members


def _looped(found: Sequence[tuple[Node, Branch]]) -> tuple[Branch, ...]:
    """Put the members of a loop of steps, which Argo keeps side by side, into one branch."""
    loops: dict[tuple[int, str], list[Branch]] = {}
    for node, branch in found:
        loop = _LOOP.fullmatch(branch.label)
        # The members of a TaskGroup come alone: all of them are one loop already.
        if loop and node.get("type") != "TaskGroup" and _step(node) >= 0:
            loops.setdefault((_step(node), loop[1]), []).append(branch)
    branches: list[Branch] = []
    for node, branch in found:
        loop = _LOOP.fullmatch(branch.label)
        together = loops.get((_step(node), loop[1])) if loop else None
        if loop is None or together is None or len(together) < 2:
            branches.append(branch)
        elif together[0] is branch:
            branches.append(Branch(loop[1], None, None, tuple(together), True))
    return tuple(branches)


def _step(node: Node) -> int:
    """Return which group of steps a node is in, -1 for a task of a DAG."""
    name, label = str(node.get("name", "")), str(node.get("displayName", ""))
    step = _STEP.fullmatch(name.removesuffix(f".{label}")) if name.endswith(f".{label}") else None
    return int(step[1]) if step else -1
