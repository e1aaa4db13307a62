"""What Kubernetes would know about the pod of a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST_PREFIX = 253 - 10 - 1
"""Room for the workflow and the template before the hash. Source: workflow/util/pod_name.go."""


def pod_name(workflow: str, node: Mapping[str, Any]) -> str:
    """Return the name of a node's pod in Argo's format ``v2``."""
    if node.get("name") == workflow:
        return workflow
    template = node.get("templateName") or (node.get("templateRef") or {}).get("template") or ""
    prefix = f"{workflow}-{template}" if template else workflow
    return f"{prefix[:LONGEST_PREFIX]}-{str(node['id']).rsplit('-', 1)[-1]}"


def pod_labels(workflow: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that a node's pod would have."""
    metadata, spec = workflow.get("metadata") or {}, workflow.get("spec") or {}
    labels = {
        "workflows.argoproj.io/workflow": str(metadata.get("name", "")),
        "workflows.argoproj.io/completed": (
            "false" if node.get("phase") in ("Pending", "Running") else "true"
        ),
    }
    labels.update((spec.get("podMetadata") or {}).get("labels") or {})
    for template in spec.get("templates") or []:
        if template.get("name") == node.get("templateName"):
            labels.update((template.get("metadata") or {}).get("labels") or {})
    return labels
