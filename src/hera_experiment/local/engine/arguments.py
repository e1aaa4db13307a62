"""Gives a template its inputs and replaces its variables.

Source: ``ProcessArgs`` and ``SubstituteParams`` in ``workflow/common/util.go`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hera_experiment.argo import go_text
from hera_experiment.local.engine.artifacts import with_inputs
from hera_experiment.local.engine.config_values import (
    ConfigValue,
    NoConfigValue,
    no_config,
    reference_of,
)
from hera_experiment.local.engine.substitution import (
    ANY,
    Lookup,
    Variables,
    lasting,
    names_of,
    replace,
    substitute,
)

ABSENT = "__argo-internal.absent-optional-output__"
"""The value of an argument that refers to an output of a skipped task without a default."""

_FIELDS = ("name", "default", "value", "valueFrom", "globalName", "enum", "description")
_SOURCES = (
    *("path", "jsonPath", "jqFilter", "event", "parameter", "supplied"),
    *("configMapKeyRef", "default", "expression"),
)
_KEYS = ("name", "key", "optional")
_CHILDREN = ("dag", "steps")


class ArgumentError(ValueError):
    """An input has no value."""


def process(
    template: Mapping[str, Any],
    arguments: Mapping[str, Any],
    global_lookup: Lookup,
    local: Mapping[str, str],
    config: ConfigValue = no_config,
) -> dict[str, Any]:
    """Return ``template`` with its inputs set and every known variable replaced.

    ``config`` has the values that stand in ConfigMaps. Raises :class:`ArgumentError`,
    :class:`~.artifacts.ArtifactError` and :class:`~.substitution.SubstitutionError`.
    """
    declared = (template.get("inputs") or {}).get("parameters") or ()
    filled = template
    if declared:
        given = {parameter["name"]: parameter for parameter in arguments.get("parameters") or ()}
        parameters = [
            _configured(_with_value(parameter, given), global_lookup, config)
            for parameter in declared
        ]
        filled = {**template, "inputs": {**template["inputs"], "parameters": parameters}}
    return substitute_all(with_inputs(filled, arguments), global_lookup, local)


def substitute_all(
    template: Mapping[str, Any], global_lookup: Lookup, local: Mapping[str, str]
) -> dict[str, Any]:
    """Replace first globals and ``local``, then inputs, whose values may hold the former."""

    def first(name: str) -> str | None:
        return local[name] if name in local else global_lookup(name)

    known = Variables(first, lambda: [*local, *names_of(global_lookup)])
    once = _replaced(template, known)
    parameters = (once.get("inputs") or {}).get("parameters") or []
    inputs = {f"inputs.parameters.{p['name']}": p["value"] for p in parameters if "value" in p}
    paths = _paths(once)

    def second(name: str) -> str | None:
        if name in inputs:
            return str(inputs[name])
        if name == "inputs.parameters":
            return parameters_json(parameters)
        if name in paths:
            # Argo looks at all once more when it makes the pod: a path may hold an input.
            return replace(paths[name], lambda inner: str(inputs[inner]))
        return first(name)

    more = Variables(second, lambda: [*inputs, "inputs.parameters", *paths, *known.names()])
    return _replaced(once, more)


def _replaced(template: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    """Replace what ``lookup`` knows; how the workflow is, a child is told when it begins."""
    own = {key: part for key, part in template.items() if key not in _CHILDREN}
    children = {key: part for key, part in template.items() if key in _CHILDREN}
    return {**substitute(own, lookup), **substitute(children, lasting(lookup))}


def _paths(template: Mapping[str, Any]) -> dict[str, str]:
    """Return where a template has its files, by the variables that stand for the paths."""
    found = {}
    for parameter in (template.get("outputs") or {}).get("parameters") or ():
        if path := (parameter.get("valueFrom") or {}).get("path"):
            found[f"outputs.parameters.{parameter['name']}.path"] = path
    for kind in ("inputs", "outputs"):
        for artifact in (template.get(kind) or {}).get("artifacts") or ():
            if artifact.get("path"):
                found[f"{kind}.artifacts.{artifact['name']}.path"] = artifact["path"]
    return found


def parameters_json(parameters: Iterable[Mapping[str, Any]]) -> str:
    """Return parameters as JSON, their fields in the order of Go's type; null for none."""
    return go_text.dumps([_ordered(parameter) for parameter in parameters] or None)


def _ordered(parameter: Mapping[str, Any]) -> dict[str, Any]:
    ordered = {key: parameter[key] for key in _FIELDS if key in parameter}
    if "valueFrom" in ordered:
        source = ordered["valueFrom"]
        ordered["valueFrom"] = {key: source[key] for key in _SOURCES if key in source}
        if reference := reference_of(ordered):
            ordered["valueFrom"]["configMapKeyRef"] = {
                key: reference[key] for key in _KEYS if key in reference
            }
    return ordered


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
        for key in ("value", "valueFrom"):
            filled.pop(key, None)
        if "value" in argument:
            filled["value"] = argument["value"]
        elif "valueFrom" in argument:
            filled["valueFrom"] = argument["valueFrom"]
    if "value" not in filled and not reference_of(filled):
        raise ArgumentError(f"inputs.parameters.{name} was not supplied")
    return filled


def _configured(
    parameter: dict[str, Any], global_lookup: Lookup, config: ConfigValue
) -> dict[str, Any]:
    """Return ``parameter`` with the value that stands in a ConfigMap, if it says so."""
    reference = reference_of(parameter)
    if reference is None:
        return parameter
    name, key = (replace(reference.get(k, ""), global_lookup, ANY) for k in ("name", "key"))
    try:
        return {**parameter, "value": config(name, key)}
    except NoConfigValue as error:
        if "default" not in parameter["valueFrom"]:
            raise ArgumentError(
                f"unable to retrieve inputs.parameters.{parameter['name']} from ConfigMap: {error}"
            ) from None
        return {**parameter, "value": parameter["valueFrom"]["default"]}
