"""JSON, numbers and durations as Go spells them: what Argo puts into parameters and names.

Go reads a number into a float64, unless a type says otherwise; Kubernetes keeps a whole number of
64 bits as it is. Source: ``encoding/json`` and ``strconv`` of Go, ``pkg/util/json`` of
kubernetes/apimachinery, ``anystring.go`` and ``item.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}
_LITERALS = ("true", "false", "null")
INT64 = range(-(2**63), 2**63)
"""What Go's int64 can hold."""
_PLAIN_FROM, _PLAIN_TO = 1e-6, 1e21
"""Beyond these JSON has an exponent."""

_STRING = r'"(?:[^"\\]|\\.)*"'
_STRING_OR_SPACE = re.compile(rf"({_STRING})|[ \t\r\n]+")
_TOKEN = re.compile(rf'{_STRING}|[\[\]{{}},:]|[^\[\]{{}},:"]+')


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"[+-]?(?:{_PART.pattern})+")


class JsonError(ValueError):
    """A text is no JSON; the message is mostly the one of Go's ``encoding/json``."""


def loads(text: str) -> Any:
    """Parse ``text`` as Go does, all numbers being floats; raises :class:`JsonError`."""
    return _parsed(text, _float64)


def _parsed(text: str, number_of: Callable[[str], Any]) -> Any:
    try:
        return json.loads(
            text, parse_constant=_refuse_constant, parse_int=number_of, parse_float=number_of
        )
    except _Constant as error:
        raise JsonError(_beginning(str(error)[0])) from None
    except json.JSONDecodeError as error:
        raise JsonError(_message(text, error)) from None
    except RecursionError:
        raise JsonError("exceeded max depth") from None


def _float64(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise JsonError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return value


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """Return ``value`` as compact JSON with ``<``, ``>`` and ``&`` escaped."""
    if isinstance(value, str):
        return _escaped(json.dumps(value, ensure_ascii=False))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, list):
        return f"[{','.join(dumps(item, sort_keys=sort_keys) for item in value)}]"
    pairs = sorted(value.items()) if sort_keys else value.items()
    encoded = (f"{dumps(key)}:{dumps(item, sort_keys=sort_keys)}" for key, item in pairs)
    return f"{{{','.join(encoded)}}}"


def compact(text: str) -> str:
    """Return JSON as Go's ``json.RawMessage`` is written: spelt as it was, without spaces.

    Raises :class:`JsonError`.
    """
    _parsed(text, str)
    return _escaped(_STRING_OR_SPACE.sub(lambda match: match[1] or "", text))


def elements(text: str) -> list[str]:
    """Return the elements of a compact array, or keys and values of a compact object, as JSON."""
    found: list[str] = []
    depth = start = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "[{":
            depth += 1
            start = match.end() if depth == 1 else start
        elif depth == 1 and token in ",:]}":
            if match.start() > start:
                found.append(text[start : match.start()])
            start = match.end()
        depth -= token in "]}"
    return found


def unescaped(text: str) -> str:
    """Take back the escapes of ``<``, ``>`` and ``&``, as Argo does for names."""
    return text.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&")


def number(value: int | float) -> str:
    """Return a number as JSON has it: one of 64 bits as it is, another as Go's float64."""
    if isinstance(value, int) and value in INT64:
        return str(value)
    value = _finite(value)
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        return decimal(value)
    mantissa, exponent = repr(value).split("e")
    return f"{mantissa}e{exponent.replace('-0', '-')}"


def decimal(value: int | float) -> str:
    """Return a number as Go's ``FormatFloat(value, 'f', -1, 64)``: never with an exponent."""
    return format(Decimal(repr(_finite(value))), "f").removesuffix(".0")


def general(value: float) -> str:
    """Return a number as Go's ``Sprint`` shows it."""
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return decimal(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, *rest = map(str, digits)
    power = int(exponent) + len(rest)
    fraction = f".{''.join(rest)}" if rest else ""
    return f"{'-' * sign}{first}{fraction}e{power:+03d}"


def stored(value: Any) -> Any:
    """Return a JSON value as Kubernetes keeps it: keys in order, numbers of 64 bits or floats.

    Raises :class:`JsonError` for a number that is no float64.
    """
    if isinstance(value, dict):
        return {key: stored(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [stored(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    text = number(value)
    # What is written without a fraction is read as a whole number.
    is_whole = re.fullmatch(r"-?\d+", text) and int(text) in INT64
    return int(text) if is_whole else float(text)


def _finite(value: int | float) -> float:
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise JsonError(f"json: cannot unmarshal number {value} into Go value of type float64")
    return found


def _escaped(text: str) -> str:
    for character, escape in _ESCAPES.items():
        if character in text:
            text = text.replace(character, escape)
    return text


class _Constant(ValueError):
    pass


def _refuse_constant(name: str) -> Any:
    raise _Constant(name)


def _beginning(character: str) -> str:
    return f"invalid character {_quoted(character)} looking for beginning of value"


def _quoted(character: str) -> str:
    if character in "'\\":
        return f"'\\{character}'"
    known = _LETTERS.get(character)
    shown = f"\\{known}" if known else f"\\x{ord(character):02x}"
    return f"'{shown if character < ' ' else character}'"


_LETTERS = dict(zip("\a\b\f\n\r\t\v", "abfnrtv", strict=True))


def _message(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos :].lstrip(" \t\r\n")
    if not rest or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    character = rest[0]
    if error.msg.startswith("Invalid control"):
        return f"invalid character {_quoted(text[error.pos])} in string literal"
    if error.msg == "Extra data":
        return f"invalid character {_quoted(character)} after top-level value"
    if error.msg == "Expecting value":
        for literal in _LITERALS:
            if literal[0] == character:
                return _in_literal(rest, literal)
        return _beginning(character)
    words = _WORDS.get(error.msg.partition(" at")[0].partition(":")[0])
    if error.msg.startswith("Expecting ','"):
        inside = _innermost(text[: error.pos])
        words = "after array element" if inside == "[" else "after object key:value pair"
    where = f" {words}" if words else ""
    if error.msg.startswith("Invalid \\"):
        character = text[error.pos + 1 :][:1] or character
    return f"invalid character {_quoted(character)}{where}"


_WORDS = {
    "Expecting property name enclosed in double quotes": "looking for beginning of object key"
    " string",
    "Expecting '": "after object key",
    "Invalid \\escape": "in string escape code",
}


def _innermost(text: str) -> str:
    """Return the bracket of the array or object that ``text`` ends in."""
    open_ones: list[str] = []
    for match in _TOKEN.finditer(text):
        if match[0] in "[{":
            open_ones.append(match[0])
        elif match[0] in "]}":
            open_ones.pop()
    return open_ones[-1]


def _in_literal(rest: str, literal: str) -> str:
    for index, expected in enumerate(literal):
        if index >= len(rest):
            return "unexpected end of JSON input"
        if rest[index] != expected:
            character = _quoted(rest[index])
            return f"invalid character {character} in literal {literal} (expecting '{expected}')"
    return _beginning(rest[0])


def seconds(text: str) -> float:
    """Return ``1m30s``, ``500ms`` or (seconds) ``90`` in seconds; raises ValueError."""
    if re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        return float(text)
    if text == "0":
        return 0.0
    if not _WHOLE.fullmatch(text):
        raise ValueError(f'unable to parse {text} as a duration: time: invalid duration "{text}"')
    total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return -total if text.startswith("-") else total
