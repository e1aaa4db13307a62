"""How much a pod asks for, and which nodes take it, by what the API server says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hera_experiment.argo.quantities import number
from hera_experiment.check.requirements import PodUse

Node = Mapping[str, Any]
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_REPELS = ("NoSchedule", "NoExecute")


def quantity(text: object) -> Decimal:
    """Return a quantity ("500m", "2Gi") as a number; 0 for what is none."""
    return number(text) or Decimal(0)


@dataclass(frozen=True)
class Needs:
    """What the pods of one template need, by container, with the defaults of the namespace."""

    template: str
    requests: Sequence[Mapping[str, str]]
    limits: Sequence[Mapping[str, str]]

    def knows(self, key: str) -> bool:
        """Say whether ``key`` of a quota is about what a container asks for."""
        kind, _, resource = key.partition(".")
        if key in _COMPUTE or (kind == "limits" and resource in _COMPUTE):
            return True
        if kind != "requests":
            return False
        return resource in _COMPUTE or any(resource in each for each in self.requests)

    def of(self, key: str) -> Decimal | None:
        """Return the sum of ``key`` of a quota over the containers, None when one says nothing.

        "cpu" in a quota means the same as "requests.cpu".
        """
        kind, _, resource = key.partition(".")
        chosen = self.limits if kind == "limits" else self.requests
        resource = resource if kind in ("limits", "requests") else key
        if resource in _COMPUTE and any(resource not in each for each in chosen):
            return None
        return sum((quantity(each.get(resource, "0")) for each in chosen), Decimal(0))


def needs_of(pod: PodUse, limit_ranges: Iterable[Mapping[str, Any]]) -> Needs:
    """Return what the pod needs once the namespace's limit ranges have set their defaults."""
    limits: dict[str, str] = {}
    requests: dict[str, str] = {}
    items = [item for each in limit_ranges for item in (each.get("spec") or {}).get("limits") or ()]
    for item in items:
        if item.get("type") != "Container":
            continue
        default = {**(item.get("max") or {}), **(item.get("default") or {})}
        limits = {**default, **limits}
        requests = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
    return Needs(
        pod.template,
        [
            {**requests, **limit, **request}
            for limit, request in zip(pod.limits, pod.requests, strict=True)
        ],
        [{**limits, **limit} for limit in pod.limits],
    )


def name_of(node: Node) -> str:
    """Return the node's name."""
    return str((node.get("metadata") or {}).get("name", ""))


def usable(nodes: Iterable[Node]) -> list[Node]:
    """Return the nodes that are ready and take new pods, taints apart."""
    return [
        node
        for node in nodes
        if not (node.get("spec") or {}).get("unschedulable")
        and any(
            condition.get("type") == "Ready" and condition.get("status") == "True"
            for condition in (node.get("status") or {}).get("conditions") or ()
        )
    ]


def repelling(node: Node, pod: PodUse) -> list[Mapping[str, Any]]:
    """Return the taints of the node that the pod does not tolerate."""
    taints: Sequence[Mapping[str, Any]] = (node.get("spec") or {}).get("taints") or ()
    return [
        taint
        for taint in taints
        if taint.get("effect") in _REPELS
        and not any(_tolerates(each, taint) for each in pod.tolerations)
    ]


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    exists = toleration.get("operator") == "Exists"
    if not toleration.get("key"):
        return exists
    if toleration["key"] != taint.get("key"):
        return False
    return exists or str(toleration.get("value") or "") == str(taint.get("value") or "")


def selected(node: Node, pod: PodUse) -> bool:
    """Say whether the node has the labels that the pod's nodeSelector asks for."""
    labels = (node.get("metadata") or {}).get("labels") or {}
    return all(labels.get(key) == value for key, value in pod.node_selector.items())


def takes(nodes: Iterable[Node], pod: PodUse) -> list[Node]:
    """Return the nodes that take the pod, resources apart."""
    return [node for node in usable(nodes) if selected(node, pod) and not repelling(node, pod)]
