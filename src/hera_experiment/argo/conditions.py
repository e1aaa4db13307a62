"""Expressions that are true or false.

Source: ``util/expr/argoexpr/eval.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
