"""Expressions that decide: whether to retry, for one.

Source: ``util/expr/argoexpr/eval.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hera_experiment.local.engine.substitution import Lookup, used_variables


class ExpressionError(ValueError):
    """An expression is not true and not false."""


def holds(text: str, variables: Mapping[str, Any]) -> bool:
    """Tell whether the expression is true; raises :class:`ExpressionError`."""
    # Imported where an expression is: most workflows have none.
    from hera_experiment.argo import expr

    try:
        value = expr.compile(text).run(variables)
    except expr.CompileError as error:
        raise ExpressionError(str(error)) from None
    except expr.RunError as error:
        raise ExpressionError(f"unable to evaluate expression '{text}': {error}") from None
    if not isinstance(value, bool):
        shown = expr.formatted(value)
        raise ExpressionError(f"unable to cast expression result '{shown}' to bool")
    return value


def decides(text: str, lookup: Lookup) -> bool:
    """Tell whether the expression is true of what ``lookup`` knows.

    Raises :class:`ExpressionError`.
    """
    from hera_experiment.argo import expr

    try:
        program = expr.compile(text)
    except expr.CompileError as error:
        raise ExpressionError(str(error)) from None
    return holds(text, used_variables(expr.identifiers(program), lookup))
