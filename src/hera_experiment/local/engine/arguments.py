"""Gives a template its inputs and replaces its variables.

Source: ``ProcessArgs`` and ``SubstituteParams`` in ``workflow/common/util.go`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hera_experiment.argo import go_text
from hera_experiment.local.engine.substitution import Lookup, Variables, names_of, substitute

ABSENT = "__argo-internal.absent-optional-output__"
"""The value of an argument that refers to an output of a skipped task without a default."""

_FIELDS = ("name", "default", "value", "valueFrom", "globalName", "enum", "description")


class ArgumentError(ValueError):
    """An input has no value."""


def process(
    template: Mapping[str, Any],
    arguments: Mapping[str, Any],
    global_lookup: Lookup,
    local: Mapping[str, str],
) -> dict[str, Any]:
    """Return ``template`` with its inputs set and every known variable replaced.

    Raises :class:`ArgumentError` and :class:`~.substitution.SubstitutionError`.
    """
    declared = (template.get("inputs") or {}).get("parameters") or ()
    filled = template
    if declared:
        given = {parameter["name"]: parameter for parameter in arguments.get("parameters") or ()}
        parameters = [_with_value(parameter, given) for parameter in declared]
        filled = {**template, "inputs": {**template["inputs"], "parameters": parameters}}
    return substitute_all(filled, global_lookup, local)


def substitute_all(
    template: Mapping[str, Any], global_lookup: Lookup, local: Mapping[str, str]
) -> dict[str, Any]:
    """Replace first globals and ``local``, then inputs, whose values may hold the former."""

    def first(name: str) -> str | None:
        return local[name] if name in local else global_lookup(name)

    known = Variables(first, lambda: [*local, *names_of(global_lookup)])
    once: dict[str, Any] = substitute(dict(template), known)
    parameters = (once.get("inputs") or {}).get("parameters") or []
    inputs = {f"inputs.parameters.{p['name']}": p["value"] for p in parameters if "value" in p}
    for parameter in (once.get("outputs") or {}).get("parameters") or ():
        if path := (parameter.get("valueFrom") or {}).get("path"):
            inputs[f"outputs.parameters.{parameter['name']}.path"] = path

    def second(name: str) -> str | None:
        if name in inputs:
            return str(inputs[name])
        if name == "inputs.parameters":
            return parameters_json(parameters)
        return first(name)

    more = Variables(second, lambda: [*inputs, "inputs.parameters", *known.names()])
    twice: dict[str, Any] = substitute(once, more)
    return twice


def parameters_json(parameters: Iterable[Mapping[str, Any]]) -> str:
    """Return parameters as JSON, their fields in the order of Go's type; null for none."""
    ordered = [{key: p[key] for key in _FIELDS if key in p} for p in parameters]
    return go_text.dumps(ordered or None)


def _with_value(parameter: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    name = parameter["name"]
    filled = dict(parameter)
    if "value" not in filled and "default" in filled:
        filled["value"] = filled["default"]
    argument = given.get(name)
    if argument is not None and argument.get("value") == ABSENT:
        if "value" not in filled:
            raise ArgumentError(
                f"inputs.parameters.{name}: argument references an absent optional "
                "(skipped/omitted node output with no default)"
            )
    elif argument is not None:
        filled.pop("value", None)
        if "value" in argument:
            filled["value"] = argument["value"]
    if "value" not in filled:
        raise ArgumentError(f"inputs.parameters.{name} was not supplied")
    return filled
