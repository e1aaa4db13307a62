"""Nodes that wait: for a time, or until a person resumes them or supplies what they ask for.

Source: ``executeSuspend``, ``addRawOutputFields`` in ``workflow/controller/operator.go`` and
``ResumeWorkflow``, ``updateSuspendedNode`` in ``workflow/util/util.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hera_experiment.argo import go_text
from hera_experiment.argo.phases import ERROR, FULFILLED, PENDING, RUNNING, SUCCEEDED
from hera_experiment.local.engine.machine import Attempt, Held, Machine
from hera_experiment.local.engine.node import SUSPEND, Node
from hera_experiment.local.engine.rerun import parse_selector
from hera_experiment.local.errors import ApiError


@dataclass(frozen=True)
class Change:
    """What a person does to nodes that wait; empty fields change nothing."""

    phase: str = ""
    message: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)


class Suspension(Held):
    """A node that waits."""

    def resume(self) -> None:
        """Let it succeed; raises :class:`ApiError` when it asks for something without default."""
        if problem := _supply_defaults(self.node):
            # Argo tries for a while.
            raise ApiError(f"timed out waiting for the condition: {problem}")
        self.end(SUCCEEDED)

    def expire(self, end: float) -> None:
        """Let it succeed when its time is over; all timers are called when a workflow ends."""
        if self.node.id not in self._machine.held:
            return
        if self._machine.now() < end:
            self._machine.at(end, lambda: self._machine.later(lambda: self.expire(end)))
        elif problem := _supply_defaults(self.node):
            self.end(ERROR, problem, error=problem)
        else:
            self.node.expired = True
            self.end(SUCCEEDED)

    def change(self, change: Change) -> bool:
        """Do what a person wants; tell whether that is anything.

        Raises :class:`ApiError` for an output that the node does not ask for.
        """
        node = self.node
        if change.message:
            node.message = change.message
        if change.outputs:
            node.outputs = _supplied(node.outputs, change.outputs)
            given = [p for p in node.outputs["parameters"] if p["name"] in change.outputs]
            self._machine.export({"parameters": given})
        if change.phase in FULFILLED:
            self.end(change.phase)
        self._machine.nodes.touch(node)
        return bool(change.phase or change.message or change.outputs)


def start_suspend(machine: Machine, attempt: Attempt) -> Node:
    """Make the node of a suspend template, and have it wait."""
    template = attempt.template
    is_new = machine.nodes.get(attempt.name) is None
    node = machine.make_node(attempt, SUSPEND, PENDING)
    if is_new:
        node.inputs = _with_choices(node.inputs)
    if node.outputs is None:
        node.outputs = _asked(template)
    suspension = Suspension(machine, attempt, node)
    machine.held[node.id] = suspension
    try:
        wait = go_text.seconds(template["suspend"]["duration"]) if _duration(template) else None
    except ValueError as error:
        suspension.end(ERROR, str(error), error=str(error))
        return node
    machine.nodes.mark(node, RUNNING)
    if wait is not None:
        suspension.expire(machine.nodes.began(node) + wait)
    machine.end_held()
    return node


def resume(machine: Machine) -> None:
    """Let all that waits succeed; raises :class:`ApiError` as :meth:`Suspension.resume` does."""
    for suspension in _suspended(machine):
        suspension.resume()


def change_suspended(machine: Machine, selector: str, change: Change) -> None:
    """Change the waiting nodes that the selector names; raises :class:`ApiError` for none."""
    matches = parse_selector(selector)
    found = [each for each in _suspended(machine) if matches(each.node.document())]
    changed = [suspension.change(change) for suspension in found]
    if not any(changed):
        raise ApiError(no_match(selector))


def no_match(selector: str) -> str:
    """Return what Argo says when nothing that waits matches."""
    return (
        "currently, set only targets suspend nodes: no suspend nodes matching nodeFieldSelector: "
        f"{selector}"
    )


def _suspended(machine: Machine) -> list[Suspension]:
    return [held for held in machine.held.values() if isinstance(held, Suspension)]


def _duration(template: Mapping[str, Any]) -> str:
    return str((template["suspend"] or {}).get("duration") or "")


def _with_choices(inputs: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return inputs with the choices that a value describes: JSON of a parameter with an enum."""
    if not inputs or "parameters" not in inputs:
        return inputs
    return {**inputs, "parameters": [_with_choice(p) for p in inputs["parameters"]]}


def _with_choice(parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        described = go_text.loads(parameter.get("value", ""))
    except go_text.JsonError:
        return parameter
    choices = described.get("enum") if isinstance(described, dict) else None
    if not isinstance(choices, list) or not choices:
        return parameter
    return {"default": choices[0], **parameter, "enum": choices}


def _asked(template: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the outputs that somebody is to supply; an input's default is that of its output."""
    inputs = (template.get("inputs") or {}).get("parameters") or ()
    defaults = {p["name"]: p["default"] for p in inputs if "default" in p}
    asked = []
    for parameter in (template.get("outputs") or {}).get("parameters") or ():
        source = parameter.get("valueFrom") or {}
        if "supplied" not in source:
            continue
        if "default" not in source and parameter["name"] in defaults:
            source = {**source, "default": defaults[parameter["name"]]}
        asked.append({**parameter, "valueFrom": source})
    return {"parameters": asked} if asked else None


def _supply_defaults(node: Node) -> str:
    """Give outputs that nobody supplied their defaults; return what is wrong, mostly nothing."""
    parameters = []
    for parameter in (node.outputs or {}).get("parameters") or ():
        source = parameter.get("valueFrom") or {}
        if "supplied" in source:
            if "default" not in source:
                return (
                    f"raw output parameter '{parameter['name']}' has not been set and does not "
                    "have a default value"
                )
            rest = {key: value for key, value in parameter.items() if key != "valueFrom"}
            parameter = {**rest, "value": source["default"]}
        parameters.append(parameter)
    if parameters:
        node.outputs = {**(node.outputs or {}), "parameters": parameters}
    return ""


def _supplied(outputs: Mapping[str, Any] | None, values: Mapping[str, str]) -> dict[str, Any]:
    """Return outputs with values that were asked for; raises :class:`ApiError` for others."""
    if outputs is None:
        raise ApiError(
            "cannot set output parameters because node is not expecting any raw parameters"
        )
    known = {parameter["name"]: parameter for parameter in outputs["parameters"]}
    for name, value in values.items():
        if name not in known:
            raise ApiError(f"node is not expecting output parameter '{name}'")
        if "supplied" not in (known[name].get("valueFrom") or {}):
            raise ApiError(
                f"cannot set output parameter '{name}' because it does not use valueFrom.raw or "
                "it was already set"
            )
        rest = {key: kept for key, kept in known[name].items() if key != "valueFrom"}
        known[name] = {**rest, "value": value}
    return {**outputs, "parameters": list(known.values())}
