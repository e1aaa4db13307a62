"""The phases of a node and of a workflow.

Source: ``pkg/apis/workflow/v1alpha1/workflow_types.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

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

SYMBOLS = {
    "Succeeded": "✔",
    "Failed": "✖",
    "Error": "✖",
    "Running": "●",
    "Pending": "◷",
    "Skipped": "○",
    "Omitted": "○",
}
"""One sign for each of Argo's phases, as its own program draws them."""

_WORST = (RUNNING, FAILED, ERROR, PENDING, SUCCEEDED, SKIPPED, OMITTED)


def worst(phases: Iterable[str]) -> str:
    """Return the phase of several tasks together, empty where none has one."""
    found = set(phases)
    return next((phase for phase in _WORST if phase in found), "")


def counted(phases: Mapping[str, int]) -> str:
    """Return how many tasks are in which phase: ``2 Failed, 8 Succeeded``."""
    return ", ".join(f"{phases[phase]} {phase}" for phase in _WORST if phases.get(phase))


_PROGRESS = re.compile(r"\+?(\d+)/\+?(\d+)", re.ASCII)


def is_progress(text: str) -> bool:
    """Tell whether ``text`` says how far something has come: ``3/10``.

    Source: ``Progress.IsValid`` in ``pkg/apis/workflow/v1alpha1/progress.go``.
    """
    match = _PROGRESS.fullmatch(text)
    return match is not None and int(match[1]) <= int(match[2]) and int(match[2]) > 0


def completed(progress: str) -> str:
    """Return ``progress`` (or ``0/1`` in its place) at its end: ``10/10``."""
    total = progress.rpartition("/")[2] if is_progress(progress) else "1"
    return f"{total}/{total}"
