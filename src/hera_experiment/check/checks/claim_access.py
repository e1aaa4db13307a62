"""CLAIM-ACCESS."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok, warning
from hera_experiment.check.nodes import usable
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import APPLY, in_yaml, worst


@check(
    code="CLAIM-ACCESS",
    category="what it uses",
    title="their access mode fits the workflow",
    needs=("CLAIM-BOUND",),
)
def claim_access(subject: Subject) -> Outcome:
    """Check that pods that run at once, perhaps on several nodes, can all write to each claim.

    ReadWriteMany always fits. ReadOnlyMany takes no results; ReadWriteOncePod takes one pod at a
    time; ReadWriteOnce takes one node: well on a cluster of one node or when the workflow runs one
    pod at a time, failed when there are several nodes, a warning when their number is unknown.
    """
    demand = subject.known_demand
    own = demand.claim_templates if demand else []
    found = [_of(subject, name, _modes_of(subject, name)) for name in subject.claims]
    found += [_of(subject, each.name, each.access_modes, its_own=True) for each in own]
    return worst(found, "it uses none")


def _modes_of(subject: Subject, name: str) -> Sequence[str]:
    claim = subject.cluster.in_namespace("persistentvolumeclaims", name) or {}
    status = claim.get("status") or {}
    return status.get("accessModes") or claim["spec"].get("accessModes") or ()


def _of(subject: Subject, name: str, modes: Sequence[str], *, its_own: bool = False) -> Outcome:
    shown = f"{name}: {', '.join(modes)}"
    demand = subject.known_demand
    if "ReadWriteMany" in modes:
        return ok(shown)
    failed = (
        partial(_own_failure, name, shown) if its_own else partial(_failure, subject, name, shown)
    )
    if not {"ReadWriteOnce", "ReadWriteOncePod"} & set(modes):
        return failed("nothing can be written to it")
    if demand is None:
        raise CannotTell(f"{shown}, and the workflow is not known")
    if not demand.runs_pods_at_once:
        return ok(f"{shown}, one pod at a time")
    if "ReadWriteOnce" not in modes:
        return failed("only one pod at a time can use it")
    try:
        number = len(usable(subject.cluster.nodes))
    except CannotTell:
        return warning(
            shown,
            f"tasks that run at once on several nodes cannot all use the claim '{name}'",
            "ask the administrator for a claim with ReadWriteMany, unless the cluster has one node",
        )
    if number == 1:
        return ok(f"{shown}, the cluster has one node")
    return failed(f"only one of the {number} nodes at a time can use it")


def _own_failure(name: str, shown: str, why: str) -> Outcome:
    return failure(
        shown,
        f"tasks of the workflow run at once or write results, but of its own '{name}' {why}",
        f"give '{name}' access_modes=[\"ReadWriteMany\"], where its storage class offers that",
    )


def _failure(subject: Subject, name: str, shown: str, why: str) -> Outcome:
    other = f"{name}-shared"
    return failure(
        shown,
        f"tasks of the workflow run at once or write results, but of '{name}' {why}",
        f"set KUBEVOLUMECLAIMNAME={other}, and {APPLY}",
        f"""\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {in_yaml(other)}, namespace: {in_yaml(subject.namespace)}}}
spec:
  accessModes: [ReadWriteMany]
  resources: {{requests: {{storage: 1Gi}}}}
""",
    )
