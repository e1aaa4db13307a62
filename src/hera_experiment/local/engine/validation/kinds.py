"""What kind of template one is.

Source: ``GetType``, ``IsLeaf``, ``IsPodType`` and ``HasOutput`` in
``pkg/apis/workflow/v1alpha1/workflow_types.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Template = Mapping[str, Any]

KINDS = {
    "container": "Container",
    "containerSet": "ContainerSet",
    "steps": "Steps",
    "dag": "DAG",
    "script": "Script",
    "resource": "Resource",
    "data": "Data",
    "suspend": "Suspend",
    "http": "HTTP",
    "plugin": "Plugin",
}
"""The fields that make a template one of a kind, and what Argo calls it; the first counts."""

_PODS = ("container", "containerSet", "script", "resource", "data")
_LEAVES = (*_PODS, "http", "plugin")
_WITH_RESULT = ("container", "script", "data", "http", "plugin")


def field_of(template: Template) -> str:
    """Return the field that makes the template what it is, or nothing."""
    return next((field for field in KINDS if field in template), "")


def is_leaf(template: Template) -> bool:
    """Tell whether Argo calls a template a leaf; it does not so for one that suspends."""
    return field_of(template) in _LEAVES


def runs_pods(template: Template) -> bool:
    """Tell whether a pod runs for the template."""
    return field_of(template) in _PODS


def has_result(template: Template) -> bool:
    """Tell whether it leaves a result and an exit code."""
    if any(field in template for field in _WITH_RESULT):
        return True
    containers = (template.get("containerSet") or {}).get("containers") or ()
    return any(container.get("name") == "main" for container in containers)
