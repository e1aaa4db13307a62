"""Reads a submitted object as Argo's server does, and writes it as Go would.

Source: ``encoding/json`` of Go; ``anystring.go``, ``item.go``, ``plugin_types.go`` and
``ParallelSteps`` in ``pkg/apis/workflow/v1alpha1`` of argoproj/argo-workflows, whose words the
messages are. Between server and store the object goes through protocol buffers, which have no
empty lists: they are left out, as all is that is empty and says nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from hera_experiment.argo.api_types import Field, fields_of, go_name, is_type
from hera_experiment.argo.go_text import INT64, JsonError, decimal, stored
from hera_experiment.local.engine.validation.quantities import meant, quantity_problem
from hera_experiment.local.errors import InvalidWorkflow, Undecodable

_ROOTS = {
    "Workflow": "workflow",
    "WorkflowTemplate": "template",
    "ClusterWorkflowTemplate": "template",
    "CronWorkflow": "cronWorkflow",
}
"""The kinds of objects, and what Argo's requests call one."""

_INTEGERS = {
    "int32": range(-(2**31), 2**31),
    "int|string": range(-(2**31), 2**31),
    "int64": INT64,
    "uint64": range(2**64),
}
_STEP = "WorkflowStep"
_IDENTITY = ("kind", "apiVersion")


def decoded(manifest: Any, kind: str = "Workflow") -> dict[str, Any]:
    """Return a copy of an object of that kind in the form in which Argo's server would answer.

    What Argo does not know is left out. Raises :class:`InvalidWorkflow` for what Argo's server
    cannot decode.
    """
    root = _ROOTS[kind]
    if not isinstance(manifest, Mapping):
        raise InvalidWorkflow(f"{root} body not specified")
    found = manifest.get("kind") or kind
    if found != kind:
        raise InvalidWorkflow(f"the object is a {found}, not a {kind}")
    try:
        read = _struct(manifest, kind)
    except _Undecodable as problem:
        raise Undecodable(problem.told(root)) from None
    except JsonError as error:
        raise Undecodable(str(error)) from None
    identity = {"apiVersion": read.get("apiVersion") or "argoproj.io/v1alpha1", "kind": kind}
    return {**identity, **{key: value for key, value in read.items() if key not in identity}}


def unknown_fields(value: Any, kind: str = "Workflow") -> list[str]:
    """Return where ``value``, of that kind and decodable, has fields that Argo does not know."""
    return list(_unknown(value, kind, ""))


def _unknown(value: Any, kind: str, place: str) -> Iterator[str]:
    if is_type(kind) and isinstance(value, Mapping):
        fields = fields_of(kind)
        for key, item in value.items():
            where = f"{place}.{key}" if place else str(key)
            field = fields.get(key) or _folded(kind).get(str(key).lower())
            if field is not None:
                yield from _unknown(item, field.kind, where)
            elif item is not None:
                yield where
    elif kind.startswith("[]") and isinstance(value, list):
        inner = kind[2:]
        if is_type(inner) or inner.startswith("[]"):
            for index, item in enumerate(value):
                name = item.get("name") if isinstance(item, Mapping) else None
                yield from _unknown(item, inner, f"{place}.{name}" if name else f"{place}[{index}]")
    elif kind.startswith("{}") and isinstance(value, Mapping) and is_type(kind[2:]):
        for key, item in value.items():
            yield from _unknown(item, kind[2:], f"{place}.{key}")


class _Undecodable(Exception):
    """A value that Go cannot read; grows, on its way out, by where it stands."""

    def __init__(self, value: Any, go_type: str = "", message: str = "") -> None:
        super().__init__()
        self._value = value
        self._type = go_type
        self._message = message
        self._struct = ""
        self._fields: list[str] = []
        self._place = ""

    def below(self, place: str) -> _Undecodable:
        """Add what of an object or a list it stands in."""
        self._place = place + self._place
        return self

    def within(self, type_name: str, field: str, through: tuple[str, ...]) -> _Undecodable:
        """Add the field that it stands in, and the Go types that the field comes from."""
        # Argo reads steps with a decoder of their own.
        if not self._struct or (type_name, field) == ("Template", "steps"):
            self._struct = go_name(type_name).rpartition(".")[2]
        self._fields[:0] = [*through, field]
        return self.below(f".{field}")

    def told(self, root: str) -> str:
        """Return the message: Argo's, and in the end where the value stands."""
        place = self._place.removeprefix(".")
        if self._message:
            return f"{self._message}: {place}: {self._value}"
        where = f"{self._struct}.{'.'.join([root, *self._fields])}"
        return (
            f"json: cannot unmarshal {_described(self._value, self._type)} into Go struct field "
            f"{where} of type {self._type} ({place} is {_shown(self._value)})"
        )


def _struct(value: Any, type_name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _Undecodable(value, "map[string]interface {}" if type_name == _STEP else "")
    fields, always = fields_of(type_name), _always(type_name)
    found: dict[str, Any] = {}
    for key, item in value.items():
        field = fields.get(key) or _folded(type_name).get(str(key).lower())
        if field is None:
            if type_name == _STEP:
                raise _Undecodable(item, message=f'json: unknown field "{key}"').below(f".{key}")
            continue
        if item is None:
            continue
        try:
            read = _value(item, field.kind)
        except _Undecodable as problem:
            through = ("TypeMeta",) if field.name in _IDENTITY else field.through
            raise problem.within(type_name, field.name, through) from None
        if read or field.given or field.always or _may_be_empty(field.kind):
            found[field.name] = read
    for name, empty in always:
        if name not in found:
            found[name] = empty()
    return {name: found[name] for name in fields if name in found} if len(found) > 1 else found


def _value(value: Any, kind: str) -> Any:
    if kind.startswith("[]"):
        return _list(value, kind)
    if kind.startswith("{}"):
        return _map(value, kind)
    if isinstance(value, str) and (kind in _TEXTS or "." in kind):
        return value
    if is_type(kind):
        if not isinstance(value, Mapping) and kind != _STEP:
            raise _Undecodable(value, go_name(kind))
        return _struct(value, kind)
    if kind in _READERS:
        return _READERS[kind](value)
    if kind in _INTEGERS:
        if isinstance(value, bool) or not isinstance(value, int) or value not in _INTEGERS[kind]:
            raise _Undecodable(value, go_name(kind))
        return value
    if kind == "any":
        return _without_nulls(value)
    if kind == "bool" and isinstance(value, bool):
        return value
    raise _Undecodable(value, go_name(kind))


def _list(value: Any, kind: str) -> list[Any]:
    inner = kind[2:]
    if not isinstance(value, (list, tuple)):
        raise _Undecodable(value, go_name(kind))
    if inner == "any":
        return [stored(item) for item in value]
    read = []
    for index, item in enumerate(value):
        try:
            read.append(_empty(inner) if item is None else _value(item, inner))
        except _Undecodable as problem:
            raise problem.below(f"[{index}]") from None
    return read


def _map(value: Any, kind: str) -> dict[str, Any]:
    inner = kind[2:]
    if not isinstance(value, Mapping):
        raise _Undecodable(value, go_name(kind))
    read = {}
    # Go writes the keys in order.
    for key in sorted(map(str, value)):
        try:
            item = value[key]
            read[key] = _empty(inner) if item is None else _value(item, inner)
        except _Undecodable as problem:
            raise problem.below(f".{key}") from None
    return read


def _empty(kind: str) -> Any:
    if is_type(kind):
        return _struct({}, kind)
    return [] if kind.startswith("[]") else {} if kind.startswith("{}") else ""


def _text(value: Any) -> Any:
    """Return what Argo makes a string of; what it would make an empty one of stays as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return decimal(value) if isinstance(value, (int, float)) else value


def _quantity(value: Any) -> str:
    if problem := quantity_problem(value):
        raise _Undecodable(f"{_shown(value)}{meant(value)}", message=problem)
    return str(value)


def _plugin(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _Undecodable(value, go_name("plugin"))
    if len(value) != 1:
        message = f"expected exactly one key, got {len(value)}"
        raise _Undecodable(_shown(value), message=message)
    return dict(value)


def _bytes(value: Any) -> str:
    if not isinstance(value, str):
        raise _Undecodable(value, "[]uint8")
    try:
        base64.b64decode(value.encode(), validate=True)
    except (binascii.Error, ValueError):
        raise _Undecodable(_shown(value), message="illegal base64 data") from None
    return value


_TEXTS = ("string", "text", "int|string")
_READERS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "quantity": _quantity,
    "plugin": _plugin,
    "bytes": _bytes,
}


def _may_be_empty(kind: str) -> bool:
    """Tell whether Go writes an empty value of that kind when it was given."""
    return is_type(kind) or kind in ("any", "int|string", "quantity", "plugin")


@cache
def _folded(type_name: str) -> dict[str, Field]:
    """Return the fields by their names in lower case: Go takes them in any."""
    return {name.lower(): field for name, field in fields_of(type_name).items()}


@cache
def _always(type_name: str) -> list[tuple[str, Callable[[], Any]]]:
    """Return the fields that Go writes though they are empty, with what makes their value."""

    def maker(kind: str) -> Callable[[], Any]:
        if is_type(kind):
            return lambda: _struct({}, kind)
        return {"bool": bool, "int32": int, "int64": int}.get(kind, str)

    return [(name, maker(f.kind)) for name, f in fields_of(type_name).items() if f.always]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _without_nulls(item) for k, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_without_nulls(item) for item in value]
    return value


def _described(value: Any, go_type: str) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return f"number {value}" if "int" in go_type and "interface" not in go_type else "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
