"""CLAIM-NODE."""

from __future__ import annotations

from typing import Any

from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok, warning
from hera_experiment.check.nodes import name_of, takes, usable
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import worst

_OVER = ("Succeeded", "Failed")


@check(
    code="CLAIM-NODE",
    category="what it uses",
    title="no other pod or node holds them",
    needs=("CLAIM-BOUND",),
    unless_failed=("CLAIM-ACCESS",),
)
def claim_node(subject: Subject) -> Outcome:
    """Check that no pod that runs now keeps a claim from the workflow's pods.

    A ReadWriteOncePod claim is held by any pod that uses it, a ReadWriteOnce claim by the node of
    that pod: failed when the workflow's pods may go to another node, a warning when the nodes are
    unknown. Claims that many may use are never held.
    """
    return worst((_of(subject, name) for name in subject.claims), "it uses none")


def _of(subject: Subject, name: str) -> Outcome:
    claim = subject.cluster.in_namespace("persistentvolumeclaims", name) or {}
    modes = (claim.get("status") or {}).get("accessModes") or claim["spec"].get("accessModes") or ()
    if {"ReadWriteMany", "ReadOnlyMany"} & set(modes):
        return ok(f"{name}: many may use it")
    holders = [pod for pod in subject.cluster.list_of("pods") if _uses(pod, name)]
    if not holders:
        return ok(f"{name}: free")
    pod = str(holders[0]["metadata"]["name"])
    node = str((holders[0].get("spec") or {}).get("nodeName", ""))
    advice = f"wait for its end, or type: kubectl -n {subject.namespace} delete pod {pod}"
    if "ReadWriteOnce" not in modes:
        return failure(
            f"{name}: held by {pod}",
            f"only one pod at a time can use the claim '{name}', and '{pod}' does",
            advice,
        )
    try:
        others = _others(subject, node)
    except CannotTell:
        return warning(
            f"{name}: held by {node}",
            f"the pod '{pod}' holds the claim '{name}' on the node '{node}'; a task that comes to "
            "another node waits for its end",
            advice,
        )
    if not others:
        return ok(f"{name}: on {node}, where the workflow's pods go too")
    return failure(
        f"{name}: held by {node}",
        f"the pod '{pod}' holds the claim '{name}' on the node '{node}', and the workflow's pods "
        f"may go to '{others[0]}'",
        advice,
    )


def _uses(pod: dict[str, Any], claim: str) -> bool:
    spec = pod.get("spec") or {}
    if not spec.get("nodeName") or (pod.get("status") or {}).get("phase") in _OVER:
        return False
    return any(
        (volume.get("persistentVolumeClaim") or {}).get("claimName") == claim
        for volume in spec.get("volumes") or ()
    )


def _others(subject: Subject, node: str) -> list[str]:
    """Return the nodes but ``node`` that the workflow's pods may go to."""
    nodes = subject.cluster.nodes
    demand = subject.known_demand
    if demand is None:
        going = usable(nodes)
    else:
        going = [each for pod in demand.pods for each in takes(nodes, pod)]
    return [name for name in dict.fromkeys(map(name_of, going)) if name != node]
