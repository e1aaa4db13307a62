"""Hooks for each of Hera's classes of workflows: Hera matches them by exact type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def before_each_build(complete: Callable[[Any], None]) -> None:
    """Call ``complete`` with each workflow, template or CronWorkflow before Hera builds it."""
    from hera.shared import global_config

    for kind in _kinds():
        global_config.register_pre_build_hook(_hook(kind, complete))


def _kinds() -> tuple[type, ...]:
    from hera.workflows import ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowTemplate

    return Workflow, WorkflowTemplate, CronWorkflow, ClusterWorkflowTemplate


def _hook(kind: type, complete: Callable[[Any], None]) -> Any:
    def hook(workflow: Any) -> Any:
        complete(workflow)
        return workflow

    # Hera finds out by the annotation which class a hook is for.
    hook.__annotations__["return"] = kind
    return hook
