"""What an experiment needs, as the objects that Kubernetes keeps."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hera_experiment.platform.kubernetes_reviews import RESULTS
from hera_experiment.platform.registry import host_of

RESULTS_ROLE = "hera-experiment-results"
"""The role and its binding by which a workflow's pods report their results."""

_PLACEHOLDER = "REPLACE-ME"


@dataclass(frozen=True)
class DesiredObject:
    """One object to have, without its namespace.

    ``reason`` says in a few words what it is for. ``only_if_absent`` leaves an object alone that
    is there, whatever it says: it was made by someone who knows the cluster. ``is_missing`` tells
    that it is known to have no effect yet, whether or not it can be read. ``typed`` are the keys
    of a Secret whose values only a person knows.
    """

    manifest: Mapping[str, Any]
    reason: str
    only_if_absent: bool = False
    is_missing: bool = False
    typed: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Kubernetes' word for it."""
        return str(self.manifest["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.manifest["metadata"]["name"])

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}'"


def claim(
    name: str,
    *,
    size: str = "1Gi",
    access_modes: Sequence[str] = ("ReadWriteMany",),
    storage_class: str | None = None,
) -> DesiredObject:
    """Return a volume claim; ``storage_class`` None lets the cluster choose its own.

    What is asked of storage cannot be changed once it is given, so a claim that is there stays.
    """
    spec: dict[str, Any] = {
        "accessModes": list(access_modes),
        "resources": {"requests": {"storage": size}},
    }
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    manifest = {**_head("v1", "PersistentVolumeClaim", name), "spec": spec}
    return DesiredObject(manifest, "inputs and results", only_if_absent=True)


def config_map(name: str, data: Mapping[str, str]) -> DesiredObject:
    """Return a ConfigMap; one without data of its own stays as it is where it is there."""
    manifest = {**_head("v1", "ConfigMap", name), "data": dict(data)}
    return DesiredObject(manifest, "settings of the cluster", only_if_absent=not data)


def pull_secret(name: str, registry: str, credentials: tuple[str, str]) -> DesiredObject:
    """Return the secret by which a node pulls from ``registry`` as ``(user, password)``."""
    return DesiredObject(
        _docker_config(name, registry, *credentials), f"to pull images from {registry}"
    )


def secret(name: str, keys: Sequence[str]) -> DesiredObject:
    """Return a Secret that tasks read ``keys`` of; nobody here knows their values."""
    manifest = {**_head("v1", "Secret", name), "type": "Opaque"}
    return DesiredObject(manifest, f"{', '.join(keys)}, for tasks", typed=tuple(keys))


def secret_with(
    wanted: DesiredObject, kept: Mapping[str, str], values: Mapping[str, str]
) -> DesiredObject:
    """Return the Secret with ``kept``, in base64 as Kubernetes has it, and ``values``, plain."""
    added = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return replace(wanted, manifest={**wanted.manifest, "data": {**kept, **added}})


def results_binding(
    account: str, namespace: str, *, is_missing: bool = False
) -> tuple[DesiredObject, DesiredObject]:
    """Return the role and the binding by which pods of ``account`` may report their results."""
    api = "rbac.authorization.k8s.io/v1"
    name = f"{RESULTS_ROLE}-{account}"
    reason = f"service account '{account}' reports results"
    role = {**_head(api, "Role", RESULTS_ROLE), "rules": [RESULTS.rule()]}
    binding = {
        **_head(api, "RoleBinding", name),
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": RESULTS_ROLE,
        },
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
    return (
        DesiredObject(role, reason, is_missing=is_missing),
        DesiredObject(binding, reason, is_missing=is_missing),
    )


def without_secrets(wanted: DesiredObject) -> dict[str, Any]:
    """Return the manifest as it may be printed for someone else to fill in."""
    manifest = wanted.manifest
    if wanted.kind != "Secret":
        return dict(manifest)
    if wanted.typed:
        return {**manifest, "stringData": dict.fromkeys(wanted.typed, _PLACEHOLDER)}
    config = json.loads(base64.b64decode(manifest["data"][".dockerconfigjson"]))
    (registry,) = config["auths"]
    content = json.dumps(
        {"auths": {registry: {"username": _PLACEHOLDER, "password": _PLACEHOLDER}}}
    )
    kept = {key: value for key, value in manifest.items() if key != "data"}
    return {**kept, "stringData": {".dockerconfigjson": content}}


def _head(api: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}}


def _docker_config(name: str, registry: str, user: str, password: str) -> dict[str, Any]:
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    host = host_of(registry)
    entry = {"username": user, "password": password, "auth": auth}
    content = json.dumps({"auths": {host: entry}}).encode()
    return {
        **_head("v1", "Secret", name),
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(content).decode()},
    }
