"""What the functions of the language accept, as it is checked before they run.

Source: ``builtin/builtin.go`` and ``builtin/validation.go`` of expr-lang/expr.
"""

from __future__ import annotations

from collections.abc import Callable

from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.values import ANY, LIST, kind_of

_NUMBERS = ("int", "int64", "uint8", "float64")
_ARRAYS = ("interface", "slice", "array")


def takes(*_: object) -> None:
    """Stand in for the body of a function of which only the signature counts."""


def _strings(count: int, result: str = "string") -> tuple[str, str]:
    return ",".join(["string"] * count), result


_BITS = [("int,int", "int")]
SIGNATURES: dict[str, list[tuple[str, str]]] = {
    "type": [(ANY, "string")],
    "string": [(ANY, "string")],
    "trim": [_strings(1), _strings(2)],
    "trimPrefix": [_strings(2), _strings(1)],
    "trimSuffix": [_strings(2), _strings(1)],
    "upper": [_strings(1)],
    "lower": [_strings(1)],
    "split": [_strings(2, "[]string"), ("string,string,int", "[]string")],
    "splitAfter": [_strings(2, "[]string"), ("string,string,int", "[]string")],
    "replace": [("string,string,string,int", "string"), _strings(3)],
    "repeat": [("string,int", "string")],
    "join": [
        ("[]string,string", "string"),
        (f"{LIST},string", "string"),
        (LIST, "string"),
        ("[]string,string", "string"),
        ("[]string", "string"),
    ],
    "indexOf": [_strings(2, "int")],
    "lastIndexOf": [_strings(2, "int")],
    "hasPrefix": [_strings(2, "bool")],
    "hasSuffix": [_strings(2, "bool")],
    "toJSON": [(ANY, "string")],
    "fromJSON": [_strings(1, ANY)],
    "toBase64": [_strings(1)],
    "fromBase64": [_strings(1)],
    "duration": [_strings(1, "time.Duration")],
    "timezone": [_strings(1, "*time.Location")],
    "sort": [
        *((f"{array},string", LIST) for array in (LIST, "[]int", "[]float64", "[]string")),
        *((array, LIST) for array in (LIST, "[]float64", "[]string", "[]int")),
    ],
    **dict.fromkeys("bitand bitor bitxor bitnand bitshl bitshr bitushr".split(), _BITS),
    "bitnot": [("int", "int")],
}
"""The overloads of each function: parameters and result."""


def _count(types: list[str], expected: int) -> None:
    if len(types) != expected:
        raise Fault(f"invalid number of arguments (expected {expected}, got {len(types)})")


def _shown(go_type: str) -> str:
    return go_type or "%!s(<nil>)"


def _one(kinds: tuple[str, ...], message: str, result: str) -> Callable[[list[str]], str]:
    """Return the check of one argument; an empty ``result`` is the type of the argument."""

    def check(types: list[str]) -> str:
        _count(types, 1)
        if kind_of(types[0]) not in kinds:
            raise Fault(message.format(_shown(types[0])))
        return result or types[0]

    return check


def _numeric(name: str, result: str, *more: str) -> Callable[[list[str]], str]:
    message = f"invalid argument for {name} (type {{}})"
    return _one(("interface", *_NUMBERS, *more), message, result)


def _aggregate(name: str) -> Callable[[list[str]], str]:
    def check(types: list[str]) -> str:
        if not types:
            raise Fault(f"not enough arguments to call {name}")
        for go_type in types:
            if kind_of(go_type) in _ARRAYS:
                return ANY
            if kind_of(go_type) not in _NUMBERS:
                raise Fault(f"invalid argument for {name} (type {_shown(go_type)})")
        return types[0]

    return check


def _item(which: str) -> Callable[[list[str]], str]:
    def check(types: list[str]) -> str:
        _count(types, 1)
        if kind_of(types[0]) not in _ARRAYS:
            raise Fault(f"cannot get {which} element from {_shown(types[0])}")
        return ANY if types[0] == ANY else types[0][types[0].index("]") + 1 :]

    return check


def _take(types: list[str]) -> str:
    _count(types, 2)
    if kind_of(types[0]) not in _ARRAYS:
        raise Fault(f"cannot take from {_shown(types[0])}")
    if kind_of(types[1]) not in ("interface", "int", "int64"):
        raise Fault(f"cannot take {_shown(types[1])} elements")
    return types[0]


def _concat(types: list[str]) -> str:
    if not types:
        raise Fault("invalid number of arguments (expected at least 1, got 0)")
    for go_type in types:
        if kind_of(go_type) not in _ARRAYS:
            raise Fault(f"cannot concat {_shown(go_type)}")
    return LIST


def _now(types: list[str]) -> str:
    if types and types != ["*time.Location"]:
        raise Fault(f"invalid number of arguments (expected 0, got {len(types)})")
    return "time.Time"


def _date(types: list[str]) -> str:
    if not types:
        raise Fault("invalid number of arguments (expected at least 1, got 0)")
    count = len(types) - (types[0] == "*time.Location")
    if count > 3:
        raise Fault(f"invalid number of arguments (expected at most 3, got {count})")
    return "time.Time"


VALIDATIONS: dict[str, Callable[[list[str]], str]] = {
    "len": _one((*_ARRAYS, "map", "string"), "invalid argument for len (type {})", "int"),
    "abs": _numeric("abs", ""),
    **{name: _numeric(name, "float64") for name in ("ceil", "floor", "round")},
    "int": _numeric("int", "int", "string"),
    "float": _numeric("float", "float64", "string"),
    **{name: _aggregate(name) for name in ("max", "min", "mean", "median")},
    "now": _now,
    "date": _date,
    "first": _item("first"),
    "last": _item("last"),
    "take": _take,
    "keys": _one(("interface", "map"), "cannot get keys from {}", LIST),
    "values": _one(("interface", "map"), "cannot get values from {}", LIST),
    "toPairs": _one(("interface", "map"), "cannot transform {} to pairs", LIST),
    "fromPairs": _one(_ARRAYS, "cannot transform {} from pairs", "map[interface {}]interface {}"),
    "reverse": _one(_ARRAYS, "cannot reverse {}", LIST),
    "uniq": _one(_ARRAYS, "cannot uniq {}", LIST),
    "concat": _concat,
    "flatten": _one(_ARRAYS, "cannot flatten {}", LIST),
}
"""The check of each function that has no overloads: from the types of its arguments its result."""
