"""What the engine writes into the metadata of every workflow."""

from __future__ import annotations

from hera_experiment.argo.names import ANNOTATION_POD_NAMES, LABEL_COMPLETED, LABEL_PHASE

ANNOTATION_RUNTIME = "hera-utils/runtime"
"""The name of the runtime that the workflow was created with: a retry uses the same."""

WRITTEN_BY_ENGINE = frozenset(
    (ANNOTATION_POD_NAMES, ANNOTATION_RUNTIME, LABEL_COMPLETED, LABEL_PHASE)
)
"""Keys that a workflow's own variables do not show."""
