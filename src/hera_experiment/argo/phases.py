"""The phases of a node and of a workflow.

Source: ``pkg/apis/workflow/v1alpha1/workflow_types.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

PENDING = "Pending"
RUNNING = "Running"
SUCCEEDED = "Succeeded"
SKIPPED = "Skipped"
FAILED = "Failed"
ERROR = "Error"
OMITTED = "Omitted"

FAILURES = frozenset((FAILED, ERROR))
"""It ran, or tried to, and did not succeed."""

COMPLETED = FAILURES | {SUCCEEDED}
"""It ran to an end of its own."""

FULFILLED = COMPLETED | {SKIPPED, OMITTED}
"""Nothing more will happen to it."""

WORKFLOW_PHASES = {
    PENDING: PENDING,
    RUNNING: RUNNING,
    SUCCEEDED: SUCCEEDED,
    SKIPPED: SUCCEEDED,
    OMITTED: SUCCEEDED,
    FAILED: FAILED,
    ERROR: ERROR,
}
"""The phase of a workflow by the phase of its entry node."""
