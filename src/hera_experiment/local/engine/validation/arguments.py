"""Arguments and inputs: named, given, and where an artifact comes from.

Source: ``validateArguments``, ``validateInputs`` and ``validateArtifactLocation`` in
``workflow/validate/validate.go``, ``ValidateArtifact`` in ``workflow/artifacts/hdfs/hdfs.go``,
``CleanPath``, ``HasLocation`` and ``GetKey`` in ``pkg/apis/workflow/v1alpha1/workflow_types.go`` of
argoproj/argo-workflows, whose words the messages are.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from hera_experiment.local.engine.validation.kinds import is_leaf
from hera_experiment.local.engine.validation.names import check_parameter_names
from hera_experiment.local.errors import InvalidWorkflow

Json = Mapping[str, Any]

_LOCATIONS = {
    "artifactory": ("url", "usernameSecret"),
    "azure": ("endpoint", "container", "blob"),
    "git": ("repo",),
    "gcs": ("bucket", "key"),
    "hdfs": ("addresses",),
    "http": ("url",),
    "oss": ("bucket", "endpoint", "key"),
    "raw": (),
    "s3": ("endpoint", "bucket", "key"),
    "plugin": ("name", "configuration", "key"),
}
"""Where an artifact may be, and what makes such a place complete; the first found counts."""

_KEYS = {"azure": "blob", "gcs": "key", "hdfs": "path", "oss": "key", "s3": "key", "plugin": "key"}
_ONLY = "valueFrom only allows: default, configMapKeyRef and supplied"
_NOT_HERE = ("path", "jsonPath", "parameter", "expression")


def check_arguments(prefix: str, arguments: Json, *, values: bool = True) -> None:
    """Check that arguments have good names, a value each if ``values``, and one of their enum."""
    parameters = arguments.get("parameters") or ()
    artifacts = arguments.get("artifacts") or ()
    check_parameter_names(f"{prefix}parameters", parameters)
    check_parameter_names(f"{prefix}artifacts", artifacts)
    for parameter in parameters:
        where = f"{prefix}{parameter['name']}"
        _check_source(where, parameter, values=values)
        if "enum" not in parameter:
            continue
        if "value" not in parameter:
            if not values:
                # Argo leaves it at that, and looks at nothing that follows.
                return
            raise InvalidWorkflow(f"{where}.value is required")
        if parameter["value"] not in parameter["enum"]:
            raise InvalidWorkflow(f"{where}.value should be present in {where}.enum list")
    for artifact in artifacts:
        where = f"{prefix}{artifact['name']}"
        if not artifact.get("from") and not has_location_or_key(artifact):
            raise InvalidWorkflow(f"{where}.from, artifact location, or key is required")
        if artifact.get("from") and artifact.get("fromExpression"):
            raise InvalidWorkflow(
                f"{where} shouldn't have both `from` and `fromExpression` in Artifact"
            )


def check_inputs(template: Json) -> None:
    """Check what a template takes; raises :class:`InvalidWorkflow`."""
    where = f"templates.{template.get('name', '')}"
    inputs = template.get("inputs") or {}
    artifacts = inputs.get("artifacts") or ()
    check_parameter_names(f"{where}.inputs.parameters", inputs.get("parameters") or ())
    check_parameter_names(f"{where}.inputs.artifacts", artifacts)
    for artifact in artifacts:
        path = f"{where}.inputs.artifacts.{artifact['name']}"
        check_path(path, artifact, leaf=is_leaf(template))
        if artifact.get("from"):
            raise InvalidWorkflow(f"{path}.from not valid in inputs")
        check_location(path, artifact)


def check_path(where: str, artifact: Json, *, leaf: bool) -> None:
    """Check the path of an artifact: a leaf's has one that does not leave its own folder."""
    path = artifact.get("path") or ""
    if not leaf:
        if path:
            raise InvalidWorkflow(f"{where}.path only valid in container/script templates")
        return
    name = artifact["name"]
    if not path:
        raise InvalidWorkflow(f"error in {where}: Artifact '{name}' did not specify a path")
    safe = ""
    if "/../" in path:
        safe = path[: path.index("/../")]
    elif path[-3:-2] == "/" and path[-2:] == "..":
        safe = path[:-3]
    cleaned = posixpath.normpath(path)
    if safe and (not cleaned.startswith(f"{safe}/") or len(cleaned) <= len(safe) + 1):
        raise InvalidWorkflow(
            f"error in {where}: Artifact '{name}' attempted to use a path containing '..'. "
            "Directory traversal is not permitted"
        )


def check_location(where: str, location: Json) -> None:
    """Check where an artifact is to be had or kept; raises :class:`InvalidWorkflow`."""
    if "git" in location and not location["git"].get("repo"):
        raise InvalidWorkflow(f"{where}.git.repo is required")
    if "hdfs" in location:
        _check_hdfs(f"{where}.hdfs", location["hdfs"])


def has_location_or_key(artifact: Json) -> bool:
    """Tell whether an artifact says where it is, or by which key a repository has it."""
    kind = next((kind for kind in _LOCATIONS if kind in artifact), "")
    if not kind:
        return False
    place = artifact[kind]
    if all(place.get(key) is not None and place[key] != "" for key in _LOCATIONS[kind]):
        return True
    if kind in ("artifactory", "http"):
        return _path_of(place.get("url") or "") != ""
    return bool(place.get(_KEYS.get(kind, "")))


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _check_source(where: str, parameter: Json, *, values: bool) -> None:
    source = parameter.get("valueFrom")
    if source is None:
        if "value" not in parameter and values:
            raise InvalidWorkflow(f"{where}.value or {where}.valueFrom is required")
        return
    given = any(key in source for key in ("configMapKeyRef", "supplied")) or source.get("event")
    if not given or any(source.get(key) for key in _NOT_HERE):
        raise InvalidWorkflow(f"{where}.{_ONLY}")


def _check_hdfs(where: str, hdfs: Json) -> None:
    if not hdfs.get("addresses"):
        raise InvalidWorkflow(f"{where}.addresses is required")
    if not hdfs.get("path"):
        raise InvalidWorkflow(f"{where}.path is required")
    if not hdfs["path"].startswith("/"):
        raise InvalidWorkflow(f"{where}.path must be a absolute file path")
    cached, keytab = "krbCCacheSecret" in hdfs, "krbKeytabSecret" in hdfs
    if not hdfs.get("hdfsUser") and not cached and not keytab:
        raise InvalidWorkflow(
            f"either {where}.hdfsUser, {where}.krbCCacheSecret or {where}.krbKeytabSecret is"
            " required"
        )
    service = ("krbServicePrincipalName", "krbConfigConfigMap")
    user = ("krbUsername", "krbRealm")
    if keytab and not all(hdfs.get(key) is not None for key in (*service, *user)):
        named = (
            f"{where}.{service[0]}, {where}.{service[1]}, {where}.{user[0]} and {where}.{user[1]}"
        )
        raise InvalidWorkflow(f"{named} are required with {where}.krbKeytabSecret")
    if cached and not all(hdfs.get(key) is not None for key in service):
        named = f"{where}.{service[0]} and {where}.{service[1]}"
        raise InvalidWorkflow(f"{named} are required with {where}.krbCCacheSecret")
