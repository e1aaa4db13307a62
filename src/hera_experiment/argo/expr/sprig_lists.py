"""The functions that Argo lends from Masterminds/sprig: lists, maps and defaults.

Source: ``list.go``, ``dict.go``, ``defaults.go`` and ``strings.go`` of Masterminds/sprig.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.operations import deeply_equal
from hera_experiment.argo.expr.sprig_numbers import to_int64
from hera_experiment.argo.expr.values import (
    ANY,
    LIST,
    OBJECT,
    Function,
    Typed,
    asserted,
    from_bytes,
    is_nil,
    kind_of,
    text_of,
    to_bytes,
    type_name,
)


def otherwise(instead: object, body: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that gives ``instead`` where ``body`` fails."""

    def function(*arguments: Any) -> Any:
        try:
            return body(*arguments)
        except Fault:
            return instead

    return function


def text(value: Any) -> str:
    """Return a value as a string, bytes as what they spell."""
    return from_bytes(value) if isinstance(value, bytes) else text_of(value)


def texts(value: Any) -> list[str]:
    """Return the items as strings, those that are nil left out."""
    if isinstance(value, list):
        return Typed([text(item) for item in value if item is not None], "[]string")
    return Typed([] if value is None else [text(value)], "[]string")


def is_empty(value: Any) -> bool:
    """Tell whether a value counts as none."""
    if value is None or is_nil(value):
        return True
    if isinstance(value, Function):
        return False
    if isinstance(value, (str, bytes, list, dict, bool, int, float)):
        return not value
    return getattr(value, "nanoseconds", 1) == 0 and type_name(value) != "time.Time"


def _default(otherwise: Any, *given: Any) -> Any:
    return otherwise if not given or is_empty(given[0]) else given[0]


def _coalesced(*values: Any) -> Any:
    return next((value for value in values if not is_empty(value)), None)


def _listed(value: Any, problem: str) -> list[Any]:
    if isinstance(value, list):
        return value
    if value is None:
        raise Fault("runtime error: invalid memory address or nil pointer dereference")
    raise Fault(f"{problem} {kind_of(type_name(value))}")


def _on_list(problem: str, body: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    return lambda value: body(_listed(value, problem))


def _part(problem: str, start: int | None, stop: int | None) -> Callable[[Any], Any]:
    def function(value: Any) -> Any:
        items = _listed(value, problem)
        return list(items)[start:stop] if items else Typed([], LIST, True)

    return function


def _push(items: Any, value: Any) -> list[Any]:
    return [*_listed(items, "Cannot push on type"), value]


def _prepend(items: Any, value: Any) -> list[Any]:
    return [value, *_listed(items, "Cannot prepend on type")]


def _chunks(size: int, items: Any) -> list[Any]:
    whole = _listed(items, "Cannot chunk type")
    if size <= 0:
        raise Fault("runtime error: makeslice: len out of range")
    count = math.floor((len(whole) - 1) / size) + 1
    return Typed((whole[at * size : (at + 1) * size] for at in range(count)), f"[]{LIST}")


def _uniq(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if not any(deeply_equal(item, known) for known in found):
            found.append(item)
    return found


def _without(items: Any, *omitted: Any) -> list[Any]:
    return [
        item
        for item in _listed(items, "Cannot find without on type")
        if not any(deeply_equal(item, other) for other in omitted)
    ]


def _has(needle: Any, items: Any) -> bool:
    if items is None:
        return False
    found = _listed(items, "Cannot find has on type")
    return any(deeply_equal(needle, item) for item in found)


def _slice(items: Any, *bounds: Any) -> Any:
    whole = _listed(items, "list should be type of slice or array but")
    if not whole:
        return None
    start = to_int64(bounds[0]) if bounds else 0
    stop = to_int64(bounds[1]) if len(bounds) > 1 else len(whole)
    if not 0 <= start <= stop <= len(whole):
        raise Fault("reflect.Value.Slice: slice index out of bounds")
    part = whole[start:stop]
    return Typed(part, whole.go_type) if isinstance(whole, Typed) else part


def _concat(*lists: Any) -> list[Any]:
    found = []
    for items in lists:
        if items is not None and not isinstance(items, list):
            raise Fault(f"Cannot concat type {kind_of(type_name(items))} as list")
        found += _listed(items, "")
    return found or Typed([], LIST, True)


def _sorted(value: Any) -> list[str]:
    found = texts(value) if isinstance(value, list) else [text(value)]
    return Typed(sorted(found, key=to_bytes), "[]string")


def _copied(value: Any) -> Any:
    if value is None:
        raise Fault("reflect: call of reflect.Value.Type on zero Value")
    return copy.deepcopy(value)


def _dict(*pairs: Any) -> dict[str, Any]:
    found = {}
    for at in range(0, len(pairs), 2):
        found[text(pairs[at])] = pairs[at + 1] if at + 1 < len(pairs) else ""
    return found


def _set(table: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    table[key] = value
    return table


def _unset(table: dict[str, Any], key: str) -> dict[str, Any]:
    table.pop(key, None)
    return table


def _keys(*tables: dict[str, Any]) -> list[str]:
    return Typed((key for table in tables for key in table), "[]string")


def _picked(table: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: table[key] for key in keys if key in table}


def _omitted(table: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}


def _merged(overwrite: bool) -> Callable[..., Any]:
    def into(target: dict[str, Any], source: dict[str, Any]) -> None:
        for key, value in source.items():
            if value is None and not overwrite:
                continue
            known = target.get(key)
            if isinstance(known, dict) and isinstance(value, dict):
                into(known, value)
            elif (overwrite and (value is None or not is_empty(value))) or is_empty(known):
                target[key] = value

    def function(target: dict[str, Any], *sources: dict[str, Any]) -> Any:
        for source in sources:
            into(target, source)
        return target

    return function


def _dug(*path: Any) -> Any:
    if len(path) < 3:
        raise Fault("dig needs at least three arguments")
    *keys, otherwise, found = path
    asserted(found, OBJECT)
    for at, key in enumerate(keys):
        name = asserted(key, "string")
        if name not in found:
            return otherwise
        found = found[name]
        if at < len(keys) - 1:
            asserted(found, OBJECT)
    return found


_MANY = f"...{ANY}"
_TABLES = f"...{OBJECT}"
_KEY = f"{OBJECT},string"
_MERGE = f"{OBJECT},{_TABLES}"
TABLE: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("toStrings", ANY, "[]string", texts),
    ("join", f"string,{ANY}", "string", lambda between, value: between.join(texts(value))),
    ("sortAlpha", ANY, "[]string", _sorted),
    ("default", f"{ANY},{_MANY}", ANY, _default),
    ("empty", ANY, "bool", is_empty),
    ("coalesce", _MANY, ANY, _coalesced),
    ("all", _MANY, "bool", lambda *values: not any(map(is_empty, values))),
    ("any", _MANY, "bool", lambda *values: not all(map(is_empty, values))),
    (
        "compact mustCompact",
        ANY,
        LIST,
        _on_list(
            "Cannot compact on type", lambda items: [item for item in items if not is_empty(item)]
        ),
    ),
    ("deepCopy mustDeepCopy", ANY, ANY, _copied),
    ("tuple list", _MANY, LIST, lambda *values: list(values) or Typed([], LIST)),
    ("dict", _MANY, OBJECT, _dict),
    ("get", _KEY, ANY, lambda table, key: table.get(key, "")),
    ("set", f"{_KEY},{ANY}", OBJECT, _set),
    ("unset", _KEY, OBJECT, _unset),
    ("hasKey", _KEY, "bool", lambda table, key: key in table),
    (
        "pluck",
        f"string,{_TABLES}",
        LIST,
        lambda key, *tables: [table[key] for table in tables if key in table],
    ),
    ("keys", _TABLES, "[]string", _keys),
    ("pick", f"{OBJECT},...string", OBJECT, _picked),
    ("omit", f"{OBJECT},...string", OBJECT, _omitted),
    ("merge mustMerge", _MERGE, ANY, _merged(False)),
    ("mergeOverwrite mustMergeOverwrite", _MERGE, ANY, _merged(True)),
    ("values", OBJECT, LIST, lambda table: list(table.values())),
    ("append push mustAppend mustPush", f"{ANY},{ANY}", LIST, _push),
    ("prepend mustPrepend", f"{ANY},{ANY}", LIST, _prepend),
    (
        "first mustFirst",
        ANY,
        ANY,
        _on_list("Cannot find first on type", lambda items: items[0] if items else None),
    ),
    (
        "last mustLast",
        ANY,
        ANY,
        _on_list("Cannot find last on type", lambda items: items[-1] if items else None),
    ),
    ("rest mustRest", ANY, LIST, _part("Cannot find rest on type", 1, None)),
    ("initial mustInitial", ANY, LIST, _part("Cannot find initial on type", None, -1)),
    (
        "reverse mustReverse",
        ANY,
        LIST,
        _on_list("Cannot find reverse on type", lambda items: list(items)[::-1]),
    ),
    ("uniq mustUniq", ANY, LIST, _on_list("Cannot find uniq on type", _uniq)),
    ("without mustWithout", f"{ANY},{_MANY}", LIST, _without),
    ("has mustHas", f"{ANY},{ANY}", "bool", _has),
    ("slice mustSlice", f"{ANY},{_MANY}", ANY, _slice),
    ("concat", _MANY, ANY, _concat),
    ("dig", _MANY, ANY, _dug),
    ("chunk mustChunk", f"int,{ANY}", f"[]{LIST}", _chunks),
]
"""Names, parameters, result and body of the functions."""
