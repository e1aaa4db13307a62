"""The tasks of a workflow, read out of Argo's status tree.

A task is what a person wrote and waits for: a pod, or the Retry node that stands for all its
attempts. The nodes between them (DAG, Steps, StepGroup, TaskGroup, attempts) only lead there.
Source: ``pkg/apis/workflow/v1alpha1/workflow_types.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from hera_experiment.argo.names import pod_name
from hera_experiment.argo.phases import PENDING

Workflow = Mapping[str, Any]
Node = Mapping[str, Any]

_LEAVES = frozenset({"Pod", "Skipped", "Suspend", "HTTP", "Plugin"})
_STEP_GROUP = re.compile(r"\[\d+\]\.")
_INDEX = re.compile(r"\((\d+)[:)]")
_LOOP = re.compile(r"(.*)\(\d+:.*\)", re.DOTALL)


@dataclass(frozen=True)
class Task:
    """One task: ``name`` is unique in its workflow, the path of names that leads to it.

    ``node`` is the task's own node, ``pod`` the one that has its log: the last attempt of a task
    that is retried, the same node otherwise, None when no pod was ever made. ``attempts`` counts
    the pods made so far.
    """

    name: str
    node: Node
    pod: Node | None
    attempts: int

    @property
    def phase(self) -> str:
        """Argo's phase, ``Pending`` before there is one."""
        return self.node.get("phase") or PENDING

    @property
    def message(self) -> str:
        """Why the task is in that phase, in Argo's words; often empty."""
        own = self.node.get("message") or ""
        return own if own or self.pod is None else self.pod.get("message") or ""

    @property
    def exit_code(self) -> str:
        """Exit status of the main container, as Argo's string; empty when there is none."""
        pod = self.pod or self.node
        return str((pod.get("outputs") or {}).get("exitCode", ""))

    @property
    def group(self) -> str:
        """The name without the loop's index and item: what the tasks of one fan-out share."""
        loop = _LOOP.fullmatch(self.name)
        return loop[1] if loop else self.name

    def pod_name(self, workflow: Workflow) -> str:
        """Return the name of the pod that has the log; empty when no pod was ever made."""
        return "" if self.pod is None else pod_name_of(workflow, self.pod)

    def seconds(self, now: datetime) -> float | None:
        """How long it has run at ``now``, or ran in all; None before its start."""
        return elapsed(self.node.get("startedAt"), self.node.get("finishedAt"), now)


def name_of(workflow: Workflow) -> str:
    """Return the workflow's name."""
    return str(workflow["metadata"]["name"])


def pod_name_of(workflow: Workflow, node: Node) -> str:
    """Return the name of the pod of a node of type Pod."""
    reference = node.get("templateRef") or {}
    template = node.get("templateName") or reference.get("template") or ""
    return pod_name(name_of(workflow), str(node["name"]), str(template))


def nodes_of(workflow: Workflow) -> Mapping[str, Node]:
    """Return the nodes by identifier; empty while there are none."""
    return (workflow.get("status") or {}).get("nodes") or {}


def phase_of(workflow: Workflow) -> str:
    """Return the workflow's phase, ``Pending`` before the first."""
    return (workflow.get("status") or {}).get("phase") or PENDING


def is_finished(workflow: Workflow) -> bool:
    """Tell whether the workflow has ended: ``finishedAt`` is set last of all."""
    return bool((workflow.get("status") or {}).get("finishedAt"))


def tasks_of(workflow: Workflow) -> list[Task]:
    """Return the tasks of ``workflow``, earliest first."""
    nodes = nodes_of(workflow)
    attempts = attempts_of(nodes)
    prefix = name_of(workflow) + "."
    tasks = []
    for identifier, node in nodes.items():
        if is_task(identifier, node, nodes, attempts):
            tasks.append(task_of(node, nodes, prefix))
    order = order_of(nodes)
    tasks.sort(key=lambda task: order(task.node))
    return tasks


def order_of(nodes: Mapping[str, Node]) -> Callable[[Node], tuple[Any, ...]]:
    """Return what puts nodes in order: the earliest first, what waits behind what it waits for.

    Argo's dates are whole seconds, and its nodes have no order of their own. In a run that goes on
    a fan-out begins anew, though its tasks may have ended before: it counts as begun with them.
    """
    ranks = ranks_of(nodes)

    def order(node: Node) -> tuple[Any, ...]:
        name = str(node.get("name", ""))
        index = _INDEX.search(str(node.get("displayName", "")))
        begun = [node]
        if node.get("type") == "TaskGroup":
            begun += [nodes[key] for key in node.get("children") or () if key in nodes]
        start = min(str(each.get("startedAt") or "~") for each in begun)
        return start, ranks.get(str(node.get("id")), 0), int(index[1]) if index else 0, name

    return order


def attempts_of(nodes: Mapping[str, Node]) -> set[str]:
    """Return the identifiers of the nodes that are one attempt of a task."""
    found: set[str] = set()
    for node in nodes.values():
        if node.get("type") == "Retry":
            found.update(node.get("children") or ())
    return found


def is_task(identifier: str, node: Node, nodes: Mapping[str, Node], attempts: set[str]) -> bool:
    """Tell whether ``node`` is a task, given the attempts among ``nodes``."""
    kind = node.get("type")
    if kind == "Retry":
        children = [nodes[child] for child in node.get("children") or () if child in nodes]
        return all(child.get("type") in _LEAVES for child in children)
    return kind in _LEAVES and identifier not in attempts


def task_of(node: Node, nodes: Mapping[str, Node], prefix: str) -> Task:
    """Return the task that ``node`` is; ``prefix`` is the workflow's name and a full stop."""
    full = str(node.get("name") or node["id"])
    if full == prefix[:-1]:
        # A workflow without DAG or steps is a single pod with the workflow's name.
        name = str(node.get("templateName") or full)
    else:
        name = _without_steps(full.removeprefix(prefix[:-1]))
    if node.get("type") == "Retry":
        pods = [nodes[child] for child in node.get("children") or () if child in nodes]
        pods = [pod for pod in pods if pod.get("type") == "Pod"]
        return Task(name, node, pods[-1] if pods else None, len(pods))
    return Task(name, node, node if node.get("type") == "Pod" else None, 1)


def _without_steps(path: str) -> str:
    # "[0].a(1:x)[1].b" reads as "a(1:x).b": names of steps are unique in their template.
    return _STEP_GROUP.sub(".", path).lstrip(".")


def parsed(stamp: str | None) -> datetime | None:
    """Return the instant of one of Argo's dates (RFC 3339, UTC), None for none."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")) if stamp else None


def elapsed(start: str | None, end: str | None, now: datetime) -> float | None:
    """Return the seconds from ``start`` to ``end``, or to ``now`` while there is no end."""
    started = parsed(start)
    if started is None:
        return None
    return max(0.0, ((parsed(end) or now) - started).total_seconds())


def duration(seconds: float | None) -> str:
    """Return a duration as people read it: ``<1s``, ``42s``, ``3m05s``, ``2h07m``.

    Argo's dates are whole seconds, hence no decimals.
    """
    if seconds is None:
        return ""
    whole = int(seconds)
    if whole < 1:
        return "<1s"
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes_left:02d}m"
    return f"{minutes}m{seconds_left:02d}s" if minutes else f"{whole}s"


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(timezone.utc)


def ranks_of(nodes: Mapping[str, Node]) -> dict[str, int]:
    """Return how many nodes lead to each: what waits comes after what it waits for."""
    ranks = dict.fromkeys(nodes, 0)
    waiting = dict.fromkeys(nodes, 0)
    for node in nodes.values():
        for child in node.get("children") or ():
            if child in waiting:
                waiting[child] += 1
    ready = [identifier for identifier, count in waiting.items() if not count]
    while ready:
        identifier = ready.pop()
        for child in nodes[identifier].get("children") or ():
            if child not in waiting:
                continue
            ranks[child] = max(ranks[child], ranks[identifier] + 1)
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return ranks
