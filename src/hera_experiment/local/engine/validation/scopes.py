"""Variables, names and values: known, well formed, unique, given.

Source: ``resolveAllVariables``, ``addOutputsToScope``, ``addItemsToScope``,
``validateWorkflowFieldNames`` and ``validateArguments`` in ``workflow/validate/validate.go`` of
argoproj/argo-workflows, whose words the messages are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hera_experiment.argo.names import FIELD_NAME, FIELD_NAME_LENGTH, PARAMETER_NAME
from hera_experiment.local.engine.loops import LOOPS
from hera_experiment.local.engine.nodes import runs_pod
from hera_experiment.local.engine.substitution import tags
from hera_experiment.local.errors import InvalidWorkflow

Scope = set[str]

_FIELD_NAME_RULE = (
    "name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric "
    "character (e.g. My-name1-2, 123-NAME)"
)
_PARAMETER_NAME_RULE = (
    "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' "
    "e.g. my_param_1, MY-PARAM-1"
)

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
_ANY_ITEM = "item.*"
_ANY_OUTPUT = "workflow.outputs.parameters.*"
_ANY_ARTIFACT = "workflow.outputs.artifacts.*"
_RETRY = ("retries", *(f"lastRetry.{key}" for key in ("exitCode", "status", "duration", "message")))


def global_scope(manifest: Mapping[str, Any]) -> Scope:
    """Return the variables of the workflow itself."""
    metadata, spec = manifest["metadata"], manifest["spec"]
    plain = ("name", "namespace", "mainEntrypoint", "serviceAccountName", "uid", "status")
    scope = {f"workflow.{key}" for key in plain}
    parameters = (spec.get("arguments") or {}).get("parameters") or ()
    if parameters:
        scope |= {"workflow.parameters", "workflow.parameters.json"}
    scope |= {f"workflow.parameters.{parameter['name']}" for parameter in parameters}
    for kind in ("labels", "annotations"):
        scope |= {f"workflow.{kind}", f"workflow.{kind}.json"}
        own = spec.get("workflowMetadata") or {}
        known = [
            metadata.get(kind),
            own.get(kind),
            own.get("labelsFrom") if kind == "labels" else {},
        ]
        scope |= {f"workflow.{kind}.{key}" for keys in known for key in keys or ()}
    if "priority" in spec:
        scope.add("workflow.priority")
    return scope


def input_scope(template: Mapping[str, Any]) -> Scope:
    """Return the variables of a template's inputs, of its pod and of its attempts."""
    parameters = (template.get("inputs") or {}).get("parameters") or ()
    scope = {f"inputs.parameters.{parameter['name']}" for parameter in parameters}
    scope.add("inputs.parameters")
    for artifact in (template.get("inputs") or {}).get("artifacts") or ():
        scope |= {f"inputs.artifacts.{artifact['name']}{end}" for end in ("", ".path")}
    if runs_pod(template):
        scope.add("pod.name")
    if "retryStrategy" in template:
        scope.update(_RETRY)
    return scope


def add_outputs(
    scope: Scope,
    global_names: Scope,
    template: Mapping[str, Any],
    prefix: str,
    *,
    aggregated: bool = False,
    ancestor: bool = False,
) -> None:
    """Add what a task (``prefix`` is ``tasks.NAME``) leaves behind."""
    scope |= {f"{prefix}.{key}" for key in ("id", "startedAt", "finishedAt", "hostNodeName")}
    if template.get("daemon"):
        scope.add(f"{prefix}.ip")
    if runs_pod(template):
        scope |= {f"{prefix}.outputs.result", f"{prefix}.exitCode"}
    for parameter in (template.get("outputs") or {}).get("parameters") or ():
        scope.add(f"{prefix}.outputs.parameters.{parameter['name']}")
        name = parameter.get("globalName")
        if name and "{{" not in name:
            scope.add(f"workflow.outputs.parameters.{name}")
            global_names.add(f"workflow.outputs.parameters.{name}")
        elif name:
            scope.add(_ANY_OUTPUT)
    for artifact in (template.get("outputs") or {}).get("artifacts") or ():
        scope.add(f"{prefix}.outputs.artifacts.{artifact['name']}")
        if name := artifact.get("globalName"):
            variable = f"workflow.outputs.artifacts.{'*' if '{{' in name else name}"
            scope.add(variable)
            global_names.add(variable)
    if aggregated:
        scope.add(f"{prefix}.outputs.parameters")
        if "script" in template:
            scope |= {f"{prefix}.outputs.result", f"{prefix}.exitCode"}
    if ancestor:
        scope.add(f"{prefix}.status")


def add_items(scope: Scope, task: Mapping[str, Any]) -> str:
    """Add the variables of a loop; return what is wrong with the loop, or nothing."""
    given = [key for key in LOOPS if task.get(key)]
    if len(given) > 1:
        return "only one of withItems, withParam, withSequence can be specified"
    if task.get("withItems"):
        for item in task["withItems"]:
            if isinstance(item, dict):
                scope |= {f"item.{key}" for key in item}
            elif isinstance(item, list):
                scope |= {f"item.[{index}]" for index in range(len(item))}
            else:
                scope.add("item")
    elif task.get("withParam"):
        scope |= {"item", _ANY_ITEM}
    elif task.get("withSequence"):
        if "count" in task["withSequence"] and "end" in task["withSequence"]:
            return "only one of count or end can be defined in withSequence"
        scope.add("item")
    return ""


def without_hooks(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task or step as it is before its end; hooks may refer to its own outputs."""
    return {key: value for key, value in call.items() if key != "hooks"}


def check_variables(prefix: str, value: Any, *scopes: Scope) -> None:
    """Raise for the first variable below ``value`` that is in none of ``scopes``."""
    for tag in tags(value):
        name = tag.strip()
        if not name.startswith(_ROOTS) or any(name in scope for scope in scopes):
            continue
        if name.startswith("item.") and any(_ANY_ITEM in scope for scope in scopes):
            continue
        is_output = name.startswith("workflow.outputs.parameters.")
        if is_output and any(_ANY_OUTPUT in scope for scope in scopes):
            continue
        is_artifact = name.startswith("workflow.outputs.artifacts.")
        if is_artifact and any(_ANY_ARTIFACT in scope for scope in scopes):
            continue
        if not name.startswith(_KNOWN_LATER):
            raise InvalidWorkflow(f"{prefix} failed to resolve {{{{{tag}}}}}")


def check_field_names(prefix: str, items: Iterable[Mapping[str, Any]]) -> None:
    """Check the names of templates or tasks."""
    _check(prefix, items, field_name_problem)


def check_parameter_names(prefix: str, items: Iterable[Mapping[str, Any]]) -> None:
    """Check the names of parameters."""
    _check(prefix, items, parameter_name_problem)


def field_name_problem(name: str) -> str:
    """Return what is wrong with the name of a template, a step or a task, or nothing."""
    problems = []
    if len(name) > FIELD_NAME_LENGTH:
        problems.append(f"must be no more than {FIELD_NAME_LENGTH} characters")
    if not FIELD_NAME.fullmatch(name):
        problems.append(_FIELD_NAME_RULE)
    return ";".join(problems)


def parameter_name_problem(name: str) -> str:
    """Return what is wrong with the name of a parameter, or nothing."""
    return "" if PARAMETER_NAME.fullmatch(name) else _PARAMETER_NAME_RULE


def check_arguments(prefix: str, arguments: Mapping[str, Any], *, values: bool = True) -> None:
    """Check that arguments have good names, a value each if ``values``, and one of their enum."""
    parameters = arguments.get("parameters") or ()
    check_parameter_names(f"{prefix}parameters", parameters)
    for parameter in parameters:
        where = f"{prefix}{parameter['name']}"
        if "value" not in parameter and "valueFrom" not in parameter and values:
            raise InvalidWorkflow(f"{where}.value or {where}.valueFrom is required")
        if "enum" not in parameter:
            continue
        if "value" not in parameter:
            return
        if parameter["value"] not in parameter["enum"]:
            raise InvalidWorkflow(f"{where}.value should be present in {where}.enum list")


def _check(prefix: str, items: Iterable[Mapping[str, Any]], problem_of: Any) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = item.get("name", "")
        if not name:
            raise InvalidWorkflow(f"{prefix}[{index}].name is required")
        problem = problem_of(name)
        if problem:
            raise InvalidWorkflow(f"{prefix}[{index}].name: '{name}' is invalid: {problem}")
        if name in seen:
            raise InvalidWorkflow(f"{prefix}[{index}].name '{name}' is not unique")
        seen.add(name)
