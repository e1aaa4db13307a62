"""JSON, numbers and durations as Go spells them: what Argo puts into parameters and names."""

from __future__ import annotations

import json
import re
from typing import Any

_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}
_LITERALS = ("true", "false", "null")
_EXACT = 2**53
_STRING = r'"(?:[^"\\]|\\.)*"'
_STRING_OR_SPACE = re.compile(rf"({_STRING})|[ \t\r\n]+")
_TOKEN = re.compile(rf'{_STRING}|[\[\]{{}},:]|[^\[\]{{}},:"]+')


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"[+-]?(?:{_PART.pattern})+")


class JsonError(ValueError):
    """A text is no JSON; the message is mostly the one of Go's ``encoding/json``."""


def loads(text: str) -> Any:
    """Parse ``text``; raises :class:`JsonError`."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except _Constant as error:
        raise JsonError(_beginning(str(error)[0])) from None
    except json.JSONDecodeError as error:
        raise JsonError(_message(text, error)) from None
    except RecursionError:
        raise JsonError("exceeded max depth") from None


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
    loads(text)
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
    """Return a number as Go's ``encoding/json`` spells a float64."""
    if isinstance(value, int) and abs(value) <= _EXACT:
        return str(value)
    value = float(value)
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    text = repr(value)
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    if 1e-6 <= abs(value) < 1e21:
        return f"{value:.20f}".rstrip("0")
    return (
        f"{mantissa}e{exponent[0]}{exponent[1:]}"
        if exponent[0] in "+-"
        else f"{mantissa}e+{exponent}"
    )


def decimal(value: int | float) -> str:
    """Return a number as Go's ``FormatFloat(value, 'f', -1, 64)``: never with an exponent."""
    if isinstance(value, int):
        return str(value)
    if value.is_integer():
        return str(int(value))
    text = repr(value)
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    digits = len(mantissa.partition(".")[2]) - int(exponent)
    return f"{value:.{max(digits, 0)}f}"


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
    if character == "'":
        return "'\\''"
    return f"'{json.dumps(character)[1:-1]}'" if character < " " else f"'{character}'"


def _message(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos :].lstrip(" \t\r\n")
    if not rest or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    character = rest[0]
    if error.msg == "Extra data":
        return f"invalid character {_quoted(character)} after top-level value"
    if error.msg == "Expecting value":
        for literal in _LITERALS:
            if literal[0] == character:
                return _in_literal(rest, literal)
        return _beginning(character)
    return f"invalid character {_quoted(character)}"


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
    if re.fullmatch(r"[+-]?\d+", text):
        return float(text)
    if text == "0":
        return 0.0
    if not _WHOLE.fullmatch(text):
        raise ValueError(f'unable to parse {text} as a duration: time: invalid duration "{text}"')
    total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return -total if text.startswith("-") else total
