"""What the functions of the language do; those with a predicate are in the evaluator.

Source: ``builtin/builtin.go`` and ``builtin/lib.go`` of expr-lang/expr.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from hera_experiment.argo.expr import arrays, operations, time_layouts, times
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.values import (
    LIST,
    Typed,
    asserted,
    clean,
    from_bytes,
    is_integer,
    is_number,
    json_of,
    kind_of,
    parsed_json,
    text_of,
    to_bytes,
    type_name,
    wrapped,
)

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE
)
_TYPES = {
    "<nil>": "nil", "int": "int", "int64": "int", "uint8": "uint", "float64": "float",
    "slice": "array", "array": "array", "ptr": "unknown",
}  # fmt: skip


def _argument(value: object, name: str) -> Fault:
    return Fault(f"invalid argument for {name} (type {type_name(value)})")


def length(value: Any) -> int:
    """Return the number of items, or of characters (not bytes)."""
    if not isinstance(value, str):
        return operations.size_of(value)
    return len(to_bytes(value).decode("utf-8", "replace")) if not value.isascii() else len(value)


def type_of(value: object) -> str:
    """Return the name of the type in the language."""
    name = type_name(value)
    if "." in name and not name.startswith(("*", "[", "map", "func")):
        return name
    kind = kind_of(name)
    return _TYPES.get(name) or _TYPES.get(kind, kind)


def _abs(value: Any) -> Any:
    if not is_number(value):
        raise _argument(value, "abs")
    return value if value >= 0 else operations.negate(value)


def _rounding(name: str, rounded: Callable[[float], float]) -> Callable[[Any], float]:
    def function(value: Any) -> float:
        if not is_number(value):
            raise _argument(value, name)
        if not math.isfinite(value):
            return float(value)
        return math.copysign(rounded(float(value)), value) if value else float(value)

    return function


def half_away(value: float) -> float:
    """Return the next whole number, of two the one further from zero."""
    whole = math.floor(abs(value))
    return math.copysign(whole + (abs(value) - whole >= 0.5), value)


def to_int(value: Any) -> int:
    """Return ``int(value)``."""
    if isinstance(value, str):
        if _WHOLE_NUMBER.fullmatch(value) and wrapped(int(value)) == int(value):
            return int(value)
        raise Fault(f"invalid operation: int({value})")
    if value is None:
        raise Fault("reflect: call of reflect.Value.Type on zero Value")
    if isinstance(value, (times.Duration, times.Named)):
        return value.nanoseconds if isinstance(value, times.Duration) else value.number
    return operations.to_int(value)


def to_float(value: Any) -> float:
    """Return ``float(value)``."""
    if isinstance(value, str):
        found = parsed_float(value)
        if found is None:
            raise Fault(f"invalid operation: float({value})")
        return found
    return operations.to_float(value)


def parsed_float(text: str) -> float | None:
    """Return the float64 that ``text`` spells, None when it spells none."""
    if text[:3].lower() == "0x":
        try:
            return float.fromhex(text)
        except (ValueError, OverflowError):
            return None
    if not _FLOAT.fullmatch(text):
        return None
    found = float(text)
    return None if math.isinf(found) and "inf" not in text.lower() else found


def split(text: str, separator: str, count: int = -1, keep: bool = False) -> Any:
    """Return Go's ``Split``, ``SplitN`` and (``keep``) ``SplitAfter``."""
    if count == 0:
        return Typed([], "[]string", True)
    if separator:
        parts = text.split(separator, count - 1 if count > 0 else -1)
        if keep:
            parts = [part + separator for part in parts[:-1]] + parts[-1:]
    else:
        characters = list(text)
        at = count - 1 if 0 < count < len(characters) else len(characters)
        parts = characters[:at] + (["".join(characters[at:])] if at < len(characters) else [])
    return Typed(parts, "[]string")


def replaced(text: str, old: str, new: str, count: int = -1) -> str:
    """Return Go's ``Replace``."""
    return text.replace(old, new, count) if count != 0 else text


def _strings(body: Callable[..., Any], count: int = 9) -> Callable[..., Any]:
    """Return a function of which ``count`` arguments have to be strings, those after it numbers."""

    def function(*arguments: Any) -> Any:
        texts = [asserted(value, "string") for value in arguments[:count]]
        return body(*texts, *map(operations.to_int, arguments[count:]))

    return function


def trimmed(text: str, characters: str) -> str:
    """Return Go's ``Trim``."""
    return text.strip(characters) if characters else text


def _repeated(text: Any, count: Any) -> str:
    text, times_ = asserted(text, "string"), operations.to_int(count)
    if times_ < 0:
        raise Fault(f"invalid argument for repeat (expected positive integer, got {times_})")
    if times_ > 1e6:
        raise Fault("memory budget exceeded")
    return str(text * times_)


def _joined(values: Any, *glue: Any) -> str:
    between = asserted(glue[0], "string") if glue else ""
    if type_name(values) not in (LIST, "[]string"):
        name = "%!s(<nil>)" if values is None else type_name(values)
        raise Fault(f"invalid argument for join (type {name})")
    return str(between).join(asserted(value, "string") for value in values)


def _byte_index(find: Callable[[bytes, bytes], int]) -> Callable[..., int]:
    def function(text: Any, part: Any) -> int:
        return find(to_bytes(asserted(text, "string")), to_bytes(asserted(part, "string")))

    return function


def _extreme(name: str, further: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def of_many(arguments: Any) -> Any:
        found: Any = None
        for argument in arguments:
            if isinstance(argument, list):
                value = of_many(argument)
                if value is None:
                    continue
            elif is_number(argument):
                value = argument
            else:
                raise _argument(argument, name)
            if found is None or further(found, value):
                found = value
        return found

    def function(*arguments: Any) -> Any:
        if len(arguments) == 1 and not isinstance(arguments[0], list):
            return arguments[0]
        return of_many(arguments)

    return function


def _flat_numbers(name: str, arguments: Any) -> Iterator[float]:
    for argument in arguments:
        if isinstance(argument, list):
            yield from _flat_numbers(name, argument)
        elif is_number(argument):
            yield float(argument)
        else:
            raise _argument(argument, name)


def _mean(*arguments: Any) -> float:
    values = list(_flat_numbers("mean", arguments))
    total = 0.0
    for value in values:
        total += value
    return total / len(values) if values else 0.0


def _median(*arguments: Any) -> float:
    values = sorted(_flat_numbers("median", arguments))
    if not values:
        return 0.0
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def from_base64(text: str, alphabet: str = "base64") -> str:
    """Return what is encoded; raises :class:`Fault` in the words of Go."""
    cleaned = text.replace("\r", "").replace("\n", "")
    decode = base64.b64decode if alphabet == "base64" else base64.b32decode
    try:
        if alphabet == "base64":
            return from_bytes(base64.b64decode(cleaned, validate=True))
        return from_bytes(decode(cleaned))
    except ValueError:
        accepted = r"[A-Za-z0-9+/]*" if alphabet == "base64" else r"[A-Z2-7]*"
        match = re.match(accepted, text)
        at = match.end() if match else 0
        if at == len(text) or text[at] == "=":
            size = 4 if alphabet == "base64" else 8
            at = at // size * size if at == len(text) else at
        raise Fault(f"illegal {alphabet} data at input byte {at}") from None


def _date(*arguments: Any) -> times.Time:
    zone = arguments[0] if isinstance(arguments[0], times.Location) else None
    rest = arguments[1:] if zone else arguments
    text, *layout = [asserted(value, "string") for value in rest]
    if len(layout) == 2:
        return time_layouts.parse_time(layout[0], text, times.load_location(layout[1]))
    if layout:
        return time_layouts.parse_time(layout[0], text, zone)
    for known in time_layouts.DATE_LAYOUTS:
        try:
            return time_layouts.parse_time(known, text, zone)
        except Fault:
            continue
    raise Fault(f"invalid date {text}")


def _bits(name: str, body: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    def function(left: Any, right: Any) -> int:
        for value in (left, right):
            _an_int(value, name)
        if "sh" in name and right < 0:
            raise Fault(f"invalid operation: negative shift count {right} (type int)")
        return wrapped(body(int(left), int(right)))

    return function


def _an_int(value: object, name: str) -> None:
    if not is_integer(value):
        raise Fault(f"cannot use {type_name(value)} as argument (type int) to call {name}")


def _bitnot(value: Any) -> int:
    _an_int(value, "bitnot")
    return ~int(value)


def _now(clock: Callable[[], int]) -> Callable[..., times.Time]:
    return lambda *zone: times.Time(clock(), *zone)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": length,
    "type": type_of,
    "abs": _abs,
    "ceil": _rounding("ceil", lambda value: float(math.ceil(value))),
    "floor": _rounding("floor", lambda value: float(math.floor(value))),
    "round": _rounding("round", half_away),
    "int": to_int,
    "float": to_float,
    "string": text_of,
    "trim": _strings(lambda text, *cut: trimmed(text, cut[0]) if cut else text.strip()),
    "trimPrefix": _strings(lambda text, cut=" ": text.removeprefix(cut)),
    "trimSuffix": _strings(lambda text, cut=" ": text.removesuffix(cut)),
    "upper": _strings(lambda text: clean(text).upper()),
    "lower": _strings(lambda text: clean(text).lower()),
    "split": _strings(split, 2),
    "splitAfter": _strings(lambda text, cut, count=-1: split(text, cut, count, True), 2),
    "replace": _strings(replaced, 3),
    "repeat": _repeated,
    "join": _joined,
    "indexOf": _byte_index(bytes.find),
    "lastIndexOf": _byte_index(bytes.rfind),
    "hasPrefix": _strings(str.startswith),
    "hasSuffix": _strings(str.endswith),
    "max": _extreme("max", operations.less),
    "min": _extreme("min", operations.more),
    "mean": _mean,
    "median": _median,
    "toJSON": lambda value: json_of(value, "  "),
    "fromJSON": _strings(parsed_json),
    "toBase64": _strings(lambda text: base64.b64encode(to_bytes(text)).decode()),
    "fromBase64": _strings(from_base64),
    "duration": _strings(times.parse_duration),
    "date": _date,
    "timezone": _strings(times.load_location),
    "first": arrays.end(0),
    "last": arrays.end(-1),
    "get": arrays.get,
    "take": arrays.take,
    "keys": lambda value: list(arrays.a_map(value, "get keys from {}")),
    "values": lambda value: list(arrays.a_map(value, "get values from {}").values()),
    "toPairs": lambda value: Typed(
        (
            Typed(pair, "[2]interface {}")
            for pair in arrays.a_map(value, "transform {} to pairs").items()
        ),
        "[][2]interface {}",
    ),
    "fromPairs": arrays.from_pairs,
    "reverse": lambda value: arrays.an_array(value, "reverse")[::-1],
    "uniq": arrays.uniq,
    "concat": arrays.concat,
    "flatten": arrays.flatten,
    "sort": arrays.sort,
    "bitand": _bits("bitand", lambda left, right: left & right),
    "bitor": _bits("bitor", lambda left, right: left | right),
    "bitxor": _bits("bitxor", lambda left, right: left ^ right),
    "bitnand": _bits("bitnand", lambda left, right: left & ~right),
    "bitshl": _bits("bitshl", lambda left, right: left << right if right < 64 else 0),
    "bitshr": _bits("bitshr", lambda left, right: left >> min(right, 63)),
    "bitushr": _bits("bitushr", lambda left, right: left % 2**64 >> right),
    "bitnot": _bitnot,
}
"""Each function but ``now``; they raise :class:`Fault`."""

COSTLY = frozenset(("repeat", "reverse", "concat", "flatten", "sort"))
"""Functions whose result counts against the memory that an expression may take."""

CLOCKED: dict[str, Callable[[Callable[[], int]], Callable[..., Any]]] = {"now": _now}
"""Functions that depend on the time."""
