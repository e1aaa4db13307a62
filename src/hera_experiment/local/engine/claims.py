"""The claims of one workflow: made of ``volumeClaimTemplates`` before its first task.

Source: ``createPVCs`` and ``deletePVCs`` in ``workflow/controller/operator.go`` and
``addVolumeReferences`` in ``workflowpod.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hera_experiment.argo.names import ACCESS_MODES, ACCESS_OF_ONE_POD
from hera_experiment.argo.phases import SUCCEEDED
from hera_experiment.argo.quantities import number
from hera_experiment.argo.workflows import specification
from hera_experiment.local.errors import ApiError
from hera_experiment.local.runtimes.volumes import claimed_volumes
from hera_experiment.local.store import Objects, Run
from hera_experiment.local.store.objects import CLAIMS

ON_SUCCESS = "OnWorkflowSuccess"
ON_COMPLETION = "OnWorkflowCompletion"
STATUS = "persistentVolumeClaims"
"""Where the status of a workflow lists its own claims, as volumes."""


class ClaimError(Exception):
    """A claim that cannot be made: the workflow ends with this message."""


def make_claims(run: Run, objects: Objects) -> list[dict[str, Any]]:
    """Make the claims of ``run`` that are not there yet and return them as volumes.

    Raises :class:`ClaimError` for a claim that Kubernetes would refuse, or that another has made.
    """
    spec = _spec(run)
    volumes = claimed_volumes(spec, run.name)
    if not volumes:
        return []
    mine = _names(run.status.get(STATUS))
    for index, (volume, name) in enumerate(zip(volumes, _names(volumes), strict=True)):
        if not volume["name"]:
            raise ClaimError(
                f"pvc create error: volumeClaimTemplates[{index}].metadata.name is required"
            )
        try:
            taken = name not in mine and objects.exists(CLAIMS, name)
        except ApiError as error:
            raise ClaimError(f"pvc create error: {error.message}") from None
        if taken:
            raise ClaimError(
                f"pvc create error: {name} pvc already exists with different ownerreference"
            )
        if name not in mine and (wrong := _wrong(spec["volumeClaimTemplates"][index])):
            one = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
            raise ClaimError(f'pvc create error: PersistentVolumeClaim "{name}" is invalid: {one}')
    # Written down first: a folder that is there although the server died in between is known.
    run.update(status={STATUS: volumes})
    for name in _names(volumes):
        objects.put(CLAIMS, name)
    return volumes


def end_of_claims(run: Run, phase: str, objects: Objects) -> dict[str, Any]:
    """Remove the claims of a workflow that ends in ``phase``, if it says so; return its status.

    By default those of a workflow that succeeded: others may be retried.
    """
    strategy = (_spec(run).get("volumeClaimGC") or {}).get("strategy") or ON_SUCCESS
    over = strategy == ON_COMPLETION or (strategy == ON_SUCCESS and phase == SUCCEEDED)
    if not over or not run.status.get(STATUS):
        return {}
    remove_claims(run, objects)
    return {STATUS: None}


def remove_claims(run: Run, objects: Objects) -> None:
    """Remove the claims that belong to ``run`` alone."""
    for name in _names(run.status.get(STATUS)):
        objects.remove(CLAIMS, name)


def _wrong(template: Mapping[str, Any]) -> list[str]:
    """Return why Kubernetes would not make a claim.

    Source: ``ValidatePersistentVolumeClaimSpec`` in ``pkg/apis/core/validation/validation.go`` of
    kubernetes/kubernetes.
    """
    spec = template.get("spec") or {}
    modes = spec.get("accessModes") or ()
    known = ", ".join(f'"{mode}"' for mode in ACCESS_MODES)
    wrong = [
        f'spec.accessModes: Unsupported value: "{mode}": supported values: {known}'
        for mode in modes
        if mode not in ACCESS_MODES
    ]
    if not modes:
        wrong.append("spec.accessModes: Required value: at least 1 access mode is required")
    if ACCESS_OF_ONE_POD in modes and {*modes} & {*ACCESS_MODES} != {ACCESS_OF_ONE_POD}:
        wrong.append(
            f"spec.accessModes: Forbidden: may not use {ACCESS_OF_ONE_POD} with other access modes"
        )
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if size is None:
        wrong.append("spec.resources[storage]: Required value")
    elif (number(size) or 0) <= 0:
        why = "must be greater than zero"
        wrong.append(f'spec.resources[storage]: Invalid value: "{size}": {why}')
    return wrong


def _spec(run: Run) -> Mapping[str, Any]:
    return specification({"spec": run.manifest["spec"], "status": run.status})


def _names(volumes: Sequence[Mapping[str, Any]] | None) -> list[str]:
    return [str(volume["persistentVolumeClaim"]["claimName"]) for volume in volumes or ()]
