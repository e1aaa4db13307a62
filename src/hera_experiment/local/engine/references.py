"""Replaces, in a task or a step, what it says of others' outputs.

Source: ``resolveDependencyReferences`` in ``workflow/controller/dag.go`` and
``resolveReferences`` in ``steps.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hera_experiment.local.engine.arguments import ABSENT
from hera_experiment.local.engine.loops import is_loop
from hera_experiment.local.engine.substitution import OUTPUTS, Lookup, replace, substitute
from hera_experiment.local.engine.when import WhenError, should_execute

_PURE = re.compile(r"\{\{([^{}]*)\}\}")


def resolve(task: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    """Return ``task`` with its variables replaced; one that will not run keeps all but ``when``.

    Raises :class:`~.substitution.SubstitutionError` and :class:`~.when.WhenError`.
    """
    if task.get("when"):
        when = replace(task["when"], lookup, OUTPUTS)
        try:
            runs = should_execute(when)
        except WhenError:
            # It may wait for {{item}}, which is known only once the loop is expanded.
            if not is_loop(task):
                raise
            runs = True
        if not runs:
            return {**task, "when": when}
    marked = _mark_absent(task, lookup)
    resolved: dict[str, Any] = substitute(marked, lookup, OUTPUTS)
    return resolved


def _mark_absent(task: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    arguments = task.get("arguments") or {}
    parameters = [_marked(p, lookup) for p in arguments.get("parameters") or ()]
    if not parameters:
        return dict(task)
    return {**task, "arguments": {**arguments, "parameters": parameters}}


def _marked(parameter: Mapping[str, Any], lookup: Lookup) -> Mapping[str, Any]:
    match = _PURE.fullmatch(str(parameter.get("value", "")))
    if match:
        try:
            if lookup(match[1].strip()) is None:
                return {**parameter, "value": ABSENT}
        except KeyError:
            pass
    return parameter
