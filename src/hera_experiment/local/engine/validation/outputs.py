"""The rules of what a template leaves behind.

Source: ``validateOutputs`` and ``validateOutputParameter`` in ``workflow/validate/validate.go`` of
argoproj/argo-workflows, whose words the messages are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hera_experiment.local.engine.validation.arguments import check_path
from hera_experiment.local.engine.validation.kinds import KINDS, Template, field_of, is_leaf
from hera_experiment.local.engine.validation.names import (
    check_parameter_names,
    parameter_name_problem,
)
from hera_experiment.local.engine.validation.scopes import is_variable
from hera_experiment.local.errors import InvalidWorkflow

_SOURCES = ("path", "jqFilter", "jsonPath", "parameter", "expression")
_KINDS = "path, jqFilter, jsonPath, parameter, raw"


def check_outputs(template: Template, variables: Callable[[str, Any], None]) -> None:
    """Check the outputs; ``variables`` checks the variables in a value."""
    where = f"templates.{template.get('name', '')}.outputs"
    outputs = template.get("outputs") or {}
    parameters, artifacts = outputs.get("parameters") or (), outputs.get("artifacts") or ()
    check_parameter_names(f"{where}.parameters ", parameters)
    check_parameter_names(f"{where}.artifacts ", artifacts)
    variables(where, outputs)
    for artifact in artifacts:
        path = f"{where}.artifacts.{artifact['name']}"
        check_path(path, artifact, leaf=is_leaf(template))
        _check_global_name(path, artifact)
    for parameter in parameters:
        path = f"{where}.parameters.{parameter['name']}"
        _check_source(path, parameter)
        if "valueFrom" in parameter:
            _check_fits(path, parameter["valueFrom"], field_of(template))
        _check_global_name(path, parameter)


def _check_global_name(where: str, output: Mapping[str, Any]) -> None:
    name = output.get("globalName") or ""
    if name and not is_variable(name) and (problem := parameter_name_problem(name)):
        raise InvalidWorkflow(f"{where}.globalName: {problem}")


def _check_source(where: str, parameter: Mapping[str, Any]) -> None:
    source, is_fixed = parameter.get("valueFrom"), "value" in parameter
    if source is not None and is_fixed:
        raise InvalidWorkflow(f"{where} has both valueFrom and value specified. Choose one.")
    if is_fixed:
        return
    if source is None:
        raise InvalidWorkflow(f"{where} does not have valueFrom or value specified")
    given = sum(bool(source.get(key)) for key in _SOURCES) + ("supplied" in source)
    if not given:
        raise InvalidWorkflow(f"valueFrom type unspecified. choose one of: {_KINDS}, expression")
    if given > 1:
        raise InvalidWorkflow(f"multiple valueFrom types specified. choose one of: {_KINDS}")


def _check_fits(where: str, source: Mapping[str, Any], kind: str) -> None:
    name = KINDS[kind]
    if kind in ("container", "containerSet", "script") and not source.get("path"):
        raise InvalidWorkflow(f"{where}.path must be specified for {name} templates")
    if kind == "resource" and not source.get("jqFilter") and not source.get("jsonPath"):
        raise InvalidWorkflow(
            f"{where} .jqFilter or jsonPath must be specified for {name} templates"
        )
    if kind in ("dag", "steps") and not source.get("parameter") and not source.get("expression"):
        raise InvalidWorkflow(
            f"{where}.parameter or expression must be specified for {name} templates"
        )
