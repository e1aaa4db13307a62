"""The rules of steps.

Source: ``validateSteps`` in ``workflow/validate/validate.go`` of argoproj/argo-workflows, whose
words the messages are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hera_experiment.local.engine.validation.arguments import check_arguments
from hera_experiment.local.engine.validation.kinds import Template
from hera_experiment.local.engine.validation.names import field_name_problem
from hera_experiment.local.engine.validation.policies import check_hooks
from hera_experiment.local.engine.validation.processing import ANY_ARGUMENTS, Arguments
from hera_experiment.local.engine.validation.scopes import (
    Scope,
    add_items,
    add_outputs,
    inline_scope,
    is_aggregated,
)
from hera_experiment.local.errors import InvalidWorkflow, within

if TYPE_CHECKING:
    from hera_experiment.local.engine.validation.judge import Base, Judge, Walk


def check_steps(judge: Judge, template: Template, base: Base, scope: Scope) -> Walk:
    """Check steps whose variables are put in; ``scope`` grows by what they leave."""
    where = f"templates.{template.get('name', '')}.steps"
    seen: set[str] = set()
    for index, group in enumerate(template["steps"]):
        for step in group:
            name = _checked_name(f"{where}[{index}]", step, seen)
            path = f"{where}[{index}].{name}"
            scope.add(f"steps.{name}.status")
            with within(f"{path} "):
                add_items(scope, step)
            arguments = step.get("arguments") or {}
            check_arguments(f"{path}.arguments.", arguments)
            with within(f"{path} "):
                called = yield judge.template_of(step, base, ANY_ARGUMENTS)
            if step.get("onExit") or "exit" in (step.get("hooks") or {}):
                add_outputs(scope, judge.everywhere, called, f"steps.{name}")
            check_hooks(path, step.get("hooks") or {})
            judge.variables(where, step, inline_scope(step), scope)
            aggregated = is_aggregated(step)
            add_outputs(scope, judge.everywhere, called, f"steps.{name}", aggregated=aggregated)
            with within(f"{path} "):
                yield judge.template_of(step, base, Arguments(arguments))
    return None


def _checked_name(where: str, step: Mapping[str, Any], seen: set[str]) -> str:
    name: str = step.get("name", "")
    if not name:
        raise InvalidWorkflow(f"{where}.name is required")
    if name in seen:
        raise InvalidWorkflow(f"{where}.name '{name}' is not unique")
    if problem := field_name_problem(name):
        raise InvalidWorkflow(f"{where}.name '{name}' is invalid: {problem}")
    seen.add(name)
    return name
