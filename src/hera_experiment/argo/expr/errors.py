"""What can be wrong with an expression, in the words of expr-lang/expr.

Source: ``file/error.go`` of expr-lang/expr.
"""

from __future__ import annotations


class ExprError(ValueError):
    """An expression has no value; the message is the one that Argo shows."""


class CompileError(ExprError):
    """The text is no expression, or one that cannot suit its variables."""


class RunError(ExprError):
    """The evaluation failed."""


class Fault(Exception):
    """Something is wrong at a place of the text, ``at`` (None: not known yet)."""

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


def located(fault: Fault, text: str) -> str:
    """Return the message with its line and column, and the line with the place marked."""
    before = text[: fault.at or 0]
    line = before.count("\n") + 1
    start = before.rfind("\n") + 1
    column = len(before) - start
    shown = text[start:].split("\n", 1)[0]
    if not shown:
        return fault.message
    marked = f"\n | {shown}\n | {'.' * column}^".replace("\t", " ")
    return f"{fault.message} ({line}:{column + 1}){marked}"
