"""What ``{{tasks.NAME.…}}`` and ``{{steps.NAME.…}}`` stand for, and the outputs made of them.

Source: ``buildLocalScope``, ``processAggregateNodeOutputs``, ``aggregatedJSONValueList`` and
``getTemplateOutputsFromScope`` in ``workflow/controller/operator.go``, ``buildLocalScopeFromTask``
in ``dag.go``, ``addSkippedNodeOutputsToScope`` in ``scope.go`` of argoproj/argo-workflows. Argo
copies all values into one map for each task; here a value is looked up when it is wanted, so that a
chain of N tasks costs N, not N².
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hera_experiment.argo import go_text
from hera_experiment.argo.depends import ancestry
from hera_experiment.argo.phases import OMITTED, SKIPPED, SUCCEEDED
from hera_experiment.local.engine.artifacts import (
    Artifact,
    ArtifactError,
    node_artifacts,
    outputs,
)
from hera_experiment.local.engine.node import TASK_GROUP, Node, last_attempt
from hera_experiment.local.engine.nodes import Nodes
from hera_experiment.local.engine.substitution import Lookup, used_variables

_RESULT = re.compile(
    r"\b(tasks|steps)(?:\.([a-zA-Z0-9][-a-zA-Z0-9]*)|\['([^']*)'\])\.outputs\.result"
)
_GLOBAL = re.compile(r"workflow\.(?!outputs\.)")

NO_TEMPLATE = "failed to get a template"
"""Argo's words where it does not find a template again that is written inline."""

Values = Mapping[str, "str | None"]
"""The values of one task by what follows its name: ``id``, ``outputs.parameters.p``, …"""


def node_values(node: Node, by_id: Mapping[str, Node]) -> dict[str, str | None]:
    """Return the values of a task that ran once, or was retried: then those of the last attempt."""
    node = last_attempt(node, by_id)
    named = (
        ("id", node.id),
        ("startedAt", node.started_at),
        ("finishedAt", node.finished_at),
        ("status", node.phase),
        ("hostNodeName", node.host),
        ("ip", node.address),
    )
    values: dict[str, str | None] = {key: value for key, value in named if value}
    outputs = node.outputs or {}
    if "result" in outputs:
        values["outputs.result"] = outputs["result"]
    if "exitCode" in outputs:
        values["exitCode"] = outputs["exitCode"]
    for parameter in outputs.get("parameters", ()):
        if "value" in parameter:
            values[f"outputs.parameters.{parameter['name']}"] = parameter["value"]
    return values


def skipped_values(node: Node, template: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the outputs that a skipped or omitted task declares: its defaults, else None."""
    if node.outputs is not None or node.phase not in (SKIPPED, OMITTED):
        return {}
    declared = (template.get("outputs") or {}).get("parameters") or ()
    return {
        f"outputs.parameters.{parameter['name']}": (parameter.get("valueFrom") or {}).get("default")
        for parameter in declared
    }


def task_values(
    node: Node,
    by_id: Mapping[str, Node],
    template: Mapping[str, Any],
    items: Iterable[Node] | None = None,
) -> Values:
    """Return the values of a task that ended; ``items`` are the nodes of a loop.

    Raises :class:`go_text.JsonError` when a result of the loop is no JSON, as Argo does.
    """
    own = node_values(node, by_id)
    if items is not None:
        own = {**aggregated_values(items), **own}
    return {**own, **skipped_values(node, template)}


def aggregated_values(children: Iterable[Node]) -> dict[str, str | None]:
    """Return the outputs of a loop as JSON lists, in the order of its items.

    Raises :class:`go_text.JsonError` when a result is no JSON, as Argo does.
    """
    maps: list[dict[str, str]] = []
    lists: dict[str, list[str]] = {}
    results: list[str] = []
    for node in children:
        if node.outputs is None or node.phase != SUCCEEDED or node.hooked:
            continue
        pairs = {p["name"]: p.get("value", "") for p in node.outputs.get("parameters", ())}
        for name, value in pairs.items():
            lists.setdefault(name, []).append(value)
        if pairs:
            maps.append(pairs)
        if "result" in node.outputs:
            results.append(go_text.compact(node.outputs["result"]))
    values: dict[str, str | None] = {
        "outputs.result": f"[{','.join(results)}]",
        "outputs.parameters": go_text.dumps(maps, sort_keys=True),
    }
    for name, found in lists.items():
        values[f"outputs.parameters.{name}"] = _joined(found)
    return values


def _joined(values: list[str]) -> str:
    parsed: list[Any] = []
    for value in values:
        try:
            item = go_text.loads(value)
        except go_text.JsonError:
            return go_text.dumps(values)
        if not isinstance(item, (list, dict)):
            return go_text.dumps(values)
        parsed.append(item)
    return go_text.dumps(parsed, sort_keys=True)


class DagScope:
    """Looks up ``tasks.NAME.…``; a task sees those it waits for, directly or not."""

    def __init__(
        self,
        nodes: Nodes,
        parents: Mapping[str, tuple[str, ...]],
        node: Callable[[str], Node | None],
        templates: Mapping[str, Mapping[str, Any]],
        captured: frozenset[str],
        inline: Iterable[str],
    ) -> None:
        self._nodes = nodes
        self._parents = parents
        self._node = node
        self._templates = templates
        self._captured = captured
        self._inline = list(inline)
        self._values: dict[str, Values] = {}
        self._ancestors: tuple[str, frozenset[str]] = ("", frozenset())

    def problem(self, task: str) -> str:
        """Return why the results of a loop before ``task`` cannot be read, or nothing.

        Argo reads them all for whatever comes after the loop, whether it refers to them or not:
        each has to be JSON, and the template not one that is written inline.
        """
        for name in (*self._inline, *self._captured):
            node = self._node(name)
            if node is not None and node.type == TASK_GROUP and self._comes_before(name, task):
                if name in self._inline:
                    return NO_TEMPLATE
                if problem := self._unread(name, node):
                    return problem
        return ""

    def problem_at_end(self) -> str:
        """Return why the results of a loop cannot be read at the end of the DAG, or nothing."""
        loops = ((name, node) for name in self._captured if (node := self._node(name)) is not None)
        problems = (self._unread(name, node) for name, node in loops if node.type == TASK_GROUP)
        return next(filter(None, problems), "")

    def _unread(self, name: str, node: Node) -> str:
        try:
            self._of_node(name, node)
        except go_text.JsonError as error:
            return str(error)
        return ""

    def seen_by(self, task: str, name: str, rest: str) -> str | None:
        """Return a value of the task ``name`` for ``task``; raises KeyError."""
        if not self._comes_before(name, task):
            raise KeyError(name)
        return self.value(name, rest)

    def value(self, name: str, rest: str) -> str | None:
        """Return a value for the outputs of the DAG itself, which sees all its tasks."""
        node = self._node(name)
        if node is None:
            raise KeyError(name)
        return self._of_node(name, node)[rest]

    def artifact_seen_by(self, task: str, name: str, rest: str) -> Artifact:
        """Return an artifact of the task ``name`` for ``task``; raises KeyError."""
        if not self._comes_before(name, task):
            raise KeyError(name)
        return self.artifact(name, rest)

    def artifact(self, name: str, rest: str) -> Artifact:
        """Return an artifact for the outputs of the DAG itself; raises KeyError."""
        node = self._node(name)
        if node is None:
            raise KeyError(name)
        return node_artifacts(node, self._nodes.by_id)[rest]

    def names(self, task: str | None = None) -> list[str]:
        """Return ``NAME.REST`` of all values, those seen by ``task`` if it is given."""
        seen = self._seen(task)
        return [f"{name}.{rest}" for name, node in seen for rest in self._of_node(name, node)]

    def artifact_names(self, task: str | None = None) -> list[str]:
        """Return ``NAME.REST`` of all artifacts, those seen by ``task`` if it is given."""
        by_id, seen = self._nodes.by_id, self._seen(task)
        return [f"{name}.{rest}" for name, node in seen for rest in node_artifacts(node, by_id)]

    def _seen(self, task: str | None) -> list[tuple[str, Node]]:
        names = self._parents if task is None else ancestry(task, self._parents)
        return [(name, node) for name in names if (node := self._node(name)) is not None]

    def _comes_before(self, name: str, task: str) -> bool:
        if name in self._parents[task]:
            return True
        # Of one task at a time: those of all tasks of a long chain would be quadratic.
        if self._ancestors[0] != task:
            self._ancestors = (task, ancestry(task, self._parents))
        return name in self._ancestors[1]

    def _of_node(self, name: str, node: Node) -> Values:
        values = self._values.get(name)
        if values is None:
            by_id = self._nodes.by_id
            items = [by_id[key] for key in node.children] if node.type == TASK_GROUP else None
            values = task_values(node, by_id, self._templates[name], items)
            if node.fulfilled:
                self._values[name] = values
        return values


class OutputError(ValueError):
    """An output has no value."""


def input_values(template: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the variables of a template's own inputs."""
    return {
        f"inputs.parameters.{parameter['name']}": parameter.get("value")
        for parameter in (template.get("inputs") or {}).get("parameters") or ()
    }


def template_outputs(template: Mapping[str, Any], lookup: Lookup) -> dict[str, Any] | None:
    """Return ``outputs`` of the node, None when the template declares none."""
    declared = (template.get("outputs") or {}).get("parameters") or ()
    inputs = input_values(template)
    parameters = []
    for parameter in declared:
        source = parameter.get("valueFrom")
        if source is None:
            raise OutputError("output parameters must have a valueFrom specified")
        try:
            if source.get("expression"):
                value: str | None = _expressed(source["expression"], lookup)
            else:
                value = _referred(source.get("parameter", ""), inputs, lookup)
        except OutputError:
            if "default" not in source:
                raise
            value = None
        if value is None:
            value = source.get("default")
        if value is None:
            reference = source.get("parameter", "")
            raise OutputError(
                f"output parameter {json.dumps(parameter['name'])}: {json.dumps(reference)} is an "
                "absent optional (skipped/omitted node output with no default)"
            )
        kept = {key: item for key, item in parameter.items() if key != "valueFrom"}
        parameters.append({**kept, "value": value})
    try:
        artifacts = outputs(template, lookup)
    except ArtifactError as error:
        raise OutputError(str(error)) from None
    found = {"parameters": parameters, "artifacts": artifacts}
    return {key: values for key, values in found.items() if values} or None


def _referred(reference: str, inputs: Mapping[str, str | None], lookup: Lookup) -> str | None:
    name = reference.removeprefix("{{").removesuffix("}}").strip()
    try:
        return inputs[name] if name in inputs else lookup(name)
    except KeyError:
        raise OutputError(f"Unable to resolve: {json.dumps(name)}") from None


def _expressed(text: str, lookup: Lookup) -> str:
    from hera_experiment.argo import expr

    try:
        program = expr.compile(text)
        variables = used_variables(expr.identifiers(program), lookup)
        # Of the workflow's own variables Argo offers an expression only its outputs there.
        hidden = [name for name in variables if _GLOBAL.match(name)]
        value = program.run({k: v for k, v in variables.items() if k not in hidden})
    except expr.ExprError as error:
        raise OutputError(str(error)) from None
    if value is None:
        raise OutputError(f"failed to evaluate expression {json.dumps(text, ensure_ascii=False)}")
    return expr.sprint(value)


def referenced_results(template: Mapping[str, Any], root: str) -> frozenset[str]:
    """Return the tasks (``root`` is ``tasks`` or ``steps``) whose ``outputs.result`` is used."""
    text = json.dumps(template)
    return frozenset(match[2] or match[3] for match in _RESULT.finditer(text) if match[1] == root)
