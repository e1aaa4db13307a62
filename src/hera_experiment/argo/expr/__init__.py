"""Expressions of expr-lang/expr 1.17 as Argo evaluates them.

``compile(text).run(variables)`` is the value; ``text_of(value)`` is what Argo puts in the place of
``{{=text}}``. A number without a fraction is Go's int where Python has an int. Whatever can be
wrong raises :class:`ExprError`, whose message is the one of expr.

Known differences: of Go's regular expressions those are understood that Python knows too, of sprig
all but what :func:`uninterpreted` tells; the order of a map's keys and of equal items in a sort of
more than twelve is Go's own secret; expr fails where ``findLast`` or ``filter(…)[-1]`` is a right
operand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache

from hera_experiment.argo.expr import tree
from hera_experiment.argo.expr.argo_environment import environment as _environment
from hera_experiment.argo.expr.checker import check
from hera_experiment.argo.expr.errors import CompileError, ExprError, Fault, RunError, located
from hera_experiment.argo.expr.evaluator import evaluate
from hera_experiment.argo.expr.folding import folded
from hera_experiment.argo.expr.names import identifiers_of, is_known
from hera_experiment.argo.expr.parser import BUILTIN_NAMES, parse
from hera_experiment.argo.expr.values import clean, json_of, type_name
from hera_experiment.argo.expr.values import text_of as printed

__all__ = [
    "CompileError",
    "ExprError",
    "Program",
    "RunError",
    "compile",
    "formatted",
    "identifiers",
    "missing",
    "sprint",
    "text_of",
    "type_name",
    "uninterpreted",
]


_TOO_DEEP = "the expression is nested too deep"


class Program:
    """An expression that has been parsed."""

    def __init__(self, text: str, root: tree.Node) -> None:
        self.text = text
        self.root = root
        self.names = identifiers_of(root)

    def run(
        self, variables: Mapping[str, object], clock: Callable[[], int] = time.time_ns
    ) -> object:
        """Return the value, given the variables by their names with dots.

        ``clock`` gives nanoseconds since 1970. Raises :class:`CompileError` for what does not
        suit the variables and :class:`RunError` for what fails after that.
        """
        known = _environment(variables, self.names, clock)
        try:
            root = self.root
            if hidden := BUILTIN_NAMES & known.keys():
                root = parse(self.text, BUILTIN_NAMES - hidden)
            root = folded(root, check(root, known))
        except Fault as fault:
            raise CompileError(located(fault, self.text)) from None
        except RecursionError:
            raise CompileError(_TOO_DEEP) from None
        try:
            return evaluate(root, known, clock)
        except Fault as fault:
            raise RunError(located(fault, self.text)) from None
        except RecursionError:
            raise RunError(_TOO_DEEP) from None


@lru_cache(maxsize=512)
def compile(text: str) -> Program:
    """Parse an expression; raises :class:`CompileError`."""
    try:
        return Program(text, parse(text, BUILTIN_NAMES))
    except Fault as fault:
        raise CompileError(located(fault, text)) from None
    except RecursionError:
        raise CompileError(_TOO_DEEP) from None


def identifiers(program: Program) -> list[str]:
    """Return the variables that the expression cannot do without, with their members.

    ``a.b`` gives ``a`` and ``a.b``; what stands before ``??`` or ``?.`` may be missing.
    """
    return program.names


def missing(program: Program, variables: Mapping[str, object]) -> list[str]:
    """Return those of the :func:`identifiers` that are no variables."""
    known = _environment(variables, program.names, time.time_ns)
    return [name for name in program.names if not is_known(name, known)]


def sprint(value: object) -> str:
    """Return a result as Argo puts it into an output parameter: Go's ``%v``."""
    return clean(printed(value))


def formatted(value: object) -> str:
    """Return a result as Argo puts it into sentences: Go's ``%s``."""
    if value is None:
        return "%!s(<nil>)"
    return sprint(value) if isinstance(value, str) else f"%!s({type_name(value)}={sprint(value)})"


def text_of(value: object) -> str:
    """Return a result as Argo puts it in the place of ``{{=…}}``; raises :class:`ExprError`.

    A string stands for itself, anything else is JSON.
    """
    if isinstance(value, str):
        return clean(value)
    try:
        return json_of(value)
    except Fault as fault:
        raise RunError(f"failed to marshal evaluated expression: {fault.message}") from None


def uninterpreted(program: Program) -> list[str]:
    """Return the functions that the expression uses and nobody here interprets."""
    if "sprig" not in program.names:
        return []
    from hera_experiment.argo.expr.sprig import UNINTERPRETED

    return [name for name in program.names if name.removeprefix("sprig.") in UNINTERPRETED]
