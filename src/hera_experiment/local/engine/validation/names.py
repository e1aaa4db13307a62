"""Names: given, well formed, unique.

Source: ``validateWorkflowFieldNames`` in ``workflow/validate/validate.go`` of
argoproj/argo-workflows, whose words the messages are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hera_experiment.argo.names import FIELD_NAME, FIELD_NAME_LENGTH, PARAMETER_NAME
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
    """Check the names of templates, tasks or containers; raises :class:`InvalidWorkflow`."""
    _check(prefix, items, field_name_problem)


def check_parameter_names(prefix: str, items: Iterable[Mapping[str, Any]]) -> None:
    """Check the names of parameters or artifacts; raises :class:`InvalidWorkflow`."""
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
    """Return what is wrong with the name of a parameter or an artifact, or nothing."""
    return "" if PARAMETER_NAME.fullmatch(name) else _PARAMETER_NAME_RULE


def _check(
    prefix: str, items: Iterable[Mapping[str, Any]], problem_of: Callable[[str], str]
) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = item.get("name", "")
        if not name:
            raise InvalidWorkflow(f"{prefix}[{index}].name is required")
        if problem := problem_of(name):
            raise InvalidWorkflow(f"{prefix}[{index}].name: '{name}' is invalid: {problem}")
        if name in seen:
            raise InvalidWorkflow(f"{prefix}[{index}].name '{name}' is not unique")
        seen.add(name)
