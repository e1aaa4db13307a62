"""``status.conditions`` of a workflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hera_experiment.local.engine.validation import left_out
from hera_experiment.local.runtimes.base import Runtime

SPEC_WARNING = "SpecWarning"
"""The type of a condition, in Argo's words."""


def conditions(*, completed: bool, running: bool = False) -> list[dict[str, str]]:
    """Return ``status.conditions`` of a workflow that runs, or has ended.

    ``running`` tells that a pod came to run in the last look at the workflow.
    """
    said = (("PodRunning", running), ("Completed", completed))
    return [{"type": what, "status": "True" if holds else "False"} for what, holds in said]


def spec_warnings(manifest: Mapping[str, Any], runtime: Runtime) -> Iterator[dict[str, str]]:
    """Yield, where Argo has its warnings about a spec, what differs on this machine.

    That is what it leaves out, and what ``runtime`` cannot promise.
    """
    sentences = list(runtime.warnings(manifest))
    if missing := left_out(manifest, heeds_users=runtime.heeds_users):
        left = f"left out on this machine, heeded by a cluster: {'; '.join(missing)}"
        sentences.insert(0, left)
    if sentences:
        yield {"type": SPEC_WARNING, "status": "True", "message": "; ".join(sentences)}
