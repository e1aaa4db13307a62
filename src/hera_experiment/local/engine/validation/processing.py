"""Puts into a template what is known of its variables before anything runs.

Source: ``ProcessArgs`` and ``SubstituteParams`` in ``workflow/common/util.go`` of
argoproj/argo-workflows, called to validate only, and ``placeholder.go`` in ``workflow/common`` and
``util/template``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hera_experiment.argo.values import unprintable
from hera_experiment.local.engine.substitution import (
    SubstitutionError,
    Unprintable,
    Variables,
    replace,
    tags,
)
from hera_experiment.local.engine.validation.arguments import has_location_or_key
from hera_experiment.local.engine.validation.kinds import Template, runs_pods
from hera_experiment.local.errors import InvalidWorkflow

PLACEHOLDER = "__argo__internal__placeholder-0"
"""Stands for a value that is not known yet; Argo numbers them."""

RETRY = ("retries", *(f"lastRetry.{key}" for key in ("exitCode", "status", "duration", "message")))
"""The variables of an attempt."""


_QUOTATION = re.compile(r'(?<!\\)(?:\\\\)*"')
"""The end of a string of JSON."""


class Arguments:
    """What a template is called with: those of a call, or any at all (:data:`ANY_ARGUMENTS`)."""

    def __init__(self, given: Mapping[str, Any] | None) -> None:
        self._given = given
        if given is not None:
            self._parameters = {p["name"]: p for p in given.get("parameters") or ()}
            self._artifacts = {a["name"]: a for a in given.get("artifacts") or ()}

    def parameter(self, name: str) -> Mapping[str, Any] | None:
        """Return the argument of that name, if there is one."""
        if self._given is None:
            return {"name": name, "value": PLACEHOLDER}
        return self._parameters.get(name)

    def artifact(self, name: str) -> Mapping[str, Any] | None:
        """Return the artifact of that name, if there is one."""
        return {"name": name} if self._given is None else self._artifacts.get(name)

    @property
    def printable(self) -> bool:
        """Tell whether all values can stand in a template."""
        if self._given is None:
            return True
        values = (p.get("value") for p in self._parameters.values())
        return not any(isinstance(value, str) and unprintable(value) for value in values)


ANY_ARGUMENTS = Arguments(None)


def is_placeholder(text: str) -> bool:
    """Tell whether ``text`` stands for a value that is not known yet."""
    return text.startswith("__argo__internal__placeholder-")


def supplied(template: Template, arguments: Arguments) -> dict[str, Any]:
    """Return a template's inputs with the arguments in them.

    Raises :class:`InvalidWorkflow` when one is missing.
    """
    inputs: dict[str, Any] = dict(template.get("inputs") or {})
    if parameters := inputs.get("parameters"):
        inputs["parameters"] = [_parameter(each, arguments) for each in parameters]
    if artifacts := inputs.get("artifacts"):
        inputs["artifacts"] = [_artifact(each, arguments) for each in artifacts]
    return inputs


def processed(
    template: Template, arguments: Arguments, everywhere: Mapping[str, str]
) -> dict[str, Any]:
    """Return a template with its arguments, and the values of the variables that are known.

    Raises :class:`InvalidWorkflow` when an argument is missing or a value cannot be put in.
    """
    filled: Any = {**template, "inputs": supplied(template, arguments)}
    if not _has_variables(filled):
        return dict(filled)
    _check_expressions(filled)
    values = dict(everywhere)
    if runs_pods(template):
        values["pod.name"] = PLACEHOLDER
    if "retryStrategy" in template:
        values.update(dict.fromkeys(RETRY, PLACEHOLDER))
    filled = _substituted(filled, values)
    inputs, outputs = filled.get("inputs") or {}, filled.get("outputs") or {}
    parameters = inputs.get("parameters") or ()
    for parameter in parameters:
        if isinstance(parameter.get("value"), str):
            values[f"inputs.parameters.{parameter['name']}"] = parameter["value"]
    values["inputs.parameters"] = json.dumps(parameters or None, ensure_ascii=False)
    for holder, prefix in ((inputs, "inputs"), (outputs, "outputs")):
        for artifact in holder.get("artifacts") or ():
            if artifact.get("path"):
                values[f"{prefix}.artifacts.{artifact['name']}.path"] = artifact["path"]
    for parameter in outputs.get("parameters") or ():
        if path := (parameter.get("valueFrom") or {}).get("path"):
            values[f"outputs.parameters.{parameter['name']}.path"] = path
    done: dict[str, Any] = _substituted(filled, values)
    return done


def _parameter(declared: Mapping[str, Any], arguments: Arguments) -> dict[str, Any]:
    parameter = dict(declared)
    if "value" not in parameter and "default" in parameter:
        parameter["value"] = parameter["default"]
    argument = arguments.parameter(parameter["name"])
    if argument is not None:
        for key, other in (("value", "valueFrom"), ("valueFrom", "value")):
            if key in argument:
                parameter[key] = argument[key]
                parameter.pop(other, None)
                break
        else:
            parameter.pop("value", None)
            parameter.pop("valueFrom", None)
    from_config_map = "configMapKeyRef" in (parameter.get("valueFrom") or {})
    if "value" not in parameter and not from_config_map:
        raise InvalidWorkflow(f"inputs.parameters.{parameter['name']} was not supplied")
    return parameter


def _artifact(declared: Mapping[str, Any], arguments: Arguments) -> Mapping[str, Any]:
    argument = arguments.artifact(declared["name"])
    if argument is None:
        if not declared.get("optional") and not has_location_or_key(declared):
            raise InvalidWorkflow(f"inputs.artifacts.{declared['name']} was not supplied")
        return declared
    own = {key: declared[key] for key in ("path", "mode", "recurseMode") if key in declared}
    others = {key: value for key, value in argument.items() if key not in _OWN}
    return {**others, **own}


_OWN = ("path", "mode", "recurseMode")


def _check_expressions(template: Template) -> None:
    """Refuse an expression without an end of its own: Argo reads on to the next one's."""
    text = json.dumps(template, ensure_ascii=False, separators=(",", ":"))
    for tag in tags(text) if "{{=" in text else ():
        if tag.startswith("=") and (end := _QUOTATION.search(tag)):
            found = tag[end.end() :][:1]
            raise InvalidWorkflow(
                "failed to unmarshall JSON expression: "
                f"invalid character {found!r} after top-level value"
            )


def _has_variables(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, dict):
        return any("{{" in key or _has_variables(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_variables, value))


def _substituted(value: Any, values: Mapping[str, str]) -> Any:
    """Return ``value`` with its variables replaced, as far as they are known."""
    lookup = Variables(values.__getitem__, lambda: values)

    def replaced(text: str) -> str:
        try:
            return replace(text, lookup)
        except Unprintable as error:
            raise InvalidWorkflow(str(error)) from None
        except SubstitutionError:
            # An expression that cannot be evaluated yet, or at all: this is for the run to tell.
            return text

    def walked(part: Any) -> Any:
        if isinstance(part, str):
            return replaced(part) if "{{" in part else part
        if isinstance(part, dict):
            return {
                (replaced(key) if "{{" in key else key): walked(item) for key, item in part.items()
            }
        return [walked(item) for item in part] if isinstance(part, list) else part

    return walked(value)
