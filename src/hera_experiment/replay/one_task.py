"""A workflow of one task: the task of a run as it ran, with all that its variables stood for.

Source: ``executeTemplate`` in ``workflow/controller/operator.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hera_experiment.argo.tasks import (
    Node,
    Task,
    Workflow,
    name_of,
    nodes_of,
    pod_name_of,
    utc_now,
)
from hera_experiment.argo.workflows import specification
from hera_experiment.errors import UserError
from hera_experiment.local.engine import nodes as engine_nodes
from hera_experiment.local.engine.arguments import substitute_all
from hera_experiment.local.engine.execution import templates_of
from hera_experiment.local.engine.nodes import TemplateId, runs_pod
from hera_experiment.local.engine.retry import last_retry
from hera_experiment.local.engine.substitution import SubstitutionError, Variables, substitute
from hera_experiment.local.engine.templates import Template, TemplateError, Templates, none_kept
from hera_experiment.local.engine.templates import calls as calls_of
from hera_experiment.local.engine.variables import Globals

ENTRYPOINT = "task"
"""The name of the one template."""

_OF_TEMPLATE = (
    *("inputs", "outputs", "container", "script", "containerSet", "initContainers", "sidecars"),
    *("securityContext", "hostAliases", "podSpecPatch", "activeDeadlineSeconds", "timeout"),
    *("daemon", "terminationGracePeriodSeconds"),
)
"""What of a template makes its pod; how it is tried again, or waits, is the workflow's."""

_OF_SPEC = ("securityContext", "hostAliases", "podSpecPatch")
_OPEN = "open"
_ATTEMPT = re.compile(r".*\((\d+)\)", re.DOTALL)
_OF_LOOP = re.compile(r"\(\d+(:.*)?\)$", re.DOTALL)


def one_task(workflow: Workflow, task: Task) -> dict[str, Any]:
    """Return the workflow that runs the last attempt of ``task`` of ``workflow``, and nothing else.

    It has the run's name, so that paths are the same. Every variable is replaced by what it stood
    for; the claims that the run had for itself are named as claims that are there.

    Raises
    ------
    UserError
        When the task has no pod, or its template is not known any more.
    """
    pod = task.pod
    if pod is None:
        why = f": {task.message}" if task.message else ""
        raise UserError(
            f"{task.name} has no pod, so nothing of it can run again{why}",
            "--task",
            f"'make status RUN={name_of(workflow)}' shows which tasks ran",
        )
    try:
        template = _resolved(workflow, task, pod)
    except (TemplateError, SubstitutionError) as error:
        raise UserError(f"the template of {task.name} is not known: {error}", "--task") from None
    if not runs_pod(template):
        raise UserError(f"{task.name} runs no container of its own", "--task", "choose another")
    spec = _spec(workflow)
    known = {key: template[key] for key in _OF_TEMPLATE if template.get(key) is not None}
    volumes = [
        *((workflow.get("status") or {}).get("persistentVolumeClaims") or ()),
        *(spec.get("volumes") or ()),
        *(template.get("volumes") or ()),
    ]
    mounted = set(mounts_of(known))
    by_name = {str(each.get("name")): each for each in volumes}
    whole = {
        **{key: spec[key] for key in _OF_SPEC if spec.get(key)},
        "volumes": [each for name, each in by_name.items() if name in mounted],
        "templates": [{"name": ENTRYPOINT, **known}],
    }
    closed = _closed(whole)
    if closed is not whole:
        # The engine shall find no variable in a text in which Argo has left the braces.
        closed["arguments"] = {"parameters": [{"name": _OPEN, "value": "{{"}]}
    metadata = workflow["metadata"]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name_of(workflow), "namespace": str(metadata.get("namespace", ""))},
        "spec": {"entrypoint": ENTRYPOINT, **closed},
    }


def template_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template of what :func:`one_task` returned."""
    template: dict[str, Any] = manifest["spec"]["templates"][0]
    return template


def containers_in(template: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the containers of a template as they are written, the main ones first."""
    for key in ("script", "container"):
        if template.get(key):
            yield template[key]
    yield from (template.get("containerSet") or {}).get("containers") or ()
    for key in ("initContainers", "sidecars"):
        yield from template.get(key) or ()


def mounts_of(template: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the mounts of a template by the names of their volumes."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for holder in (*containers_in(template), template.get("containerSet") or {}):
        for mount in holder.get("volumeMounts") or ():
            found.setdefault(str(mount.get("name")), []).append(mount)
    return found


def _resolved(workflow: Workflow, task: Task, pod: Node) -> dict[str, Any]:
    """Return the template with the inputs that Argo gave it, and without any variable."""
    spec = specification(workflow)
    templates = templates_of(workflow, none_kept, spec.get("templateDefaults"))
    body = _written(workflow, templates, pod).body
    inputs = pod.get("inputs") or {}
    if inputs:
        body = {**body, "inputs": inputs}
    variables = _globals(workflow)
    local = {
        "node.name": str(pod["name"]),
        "pod.name": pod_name_of(workflow, pod),
        "steps.name": "",
        **_of_attempt(workflow, task, pod),
    }
    return substitute_all(body, variables, local)


def _written(workflow: Workflow, templates: Templates, node: Node) -> Template:
    """Return the template of ``node`` as it was written.

    Raises :class:`TemplateError`.
    """
    parsed = engine_nodes.Node.parse(node)
    wanted = parsed.template_id
    if wanted.ref is not None or wanted.name:
        scope = wanted.scope or templates.scope
        if scope.startswith("local/"):
            scope = templates.scope
        return templates.find(TemplateId(scope, wanted.name, wanted.ref))
    # Written inline: the task that calls it is in the template of what it belongs to.
    nodes = nodes_of(workflow)
    boundary = nodes.get(parsed.boundary)
    if boundary is None:
        raise TemplateError("it was written inline, and its task is not known")
    outer = _written(workflow, templates, boundary)
    name = _OF_LOOP.sub("", str(node["name"]).removeprefix(str(boundary["name"])))
    name = re.sub(r"^(\[\d+\])?\.", "", _OF_LOOP.sub("", name))
    for call in calls_of(outer.body):
        if call.get("name") == name and call.get("inline") is not None:
            return templates.find(TemplateId.of(call, outer.scope))
    raise TemplateError(f"there is no task {name} in {boundary.get('templateName') or 'it'}")


def _globals(workflow: Workflow) -> Globals:
    status = workflow.get("status") or {}
    variables = Globals({**workflow, "spec": specification(workflow)}, lambda: 0.0)
    for parameter in (status.get("outputs") or {}).get("parameters") or ():
        if "value" in parameter:
            variables.set_output(parameter["name"], str(parameter["value"]))
    return variables


def _spec(workflow: Workflow) -> dict[str, Any]:
    """Return what the workflow says of all its pods, without variables."""
    variables = _globals(workflow)
    spec = specification(workflow)
    kept = {key: spec[key] for key in (*_OF_SPEC, "volumes") if key in spec}
    found: dict[str, Any] = substitute(kept, Variables(variables.lasting, variables.names))
    return found


def _of_attempt(workflow: Workflow, task: Task, pod: Node) -> dict[str, str]:
    """Return what an attempt of a task that is tried again knows of itself and of the last one."""
    number = _ATTEMPT.fullmatch(str(pod["name"]))
    if task.node.get("type") != engine_nodes.RETRY or number is None:
        return {}
    parsed = map(engine_nodes.Node.parse, nodes_of(workflow).values())
    nodes = engine_nodes.Nodes(name_of(workflow), utc_now, parsed)
    last = nodes.get(f"{task.node['name']}({int(number[1]) - 1})")
    return {"retries": number[1], **last_retry(last, nodes)}


def _closed(value: Any) -> Any:
    """Return ``value`` with a variable that stands for ``{{`` where a text still has that."""
    if isinstance(value, str):
        return value.replace("{{", f"{{{{workflow.parameters.{_OPEN}}}}}")
    if isinstance(value, Mapping):
        mapped = {key: _closed(item) for key, item in value.items()}
        return mapped if any(mapped[key] is not value[key] for key in value) else value
    if isinstance(value, list):
        items = [_closed(item) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value
