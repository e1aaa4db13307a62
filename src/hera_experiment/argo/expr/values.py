"""Values of Go in Python, and how Go names, prints and encodes them.

nil, bool, int, float64, string, []byte, []any and map[string]any are None, bool, int, float, str,
bytes, list and dict. A string holds bytes that are no UTF-8 as ``surrogateescape`` has it.

Source: ``fmt``, ``encoding/json`` and ``time`` of Go.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from typing import Any

from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.go_text import JsonError, dumps, general, loads, number

ANY = "interface {}"
LIST = "[]interface {}"
OBJECT = "map[string]interface {}"
_NO_TEXT = re.compile("[\ud800-\udfff]")
_HALF, _WHOLE = 2**63, 2**64


class Int64(int):
    """An int64, which functions that want an int refuse."""

    __slots__ = ()


class Uint8(int):
    """One byte of a string."""

    __slots__ = ()


class Typed(list[Any]):
    """A slice or an array of another type than ``[]any``, or one that is nil."""

    def __init__(self, items: Any = (), go_type: str = LIST, is_nil: bool = False) -> None:
        super().__init__(items)
        self.go_type = go_type
        self.is_nil = is_nil


class Table(dict[Any, Any]):
    """A map of another type than ``map[string]any``."""

    def __init__(self, items: Any = (), go_type: str = "map[interface {}]interface {}") -> None:
        super().__init__(items)
        self.go_type = go_type


class Function:
    """A function of the environment or a method: its parameters, and whether they are checked.

    ``parameters`` are the names of Go's types, the last one with ``...`` before it when there may
    be any number of it. ``typed``: the caller has asserted the types (not reflected on them).
    """

    def __init__(
        self, parameters: str, result: str, body: Callable[..., Any], *, typed: bool = False
    ) -> None:
        self.parameters = tuple(parameters.split(",")) if parameters else ()
        self.result = result
        self.body = body
        self.typed = typed

    @property
    def go_type(self) -> str:
        """The type as Go writes it."""
        return f"func({', '.join(self.parameters)}) {self.result}"


_NAMES: dict[type, str] = {
    type(None): "<nil>",
    bool: "bool",
    int: "int",
    float: "float64",
    str: "string",
    bytes: "[]uint8",
    list: LIST,
    dict: OBJECT,
    Int64: "int64",
    Uint8: "uint8",
}


def type_name(value: object) -> str:
    """Return the type of a value as ``%T`` prints it."""
    return _NAMES.get(type(value)) or value.go_type  # type: ignore[attr-defined]


_KINDS = {
    "<nil>": "invalid",
    "time.Time": "struct",
    "time.Duration": "int64",
    "time.Month": "int",
    "time.Weekday": "int",
    "*time.Location": "ptr",
    ANY: "interface",
}


def kind_of(go_type: str) -> str:
    """Return the kind (of Go's ``reflect``) of a type."""
    if go_type.startswith("["):
        return "slice" if go_type.startswith("[]") else "array"
    for prefix in ("map", "func"):
        if go_type.startswith(prefix):
            return prefix
    return _KINDS.get(go_type, go_type)


def is_number(value: object) -> bool:
    """Tell whether a value is one of Go's own numbers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_integer(value: object) -> bool:
    """Tell whether a value is one of Go's own integers."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_nil(value: object) -> bool:
    """Tell whether a value is nil or a slice that is."""
    return value is None or (isinstance(value, Typed) and value.is_nil)


def wrapped(value: int) -> int:
    """Return ``value`` as an int of 64 bits holds it."""
    if -_HALF <= value < _HALF:
        return value
    return (value + _HALF) % _WHOLE - _HALF


def truncated(value: float) -> int:
    """Return a float64 as Go (on amd64) converts it to an int."""
    if math.isfinite(value) and -_HALF <= value < _HALF:
        return int(value)
    return -_HALF


def to_bytes(text: str) -> bytes:
    """Return the bytes of a string."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """Return the string of these bytes."""
    return data.decode("utf-8", "surrogateescape")


def asserted(value: object, go_type: str) -> Any:
    """Return ``value`` when it is of the type; raises :class:`Fault` in the words of Go."""
    found = type_name(value)
    if found != go_type:
        found = "nil" if value is None else found
        raise Fault(f"interface conversion: interface {{}} is {found}, not {go_type}")
    return value


def text_of(value: object) -> str:
    """Return a value as ``%v`` prints it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return general(value)
    if isinstance(value, (list, bytes)):
        return f"[{' '.join(text_of(item) for item in value)}]"
    if isinstance(value, dict):
        keys = sorted(value, key=_printed_order)
        return f"map[{' '.join(f'{text_of(key)}:{text_of(value[key])}' for key in keys)}]"
    return str(value)


def _printed_order(key: object) -> tuple[int, Any]:
    if key is None or isinstance(key, bool):
        return (0 if key is None else 3), bool(key)
    if is_number(key):
        return (1 if isinstance(key, int) else 2), key
    return 4, to_bytes(text_of(key))


def json_of(value: object, indent: str = "", escaped: bool = True) -> str:
    """Return a value as JSON, ``<``, ``>`` and ``&`` ``escaped``; raises :class:`Fault`."""
    return _json(value, indent, "\n" if indent else "", escaped)


def _json(value: object, indent: str, line: str, escaped: bool) -> str:
    if value is None or is_nil(value):
        return "null"
    if isinstance(value, str):
        return _json_string(value, escaped)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise Fault(f"json: unsupported value: {general(value)}")
    if isinstance(value, (int, float)):
        return number(value if isinstance(value, float) else int(value))
    if isinstance(value, bytes):
        return f'"{base64.b64encode(value).decode()}"'
    inner = f"{line}{indent}"
    if isinstance(value, list):
        items = [_json(item, indent, inner, escaped) for item in value]
        return f"[{inner}{f',{inner}'.join(items)}{line}]" if items else "[]"
    if isinstance(value, dict):
        if isinstance(value, Table) and value.go_type.startswith("map[interface"):
            raise Fault(f"json: unsupported type: {value.go_type}")
        colon = ": " if indent else ":"
        names = sorted(value, key=lambda key: to_bytes(str(key)))
        pairs = [
            f"{_json_string(str(name), escaped)}{colon}{_json(value[name], indent, inner, escaped)}"
            for name in names
        ]
        return f"{{{inner}{f',{inner}'.join(pairs)}{line}}}" if pairs else "{}"
    encode = getattr(value, "json", None)
    if encode is None:
        raise Fault(f"json: unsupported type: {type_name(value)}")
    return str(encode())


def parsed_json(text: str) -> Any:
    """Return what the JSON stands for; raises :class:`Fault` in the words of Go."""
    try:
        value = loads(text)
    except JsonError as error:
        raise Fault(str(error)) from None
    # Half of a pair of surrogates is no character for Go.
    return _cleaned(value) if "\\u" in text else value


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    return value


def _json_string(text: str, escaped: bool) -> str:
    encoded = dumps(text) if escaped else json.dumps(text, ensure_ascii=False)
    # What is no UTF-8 Go spells out, a character for each byte.
    return encoded if text.isascii() else _NO_TEXT.sub(r"\\ufffd", encoded)


def clean(text: str) -> str:
    """Return the string with a character in the place of each byte that is no UTF-8."""
    return text if text.isascii() else _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)
