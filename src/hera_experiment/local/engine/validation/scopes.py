"""Variables: which are known where.

Source: ``resolveAllVariables``, ``addOutputsToScope`` and ``addItemsToScope`` in
``workflow/validate/validate.go``, ``util/template/validate.go`` of argoproj/argo-workflows, whose
words the messages are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from typing import Any

from hera_experiment.local.engine.substitution import tags
from hera_experiment.local.engine.validation.kinds import (
    Template,
    field_of,
    has_result,
    is_leaf,
    runs_pods,
)
from hera_experiment.local.engine.validation.processing import PLACEHOLDER, RETRY
from hera_experiment.local.errors import InvalidWorkflow

Scope = set[str]
"""Variables that are known in one place."""

Globals = dict[str, str]
"""Variables that are known everywhere from some moment on, with their values."""

ANY_ARTIFACT = "workflow.outputs.artifacts.*"
_ANY_PARAMETER = "workflow.outputs.parameters.*"
_ANY_ITEM = "item.*"

_ROOTS = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")
_KNOWN_LATER = (
    "outputs.",
    "workflow.creationTimestamp",
    "workflow.scheduledTime",
    "workflow.duration",
    "tasks.name",
    "steps.name",
    "node.name",
)
_REFERENCE = re.compile(r"\{\{[-a-zA-Z0-9]+(\.[-a-zA-Z0-9_]+)*\}\}", re.ASCII)


def is_variable(text: str) -> bool:
    """Tell whether there is a variable in ``text``."""
    return _REFERENCE.search(text) is not None


def template_scope(template: Template) -> Scope:
    """Return the variables of a template's inputs, of its pod, of its attempts and its files."""
    inputs, outputs = template.get("inputs") or {}, template.get("outputs") or {}
    # Even without parameters Argo has their list.
    scope = {"inputs.parameters"}
    scope |= {f"inputs.parameters.{p['name']}" for p in inputs.get("parameters") or ()}
    leaf = is_leaf(template)
    for artifact in inputs.get("artifacts") or ():
        scope.add(f"inputs.artifacts.{artifact['name']}")
        if leaf:
            scope.add(f"inputs.artifacts.{artifact['name']}.path")
    if runs_pods(template):
        scope.add("pod.name")
    if "retryStrategy" in template:
        scope.update(RETRY)
    if leaf:
        for artifact in outputs.get("artifacts") or ():
            if artifact.get("path"):
                scope.add(f"outputs.artifacts.{artifact.get('name', '')}.path")
        for parameter in outputs.get("parameters") or ():
            if (parameter.get("valueFrom") or {}).get("path"):
                scope.add(f"outputs.parameters.{parameter.get('name', '')}.path")
    return scope


def inline_scope(call: Mapping[str, Any]) -> Scope:
    """Return the inputs of a template that stands inside a task or a step."""
    inputs = (call.get("inline") or {}).get("inputs") or {}
    return {f"inputs.parameters.{p.get('name', '')}" for p in inputs.get("parameters") or ()}


def add_outputs(
    scope: Scope,
    everywhere: Globals,
    template: Template | None,
    prefix: str,
    *,
    aggregated: bool = False,
) -> None:
    """Add what a task or step (``prefix`` is ``tasks.NAME``) leaves behind."""
    scope.update(f"{prefix}.{key}" for key in ("id", "startedAt", "finishedAt", "hostNodeName"))
    if template is None:
        return
    if template.get("daemon"):
        scope.add(f"{prefix}.ip")
    kind = field_of(template)
    if has_result(template) or (aggregated and kind in ("script", "containerSet")):
        scope.update((f"{prefix}.outputs.result", f"{prefix}.exitCode"))
    if aggregated:
        scope.add(f"{prefix}.outputs.parameters")
    outputs = template.get("outputs") or {}
    for plural, unknown in (("parameters", _ANY_PARAMETER), ("artifacts", ANY_ARTIFACT)):
        for output in outputs.get(plural) or ():
            scope.add(f"{prefix}.outputs.{plural}.{output.get('name', '')}")
            name = output.get("globalName") or ""
            if name and is_variable(name):
                scope.add(unknown)
            elif name:
                scope.add(f"workflow.outputs.{plural}.{name}")
                everywhere[f"workflow.outputs.{plural}.{name}"] = PLACEHOLDER


def is_aggregated(call: Mapping[str, Any]) -> bool:
    """Tell whether the outputs of a task or step are lists."""
    return bool(call.get("withItems") or call.get("withParam"))


def add_items(scope: Scope, call: Mapping[str, Any]) -> None:
    """Add the variables of a loop; raises :class:`InvalidWorkflow` when it is none."""
    items, sequence = call.get("withItems"), call.get("withSequence")
    if bool(items) + bool(call.get("withParam")) + (sequence is not None) > 1:
        raise InvalidWorkflow("only one of withItems, withParam, withSequence can be specified")
    if items:
        for item in items:
            if isinstance(item, dict):
                scope.update(f"item.{key}" for key in item)
            elif isinstance(item, list):
                scope.update(f"item.[{index}]" for index in range(len(item)))
            elif item is not None:
                scope.add("item")
    elif call.get("withParam"):
        scope.update(("item", _ANY_ITEM))
    elif sequence is not None:
        if "count" in sequence and "end" in sequence:
            raise InvalidWorkflow("only one of count or end can be defined in withSequence")
        scope.add("item")


def check_variables(
    prefix: str, value: Any, *scopes: Container[str], of_template: bool = False
) -> None:
    """Raise for the first variable in ``value`` that is in none of ``scopes``.

    Argo looks through the whole as JSON. With ``of_template`` a workflow may give parameters later.
    """
    text = value
    if not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for tag in tags(text):
        name = tag.strip()
        if tag.startswith("=") or not name.startswith(_ROOTS):
            continue
        if any(name in scope for scope in scopes):
            continue
        if any(_allowed(name, scope) for scope in scopes) or name.startswith(_KNOWN_LATER):
            continue
        if not (of_template and name.startswith("workflow.parameters")):
            raise InvalidWorkflow(f"{prefix} failed to resolve {{{{{tag}}}}}")


def _allowed(name: str, scope: Container[str]) -> bool:
    return (
        (name.startswith("item.") and _ANY_ITEM in scope)
        or (name.startswith("workflow.outputs.parameters.") and _ANY_PARAMETER in scope)
        or (name.startswith("workflow.outputs.artifacts.") and ANY_ARTIFACT in scope)
    )
