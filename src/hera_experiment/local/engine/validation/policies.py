"""Metrics, hooks and the end of pods.

Source: ``validateTemplate``, ``validateHooks`` and ``ValidateWorkflow`` in
``workflow/validate/validate.go``, ``workflow/metrics/util.go`` of argoproj/argo-workflows;
``LabelSelectorAsSelector`` in ``meta/v1/helpers.go`` and ``NewRequirement`` in
``labels/selector.go`` of kubernetes/apimachinery. The words of the messages are theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hera_experiment.local.engine.validation.labels import key_problem, value_problem
from hera_experiment.local.errors import InvalidWorkflow

Json = Mapping[str, Any]

_METRIC = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_POD_GC = ("", "OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def check_hooks(where: str, hooks: Json) -> None:
    """Check that every hook but the one at the end says when; raises :class:`InvalidWorkflow`."""
    for name, hook in hooks.items():
        if name != "exit" and not hook.get("expression"):
            raise InvalidWorkflow(f"{where}.{name} Expression required")


def check_pod_gc(pod_gc: Json) -> None:
    """Check when pods are deleted, and which; raises :class:`InvalidWorkflow`."""
    strategy = pod_gc.get("strategy") or ""
    if strategy not in _POD_GC:
        choice = ", ".join(_POD_GC[1:])
        raise InvalidWorkflow(f"podGC.strategy unknown strategy '{strategy}': use {choice}")
    selector = pod_gc.get("labelSelector") or {}
    for key, value in (selector.get("matchLabels") or {}).items():
        _refuse([*_key(key), *_values(key, [value])])
    for expression in selector.get("matchExpressions") or ():
        _check_expression(expression)


def check_metrics(where: str, template: Json) -> None:
    """Check the metrics of a template; raises :class:`InvalidWorkflow`."""
    for metric in (template.get("metrics") or {}).get("prometheus") or ():
        name = metric.get("name") or ""
        if not _METRIC.fullmatch(name):
            why = "Metric names must contain alphanumeric characters or '_'"
            raise InvalidWorkflow(f"{where} metric name '{name}' is invalid. {why}")
        for label in metric.get("labels") or ():
            if not _METRIC.fullmatch(key := label.get("key") or ""):
                why = "keys may only contain alphanumeric characters or '_'"
                raise InvalidWorkflow(f"metric label '{key}' is invalid: {why}")
        if not metric.get("help"):
            why = "must contain a help string under 'help: ' field"
            raise InvalidWorkflow(f"{where} metric '{name}' {why}")
        if problem := _value_problem(metric):
            raise InvalidWorkflow(f"{where} metric '{name}' error: {problem}")


def _value_problem(metric: Json) -> str:
    gauge = metric.get("gauge") or {}
    if "gauge" in metric and not gauge.get("value"):
        return "missing gauge.value"
    if gauge.get("realtime") and "resourcesDuration." in gauge["value"]:
        return "'resourcesDuration.*' metrics cannot be used in real-time"
    for kind in ("counter", "histogram"):
        if kind in metric and not metric[kind].get("value"):
            return f"missing {kind}.value"
    return ""


def _check_expression(expression: Json) -> None:
    operator, values = expression.get("operator") or "", expression.get("values") or []
    if operator not in _OPERATORS:
        choice = ", ".join(_OPERATORS)
        _refuse([f'"{operator}" is not a valid label selector operator: use {choice}'])
    key = expression.get("key") or ""
    problems = _key(key)
    if operator in ("In", "NotIn") and not values:
        why = "for 'in', 'notin' operators, values set can't be empty"
        problems.append(f"values: Invalid value: []string(nil): {why}")
    if operator in ("Exists", "DoesNotExist") and values:
        why = "values set must be empty for exists and does not exist"
        problems.append(
            f"values: Invalid value: {json.dumps(values, separators=(',', ':'))}: {why}"
        )
    _refuse([*problems, *_values(key, values)])


def _key(key: str) -> list[str]:
    why = key_problem(key)
    return [f'key: Invalid value: "{key}": {why}'] if why else []


def _values(key: str, values: list[str]) -> list[str]:
    found = ((index, value, value_problem(value)) for index, value in enumerate(values))
    return [f'values[{i}][{key}]: Invalid value: "{v}": {why}' for i, v, why in found if why]


def _refuse(problems: list[str]) -> None:
    if problems:
        told = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise InvalidWorkflow(f"podGC.labelSelector invalid: {told}")
