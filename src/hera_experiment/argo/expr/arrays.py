"""What the functions of the language do with arrays and maps.

Source: ``builtin/builtin.go`` and ``builtin/lib.go`` of expr-lang/expr; ``sort`` of Go.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from hera_experiment.argo.expr import operations
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.values import (
    LIST,
    Table,
    Typed,
    is_integer,
    kind_of,
    text_of,
    type_name,
)


def end(index: int) -> Callable[[Any], Any]:
    """Return the function that gives the item at ``index``, or nil."""

    def function(value: Any) -> Any:
        # Whatever goes wrong, the function gives nil.
        try:
            return operations.fetched(value, index)
        except Fault:
            return None

    return function


def get(base: Any, key: Any) -> Any:
    """Return ``base[key]``, or nil."""
    if base is None:
        return None
    if isinstance(base, (list, str, bytes)):
        index, size = operations.to_int(key), operations.size_of(base)
        index += size if index < 0 else 0
        return operations.item_at(base, index) if 0 <= index < size else None
    if isinstance(key, str) and (method := operations.method_of(base, key)) is not None:
        return method
    if isinstance(base, dict):
        return base.get(operations.key_of(base, key))
    return None


def an_array(value: Any, verb: str) -> list[Any]:
    """Return the items of an array; raises :class:`Fault`."""
    if isinstance(value, list):
        return value
    if isinstance(value, bytes):
        return operations.items(value)
    raise Fault(f"cannot {verb} {kind_of(type_name(value))}")


def a_map(value: Any, verb: str) -> dict[Any, Any]:
    """Return a map; raises :class:`Fault`."""
    if isinstance(value, dict):
        return value
    raise Fault(f"cannot {verb.format(kind_of(type_name(value)))}")


def take(value: Any, count: Any) -> Any:
    """Return the first ``count`` items."""
    whole = an_array(value, "take from")
    if not is_integer(count):
        raise Fault(f"cannot take {kind_of(type_name(count))} elements")
    if count < 0:
        raise Fault("reflect.Value.Slice: slice index out of bounds")
    return operations.sliced(whole, 0, int(count))


def from_pairs(value: Any) -> Table:
    """Return the map of these pairs."""
    if not isinstance(value, list):
        raise Fault(f"cannot transform {text_of(value)} from pairs")
    found = Table()
    for pair in value:
        if not isinstance(pair, list):
            raise Fault(f"invalid pair {text_of(pair)}")
        if len(pair) != 2:
            raise Fault(f"invalid pair length {text_of(pair)}")
        found[operations.hashable(pair[0])] = pair[1]
    return found


def uniq(value: Any) -> list[Any]:
    """Return the items, equal ones once."""
    found: list[Any] = []
    for item in an_array(value, "uniq"):
        if not any(operations.equal(item, known) for known in found):
            found.append(item)
    return found


def concat(*arguments: Any) -> list[Any]:
    """Return the items of all arrays."""
    found = [item for argument in arguments for item in an_array(argument, "concat")]
    return found or Typed([], LIST, True)


def flatten(value: Any) -> list[Any]:
    """Return the items of arrays within arrays."""
    found: list[Any] = []
    for item in an_array(value, "flatten"):
        found += flatten(item) if isinstance(item, list) else [item]
    return found


def ordered(values: list[Any], keys: list[Any], order: object) -> list[Any]:
    """Return ``values`` sorted by ``keys``; the order of equal ones is Go's own secret."""

    def compare(left: int, right: int) -> int:
        if operations.less(keys[left], keys[right]):
            return -1
        return int(operations.less(keys[right], keys[left]))

    found = sorted(range(len(values)), key=functools.cmp_to_key(compare))
    if order == "desc":
        found.reverse()
    return [values[index] for index in found]


def sort(value: Any, *order: Any) -> list[Any]:
    """Return the items in order."""
    if order and order[0] not in ("asc", "desc"):
        if not isinstance(order[0], str):
            found = type_name(order[0])
            raise Fault(f"sort order argument must be a string (got {found})")
        raise Fault(f"invalid order {order[0]}, expected asc or desc")
    sortable = ("[]int", "[]float64", "[]string", LIST)
    if not isinstance(value, list) or type_name(value) not in sortable:
        return Typed([], LIST, True)
    return ordered(value, value, order[0] if order else "asc")
