"""Checks of the volume claims that the workflow uses or makes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from hera_experiment.check.outcome import (
    APPLY,
    CannotTell,
    Outcome,
    failure,
    in_yaml,
    listed,
    ok,
    warning,
    worst,
)
from hera_experiment.check.requirements import ClaimTemplate
from hera_experiment.check.runner import Check
from hera_experiment.check.scheduling import name_of, quantity, takes, usable
from hera_experiment.check.target import CheckTarget

_WAITS = "WaitForFirstConsumer"
_OVER = ("Succeeded", "Failed")
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_BY_HAND = "kubernetes.io/no-provisioner"


def claim_bound(target: CheckTarget) -> Outcome:
    """Check that each volume claim of the workflow, and KUBEVOLUMECLAIMNAME, is bound.

    A pod with a claim that is not bound waits for ever, without a word in the workflow. Some
    storage is made only for the first pod (WaitForFirstConsumer), which is a warning.
    """
    return worst((_bound(target, name) for name in target.claims), "it uses none")


def _bound(target: CheckTarget, name: str) -> Outcome:
    space = target.namespace
    where = "the workflow's volumes"
    if name == target.context.k8s_volume_claim_name:
        where = target.context.where("k8s_volume_claim_name")
    claim = target.cluster.in_namespace("persistentvolumeclaims", name)
    if claim is None:
        return failure(
            f"'{name}' is missing",
            f"there is no volume claim '{name}' in '{space}' ({where})"
            f"{target.cluster.others('persistentvolumeclaims')}",
            f"correct KUBEVOLUMECLAIMNAME, create it with: {target.make('provision')}, or {APPLY}",
            _claim_yaml(name, space),
        )
    phase = str((claim.get("status") or {}).get("phase", "Pending"))
    if phase == "Bound":
        return ok(f"{name}")
    if phase == "Pending" and _waits(target, name):
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


def _waits(target: CheckTarget, name: str) -> bool:
    try:
        events = target.cluster.list_of("events")
    except CannotTell:
        return False
    return any(
        event.get("reason") == _WAITS
        and (event.get("involvedObject") or {}).get("name") == name
        and (event.get("involvedObject") or {}).get("kind") == "PersistentVolumeClaim"
        for event in events
    )


def _claim_yaml(name: str, namespace: str) -> str:
    return f"""\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {in_yaml(name)}, namespace: {in_yaml(namespace)}}}
spec:
  accessModes: [ReadWriteMany]
  resources: {{requests: {{storage: 1Gi}}}}
"""


def claim_access(target: CheckTarget) -> Outcome:
    """Check that pods that run at once, perhaps on several nodes, can all write to each claim.

    ReadWriteMany always fits. ReadOnlyMany takes no results; ReadWriteOncePod takes one pod at a
    time; ReadWriteOnce takes one node: well on a cluster of one node or when the workflow runs one
    pod at a time, failed when there are several nodes, a warning when their number is unknown.
    """
    requirements = target.known_requirements
    own = requirements.claim_templates if requirements else []
    found = [_access(target, name, _modes_of(target, name)) for name in target.claims]
    found += [_access(target, each.name, each.access_modes, its_own=True) for each in own]
    return worst(found, "it uses none")


def _modes_of(target: CheckTarget, name: str) -> Sequence[str]:
    claim = target.cluster.in_namespace("persistentvolumeclaims", name) or {}
    status = claim.get("status") or {}
    return status.get("accessModes") or claim["spec"].get("accessModes") or ()


def _access(
    target: CheckTarget, name: str, modes: Sequence[str], *, its_own: bool = False
) -> Outcome:
    shown = f"{name}: {', '.join(modes)}"
    requirements = target.known_requirements
    if "ReadWriteMany" in modes:
        return ok(shown)
    failed = (
        partial(_own_failure, name, shown)
        if its_own
        else partial(_access_failure, target, name, shown)
    )
    if not {"ReadWriteOnce", "ReadWriteOncePod"} & set(modes):
        return failed("nothing can be written to it")
    if requirements is None:
        raise CannotTell(f"{shown}, and the workflow is not known")
    if not requirements.runs_pods_at_once:
        return ok(f"{shown}, one pod at a time")
    if "ReadWriteOnce" not in modes:
        return failed("only one pod at a time can use it")
    try:
        number = len(usable(target.cluster.nodes))
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


def _access_failure(target: CheckTarget, name: str, shown: str, why: str) -> Outcome:
    other = f"{name}-shared"
    return failure(
        shown,
        f"tasks of the workflow run at once or write results, but of '{name}' {why}",
        f"set KUBEVOLUMECLAIMNAME={other}, and {APPLY}",
        _claim_yaml(other, target.namespace),
    )


def claim_node(target: CheckTarget) -> Outcome:
    """Check that no pod that runs now keeps a claim from the workflow's pods.

    A ReadWriteOncePod claim is held by any pod that uses it, a ReadWriteOnce claim by the node of
    that pod: failed when the workflow's pods may go to another node, a warning when the nodes are
    unknown. Claims that many may use are never held.
    """
    return worst((_held(target, name) for name in target.claims), "it uses none")


def _held(target: CheckTarget, name: str) -> Outcome:
    modes = _modes_of(target, name)
    if {"ReadWriteMany", "ReadOnlyMany"} & set(modes):
        return ok(f"{name}: many may use it")
    holders = [pod for pod in target.cluster.list_of("pods") if _uses(pod, name)]
    if not holders:
        return ok(f"{name}: free")
    pod = str(holders[0]["metadata"]["name"])
    node = str((holders[0].get("spec") or {}).get("nodeName", ""))
    advice = f"wait for its end, or type: kubectl -n {target.namespace} delete pod {pod}"
    if "ReadWriteOnce" not in modes:
        return failure(
            f"{name}: held by {pod}",
            f"only one pod at a time can use the claim '{name}', and '{pod}' does",
            advice,
        )
    try:
        others = _others(target, node)
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


def _others(target: CheckTarget, node: str) -> list[str]:
    """Return the nodes but ``node`` that the workflow's pods may go to."""
    nodes = target.cluster.nodes
    requirements = target.known_requirements
    if requirements is None:
        going = usable(nodes)
    else:
        going = [each for pod in requirements.pods for each in takes(nodes, pod)]
    return [name for name in dict.fromkeys(map(name_of, going)) if name != node]


def storage_class(target: CheckTarget) -> Outcome:
    """Check that there is storage for each volume that is made for the workflow alone.

    Its storage class exists and makes volumes, or is the cluster's default where none is named, or
    a volume that someone made by hand is free for it: otherwise the workflow's first pod waits for
    ever. Unknown where you may not list storage classes; a warning where you may not list volumes.
    """
    requirements = target.known_requirements
    templates = requirements.claim_templates if requirements else []
    return worst((_storage(target, each) for each in templates), "it uses none")


def _storage(target: CheckTarget, wanted: ClaimTemplate) -> Outcome:
    classes = _list(target, _CLASSES, "the storage classes")
    chosen = [each for each in classes if _is_meant(each, wanted)]
    if chosen and chosen[0].get("provisioner") != _BY_HAND:
        return ok(f"{wanted.name}: {chosen[0]['metadata']['name']}")
    name = chosen[0]["metadata"]["name"] if chosen else wanted.storage_class or ""
    known = sorted(str(each["metadata"]["name"]) for each in classes)
    there = f"one of {listed(known)}" if known else "the class of a volume that they make for it"
    cause = f"there is no storage class '{name}'"
    if chosen:
        cause = f"the storage class '{name}' makes no volumes"
    elif not name:
        cause = "the cluster has no default storage class"
    shown = f"{wanted.name}: {name or 'no default'}"
    advice = (
        f"give the volume '{wanted.name}' storage_class_name={there}, or ask the administrator for "
        f"a PersistentVolume with {', '.join(wanted.access_modes)}, {wanted.size}"
    )
    try:
        volumes = _list(target, "/api/v1/persistentvolumes", "the volumes")
    except CannotTell:
        return warning(shown, f"{cause}: only a volume made by hand can serve", advice)
    if any(_is_free(each, name, wanted) for each in volumes):
        return ok(f"{wanted.name}: a volume made by hand")
    return failure(shown, f"{cause}, and no volume made by hand is free for it", advice)


def _list(target: CheckTarget, path: str, what: str) -> list[dict[str, Any]]:
    return list((target.cluster.find(path, what) or {}).get("items") or ())


def _is_meant(found: dict[str, Any], wanted: ClaimTemplate) -> bool:
    metadata = found["metadata"]
    if wanted.storage_class is not None:
        return bool(metadata["name"] == wanted.storage_class)
    return bool((metadata.get("annotations") or {}).get(_DEFAULT_CLASS) == "true")


def _is_free(volume: dict[str, Any], name: str, wanted: ClaimTemplate) -> bool:
    spec = volume.get("spec") or {}
    return (
        (volume.get("status") or {}).get("phase") == "Available"
        and not spec.get("claimRef")
        and str(spec.get("storageClassName") or "") == name
        and set(wanted.access_modes) <= set(spec.get("accessModes") or ())
        and quantity((spec.get("capacity") or {}).get("storage", "0")) >= quantity(wanted.size)
    )


CHECKS = (
    Check(
        code="CLAIM-BOUND",
        category="what it uses",
        title="the volume claims are bound",
        function=claim_bound,
        hint=(
            "set KUBEVOLUMECLAIMNAME to a claim that is bound, or type: make provision CLUSTER=NAME"
        ),
        needs=("NAMESPACE",),
        informed_by=("SCRIPT",),
    ),
    Check(
        code="CLAIM-ACCESS",
        category="what it uses",
        title="their access mode fits the workflow",
        function=claim_access,
        hint="use a claim with the access mode ReadWriteMany",
        needs=("CLAIM-BOUND",),
        informed_by=("SCRIPT",),
    ),
    Check(
        code="CLAIM-NODE",
        category="what it uses",
        title="no other pod or node holds them",
        function=claim_node,
        hint="wait until the pod that holds the claim has ended",
        needs=("CLAIM-BOUND",),
        unless_failed=("CLAIM-ACCESS",),
        informed_by=("SCRIPT",),
    ),
    Check(
        code="STORAGE-CLASS",
        category="what it uses",
        title="volumes of its own can be made",
        function=storage_class,
        hint="give the volume the storage_class_name of a class that makes volumes",
        needs=("NAMESPACE",),
        informed_by=("SCRIPT",),
    ),
)
