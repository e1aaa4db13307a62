"""TAINTS."""

from __future__ import annotations

from collections.abc import Sequence

from hera_experiment.check.demand import PodUse
from hera_experiment.check.model import Outcome, check, failure, ok
from hera_experiment.check.nodes import Node, name_of, repelling, selected, takes, usable
from hera_experiment.check.resources import quantity
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import worst

_OF_KUBERNETES = "node.kubernetes.io/"
"""How the taints begin that Kubernetes sets itself, on a node that is ill or switched off."""


@check(
    code="TAINTS",
    category="what it asks for",
    title="a node takes its pods",
    needs=("IDENTITY", "SCRIPT"),
)
def taints(subject: Subject) -> Outcome:
    """Check that there is a node for the pods of each template.

    One that is ready, has the labels of its ``nodeSelector``, no taint that it does not tolerate,
    and as much CPU and memory as it asks for.

    Unknown without the right to list nodes.
    """
    nodes = subject.cluster.nodes
    outcomes = [_of(pod, nodes) for pod in subject.demand.pods]
    return worst(outcomes, "it has no pods")


def _of(pod: PodUse, nodes: Sequence[Node]) -> Outcome:
    ready = usable(nodes)
    if not ready:
        advice = "ask the administrator to make a node ready: kubectl get nodes"
        return failure("no node is ready", "no node of the cluster takes new pods", advice)
    labelled = [node for node in ready if selected(node, pod)]
    if not labelled:
        labels = ",".join(f"{key}={value}" for key, value in pod.node_selector.items())
        return failure(
            f"no node for '{pod.template}'",
            f"no node has the labels that the template '{pod.template}' asks for: {labels}",
            f"correct its node_selector, or the administrator types: "
            f"kubectl label node {name_of(ready[0])} {labels.replace(',', ' ')}",
        )
    going = takes(nodes, pod)
    if not going:
        node = min(labelled, key=lambda each: len(repelling(each, pod)))
        taint = repelling(node, pod)[0]
        value = f"={taint['value']}" if taint.get("value") else ""
        word = f"{taint.get('key')}{value}:{taint.get('effect')}"
        advice = (
            f"add to it in workflow.py: tolerations=[Toleration({_toleration(taint)})], or the "
            f"administrator types: kubectl taint node {name_of(node)} {word}-"
        )
        if str(taint.get("key")).startswith(_OF_KUBERNETES):
            advice = (
                f"the administrator finds the reason with: kubectl describe node {name_of(node)}"
            )
        return failure(
            f"taint {word}",
            f"the template '{pod.template}' does not tolerate the taint {word} of '{name_of(node)}'"
            f", nor that of any other node",
            advice,
        )
    for resource in ("cpu", "memory"):
        need = sum(quantity(each.get(resource, "0")) for each in pod.requests)
        most = max(quantity(_allocatable(node, resource)) for node in going)
        if need > most:
            return failure(
                f"too much {resource} for '{pod.template}'",
                f"the template '{pod.template}' asks for {resource} {need:f}, and the largest node "
                f"has {most:f}",
                f"ask for less {resource} in workflow.py",
            )
    return ok(f"{len(going)} of {len(nodes)} nodes")


def _allocatable(node: Node, resource: str) -> object:
    return ((node.get("status") or {}).get("allocatable") or {}).get(resource, "0")


def _toleration(taint: Node) -> str:
    parts = [f"key={str(taint.get('key'))!r}"]
    if taint.get("value"):
        parts += ["operator='Equal'", f"value={str(taint['value'])!r}"]
    else:
        parts.append("operator='Exists'")
    return ", ".join([*parts, f"effect={str(taint.get('effect'))!r}"])
