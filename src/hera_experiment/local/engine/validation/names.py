"""Names and values: unique, well formed, given.

Source: ``validateWorkflowFieldNames`` and ``validateArguments`` in
``workflow/validate/validate.go`` of argoproj/argo-workflows, whose words the messages are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hera_experiment.argo.limits import FIELD_NAME as FIELD_NAME_LENGTH
from hera_experiment.argo.names import FIELD_NAME, PARAMETER_NAME
from hera_experiment.local.errors import InvalidWorkflow

_FIELD_NAME_RULE = (
    "name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric "
    "character (e.g. My-name1-2, 123-NAME)"
)
_PARAMETER_NAME_RULE = (
    "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' "
    "e.g. my_param_1, MY-PARAM-1"
)


def check_field_names(prefix: str, items: Iterable[Mapping[str, Any]]) -> None:
    """Check the names of templates or tasks."""
    _check(prefix, items, field_name_problem)


def check_parameter_names(prefix: str, items: Iterable[Mapping[str, Any]]) -> None:
    """Check the names of parameters."""
    _check(prefix, items, parameter_name_problem)


def field_name_problem(name: str) -> str:
    """Return what is wrong with the name of a template, a step or a task, or nothing."""
    problems = []
    if len(name) > FIELD_NAME_LENGTH:
        problems.append(f"must be no more than {FIELD_NAME_LENGTH} characters")
    if not FIELD_NAME.fullmatch(name):
        problems.append(_FIELD_NAME_RULE)
    return ";".join(problems)


def parameter_name_problem(name: str) -> str:
    """Return what is wrong with the name of a parameter, or nothing."""
    return "" if PARAMETER_NAME.fullmatch(name) else _PARAMETER_NAME_RULE


def check_arguments(prefix: str, arguments: Mapping[str, Any], *, values: bool = True) -> None:
    """Check that arguments have good names, a value each if ``values``, and one of their enum."""
    parameters = arguments.get("parameters") or ()
    check_parameter_names(f"{prefix}parameters", parameters)
    for parameter in parameters:
        where = f"{prefix}{parameter['name']}"
        if "value" not in parameter and values:
            raise InvalidWorkflow(f"{where}.value or {where}.valueFrom is required")
        if "enum" not in parameter:
            continue
        if "value" not in parameter:
            return
        if parameter["value"] not in parameter["enum"]:
            raise InvalidWorkflow(f"{where}.value should be present in {where}.enum list")


def _check(prefix: str, items: Iterable[Mapping[str, Any]], problem_of: Any) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = item.get("name", "")
        if not name:
            raise InvalidWorkflow(f"{prefix}[{index}].name is required")
        problem = problem_of(name)
        if problem:
            raise InvalidWorkflow(f"{prefix}[{index}].name: '{name}' is invalid: {problem}")
        if name in seen:
            raise InvalidWorkflow(f"{prefix}[{index}].name '{name}' is not unique")
        seen.add(name)
