"""The rules of a workflow and of its templates.

Source: ``ValidateWorkflow``, ``validateTemplate``, ``validateLeaf``, ``validateSteps`` and
``validateOutputs`` in ``workflow/validate/validate.go`` of argoproj/argo-workflows. Argo follows
the calls from the entry template on, then looks at the templates that nobody calls; so do these
functions, because an output with a ``globalName`` is known to what comes later.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from hera_experiment.argo.go_text import seconds
from hera_experiment.argo.names import OBJECT_NAME, WORKFLOW_NAME
from hera_experiment.local.engine.execution import STORED_SPEC, merged_spec, with_all_templates
from hera_experiment.local.engine.nodes import runs_pod
from hera_experiment.local.engine.substitution import replace, substitute
from hera_experiment.local.engine.templates import Kept, none_kept
from hera_experiment.local.engine.validation.dags import (
    check_depends,
    check_order,
    check_tasks,
    in_order,
)
from hera_experiment.local.engine.validation.normalise import normalise, with_empty_fields
from hera_experiment.local.engine.validation.pods import check_metrics, refused_by_kubernetes
from hera_experiment.local.engine.validation.scopes import (
    Scope,
    add_items,
    add_outputs,
    check_arguments,
    check_field_names,
    check_parameter_names,
    check_variables,
    field_name_problem,
    global_scope,
    input_scope,
    parameter_name_problem,
    without_hooks,
)
from hera_experiment.local.engine.validation.supported import unsupported
from hera_experiment.local.errors import InvalidWorkflow, Unsupported

Template = Mapping[str, Any]

_TYPES = ("container", "script", "containerSet", "dag", "steps", "suspend", "http")
_POLICIES = ("Always", "OnError", "OnFailure", "OnTransientError", "")
_CHOICE = (
    "choose one of: container, containerSet, steps, script, resource, dag, suspend, template, "
    "template ref"
)
_NAMES = ("name", "depends", "dependencies")
_VARIABLE = re.compile(r"\{\{.*\}\}", re.DOTALL)


def checked(
    manifest: Any, *, lint: bool = False, kind: str = "Workflow", kept: Kept = none_kept
) -> dict[str, Any]:
    """Return a submitted object in the form in which Argo's server would answer.

    With ``lint`` arguments of the workflow need no value. ``kept`` finds the objects it refers to.

    Raises
    ------
    InvalidWorkflow
        For the first of Argo's rules that it breaks, in Argo's words.
    Unsupported
        When it asks for something that the engine does not interpret.
    """
    if kind != "Workflow":
        return _checked_other(manifest, kind, kept)
    normal = normalise(manifest)
    if refused := unsupported(normal):
        raise Unsupported(f"not interpreted on this machine yet: {'; '.join(refused)}")
    check_field_names("spec.templates", normal["spec"].get("templates") or [])
    spec = merged_spec(normal, kept)
    status = {} if spec is None else {STORED_SPEC: spec}
    whole = with_all_templates({**normal, "status": status}, kept)
    _validate(whole, lint=lint)
    if name := normal["metadata"].get("name", ""):
        _check_object_name(name)
    if refused := refused_by_kubernetes(whole):
        raise InvalidWorkflow("; ".join(refused))
    filled = with_empty_fields(normal)
    filled.pop("status", None)
    return copy.deepcopy(filled)


def _checked_other(manifest: Any, kind: str, kept: Kept) -> dict[str, Any]:
    of_cron = kind == "CronWorkflow"
    spec = manifest.get("spec") or {}
    inner = spec.get("workflowSpec") if of_cron else spec
    workflow = {"metadata": {}, "spec": {**(inner or {})}}
    idle = {"name": "idle", "container": {"image": "idle"}}
    if not of_cron and "entrypoint" not in workflow["spec"]:
        own = workflow["spec"].get("templates") or []
        workflow["spec"] = {**workflow["spec"], "entrypoint": "idle", "templates": [*own, idle]}
    found = checked(workflow, lint=not of_cron, kept=kept)["spec"]
    if found.get("entrypoint") == "idle":
        del found["entrypoint"]
        found["templates"] = found["templates"][:-1]
    found = {**spec, "workflowSpec": found} if of_cron else found
    metadata = manifest.get("metadata") or {}
    if name := metadata.get("name", ""):
        _check_object_name(name)
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": found}


def _check_object_name(name: str) -> None:
    """Raise :class:`InvalidWorkflow`, in Kubernetes' words, for what cannot be a name."""
    if not OBJECT_NAME.fullmatch(name):
        raise InvalidWorkflow(
            f'Workflow.argoproj.io "{name}" is invalid: metadata.name: Invalid value: "{name}":'
            " a lowercase RFC 1123 subdomain must consist of lower case alphanumeric"
            " characters, '-' or '.', and must start and end with an alphanumeric character"
        )


def check_generated_name(name: str) -> None:
    """Raise :class:`InvalidWorkflow` when ``generateName`` gave what cannot be a name."""
    if not OBJECT_NAME.fullmatch(name):
        raise InvalidWorkflow(
            f"generateName gives {name!r}, which cannot name a Kubernetes object: use lower"
            " case letters, digits and '-', beginning with a letter or digit"
        )


def _validate(manifest: Mapping[str, Any], *, lint: bool) -> None:
    metadata, spec = manifest["metadata"], manifest["spec"]
    name = metadata.get("name", "")
    if len(name) > WORKFLOW_NAME:
        raise InvalidWorkflow(
            f'workflow name "{name}" must not be more than {WORKFLOW_NAME} characters long '
            f"(currently {len(name)})"
        )
    templates = spec.get("templates") or []
    arguments = spec.get("arguments") or {}
    check_arguments("spec.arguments.", arguments, values=not lint)
    entrypoint = spec.get("entrypoint", "")
    if not entrypoint:
        raise InvalidWorkflow("spec.entrypoint is required")
    by_name = {template["name"]: template for template in templates}
    if entrypoint not in by_name:
        raise InvalidWorkflow(f"template name '{entrypoint}' undefined")
    global_names = global_scope(manifest)
    walk = _Walk(by_name, arguments, global_names)
    _check_supplied("", by_name[entrypoint], arguments)
    walk.visit(entrypoint, "", arguments)
    if handler := spec.get("onExit"):
        if handler not in by_name:
            raise InvalidWorkflow(f"template name '{handler}' undefined")
        global_names.add("workflow.failures")
        _check_supplied("", by_name[handler], arguments)
        walk.visit(handler, "", arguments)
    for template in templates:
        walk.visit(template["name"], f"templates.{template['name']} ", {})


class _Walk:
    """Follows the calls in the order in which Argo does: what an output makes global comes first.

    ``arguments`` are those of the workflow.
    """

    def __init__(
        self, templates: Mapping[str, Template], arguments: Mapping[str, Any], global_names: Scope
    ) -> None:
        self._templates = templates
        self._known = _values("workflow.parameters", arguments)
        self._global_names = global_names
        self._seen: dict[str, Template] = {}

    def visit(self, name: str, prefix: str, arguments: Mapping[str, Any]) -> None:
        """Check a template and all that it calls, each once, what is called before its caller."""
        # An entry is to be entered, to be left, or to make its outputs known to what comes next.
        stack: list[tuple[str, str, str]] = [("enter", name, prefix)]
        while stack:
            step, name, where = stack.pop()
            if step == "leave":
                self._check(where, self._seen[name])
            elif step == "outputs":
                add_outputs(set(), self._global_names, self._templates[name], "")
            elif name not in self._seen:
                template = self._named(self._templates[name], arguments)
                arguments = {}
                self._seen[name] = template
                self._form(where, template)
                stack.append(("leave", name, where))
                for path, call in reversed(_calls(template)):
                    stack.append(("outputs", call["template"], ""))
                    stack.append(("enter", call["template"], f"{where}{path} "))

    def _named(self, template: Template, arguments: Mapping[str, Any]) -> Template:
        """Return ``template`` with the names of its tasks as they will be, as far as one can tell.

        Argo as well puts in what it knows; with anything else in it a name is none.
        """
        key = next((key for key in ("dag", "steps") if key in template), "")
        if not key or "{{" not in str(template[key]):
            return template
        known = {**self._known, **_values("inputs.parameters", template.get("inputs") or {})}
        known |= _values("inputs.parameters", arguments)

        def named(call: Mapping[str, Any]) -> dict[str, Any]:
            fields = {field: call[field] for field in _NAMES if field in call}
            return {**call, **substitute(fields, known.__getitem__)}

        if key == "steps":
            return {**template, key: [[named(step) for step in group] for group in template[key]]}
        dag = template["dag"]
        tasks = [named(task) for task in dag.get("tasks") or ()]
        target = {"target": replace(dag["target"], known.__getitem__)} if "target" in dag else {}
        return {**template, key: {**dag, "tasks": tasks, **target}}

    def _form(self, where: str, template: Template) -> None:
        try:
            _check_form(template, self._templates)
        except InvalidWorkflow as error:
            raise InvalidWorkflow(f"{where}{error.message}") from None

    def _check(self, where: str, template: Template) -> None:
        try:
            _check_use(template, self._templates, self._global_names)
            for path, call in _calls(template):
                callee = self._templates[call["template"]]
                _check_supplied(f"{path} ", callee, call.get("arguments") or {})
        except InvalidWorkflow as error:
            raise InvalidWorkflow(f"{where}{error.message}") from None


def _values(prefix: str, holder: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of parameters by the names of their variables."""
    found = {}
    for parameter in holder.get("parameters") or ():
        value = parameter.get("value", parameter.get("default", "{{"))
        if "{{" not in value:
            found[f"{prefix}.{parameter['name']}"] = value
    return found


def _calls(template: Template) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the tasks or steps with the path that Argo's messages give them."""
    name = template["name"]
    if "dag" in template:
        tasks = in_order(template["dag"].get("tasks") or [])
        return [(f"templates.{name}.tasks.{task.get('name', '')}", task) for task in tasks]
    return [
        (f"templates.{name}.steps[{index}].{step.get('name', '')}", step)
        for index, group in enumerate(template.get("steps") or ())
        for step in group
    ]


def _check_form(template: Template, templates: Mapping[str, Template]) -> None:
    """Check what can be told without knowing where the template is used."""
    where = f"templates.{template['name']}"
    _check_retry(template)
    types = sum(key in template for key in _TYPES)
    if types != 1:
        raise InvalidWorkflow(
            f"{where} multiple template types specified. {_CHOICE}"
            if types
            else f"template '{template['name']}' type is unknown"
        )
    parameters = (template.get("inputs") or {}).get("parameters") or ()
    check_parameter_names(f"{where}.inputs.parameters", parameters)
    if "timeout" in template and not runs_pod(template):
        kind = "DAG" if "dag" in template else "Steps"
        raise InvalidWorkflow(f"{kind} template doesn't support timeout field.")
    if "dag" in template:
        check_order(template["name"], template["dag"])
    for path, call in _calls(template):
        if (callee := call.get("template", "")) not in templates:
            raise InvalidWorkflow(f"{path} template name '{callee}' undefined")
    if "suspend" in template or "http" in template:
        return
    if runs_pod(template):
        _check_leaf(where, template)
    elif "activeDeadlineSeconds" in template:
        raise InvalidWorkflow(f"{where}.activeDeadlineSeconds is only valid for leaf templates")


def _check_use(
    template: Template,
    templates: Mapping[str, Template],
    global_names: Scope,
) -> None:
    """Check the template's variables; ``global_names`` grows by the outputs it makes global."""
    name = template["name"]
    scope = input_scope(template)
    if runs_pod(template):
        prefix = f"templates.{name}:"
        if "." in name:
            return  # Written inline: its variables may be those of the template around it.
        check_variables(prefix, template, scope, global_names)
    elif "dag" in template:
        depends = check_depends(name, template["dag"])
        check_tasks(name, template["dag"], depends, templates, scope, global_names)
    elif "steps" in template:
        _check_steps(name, template["steps"], templates, scope, global_names)
    _check_outputs(template, scope, global_names)
    check_metrics(f"templates.{name}", template)


def _check_supplied(where: str, template: Template, arguments: Mapping[str, Any]) -> None:
    """Check that a call gives every input that has neither a value nor a default."""
    given = {p["name"] for p in arguments.get("parameters") or ()}
    for parameter in (template.get("inputs") or {}).get("parameters") or ():
        if (
            "value" not in parameter
            and "default" not in parameter
            and "configMapKeyRef" not in (parameter.get("valueFrom") or {})
            and parameter["name"] not in given
        ):
            raise InvalidWorkflow(
                f"{where}templates.{template['name']} inputs.parameters.{parameter['name']} was "
                "not supplied"
            )


def _check_retry(owner: Mapping[str, Any]) -> None:
    strategy = owner.get("retryStrategy") or {}
    policy = strategy.get("retryPolicy", "")
    if policy not in _POLICIES:
        raise InvalidWorkflow(f"{policy} is not a valid RetryPolicy")


def _check_leaf(where: str, template: Template) -> None:
    key = next(kind for kind in ("container", "script", "containerSet") if kind in template)
    container = template[key]
    if key != "containerSet" and not container.get("image"):
        raise InvalidWorkflow(f"{where}.{key}.image may not be empty")
    if "parallelism" in template:
        raise InvalidWorkflow(f"{where}.parallelism is only valid for steps and dag templates")
    mounted: dict[str, str] = {}
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        path = mount.get("mountPath", "")
        if path in mounted:
            raise InvalidWorkflow(
                f"{where}.{key}.volumeMounts[{index}].mountPath '{path}' already mounted in "
                f"{mounted[path]}"
            )
        mounted[path] = f"{key}.volumeMounts.{mount.get('name', '')}"
    _check_times(where, template)


def _check_times(where: str, template: Template) -> None:
    deadline = str(template.get("activeDeadlineSeconds", 0))
    if not _VARIABLE.fullmatch(deadline) and not re.fullmatch(r"\d+", deadline, re.ASCII):
        raise InvalidWorkflow(
            f"{where}.activeDeadlineSeconds must be a positive integer > 0 or an argo variable"
        )
    timeout = template.get("timeout", "")
    if re.fullmatch(r"[+-]?\d+", timeout, re.ASCII):
        raise InvalidWorkflow(f"{template['name']} has invalid duration format in timeout.")
    if timeout and not _VARIABLE.search(timeout):
        try:
            seconds(timeout)
        except ValueError as error:
            raise InvalidWorkflow(f"{where}.timeout: {error}") from None


def _check_steps(
    name: str,
    groups: list[list[Mapping[str, Any]]],
    templates: Mapping[str, Template],
    scope: Scope,
    global_names: Scope,
) -> None:
    seen: set[str] = set()
    for index, group in enumerate(groups):
        for step in group:
            where = f"templates.{name}.steps[{index}]"
            step_name = step.get("name", "")
            if not step_name:
                raise InvalidWorkflow(f"{where}.name is required")
            if step_name in seen:
                raise InvalidWorkflow(f"{where}.name '{step_name}' is not unique")
            if problem := field_name_problem(step_name):
                raise InvalidWorkflow(f"{where}.name '{step_name}' is invalid: {problem}")
            seen.add(step_name)
            scope.add(f"steps.{step_name}.status")
            if problem := add_items(scope, step):
                raise InvalidWorkflow(f"{where}.{step_name} {problem}")
            check_arguments(f"{where}.{step_name}.arguments.", step.get("arguments") or {})
            check_variables(f"templates.{name}.steps", without_hooks(step), scope, global_names)
            template = templates[step["template"]]
            aggregated = bool(step.get("withItems") or step.get("withParam"))
            prefix = f"steps.{step_name}"
            add_outputs(scope, global_names, template, prefix, aggregated=aggregated)


def _check_outputs(template: Template, scope: Scope, global_names: Scope) -> None:
    where = f"templates.{template['name']}.outputs"
    outputs = template.get("outputs") or {}
    parameters = outputs.get("parameters") or ()
    check_parameter_names(f"{where}.parameters ", parameters)
    check_variables(where, outputs, scope, global_names)
    for parameter in parameters:
        prefix = f"{where}.parameters.{parameter['name']}"
        source = parameter.get("valueFrom")
        is_fixed = parameter.get("value") is not None
        if source is None and not is_fixed:
            raise InvalidWorkflow(f"{prefix} does not have valueFrom or value specified")
        if source is not None and is_fixed:
            raise InvalidWorkflow(f"{prefix} has both valueFrom and value specified. Choose one.")
        name = parameter.get("globalName", "")
        if name and "{{" not in name and (problem := parameter_name_problem(name)):
            raise InvalidWorkflow(f"{prefix}.globalName: {problem}")
        if source is None or "suspend" in template or "http" in template:
            continue
        given = [key for key in ("path", "parameter", "expression") if source.get(key)]
        kinds = "path, jqFilter, jsonPath, parameter, raw"
        if not given:
            raise InvalidWorkflow(f"valueFrom type unspecified. choose one of: {kinds}, expression")
        if len(given) > 1:
            raise InvalidWorkflow(f"multiple valueFrom types specified. choose one of: {kinds}")
        if runs_pod(template) and given != ["path"]:
            kind = "Container" if "container" in template else "Script"
            raise InvalidWorkflow(f"{prefix}.path must be specified for {kind} templates")
        if not runs_pod(template) and given not in (["parameter"], ["expression"]):
            kind = "DAG" if "dag" in template else "Steps"
            raise InvalidWorkflow(
                f"{prefix}.parameter or expression must be specified for {kind} templates"
            )
