"""What an expression finds in Argo besides its variables.

Source: ``util/expr/env/env.go`` and ``util/expand/expand.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from hera_experiment.argo.expr import builtins
from hera_experiment.argo.expr.values import ANY, Function, json_of, parsed_json


def environment(
    variables: Mapping[str, object], used: Iterable[str], clock: Callable[[], int]
) -> dict[str, object]:
    """Return the variables, those with dots as maps within maps, and Argo's functions.

    Those of sprig are there when they are ``used``.
    """
    found = {**expanded(variables), **_FUNCTIONS}
    if not {"sprig", "$env"}.isdisjoint(used):
        # A copy: an expression may set a key of any map.
        found["sprig"] = dict(_sprig(clock))
    return found


@lru_cache(maxsize=4)
def _sprig(clock: Callable[[], int]) -> dict[str, Function]:
    # Most expressions do without these modules.
    from hera_experiment.argo.expr.sprig import functions

    return functions(clock)


def _jsonpath(text: str, path: str) -> Any:
    from hera_experiment.argo.expr.jsonpath import query

    return query(path, parsed_json(text))


def expanded(variables: Mapping[str, object]) -> dict[str, object]:
    """Return maps within maps for names with dots; the longer name wins over its beginning."""
    found: dict[str, Any] = {}
    names = sorted(variables)
    for name, following in zip(names, [*names[1:], ""], strict=False):
        if following.startswith(f"{name}."):
            continue
        *parents, last = name.split(".")
        inner = found
        for parent in parents:
            known = inner.get(parent)
            if not isinstance(known, dict):
                known = inner[parent] = {}
            inner = known
        inner[last] = variables[name]
    return found


_FUNCTIONS: dict[str, object] = {
    "asInt": Function(ANY, ANY, builtins.to_int, typed=True),
    "asFloat": Function(ANY, ANY, builtins.to_float, typed=True),
    "jsonpath": Function("string,string", ANY, _jsonpath),
    "toJson": Function(ANY, "string", json_of, typed=True),
}
