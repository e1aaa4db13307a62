"""Expressions that decide: whether to retry, for one.

Source: ``util/expr/argoexpr/eval.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from hera_experiment.argo.conditions import ExpressionError, holds
from hera_experiment.local.engine.substitution import Lookup, used_variables


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
