"""What the operators make of the types of their operands.

Source: ``binaryNode`` in ``checker/checker.go`` of expr-lang/expr.
"""

from __future__ import annotations

from collections.abc import Callable

from hera_experiment.argo.expr.natures import (
    BOOL,
    DURATION,
    FLOAT,
    INT,
    STRING,
    TIME,
    UNKNOWN,
    Nature,
    array_of,
)

_Result = Nature | None
_TIMES = ("time.Time", "time.Duration")


_COMPARED = ("number", "string", *_TIMES)


def _promoted(left: Nature, right: Nature) -> Nature:
    return FLOAT if "float64" in (left.go_type, right.go_type) else INT


def _equal(left: Nature, right: Nature) -> _Result:
    return BOOL if left.comparable_to(right) else None


def _logical(left: Nature, right: Nature) -> _Result:
    both = left.kind == "bool" and right.kind == "bool"
    return BOOL if both or left.maybe(right, "bool") else None


def _ordered(left: Nature, right: Nature) -> _Result:
    if left.is_number and right.is_number:
        return BOOL
    same = left.go_type == right.go_type and left.go_type in ("string", *_TIMES)
    return BOOL if same or left.maybe(right, *_COMPARED) else None


def _between(
    table: dict[tuple[str, str], Nature], *names: str
) -> Callable[[Nature, Nature], _Result]:
    def result(left: Nature, right: Nature) -> _Result:
        if left.is_number and right.is_number:
            return _promoted(left, right)
        keys = ["number" if one.is_number else one.go_type for one in (left, right)]
        found = table.get((keys[0], keys[1]))
        if found is None and left.maybe(right, *names):
            return UNKNOWN
        return found

    return result


def _always(result: Nature, name: str) -> Callable[[Nature, Nature], _Result]:
    def found(left: Nature, right: Nature) -> _Result:
        both = left.is_a(name) and right.is_a(name)
        return result if both or left.maybe(right, name) else None

    return found


def _matches(left: Nature, right: Nature) -> _Result:
    if left.go_type == "[]uint8" and right.go_type == "string":
        return BOOL
    return _always(BOOL, "string")(left, right)


def _coalesced(left: Nature, right: Nature) -> _Result:
    if left.is_nil or right.is_nil:
        return right if left.is_nil else left
    return left if right.assignable_to(left) else UNKNOWN


_TIME, _DURATION = _TIMES


BINARY: dict[str, Callable[[Nature, Nature], _Result]] = {
    **dict.fromkeys(("==", "!="), _equal),
    **dict.fromkeys(("or", "||", "and", "&&"), _logical),
    **dict.fromkeys(("<", ">", "<=", ">="), _ordered),
    "-": _between(
        {
            (_TIME, _TIME): DURATION,
            (_TIME, _DURATION): TIME,
            (_DURATION, _DURATION): DURATION,
        },
        "number",
        *_TIMES,
    ),
    "*": _between(
        dict.fromkeys(
            (("number", _DURATION), (_DURATION, "number"), (_DURATION, _DURATION)), DURATION
        ),
        "number",
        _DURATION,
    ),
    "+": _between(
        {
            ("string", "string"): STRING,
            (_TIME, _DURATION): TIME,
            (_DURATION, _TIME): TIME,
            (_DURATION, _DURATION): DURATION,
        },
        *_COMPARED,
    ),
    **dict.fromkeys(("/", "**", "^"), _always(FLOAT, "number")),
    "%": _always(INT, "integer"),
    "..": _always(array_of(INT), "integer"),
    "matches": _matches,
    **dict.fromkeys(("contains", "startsWith", "endsWith"), _always(BOOL, "string")),
    "??": _coalesced,
}
"""For each operator what comes out, None when the operands do not suit it."""
