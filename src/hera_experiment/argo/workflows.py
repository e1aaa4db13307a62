"""What a workflow says about where its files are and how its pods may run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hera_experiment.argo.names import ANNOTATION_GOES_ON

Json = Mapping[str, Any]

_PROGRAMS = ("container", "script")
_KEYS = {"s3": "key", "gcs": "key", "oss": "key", "azure": "blob", "hdfs": "path"}


def specification(workflow: Json) -> Json:
    """Return the workflow's specification, that of its WorkflowTemplate where it names one."""
    stored = (workflow.get("status") or {}).get("storedWorkflowTemplateSpec")
    return stored or workflow.get("spec") or {}


def files_name(workflow: Json) -> str:
    """Return the name of the run in whose files ``workflow`` works: its own, or that of another."""
    metadata = workflow["metadata"]
    return str((metadata.get("annotations") or {}).get(ANNOTATION_GOES_ON) or metadata["name"])


def claims_of(workflow: Json) -> list[str]:
    """Return the names of the claims that ``workflow`` mounts, each once, in its own order."""
    spec = specification(workflow)
    found = list(_volumes(spec))
    for template in _templates(spec):
        found += _volumes(template)
    # A name that Argo fills in is not known before it has.
    return list(dict.fromkeys(claim for claim in found if "{{" not in claim))


def artifact_key(artifact: Json) -> str:
    """Return the key of an artifact in its repository, empty for one that is kept in none."""
    for kind, field in _KEYS.items():
        if found := (artifact.get(kind) or {}).get(field):
            return str(found)
    return ""


def programs_of(workflow: Json) -> list[tuple[Json, Json]]:
    """Return template and container of each program, those that have succeeded first."""
    spec = specification(workflow)
    nodes = ((workflow.get("status") or {}).get("nodes") or {}).values()
    ran = {node.get("templateName") for node in nodes if node.get("phase") == "Succeeded"}
    found = [
        (template, template[kind])
        for template in _templates(spec)
        for kind in _PROGRAMS
        if template.get(kind)
    ]
    return sorted(found, key=lambda pair: pair[0].get("name") not in ran)


def images_of(workflow: Json) -> dict[str, str]:
    """Return the image of each program by the name of its template, in the workflow's order."""
    return {
        str(template.get("name")): str(template[kind]["image"])
        for template in _templates(specification(workflow))
        for kind in _PROGRAMS
        if (template.get(kind) or {}).get("image")
    }


def last_node(workflow: Json) -> str:
    """Return the node of the cluster on which a pod of the workflow ran last; empty for none."""
    nodes = ((workflow.get("status") or {}).get("nodes") or {}).values()
    hosts = [
        (str(node.get("startedAt") or ""), str(node["hostNodeName"]))
        for node in nodes
        if node.get("hostNodeName")
    ]
    return max(hosts, default=("", ""))[1]


def _templates(spec: Json) -> Iterator[Json]:
    defaults = spec.get("templateDefaults") or {}
    for template in spec.get("templates") or ():
        yield {**defaults, **template}


def _volumes(holder: Json) -> Iterator[str]:
    for volume in holder.get("volumes") or ():
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim:
            yield str(claim)
