"""The tasks of a run as rows: when each waited and ran, what it used, what it asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hera_experiment.argo.phases import FAILURES, FULFILLED, PENDING
from hera_experiment.argo.quantities import number_of
from hera_experiment.argo.tasks import Node, Task, Workflow, nodes_of, parsed
from hera_experiment.argo.usage import PodUsage, usage_of
from hera_experiment.argo.workflows import specification
from hera_experiment.graph.model import levels

Json = dict[str, Any]

_NOT_RUN = ("Skipped", "Omitted")
_LONGEST = 300
"""Characters of the longest value that is shown; of runs of many tasks less."""
_MANY, _LONGEST_OF_MANY = 500, 80


@dataclass(frozen=True)
class PodTimes:
    """What a cluster says of a pod that is still there: when it was made, began and ended."""

    queued: str = ""
    began: str = ""
    ended: str = ""


def rows_of(
    workflow: Workflow,
    tasks: list[Task],
    places: Mapping[str, str],
    pods: Mapping[str, PodTimes],
    now: datetime,
) -> list[Json]:
    """Return a row for each of ``tasks``; what is not known is not in it.

    Times are seconds since the workflow began, ``places`` the identifiers of the graph by that of
    Argo's node, ``pods`` what a cluster said of pods, by the name of the pod.
    """
    rows = _Rows(workflow, pods, now, _LONGEST_OF_MANY if len(tasks) > _MANY else _LONGEST)
    found = [rows.row(task, places) for task in tasks]
    for index in critical_path(workflow, tasks):
        found[index]["critical"] = True
    return found


class _Rows:
    def __init__(
        self, workflow: Workflow, pods: Mapping[str, PodTimes], now: datetime, longest: int
    ) -> None:
        self._workflow = workflow
        self._pods = pods
        self._now = now
        self._longest = longest
        self._nodes = nodes_of(workflow)
        self._start = began_of(workflow)

    def row(self, task: Task, places: Mapping[str, str]) -> Json:
        node, pod = task.node, task.pod or task.node
        row: Json = {
            "name": task.name,
            "place": places.get(str(node.get("id")), ""),
            "phase": task.phase,
            "template": _template_name(pod),
            **self._ran(task, pod),
            "message": task.message,
            "exit": task.exit_code if task.exit_code != "0" else "",
            "inputs": self._values(node.get("inputs") or pod.get("inputs")),
            "outputs": self._values(node.get("outputs") or pod.get("outputs")),
        }
        if task.attempts > 1:
            row["attempts"] = [
                {"phase": str(each.get("phase") or PENDING), "message": each.get("message") or ""}
                | self._times(each, self._usage(each))
                for each in self._attempts(node)
            ]
        return {key: value for key, value in row.items() if value not in ("", None, {}, [])}

    def _ran(self, task: Task, pod: Node) -> Json:
        if task.phase in _NOT_RUN:
            return {}
        usage = self._usage(pod)
        return {
            "worker": str(pod.get("hostNodeName") or ""),
            **self._times(pod, usage),
            "cpu": usage.cpu,
            "memory": usage.memory,
            "atMost": usage.memory_at_most or None,
            "sampled": usage.sampled,
        }

    def _usage(self, pod: Node) -> PodUsage:
        usage = usage_of(pod)
        said = self._pods.get(str(pod.get("id")))
        if said is None or usage.queued is not None:
            return usage
        return replace(
            usage,
            queued=parsed(said.queued),
            began=parsed(said.began) or usage.began,
            ended=parsed(said.ended) or usage.ended,
        )

    def _times(self, pod: Node, usage: PodUsage) -> Json:
        phase = str(pod.get("phase") or PENDING)
        if phase == PENDING:
            queued, began = usage.queued or usage.began, None
        else:
            queued, began = usage.queued, usage.began
        ended = usage.ended
        if ended is None and phase not in FULFILLED:
            ended = self._now
        return {
            "queued": self._since(queued),
            "began": self._since(began),
            "ended": self._since(ended),
        }

    def _since(self, moment: datetime | None) -> float | None:
        if moment is None or self._start is None:
            return None
        return round(max(0.0, (moment - self._start).total_seconds()), 3)

    def _attempts(self, node: Node) -> Iterator[Node]:
        for key in node.get("children") or ():
            if key in self._nodes and self._nodes[key].get("type") == "Pod":
                yield self._nodes[key]

    def _values(self, holder: Mapping[str, Any] | None) -> Json:
        found: Json = {}
        for each in (holder or {}).get("parameters") or ():
            value = each.get("value")
            found[str(each.get("name"))] = self._cut("" if value is None else str(value))
        for each in (holder or {}).get("artifacts") or ():
            if each.get("name") != "main-logs":
                found[f"artifact {each.get('name')}"] = self._cut(str(each.get("path") or ""))
        if (holder or {}).get("result"):
            found["result"] = self._cut(str((holder or {})["result"]))
        return found

    def _cut(self, text: str) -> str:
        return text if len(text) <= self._longest else f"{text[: self._longest]}…"


def began_of(workflow: Workflow) -> datetime | None:
    """Return when ``workflow`` began; the laptop knows it better than to the second."""
    status = workflow.get("status") or {}
    nodes = nodes_of(workflow).values()
    queued = [usage.queued for usage in map(usage_of, nodes) if usage.queued is not None]
    return min(queued, default=parsed(status.get("startedAt")))


def asked_of(workflow: Workflow) -> dict[str, Json]:
    """Return by the name of each template that runs a container: its image, and what it asks for.

    ``cpu`` is in processors, ``memory`` in bytes; what is not said is not there.
    """
    stored = (workflow.get("status") or {}).get("storedTemplates") or {}
    templates = [*stored.values(), *(specification(workflow).get("templates") or ())]
    found = {}
    for template in templates:
        containers = [
            *filter(None, (template.get("container"), template.get("script"))),
            *((template.get("containerSet") or {}).get("containers") or ()),
        ]
        if containers:
            beside = template.get("sidecars") or ()
            found[str(template.get("name"))] = {
                "image": str(containers[0].get("image") or ""),
                **_resources([*containers, *beside]),
            }
    return found


def _resources(containers: list[Mapping[str, Any]]) -> Json:
    found: Json = {}
    for kind, suffix in (("requests", ""), ("limits", "Limit")):
        for name in ("cpu", "memory"):
            numbers = []
            for each in containers:
                text = ((each.get("resources") or {}).get(kind) or {}).get(name)
                try:
                    numbers += [] if text is None else [number_of(text)]
                except ValueError:  # a variable of Argo's
                    continue
            if numbers:
                found[f"{name}{suffix}"] = sum(numbers)
    return found


def critical_path(workflow: Workflow, tasks: list[Task]) -> list[int]:
    """Return the indices of the tasks that set when the workflow ended, the last one first.

    From the task that ended last it goes back, each time to the one that ended last of those that
    it waited for.
    """
    nodes = nodes_of(workflow)
    ran = {index: task for index, task in enumerate(tasks) if task.phase not in _NOT_RUN}
    owner = {str(task.node.get("id")): index for index, task in ran.items()}
    for index, task in ran.items():
        if task.node.get("type") == "Retry":
            owner |= dict.fromkeys(map(str, task.node.get("children") or ()), index)
    edges = [
        (key, child)
        for key, node in nodes.items()
        for child in node.get("children") or ()
        if child in nodes
    ]
    following: dict[str, list[str]] = {}
    for start, end in edges:
        following.setdefault(start, []).append(end)
    # The task that ended last on any way to a node, itself left out.
    led: dict[str, int] = {}
    before: dict[int, int] = {}

    def ended(index: int) -> str:
        pod = tasks[index].pod or tasks[index].node
        usage = usage_of(pod)
        return usage.ended.isoformat(timespec="milliseconds") if usage.ended else "~"

    for key in levels(nodes, edges):
        own = owner.get(key)
        if own is not None and key in led and led[key] != own:
            known = before.get(own)
            if known is None or ended(led[key]) > ended(known):
                before[own] = led[key]
        lead = own if own is not None else led.get(key)
        if lead is None:
            continue
        for child in following.get(key, ()):
            if child not in led or ended(lead) > ended(led[child]):
                led[child] = lead
    if not ran:
        return []
    path = [max(ran, key=lambda index: (ended(index), index))]
    while path[-1] in before and before[path[-1]] not in path:
        path.append(before[path[-1]])
    return path


def with_logs(tasks: list[Task], most: int) -> list[Task]:
    """Return those of ``tasks`` whose last lines are shown: first what failed, then one a loop."""
    have = [task for task in tasks if task.pod is not None and task.phase not in _NOT_RUN]
    failed = [task for task in have if task.phase in FAILURES]
    groups: dict[str, Task] = {}
    for task in have:
        groups.setdefault(task.group, task)
    chosen = [*failed, *groups.values(), *have]
    return list({id(task): task for task in chosen}.values())[:most]


def _template_name(node: Node) -> str:
    reference = node.get("templateRef") or {}
    return str(node.get("templateName") or reference.get("template") or "")
