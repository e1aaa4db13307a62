"""Argo's verdict on an object, and what else is to be said before it is kept.

Source: ``ValidateWorkflow``, ``ValidateWorkflowTemplate`` and ``ValidateCronWorkflow`` in
``workflow/validate/validate.go`` of argoproj/argo-workflows, whose words the messages are.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from hera_experiment.argo.names import OBJECT_NAME, WORKFLOW_NAME
from hera_experiment.local.engine.execution import STORED_SPEC, merged_spec, with_all_templates
from hera_experiment.local.engine.schedules import schedule_problem, zone_problem
from hera_experiment.local.engine.templates import Kept, none_kept
from hera_experiment.local.engine.validation.arguments import check_arguments
from hera_experiment.local.engine.validation.decoding import decoded, unknown_fields
from hera_experiment.local.engine.validation.judge import Base, Judge
from hera_experiment.local.engine.validation.names import check_field_names
from hera_experiment.local.engine.validation.pods import refused_by_kubernetes
from hera_experiment.local.engine.validation.policies import check_hooks, check_pod_gc
from hera_experiment.local.engine.validation.processing import (
    ANY_ARGUMENTS,
    PLACEHOLDER,
    Arguments,
)
from hera_experiment.local.engine.validation.scopes import ANY_ARTIFACT, Globals, is_variable
from hera_experiment.local.engine.validation.supported import unsupported
from hera_experiment.local.errors import InvalidWorkflow, Unsupported, within

Json = Mapping[str, Any]

_CRON_NAME = 52
_CONCURRENCY = ("", "Allow", "Forbid", "Replace")
_WORDS = {
    "WorkflowTemplate": "workflow template",
    "ClusterWorkflowTemplate": "cluster workflow template",
}


def checked(
    manifest: Any, *, lint: bool = False, kind: str = "Workflow", kept: Kept = none_kept
) -> dict[str, Any]:
    """Return a submitted object in the form in which Argo's server would answer.

    Raises
    ------
    InvalidWorkflow
        For the first of Argo's rules that it breaks, in Argo's words, and for what Kubernetes
        would refuse.
    Unsupported
        When it asks for something that the engine does not interpret.
    """
    normal = judged(manifest, lint=lint, kind=kind, kept=kept)
    unknown = [f"{place} (not a field that Argo knows)" for place in unknown_fields(manifest, kind)]
    if refused := [*unknown, *not_interpreted(normal, kind=kind)]:
        raise Unsupported(f"not interpreted on this machine yet: {'; '.join(refused)}")
    if refused := refused_later(normal, kind=kind, kept=kept):
        raise InvalidWorkflow("; ".join(refused))
    normal.pop("status", None)
    return copy.deepcopy(normal)


def not_interpreted(normal: Json, *, kind: str = "Workflow") -> list[str]:
    """Return a phrase for each thing that the engine does not interpret in what is judged."""
    return unsupported(_of_cron(normal) if kind == "CronWorkflow" else normal)


def refused_later(normal: Json, *, kind: str = "Workflow", kept: Kept = none_kept) -> list[str]:
    """Return what Kubernetes, or Argo when it runs, would refuse in what Argo calls valid.

    Raises :class:`InvalidWorkflow` for what ends the whole.
    """
    if name := normal["metadata"].get("name", ""):
        _check_object_name(name, kind)
    inner = _of_cron(normal) if kind == "CronWorkflow" else normal
    whole = _whole(inner, kept) if kind in ("Workflow", "CronWorkflow") else inner
    return refused_by_kubernetes(whole)


def judged(
    manifest: Any, *, lint: bool = False, kind: str = "Workflow", kept: Kept = none_kept
) -> dict[str, Any]:
    """Return a submitted object as Argo reads it, when Argo calls it valid.

    With ``lint`` arguments of the workflow need no value. ``kind`` is that of the object;
    ``kept`` returns those that it may refer to. Raises :class:`InvalidWorkflow`.
    """
    normal = decoded(manifest, kind)
    name, spec = normal["metadata"].get("name", ""), normal["spec"]
    if kind == "CronWorkflow":
        _check_cron(name, spec)
        with within("cannot validate Workflow: "):
            _validate(_of_cron(normal), kept)
    elif kind == "Workflow":
        _check_length("workflow", name, WORKFLOW_NAME)
        _validate(normal, kept, lint=lint)
    else:
        _check_length(_WORDS[kind], name, WORKFLOW_NAME)
        _validate(normal, kept, lint=lint, of_template=True)
    return normal


def check_generated_name(name: str) -> None:
    """Raise :class:`InvalidWorkflow` when ``generateName`` gave what cannot be a name."""
    if not OBJECT_NAME.fullmatch(name):
        raise InvalidWorkflow(
            f"generateName gives {name!r}, which cannot name a Kubernetes object: use lower"
            " case letters, digits and '-', beginning with a letter or digit"
        )


def _whole(manifest: Json, kept: Kept) -> dict[str, Any]:
    """Return a workflow with all that it takes from other objects."""
    spec = merged_spec(manifest, kept)
    status = {} if spec is None else {STORED_SPEC: spec}
    return with_all_templates({**manifest, "status": status}, kept)


def _check_object_name(name: str, kind: str) -> None:
    """Raise :class:`InvalidWorkflow`, in Kubernetes' words, for what cannot be a name."""
    if not OBJECT_NAME.fullmatch(name):
        raise InvalidWorkflow(
            f'{kind}.argoproj.io "{name}" is invalid: metadata.name: Invalid value: "{name}":'
            " a lowercase RFC 1123 subdomain must consist of lower case alphanumeric"
            " characters, '-' or '.', and must start and end with an alphanumeric character"
        )


def _check_length(words: str, name: str, most: int) -> None:
    if len(name) > most:
        raise InvalidWorkflow(
            f"{words} name {json.dumps(name)} must not be more than {most} characters long "
            f"(currently {len(name)})"
        )


def _check_cron(name: str, spec: Json) -> None:
    _check_length("cron workflow", name, _CRON_NAME)
    schedules = spec.get("schedules") or ()
    if not schedules:
        raise InvalidWorkflow(
            "cron workflow must have at least one schedule: write a list, schedules"
        )
    for schedule in schedules:
        if problem := schedule_problem(schedule):
            raise InvalidWorkflow(f"cron schedule {schedule} is malformed: {problem}")
    zone = spec.get("timezone") or ""
    if problem := zone_problem(zone):
        raise InvalidWorkflow(f'invalid timezone "{zone}": {problem}')
    if (policy := spec.get("concurrencyPolicy") or "") not in _CONCURRENCY:
        raise InvalidWorkflow(f"'{policy}' is not a valid concurrencyPolicy")
    if spec.get("startingDeadlineSeconds", 0) < 0:
        raise InvalidWorkflow("startingDeadlineSeconds must be positive")


def _of_cron(cron: Json) -> dict[str, Any]:
    metadata = cron["spec"].get("workflowMetadata") or {}
    labels = {**(metadata.get("labels") or {}), "workflows.argoproj.io/cron-workflow": ""}
    annotations = {
        **(metadata.get("annotations") or {}),
        "workflows.argoproj.io/scheduled-time": "",
    }
    return {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": cron["spec"]["workflowSpec"],
    }


def _validate(manifest: Json, kept: Kept, *, lint: bool = False, of_template: bool = False) -> None:
    spec = manifest["spec"]
    everywhere: Globals = {}
    judge = Judge(everywhere, kept, of_template=of_template)
    own = Base(f"local/{manifest['metadata'].get('name', '')}", spec)
    base = own
    reference = spec.get("workflowTemplateRef")
    if reference is not None:
        if spec.get("templates"):
            raise InvalidWorkflow(
                "Templates is invalid field in spec if workflow referred WorkflowTemplate reference"
            )
        base = judge.base_of(reference)
    check_field_names("spec.templates", spec.get("templates") or ())
    arguments = _merged(spec, base.spec)
    check_arguments("spec.arguments.", arguments, values=not (lint or of_template))
    everywhere.update(_globals(manifest, base.spec, arguments))

    def named(template: str) -> Json:
        if reference is None:
            return {"template": template}
        return {"templateRef": {**reference, "template": template}}

    entrypoint = spec.get("entrypoint") or base.spec.get("entrypoint") or ""
    if not entrypoint and not of_template:
        raise InvalidWorkflow("spec.entrypoint is required")
    if entrypoint and (not of_template or spec.get("entrypoint")):
        given = ANY_ARGUMENTS if of_template else Arguments(arguments)
        judge.check(named(entrypoint), own, given)
    if handler := spec.get("onExit") or base.spec.get("onExit"):
        everywhere["workflow.failures"] = PLACEHOLDER
        if any(_names_artifacts_late(holder) for holder in (spec, base.spec)):
            everywhere[ANY_ARTIFACT] = "true"
        judge.check(named(handler), own, Arguments(spec.get("arguments") or {}))
    check_hooks("hooks", spec.get("hooks") or {})
    check_pod_gc(spec.get("podGC") or {})
    for template in base.spec.get("templates") or ():
        with within(f"templates.{template.get('name', '')} "):
            judge.check(named(template.get("name", "")), own, ANY_ARGUMENTS)


def _merged(spec: Json, of_template: Json) -> dict[str, Any]:
    """Return the arguments of a workflow, and those of its template that it does not give."""
    own, more = spec.get("arguments") or {}, of_template.get("arguments") or {}
    if spec is of_template:
        return dict(own)
    merged = {}
    for plural in ("parameters", "artifacts"):
        found: dict[str, Any] = {}
        for holder in (own, more):
            for argument in holder.get(plural) or ():
                found.setdefault(argument.get("name", ""), argument)
        if found:
            merged[plural] = list(found.values())
    return merged


def _globals(manifest: Json, of_template: Json, arguments: Json) -> Globals:
    """Return the variables of the workflow itself, with the values that are known."""
    plain = ("name", "namespace", "mainEntrypoint", "serviceAccountName", "uid", "status")
    found = {f"workflow.{key}": PLACEHOLDER for key in plain}
    parameters = arguments.get("parameters") or ()
    if parameters:
        found["workflow.parameters"] = found["workflow.parameters.json"] = PLACEHOLDER
    for parameter in parameters:
        value = parameter.get("value")
        found[f"workflow.parameters.{parameter['name']}"] = (
            value if isinstance(value, str) else PLACEHOLDER
        )
    spec = manifest["spec"]
    described = [manifest["metadata"], spec.get("workflowMetadata") or {}]
    if spec is not of_template:
        described.append(of_template.get("workflowMetadata") or {})
    for kind, keys in (("labels", ("labels", "labelsFrom")), ("annotations", ("annotations",))):
        found[f"workflow.{kind}"] = found[f"workflow.{kind}.json"] = PLACEHOLDER
        for holder in described:
            for key in keys:
                found.update(
                    (f"workflow.{kind}.{name}", PLACEHOLDER) for name in holder.get(key) or ()
                )
    if "priority" in spec:
        found["workflow.priority"] = str(spec["priority"])
    return found


def _names_artifacts_late(spec: Json) -> bool:
    return any(
        is_variable(artifact.get("globalName") or "")
        for template in spec.get("templates") or ()
        for artifact in (template.get("outputs") or {}).get("artifacts") or ()
    )
