"""The pod that reads a claim: as plain as it can be, and like the workflow's own where it must."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hera_experiment.argo.workflows import Json, programs_of, specification
from hera_experiment.errors import UserError

READER_LABEL = "hera-experiment/reader"
"""Marks pods and workflows that read or write a claim for a person; they are no runs."""
CONTAINER = "reader"
MOUNT = "/claim"
DEADLINE = 3600
"""Seconds after which a reader ends by itself, whatever became of who started it."""

_NO_ONE = 1000
_KEPT = ("runAsUser", "runAsGroup", "runAsNonRoot", "seLinuxOptions", "seccompProfile")
_ARGO = "workflows.argoproj.io/"


@dataclass(frozen=True)
class PodProfile:
    """What a reader takes over from a program of the workflow: its image, and how it may run."""

    image: str
    spec: Json = field(default_factory=dict)
    template: Json = field(default_factory=dict)
    container: Json = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, dict[str, str]]:
        """Labels and annotations by which the cluster treats the workflow's pods."""
        given = self.spec.get("podMetadata") or {}
        return {
            kind: {key: value for key, value in (given.get(kind) or {}).items() if _plain(value)}
            for kind in ("labels", "annotations")
        }

    def pod(self, account: str) -> dict[str, Any]:
        """Return the part of a pod's specification that says where and as whom it runs."""
        found: dict[str, Any] = {
            "serviceAccountName": self.spec.get("serviceAccountName") or account,
            "imagePullSecrets": self.spec.get("imagePullSecrets"),
            "securityContext": self._either("securityContext"),
            "tolerations": [
                *(self.spec.get("tolerations") or ()),
                *(self.template.get("tolerations") or ()),
            ],
            "nodeSelector": self._either("nodeSelector"),
            "affinity": self._either("affinity"),
            "schedulerName": self._either("schedulerName"),
            "priorityClassName": self.spec.get("podPriorityClassName"),
        }
        return {key: value for key, value in found.items() if value and _plain(value)}

    def security(self) -> dict[str, Any]:
        """Return the security context of the container: the user of the program, no more rights."""
        given = self.container.get("securityContext") or {}
        kept = {key: given[key] for key in _KEPT if key in given and _plain(given[key])}
        return {**kept, "allowPrivilegeEscalation": False}

    def _either(self, key: str) -> Any:
        return self.template.get(key) or self.spec.get(key)


def pod_profiles(workflow: Json, image: str = "") -> list[PodProfile]:
    """Return what a reader may be like, the most promising first: one for each image.

    ``image`` is used instead of the workflow's own where it is given. Raises
    :class:`~hera_experiment.errors.UserError` where there is none.
    """
    spec = specification(workflow)
    programs = programs_of(workflow)
    if image:
        template, container = programs[0] if programs else ({}, {})
        return [PodProfile(image, spec, template, container)]
    found: dict[str, PodProfile] = {}
    for template, container in programs:
        name = str(container.get("image") or "")
        if name and _plain(name):
            found.setdefault(name, PodProfile(name, spec, template, container))
    if not found:
        raise UserError(
            "the workflow names no image with which its claim can be read",
            next_step="name one that has a shell: READER_IMAGE=IMAGE (--reader_image)",
        )
    return list(found.values())


def pod_manifest(
    profile: PodProfile,
    name: str,
    claim: str,
    *,
    account: str = "",
    owner: Mapping[str, str] | None = None,
    label: str = "",
    node: str = "",
    tolerations: list[Any] | None = None,
    writable: bool = False,
    hardened: bool = False,
) -> dict[str, Any]:
    """Return the pod that mounts ``claim`` at :data:`MOUNT` and waits.

    ``owner`` is the workflow with which it goes; ``node`` the one that holds the claim;
    ``hardened`` what the strictest of Kubernetes' own rules (PodSecurity "restricted") asks for.
    """
    metadata: dict[str, Any] = {"name": name, **profile.metadata}
    metadata["labels"] = {**metadata["labels"], READER_LABEL: label}
    if owner:
        metadata["ownerReferences"] = [
            {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **owner}
        ]
    spec = {
        **profile.pod(account),
        "restartPolicy": "Never",
        "activeDeadlineSeconds": DEADLINE,
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container(profile, writable=writable)],
        "volumes": [volume(claim)],
    }
    if node:
        spec.pop("nodeSelector", None)
        spec["affinity"] = {"nodeAffinity": _only(node)}
        spec["tolerations"] = [
            *spec.get("tolerations", ()),
            *(tolerations or ()),
            # It is the only node that will do, cordoned or not.
            {"key": "node.kubernetes.io/unschedulable", "operator": "Exists"},
        ]
    if hardened:
        _harden(spec)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def container(profile: PodProfile, *, writable: bool = False) -> dict[str, Any]:
    """Return the container of a reader; it waits."""
    return {
        "name": CONTAINER,
        "image": profile.image,
        "imagePullPolicy": profile.container.get("imagePullPolicy") or "IfNotPresent",
        "command": ["sh", "-c", f"trap 'exit 0' TERM; sleep {DEADLINE} & wait"],
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
        "securityContext": profile.security(),
        # Read-only here, and not on the claim: some storage is then attached in another way.
        "volumeMounts": [{"name": "claim", "mountPath": MOUNT, "readOnly": not writable}],
    }


def volume(claim: str) -> dict[str, Any]:
    """Return the volume that :func:`container` mounts."""
    return {"name": "claim", "persistentVolumeClaim": {"claimName": claim}}


def preferring(node: str) -> dict[str, Any]:
    """Return the affinity of a pod that had better go to ``node``."""
    return {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 100, "preference": {"matchFields": [_named(node)]}}
        ]
    }


def _only(node: str) -> dict[str, Any]:
    terms = [{"matchFields": [_named(node)]}]
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}


def _named(node: str) -> dict[str, Any]:
    return {"key": "metadata.name", "operator": "In", "values": [node]}


def _harden(spec: dict[str, Any]) -> None:
    asked = {"runAsUser": _NO_ONE, "runAsNonRoot": True}
    profile = {"seccompProfile": {"type": "RuntimeDefault"}}
    spec["securityContext"] = {**asked, **profile, **(spec.get("securityContext") or {})}
    for each in spec["containers"]:
        each["securityContext"] = {**each["securityContext"], "capabilities": {"drop": ["ALL"]}}


def _plain(value: Any) -> bool:
    """Say whether ``value`` holds nothing that Argo would fill in."""
    return "{{" not in str(value)
