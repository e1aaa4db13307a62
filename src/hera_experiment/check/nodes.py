"""Which nodes take which pods, read from what the API server says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hera_experiment.check.demand import PodUse

Node = Mapping[str, Any]
_REPELS = ("NoSchedule", "NoExecute")


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
