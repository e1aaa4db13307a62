"""STORAGE-CLASS."""

from __future__ import annotations

from typing import Any

from hera_experiment.check.demand import ClaimTemplate
from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok, warning
from hera_experiment.check.resources import quantity
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import listed, worst

_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_BY_HAND = "kubernetes.io/no-provisioner"


@check(
    code="STORAGE-CLASS",
    category="what it uses",
    title="volumes of its own can be made",
    needs=("NAMESPACE",),
)
def storage_class(subject: Subject) -> Outcome:
    """Check that there is storage for each volume that is made for the workflow alone.

    Its storage class exists and makes volumes, or is the cluster's default where none is named, or
    a volume that someone made by hand is free for it: otherwise the workflow's first pod waits for
    ever. Unknown where you may not list storage classes; a warning where you may not list volumes.
    """
    demand = subject.known_demand
    templates = demand.claim_templates if demand else []
    return worst((_of(subject, each) for each in templates), "it uses none")


def _of(subject: Subject, wanted: ClaimTemplate) -> Outcome:
    classes = _list(subject, _CLASSES, "the storage classes")
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
        volumes = _list(subject, "/api/v1/persistentvolumes", "the volumes")
    except CannotTell:
        return warning(shown, f"{cause}: only a volume made by hand can serve", advice)
    if any(_is_free(each, name, wanted) for each in volumes):
        return ok(f"{wanted.name}: a volume made by hand")
    return failure(shown, f"{cause}, and no volume made by hand is free for it", advice)


def _list(subject: Subject, path: str, what: str) -> list[dict[str, Any]]:
    return list((subject.cluster.find(path, what) or {}).get("items") or ())


def _is_meant(found: dict[str, Any], wanted: ClaimTemplate) -> bool:
    metadata = found["metadata"]
    if wanted.storage_class is not None:
        return bool(metadata["name"] == wanted.storage_class)
    return bool((metadata.get("annotations") or {}).get(_DEFAULT) == "true")


def _is_free(volume: dict[str, Any], name: str, wanted: ClaimTemplate) -> bool:
    spec = volume.get("spec") or {}
    return (
        (volume.get("status") or {}).get("phase") == "Available"
        and not spec.get("claimRef")
        and str(spec.get("storageClassName") or "") == name
        and set(wanted.access_modes) <= set(spec.get("accessModes") or ())
        and quantity((spec.get("capacity") or {}).get("storage", "0")) >= quantity(wanted.size)
    )
