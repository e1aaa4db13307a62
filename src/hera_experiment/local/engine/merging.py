"""Merges one object of Argo's API into another, as a strategic merge patch does.

Source: ``pkg/util/strategicpatch/patch.go`` of kubernetes/apimachinery, the ``patchStrategy`` tags
in ``workflow_types.go`` and in ``core/v1/types.go`` of kubernetes/api; ``MergeTo`` and
``JoinWorkflowSpec`` in ``workflow/util/merge.go``, ``mergedTemplateDefaultsInto`` in
``workflow/controller/operator.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]

TEMPLATE_TYPES = (
    "container",
    "containerSet",
    "steps",
    "script",
    "resource",
    "dag",
    "suspend",
    "data",
    "http",
    "plugin",
)
"""The fields of which a template has exactly one: what it does."""

_KEYS = {
    "artifacts": "name",
    "env": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "parameters": "name",
    "ports": "containerPort",
    "sidecars": "name",
    "tasks": "name",
    "templates": "name",
    "tolerations": "key",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
"""The lists whose items are merged, by what identifies an item; any other list is replaced."""


class MergeError(ValueError):
    """An item of a list that is merged has not got what identifies it."""


def merged(under: Json, over: Json) -> dict[str, Any]:
    """Return ``under`` with what ``over`` says; neither changes. Raises :class:`MergeError`."""
    found = dict(under)
    for field, value in over.items():
        found[field] = _merged(field, found[field], value) if field in found else value
    return found


def _merged(field: str, under: Any, over: Any) -> Any:
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return merged(under, over)
    if field in _KEYS and isinstance(under, list) and isinstance(over, list):
        return _merged_items(under, over, _KEYS[field])
    return over


def _merged_items(under: Sequence[Json], over: Sequence[Json], key: str) -> list[Json]:
    """Return the items of both: those of ``over`` in their order, the others where they were."""
    for item in (*under, *over):
        if key not in item:
            raise MergeError(f"map: {item} does not contain declared merge key: {key}")
    below = {item[key]: item for item in under}
    known = {item[key] for item in over}
    place = {item[key]: index for index, item in enumerate(under)}
    rest = [item for item in under if item[key] not in known]
    items: list[Json] = []
    for item in over:
        name = item[key]
        while rest and name in place and place[rest[0][key]] < place[name]:
            items.append(rest.pop(0))
        items.append(merged(below[name], item) if name in below else item)
    return [*items, *rest]


def with_defaults(template: Json, defaults: Json | None) -> Json:
    """Return ``template`` over what ``spec.templateDefaults`` says of templates of its type.

    Raises :class:`MergeError`.
    """
    if not defaults:
        return template
    others = [key for key in TEMPLATE_TYPES if key not in template]
    return merged({key: defaults[key] for key in defaults if key not in others}, template)


def joined(spec: Json, under: Json) -> dict[str, Any]:
    """Return what runs of a workflow's ``spec`` and that of the template which it refers to.

    Raises :class:`MergeError`.
    """
    found = merged(_without_unmerged(under), spec)
    hooks = {**(under.get("hooks") or {}), **(spec.get("hooks") or {})}
    if hooks:
        found["hooks"] = hooks
    metadata = [each.get("workflowMetadata") or {} for each in (under, spec)]
    if labels := {
        name: v for each in metadata for name, v in (each.get("labelsFrom") or {}).items()
    }:
        found["workflowMetadata"] = {**found.get("workflowMetadata", {}), "labelsFrom": labels}
    found.pop("suspend", None)
    if "suspend" in spec:
        found["suspend"] = spec["suspend"]
    if parameters := (found.get("arguments") or {}).get("parameters"):
        # A value of one and a valueFrom of the other would not go together.
        whole = {p["name"]: p for each in (under, spec) for p in _with_values(each)}
        found["arguments"] = {
            **found["arguments"],
            "parameters": [whole.get(p["name"], p) for p in parameters],
        }
    return found


def _without_unmerged(spec: Json) -> dict[str, Any]:
    found = {key: value for key, value in spec.items() if key != "hooks"}
    if "workflowMetadata" in found:
        metadata = found["workflowMetadata"]
        found["workflowMetadata"] = {k: metadata[k] for k in metadata if k != "labelsFrom"}
    return found


def _with_values(spec: Json) -> list[Json]:
    parameters = (spec.get("arguments") or {}).get("parameters") or ()
    return [p for p in parameters if any(key in p for key in ("value", "valueFrom", "default"))]
