"""The functions that Argo lends from Masterminds/sprig: numbers.

Source: ``functions.go`` and ``numeric.go`` of Masterminds/sprig; ``caste.go`` of spf13/cast.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from hera_experiment.argo.expr.builtins import parsed_float
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.operations import divide, power
from hera_experiment.argo.expr.values import ANY, Int64, Typed, text_of, truncated, wrapped

_WHOLE = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*)")


def to_int64(value: Any) -> int:
    """Return a number, a text or a bool as an integer, 0 when it is none."""
    if isinstance(value, float):
        return truncated(value)
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, str):
        text = re.sub(r"\.0+$", "", value)
        if _WHOLE.fullmatch(text):
            digits = text.replace("_", "")
            octal = re.fullmatch(r"[+-]?0[0-7]+", digits)
            found = int(digits, 8 if octal else 0)
            return found if wrapped(found) == found else 0
    return 0


def to_float64(value: Any) -> float:
    """Return a number, a text or a bool as a float64, 0 when it is none."""
    if isinstance(value, str):
        found = parsed_float(value)
        return 0.0 if found is None else found
    return float(value) if isinstance(value, (bool, int, float)) else 0.0


def _int64(value: int) -> Int64:
    return Int64(wrapped(value))


def _quotient(left: Any, right: Any) -> Int64:
    dividend, divisor = to_int64(left), to_int64(right)
    if divisor == 0:
        raise Fault("runtime error: integer divide by zero")
    found = abs(dividend) // abs(divisor)
    return _int64(found if (dividend < 0) == (divisor < 0) else -found)


def _modulo(left: Any, right: Any) -> Int64:
    dividend, divisor = to_int64(left), to_int64(right)
    if divisor == 0:
        raise Fault("runtime error: integer divide by zero")
    found = abs(dividend) % abs(divisor)
    return _int64(-found if dividend < 0 else found)


def _product(first: Any, *others: Any) -> Int64:
    found = to_int64(first)
    for other in others:
        found = wrapped(found * to_int64(other))
    return _int64(found)


def _exactly(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[..., float]:
    """Return the operation on decimals, which Go rounds to 16 digits where it divides."""

    def function(first: Any, *others: Any) -> float:
        with localcontext() as context:
            context.prec = 400
            found = _decimal(first)
            for other in others:
                found = operation(found, _decimal(other))
            # A decimal of Go has no zero with a sign.
            return float(found) + 0.0

    return function


def _decimal(value: Any) -> Decimal:
    number = to_float64(value)
    if not math.isfinite(number):
        raise Fault(f"Cannot create a Decimal from {text_of(number)}")
    return Decimal(repr(number))


def _divided(left: Decimal, right: Decimal) -> Decimal:
    if right == 0:
        raise Fault("decimal division by 0")
    return (left / right).quantize(Decimal("1e-16"), rounding=ROUND_HALF_UP)


def _ceil(value: Any) -> float:
    number = to_float64(value)
    return math.copysign(math.ceil(number), number) if math.isfinite(number) else number


def _floor(value: Any) -> float:
    number = to_float64(value)
    return math.copysign(math.floor(number), number) if math.isfinite(number) else number


def _round(value: Any, places: int, *threshold: float) -> float:
    scale = power(10.0, float(places))
    digit = scale * to_float64(value)
    fraction = math.fmod(digit, 1.0) if math.isfinite(digit) else math.nan
    upwards = fraction >= (threshold[0] if threshold else 0.5)
    return divide(_ceil(digit) if upwards else _floor(digit), scale)


def _until_step(start: int, stop: int, step: int) -> list[int]:
    if (stop < start and step >= 0) or (stop >= start and step <= 0):
        return Typed([], "[]int")
    return Typed(range(start, stop, step), "[]int")


def _sequence(*bounds: int) -> str:
    if len(bounds) == 1:
        start, step, end = 1, -1 if bounds[0] < 1 else 1, bounds[0]
    elif len(bounds) == 2:
        start, end = bounds
        step = -1 if end < start else 1
    elif len(bounds) == 3:
        start, step, end = bounds
        if end < start and step > 0:
            return ""
    else:
        return ""
    last = end + (-1 if end < start else 1)
    return " ".join(map(str, _until_step(start, last, step)))


def _to_decimal(value: Any) -> Int64:
    text = text_of(value)
    found = int(text, 8) if re.fullmatch(r"[+-]?[0-7]+", text) else 0
    return Int64(found if wrapped(found) == found else 0)


def _atoi(text: str) -> int:
    whole = re.fullmatch(r"[+-]?[0-9]+", text) is not None
    if not whole:
        return 0
    found = int(text)
    # Of a number that is too large Go gives the largest one.
    return max(min(found, 2**63 - 1), -(2**63))


def _largest(first: Any, *others: Any) -> Int64:
    return Int64(max(to_int64(value) for value in (first, *others)))


def _smallest(first: Any, *others: Any) -> Int64:
    return Int64(min(to_int64(value) for value in (first, *others)))


_MANY = f"...{ANY}"
_ONE_MORE = f"{ANY},{_MANY}"
_S, _SS, _SSS = "string", "string,string", "string,string,string"
TABLE: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("atoi", _S, "int", _atoi),
    ("int64", ANY, "int64", lambda value: Int64(to_int64(value))),
    ("int", ANY, "int", to_int64),
    ("float64", ANY, "float64", to_float64),
    ("seq", "...int", _S, _sequence),
    ("toDecimal", ANY, "int64", _to_decimal),
    ("until", "int", "[]int", lambda count: _until_step(0, count, -1 if count < 0 else 1)),
    ("untilStep", "int,int,int", "[]int", _until_step),
    ("add1", ANY, "int64", lambda value: _int64(to_int64(value) + 1)),
    ("add", _MANY, "int64", lambda *values: _int64(sum(map(to_int64, values)))),
    (
        "sub",
        f"{ANY},{ANY}",
        "int64",
        lambda left, right: _int64(to_int64(left) - to_int64(right)),
    ),
    ("div", f"{ANY},{ANY}", "int64", _quotient),
    ("mod", f"{ANY},{ANY}", "int64", _modulo),
    ("mul", _ONE_MORE, "int64", _product),
    ("add1f", ANY, "float64", lambda value: _exactly(Decimal.__add__)(value, 1)),
    ("addf", _MANY, "float64", lambda *values: _exactly(Decimal.__add__)(0.0, *values)),
    ("subf", _ONE_MORE, "float64", _exactly(Decimal.__sub__)),
    ("divf", _ONE_MORE, "float64", _exactly(_divided)),
    ("mulf", _ONE_MORE, "float64", _exactly(Decimal.__mul__)),
    ("biggest max", _ONE_MORE, "int64", _largest),
    ("min", _ONE_MORE, "int64", _smallest),
    ("maxf", _ONE_MORE, "float64", lambda *values: max(map(to_float64, values))),
    ("minf", _ONE_MORE, "float64", lambda *values: min(map(to_float64, values))),
    ("ceil", ANY, "float64", _ceil),
    ("floor", ANY, "float64", _floor),
    ("round", f"{ANY},int,...float64", "float64", _round),
]
"""Names, parameters, result and body of the functions."""
