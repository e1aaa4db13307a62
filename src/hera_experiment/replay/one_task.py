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
    elapsed,
    name_of,
    nodes_of,
    pod_name_of,
    utc_now,
)
from hera_experiment.argo.workflows import specification
from hera_experiment.errors import UserError
from hera_experiment.local.engine.arguments import substitute_all
from hera_experiment.local.engine.config_values import ConfigValue, no_config
from hera_experiment.local.engine.execution import templates_of
from hera_experiment.local.engine.node import (
    DAG,
    EXIT_SUFFIX,
    HTTP,
    POD,
    RETRY,
    SUSPEND,
    TemplateId,
    runs_pod,
)
from hera_experiment.local.engine.node import Node as EngineNode
from hera_experiment.local.engine.nodes import Nodes
from hera_experiment.local.engine.retry import last_retry
from hera_experiment.local.engine.substitution import SubstitutionError, lasting, substitute, tags
from hera_experiment.local.engine.templates import Template, TemplateError, none_kept
from hera_experiment.local.engine.templates import calls as calls_of
from hera_experiment.local.engine.variables import Globals, failures

ENTRYPOINT = "task"
"""The name of the one template."""

_OF_TEMPLATE = (
    *("inputs", "outputs", "container", "script", "containerSet", "initContainers", "sidecars"),
    *("securityContext", "hostAliases", "podSpecPatch", "activeDeadlineSeconds", "timeout"),
    *("daemon", "terminationGracePeriodSeconds"),
)
"""What of a template makes its pod; how it is tried again, or waits, is the workflow's."""

_OF_SPEC = ("securityContext", "hostAliases", "podSpecPatch")
_OPEN = "two-braces"
_BRACES = {
    "name": _OPEN,
    "valueFrom": {"configMapKeyRef": {"name": "none", "key": "none"}, "default": "{{"},
}
"""The input that stands for ``{{``: a value that no validator knows, and that is put in last."""
Values = Mapping[str, str]

_ATTEMPT = re.compile(r".*\((\d+)\)", re.DOTALL)
_SEPARATOR = re.compile(r"^(\[\d+\])?\.")
_OF_LOOP = re.compile(r"\(\d+(:.*)?\)$", re.DOTALL)


def one_task(workflow: Workflow, task: Task, config: ConfigValue = no_config) -> dict[str, Any]:
    """Return the workflow that runs the last attempt of ``task`` of ``workflow``, and nothing else.

    It has the run's name, so that paths are the same. Every variable is replaced by what it stood
    for; the claims that the run had for itself are named as claims that are there. ``config`` has
    the values that stand in ConfigMaps.

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
        template = _resolved(workflow, task, pod, config)
    except (TemplateError, SubstitutionError) as error:
        raise UserError(f"the template of {task.name} is not known: {error}", "--task") from None
    if not runs_pod(template):
        raise UserError(f"{task.name} runs no container of its own", "--task", "choose another")
    spec = _spec(workflow, config, pod)
    known = {key: template[key] for key in _OF_TEMPLATE if template.get(key) is not None}
    volumes = [
        *((workflow.get("status") or {}).get("persistentVolumeClaims") or ()),
        *(spec.get("volumes") or ()),
        *(template.get("volumes") or ()),
    ]
    mounted = set(mounts_of(known))
    by_name = {str(each.get("name")): each for each in volumes}
    closed: dict[str, Any] = _closed(known)
    if closed is not known:
        # The engine shall find no variable in a text in which Argo has left the braces.
        inputs = closed.get("inputs") or {}
        closed["inputs"] = {**inputs, "parameters": [*(inputs.get("parameters") or ()), _BRACES]}
    metadata = workflow["metadata"]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name_of(workflow), "namespace": str(metadata.get("namespace", ""))},
        "spec": {
            "entrypoint": ENTRYPOINT,
            **{key: spec[key] for key in _OF_SPEC if spec.get(key)},
            "volumes": [each for name, each in by_name.items() if name in mounted],
            "templates": [{"name": ENTRYPOINT, **closed}],
        },
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


def _resolved(workflow: Workflow, task: Task, pod: Node, config: ConfigValue) -> dict[str, Any]:
    """Return the template with the inputs that Argo gave it, and without any variable."""
    variables = _globals(workflow, config, pod)
    if str(pod["name"]).startswith(f"{name_of(workflow)}{EXIT_SUFFIX}"):
        _tell_of_the_end(variables, workflow)
    local = {"pod.name": pod_name_of(workflow, pod), **_of_attempt(workflow, task, pod)}
    written = _Written(workflow, variables)
    return written.with_inputs(written.of(pod).body, pod, local)


class _Written:
    """The templates of the nodes of a workflow as they were written."""

    def __init__(self, workflow: Workflow, variables: Globals) -> None:
        defaults = specification(workflow).get("templateDefaults")
        self._templates = templates_of(workflow, none_kept, defaults)
        self._nodes = nodes_of(workflow)
        self._variables = variables

    def with_inputs(self, body: Mapping[str, Any], node: Node, more: Values) -> dict[str, Any]:
        """Return ``body`` as it was for ``node``: with its inputs, and ``more`` variables."""
        if inputs := node.get("inputs"):
            parameters = [
                {key: each[key] for key in each if key in ("name", "value")}
                for each in inputs.get("parameters") or ()
            ]
            body = {**body, "inputs": {**inputs, "parameters": parameters}}
        local = {"node.name": str(node["name"]), **self._of_call(node), **more}
        return substitute_all(body, self._variables, local)

    def of(self, node: Node) -> Template:
        """Return the template of ``node``; raises :class:`TemplateError`."""
        parsed = EngineNode.parse(node)
        boundary = self._nodes.get(parsed.boundary)
        if boundary is not None:
            # The task that calls it is in the template of what it belongs to.
            outer = self.of(boundary)
            name = _OF_LOOP.sub("", _called(node, boundary))
            for call in calls_of(outer.body):
                if call.get("name") == name and call.get("inline") is not None:
                    return self._inline(call, outer, boundary)
        wanted = parsed.template_id
        scope = wanted.scope or self._templates.scope
        if scope.startswith("local/"):
            scope = self._templates.scope
        return self._templates.find(TemplateId(scope, wanted.name, wanted.ref))

    def _inline(self, call: Mapping[str, Any], outer: Template, boundary: Node) -> Template:
        """Return a template within a task, whose variables are those of the task first."""
        inner = {key: outer.body[key] for key in ("inputs", "outputs") if key in outer.body}
        found = self.with_inputs({**inner, "inline": call["inline"]}, boundary, {})["inline"]
        late = [tag for tag in tags(found) if tag.strip().startswith(("tasks.", "steps.", "item"))]
        if late:
            raise TemplateError(f"it is written inline with {{{{{late[0]}}}}}, which is not kept")
        return self._templates.find(TemplateId.of({**call, "inline": found}, outer.scope))

    def _of_call(self, node: Node) -> dict[str, str]:
        """Return how a task or step calls itself; hooks and entries are steps without a name."""
        boundary = self._nodes.get(str(node.get("boundaryID")))
        if boundary is None or (node.get("nodeFlag") or {}).get("hooked"):
            return {"steps.name": ""}
        root = "tasks" if boundary.get("type") == DAG else "steps"
        return {f"{root}.name": _called(node, boundary)}


def _called(node: Node, boundary: Node) -> str:
    """Return the name of the task or step of ``boundary`` that ``node`` is, with its item."""
    name = _SEPARATOR.sub("", str(node["name"]).removeprefix(str(boundary["name"])))
    is_attempt = (node.get("nodeFlag") or {}).get("retried")
    return _OF_LOOP.sub("", name) if is_attempt else name


def _globals(workflow: Workflow, config: ConfigValue, pod: Node) -> Globals:
    status = workflow.get("status") or {}
    ran = elapsed(status.get("startedAt"), pod.get("startedAt"), utc_now())
    spec = specification(workflow)
    variables = Globals({**workflow, "spec": spec}, lambda: ran or 0.0, config)
    for parameter in (status.get("outputs") or {}).get("parameters") or ():
        if "value" in parameter:
            variables.set_output(parameter["name"], str(parameter["value"]))
    # A hook of the workflow is told how the entry template is.
    of_workflow = (pod.get("nodeFlag") or {}).get("hooked") and not pod.get("boundaryID")
    if of_workflow or not _nothing_ran_before(workflow, pod):
        variables.looked_at_again(workflow["metadata"])
    return variables


def _nothing_ran_before(workflow: Workflow, pod: Node) -> bool:
    nodes, below = nodes_of(workflow), [name_of(workflow)]
    while below:
        node = nodes.get(below.pop(), {})
        if node.get("id") == pod["id"]:
            return True
        if node.get("type") not in (POD, HTTP, SUSPEND):
            children = node.get("children") or []
            below += children[:1] if node.get("type") == RETRY else children
    return False


def _tell_of_the_end(variables: Globals, workflow: Workflow) -> None:
    """Make known what an exit handler knows: how the entry ended, and what failed."""
    name = name_of(workflow)
    prefix = f"{name}{EXIT_SUFFIX}"
    before = [
        EngineNode.parse(node)
        for node in nodes_of(workflow).values()
        if not str(node.get("name")).startswith(prefix)
    ]
    variables.entry_is(str(_entry(workflow).get("phase")), lambda: failures(name, before))


def _entry(workflow: Workflow) -> Node:
    return nodes_of(workflow).get(name_of(workflow)) or {}


def _spec(workflow: Workflow, config: ConfigValue, pod: Node) -> dict[str, Any]:
    """Return what the workflow says of all its pods, without variables."""
    variables = _globals(workflow, config, pod)
    spec = specification(workflow)
    kept = {key: spec[key] for key in (*_OF_SPEC, "volumes") if key in spec}
    found: dict[str, Any] = substitute(kept, lasting(variables))
    return found


def _of_attempt(workflow: Workflow, task: Task, pod: Node) -> dict[str, str]:
    """Return what an attempt of a task that is tried again knows of itself and of the last one."""
    number = _ATTEMPT.fullmatch(str(pod["name"]))
    if task.node.get("type") != RETRY or number is None:
        return {}
    parsed = map(EngineNode.parse, nodes_of(workflow).values())
    nodes = Nodes(name_of(workflow), utc_now, parsed)
    last = nodes.get(f"{task.node['name']}({int(number[1]) - 1})")
    return {"retries": number[1], **last_retry(last, nodes)}


def _closed(value: Any) -> Any:
    """Return ``value`` with a variable that stands for ``{{`` where a text still has that."""
    if isinstance(value, str):
        return value.replace("{{", f"{{{{inputs.parameters.{_OPEN}}}}}")
    if isinstance(value, Mapping):
        mapped = {key: _closed(item) for key, item in value.items()}
        return mapped if any(mapped[key] is not value[key] for key in value) else value
    if isinstance(value, list):
        items = [_closed(item) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value
