"""The metadata of a workflow: its name, and what the engine writes beside what was submitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hera_experiment.argo.names import (
    ANNOTATION_POD_NAMES,
    LABEL_COMPLETED,
    LABEL_PHASE,
    OBJECT_NAME,
)
from hera_experiment.argo.phases import RUNNING
from hera_experiment.local.errors import InvalidWorkflow

ANNOTATION_RUNTIME = "hera-utils/runtime"
"""The name of the runtime that the workflow was created with: a retry uses the same."""

WRITTEN_BY_ENGINE = frozenset(
    (ANNOTATION_POD_NAMES, ANNOTATION_RUNTIME, LABEL_COMPLETED, LABEL_PHASE)
)
"""Keys that a workflow's own variables do not show."""


def begun_metadata(metadata: Mapping[str, Any], runtime: str) -> dict[str, Any]:
    """Return the metadata of a workflow that begins to run in ``runtime``."""
    annotations = {**metadata.get("annotations", {}), ANNOTATION_POD_NAMES: "v2"}
    annotations[ANNOTATION_RUNTIME] = runtime
    labels = {**metadata.get("labels", {}), LABEL_COMPLETED: "false", LABEL_PHASE: RUNNING}
    return {**metadata, "annotations": annotations, "labels": labels}


def check_object_name(name: str) -> None:
    """Raise :class:`InvalidWorkflow`, in Kubernetes' words, for what cannot be a name."""
    if not OBJECT_NAME.fullmatch(name):
        raise InvalidWorkflow(
            f'Workflow.argoproj.io "{name}" is invalid: metadata.name: Invalid value: "{name}":'
            " a lowercase RFC 1123 subdomain must consist of lower case alphanumeric"
            " characters, '-' or '.', and must start and end with an alphanumeric character"
        )


def check_generated_name(name: str) -> None:
    """Raise :class:`InvalidWorkflow` when ``generateName`` gave what cannot be a name."""
    if not OBJECT_NAME.fullmatch(name):
        raise InvalidWorkflow(
            f"generateName gives {name!r}, which is no name of a Kubernetes object: use lower"
            " case letters, digits and '-', beginning with a letter or digit"
        )
