"""CLAIM-BOUND."""

from __future__ import annotations

from typing import Any

from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok, warning
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import APPLY, in_yaml, worst

_WAITS = "WaitForFirstConsumer"


@check(
    code="CLAIM-BOUND",
    category="what it uses",
    title="the volume claims are bound",
    needs=("NAMESPACE",),
)
def claim_bound(subject: Subject) -> Outcome:
    """Check that each volume claim of the workflow, and KUBEVOLUMECLAIMNAME, is bound.

    A pod with a claim that is not bound waits for ever, without a word in the workflow. Some
    storage is made only for the first pod (WaitForFirstConsumer), which is a warning.
    """
    return worst((_of(subject, name) for name in subject.claims), "it uses none")


def _of(subject: Subject, name: str) -> Outcome:
    space = subject.namespace
    where = "the workflow's volumes"
    if name == subject.context.k8s_volume_claim_name:
        where = subject.context.where("k8s_volume_claim_name")
    claim = subject.cluster.in_namespace("persistentvolumeclaims", name)
    if claim is None:
        return failure(
            f"'{name}' is missing",
            f"there is no volume claim '{name}' in '{space}' ({where})",
            f"correct KUBEVOLUMECLAIMNAME, create it with: python -m hera_utils provision, or "
            f"{APPLY}",
            _yaml(name, space),
        )
    phase = str((claim.get("status") or {}).get("phase", "Pending"))
    if phase == "Bound":
        return ok(f"{name}")
    if phase == "Pending" and _waits(subject, name):
        return warning(
            f"'{name}' is not bound yet",
            f"the storage of '{name}' is made for the first pod that uses it",
            "nothing to do; the first task starts later",
        )
    return failure(
        f"'{name}' is {phase}",
        f"the volume claim '{name}' in '{space}' is {phase}: {_asks(claim)}",
        f"ask the administrator for a PersistentVolume: {_asks(claim)}, claimRef {space}/{name}"
        if phase == "Pending"
        else "its volume is gone: ask the administrator to restore or to replace it",
    )


def _asks(claim: dict[str, Any]) -> str:
    spec = claim.get("spec") or {}
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "any")
    modes = ", ".join(spec.get("accessModes") or ())
    return f"storageClassName '{spec.get('storageClassName', '')}', {modes}, {size}"


def _waits(subject: Subject, name: str) -> bool:
    try:
        events = subject.cluster.list_of("events")
    except CannotTell:
        return False
    return any(
        event.get("reason") == _WAITS
        and (event.get("involvedObject") or {}).get("name") == name
        and (event.get("involvedObject") or {}).get("kind") == "PersistentVolumeClaim"
        for event in events
    )


def _yaml(name: str, namespace: str) -> str:
    return f"""\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {in_yaml(name)}, namespace: {in_yaml(namespace)}}}
spec:
  accessModes: [ReadWriteMany]
  resources: {{requests: {{storage: 1Gi}}}}
"""
