"""GPU."""

from __future__ import annotations

from decimal import Decimal

from hera_experiment.check.demand import PodUse
from hera_experiment.check.model import Outcome, check, failure, ok
from hera_experiment.check.nodes import takes
from hera_experiment.check.resources import quantity
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import worst


@check(
    code="GPU",
    category="what it asks for",
    title="a node has the GPUs it asks for",
    needs=("SCRIPT",),
    unless_failed=("NAMESPACE", "TAINTS"),
)
def gpu(subject: Subject) -> Outcome:
    """Check that each template that asks for GPUs finds a node that has as many.

    A device is any resource whose name has a domain (``nvidia.com/gpu``). Unknown without the
    right to list nodes; well without it when none is asked for.
    """
    outcomes = [
        _of(subject, pod, resource, number)
        for pod in subject.demand.pods
        for resource, number in _devices(pod).items()
    ]
    return worst(outcomes, "it asks for none")


def _devices(pod: PodUse) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for requests in pod.requests:
        for name, value in requests.items():
            if "/" in name:
                found[name] = found.get(name, Decimal(0)) + quantity(value)
    return {name: number for name, number in found.items() if number}


def _of(subject: Subject, pod: PodUse, resource: str, number: Decimal) -> Outcome:
    going = takes(subject.cluster.nodes, pod)
    has = [
        quantity(((node.get("status") or {}).get("allocatable") or {}).get(resource, "0"))
        for node in going
    ]
    most = max(has, default=Decimal(0))
    if most >= number:
        return ok(f"{resource}: {number:f} of {most:f}")
    return failure(
        f"{resource}: {most:f}",
        f"the template '{pod.template}' asks for {number:f} {resource}, and no node that takes it "
        f"has more than {most:f}",
        f"ask for {most:f} in workflow.py, or ask the administrator for a node with {number:f} "
        f"{resource} (its device plugin must run)",
    )
