"""The conditions and calculations within a JSON path.

Source: ``script/standard/*.go`` of evilmonkeyinc/jsonpath.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hera_experiment.argo.expr.builtins import parsed_float
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.operations import divide, power
from hera_experiment.argo.expr.regex import compiled
from hera_experiment.argo.expr.values import Int64, parsed_json, text_of

Script = Callable[[Any, Any], Any]
"""Gives a value for the whole document and the current part of it; raises :class:`Fault`."""
Select = Callable[[str], Script]
"""Returns what follows a path."""

_INTEGER = re.compile(r"[+-]?[0-9]+")


_OPERATORS = (
    "||", "&&", "==", "!=", "<=", ">=", "<", ">", "=~", "!", "+", "-", "**", "*", "/", "%",
    "not in", "in",
)  # fmt: skip


def script(expression: str, select: Select) -> Script:
    """Return what evaluates an expression, given root and current value."""
    expression = expression.strip()
    found = _operation(expression, 0, select)
    if found is not None:
        return found

    def constant(root: Any, current: Any) -> Any:
        if expression in ("nil", "null"):
            return None
        value = parsed_float(expression)
        return _BOOLS.get(expression, expression) if value is None else value

    return constant


_BOOLS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


def _operation(expression: str, first: int, select: Select) -> Script | None:
    expression = expression.strip()
    if not expression:
        return None
    if expression.startswith("(") and expression.endswith(")"):
        return _operation(expression[1:-1], 0, select)
    for level in range(first, len(_OPERATORS)):
        symbol = _OPERATORS[level]
        at = _unquoted(expression, symbol)
        if at < 0:
            continue
        left, right = expression[:at].strip(), expression[at + len(symbol) :].strip()
        if not right or (not left and symbol != "!") or (left and symbol == "!"):
            continue
        return _applied(symbol, _operand(left, level, select), _operand(right, level, select))
    if expression[0] in "@$":
        return _quoted(select(expression))
    return None


def _unquoted(source: str, symbol: str) -> int:
    """Return where the operator first stands outside of quotes and brackets, -1 if nowhere."""
    quote, square, round_ = "", 0, 0
    for at, character in enumerate(source):
        if character in "()" and not quote and square <= 0:
            round_ += 1 if character == "(" else -1
        elif character in "[]" and not quote and round_ <= 0:
            square += 1 if character == "[" else -1
        elif character in "'\"" and square <= 0 and round_ <= 0 and quote in ("", character):
            quote = "" if quote else character
        if quote or square > 0 or round_ > 0:
            continue
        start = at + 1 - len(symbol)
        if start >= 0 and source[start : at + 1] == symbol:
            return start
    return -1


def _quoted(selected: Script) -> Script:
    """Return what quotes a string that a path leads to."""

    def evaluate(root: Any, current: Any) -> Any:
        value = selected(root, current)
        if isinstance(value, str) and not (len(value) > 1 and value[0] == value[-1] == "'"):
            return f"'{value}'"
        return value

    return evaluate


def _operand(text: str, level: int, select: Select) -> Script | None:
    found = _operation(text, level, select)
    if found is not None or not text:
        return found
    value: Any = text
    if (text[0], text[-1]) in (("[", "]"), ("{", "}")):
        try:
            value = parsed_json(text)
        except Fault:
            value = text
    known = {"nil": None, "null": None}
    return lambda root, current: known.get(value, value) if isinstance(value, str) else value


def _number(operand: Script | None, root: Any, current: Any) -> float:
    if operand is None:
        raise Fault("invalid argument. is nil")
    found = parsed_float(text_of(operand(root, current)))
    if found is None:
        raise Fault("invalid argument. expected number")
    return found


def _integer(operand: Script | None, root: Any, current: Any) -> int:
    if operand is None:
        raise Fault("invalid argument. is nil")
    text = text_of(operand(root, current))
    if not _INTEGER.fullmatch(text):
        raise Fault("invalid argument. expected integer")
    return int(text)


def _boolean(operand: Script | None, root: Any, current: Any) -> bool:
    value = None if operand is None else operand(root, current)
    if value is None:
        return False
    text = text_of(value)
    if text not in _BOOLS:
        raise Fault("invalid argument. expected boolean")
    return _BOOLS[text]


def _string(operand: Script | None, root: Any, current: Any) -> str:
    if operand is None:
        raise Fault("invalid argument. is nil")
    value = operand(root, current)
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return f"'{value[1:-1]}'"
    return text_of(value)


def _elements(operand: Script | None, root: Any, current: Any) -> list[Any]:
    value = None if operand is None else operand(root, current)
    if value is None:
        raise Fault("invalid argument. is nil")
    if not isinstance(value, (list, dict)):
        raise Fault("invalid argument. expected array, map, or slice")
    return list(value.values()) if isinstance(value, dict) else value


def _equal(left: Script | None, right: Script | None, root: Any, current: Any) -> bool:
    try:
        return _number(left, root, current) == _number(right, root, current)
    except Fault:
        return _string(left, root, current) == _string(right, root, current)


def _in(left: Script | None, right: Script | None, root: Any, current: Any) -> bool:
    item: Any = None
    for read in (_number, _string, _boolean):
        try:
            item = read(left, root, current)
            break
        except Fault:
            continue
    found = _elements(right, root, current)
    return any(type(one) is type(item) and one == item for one in found)


def _matches(left: Script | None, right: Script | None, root: Any, current: Any) -> bool:
    text, pattern = (
        found[1:-1] if len(found) > 1 and found[0] == found[-1] == "'" else found
        for found in (_string(left, root, current), _string(right, root, current))
    )
    try:
        return compiled(pattern).search(text) is not None
    except Fault:
        raise Fault("invalid argument. expected a valid regexp") from None


def _remainder(left: Script | None, right: Script | None, root: Any, current: Any) -> int:
    dividend, divisor = _integer(left, root, current), _integer(right, root, current)
    if divisor == 0:
        raise Fault("runtime error: integer divide by zero")
    found = abs(dividend) % abs(divisor)
    return Int64(-found if dividend < 0 else found)


_NUMERIC: dict[str, Callable[[float, float], Any]] = {
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": divide,
    "**": power,
}


def _applied(symbol: str, left: Script | None, right: Script | None) -> Script:
    def evaluate(root: Any, current: Any) -> Any:
        if symbol in _NUMERIC:
            first, second = _number(left, root, current), _number(right, root, current)
            return _NUMERIC[symbol](first, second)
        if symbol == "!":
            return not _boolean(right, root, current)
        if symbol in ("&&", "||"):
            sides = [_boolean(left, root, current), _boolean(right, root, current)]
            return all(sides) if symbol == "&&" else any(sides)
        if symbol in ("==", "!="):
            return _equal(left, right, root, current) == (symbol == "==")
        if symbol in ("in", "not in"):
            return _in(left, right, root, current) == (symbol == "in")
        if symbol == "=~":
            return _matches(left, right, root, current)
        return _remainder(left, right, root, current)

    return evaluate
