"""Brings a submitted Workflow into the form that Argo's server would answer with.

Source: ``anystring.go`` in ``pkg/apis/workflow/v1alpha1`` of argoproj/argo-workflows, and the Go
types of the whole API, whose empty fields are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hera_experiment.argo.go_text import JsonError, decimal, stored
from hera_experiment.local.errors import InvalidWorkflow

_TEXTS = ("value", "default")


def normalise(manifest: Any) -> dict[str, Any]:
    """Return a copy of ``manifest`` without nulls, all values of parameters being strings.

    Raises :class:`InvalidWorkflow` when it is no Workflow at all.
    """
    if not isinstance(manifest, Mapping):
        raise InvalidWorkflow("workflow body not specified")
    kind = manifest.get("kind") or "Workflow"
    if kind != "Workflow":
        raise InvalidWorkflow(f"the object is a {kind}, not a Workflow")
    try:
        copy: dict[str, Any] = _without_nulls(manifest)
    except JsonError as error:
        raise InvalidWorkflow(str(error)) from None
    copy["apiVersion"] = copy.get("apiVersion") or "argoproj.io/v1alpha1"
    copy["kind"] = "Workflow"
    copy.setdefault("metadata", {})
    if not isinstance(copy["metadata"], dict):
        raise InvalidWorkflow("the workflow's metadata is not an object")
    spec = copy.setdefault("spec", {})
    if not isinstance(spec, dict):
        raise InvalidWorkflow("the workflow's spec is not an object")
    _texts(spec)
    return copy


def with_empty_fields(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``manifest`` with the empty objects that Go's types always have."""
    spec = dict(manifest["spec"])
    spec.setdefault("arguments", {})
    if templates := spec.get("templates"):
        spec["templates"] = [_template(template) for template in templates]
    if "templateDefaults" in spec:
        spec["templateDefaults"] = _template(spec["templateDefaults"])
    return {**manifest, "spec": spec}


def _template(template: Mapping[str, Any]) -> dict[str, Any]:
    filled = {"inputs": {}, "outputs": {}, "metadata": {}, **template}
    for key in ("container", "script"):
        if key in filled:
            filled[key] = {"name": "", "resources": {}, **filled[key]}
    for key in ("initContainers", "sidecars"):
        if key in filled:
            filled[key] = [{"resources": {}, **each} for each in filled[key]]
    if containers := (filled.get("containerSet") or {}).get("containers"):
        made = [{"resources": {}, **each} for each in containers]
        filled["containerSet"] = {**filled["containerSet"], "containers": made}
    if "dag" in filled:
        tasks = [_call(task) for task in filled["dag"].get("tasks") or ()]
        filled["dag"] = {**filled["dag"], "tasks": tasks}
    if "steps" in filled:
        filled["steps"] = [[_call(step) for step in group] for group in filled["steps"]]
    return filled


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    filled = {"arguments": {}, **call}
    if "inline" in filled:
        filled["inline"] = _template(filled["inline"])
    return filled


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): stored(item) if key == "withItems" else _without_nulls(item)
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, (list, tuple)):
        return [_without_nulls(item) for item in value]
    return value


def _texts(value: Any) -> None:
    """Turn the values of all parameters below ``value`` into strings, in place.

    What Go's types of artifacts always have is added, too.
    """
    if isinstance(value, list):
        for item in value:
            _texts(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key == "parameters" and isinstance(item, list):
            for parameter in item:
                if isinstance(parameter, dict):
                    _parameter(parameter)
        elif key == "artifacts" and isinstance(item, list):
            for artifact in item:
                _artifact(artifact)
        elif key != "withItems":
            _texts(item)


def _artifact(artifact: Any) -> None:
    http = artifact.get("http") if isinstance(artifact, dict) else None
    if isinstance(http, dict) and isinstance(auth := http.get("auth"), dict):
        http["auth"] = {"clientCert": {}, "oauth2": {}, "basicAuth": {}, **auth}


def _parameter(parameter: dict[str, Any]) -> None:
    for holder in (parameter, parameter.get("valueFrom")):
        if isinstance(holder, dict):
            for key in _TEXTS:
                if key in holder:
                    holder[key] = _text(holder[key])
    if parameter.get("enum") == []:
        del parameter["enum"]
    elif isinstance(parameter.get("enum"), list):
        parameter["enum"] = [_text(value) for value in parameter["enum"]]


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        try:
            return decimal(value)
        except JsonError as error:
            raise InvalidWorkflow(str(error)) from None
    return value
