"""Runs a Steps template: one group of parallel steps after the other.

Source: ``workflow/controller/steps.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from hera_experiment.argo.phases import ERROR, FAILED, RUNNING, SKIPPED, SUCCEEDED
from hera_experiment.local.engine.gojson import JsonError
from hera_experiment.local.engine.loops import LoopError, expand, is_loop
from hera_experiment.local.engine.machine import FAIL_FAST, Attempt, Call, CallError, Machine
from hera_experiment.local.engine.nodes import SKIPPED_NODE, STEP_GROUP, STEPS, Node
from hera_experiment.local.engine.outputs import OutputError, template_outputs
from hera_experiment.local.engine.references import resolve
from hera_experiment.local.engine.scope import (
    Values,
    aggregated_values,
    node_values,
    skipped_values,
)
from hera_experiment.local.engine.substitution import SubstitutionError
from hera_experiment.local.engine.when import WhenError, should_execute


class Steps:
    """A Steps template that runs."""

    def __init__(self, machine: Machine, attempt: Attempt) -> None:
        self._machine = machine
        self._attempt = attempt
        self._nodes = machine.nodes
        self.template = attempt.template
        self._groups: list[list[dict[str, Any]]] = attempt.template["steps"]
        call = attempt.call
        self.results = machine.referenced_results(call.template, "steps")
        self._values: dict[str, Values] = {}
        self._group: Node | None = None
        self._index = -1
        self._left = 0
        # The children of the group that may fail, by node name; an error of the group itself.
        self._forgiving: dict[str, Mapping[str, Any]] = {}
        self._error = ""
        self.node = machine.open_boundary(self, attempt, STEPS)

    def start(self) -> None:
        """Begin the first group."""
        self._next_group()

    def child_failed(self) -> None:
        """End at once, when the template asks for it, as soon as no child is active."""
        if self.node.fulfilled or not self._machine.gate.failing_fast(self):
            return
        if self._nodes.active_children[self.node.id] == 0 and self._group is not None:
            self._nodes.mark(self._group, FAILED, FAIL_FAST)
            self._end(FAILED, FAIL_FAST, outbound=False)

    def _next_group(self) -> None:
        previous = self._group
        self._index += 1
        if self._index == len(self._groups):
            self._succeed()
            return
        name = f"{self.node.name}[{self._index}]"
        self._group = self._nodes.get(name) or self._nodes.create(
            name, STEP_GROUP, RUNNING, template="", boundary=self.node.id, flag={}
        )
        self._connect(previous, name)
        self._left, self._error, self._forgiving = 1, "", {}
        if self._group.fulfilled:
            self._machine.later(self._group_done)
            return
        for step, ones in self._expanded(self._groups[self._index]):
            for one in ones:
                if self._error:
                    break
                self._left += 1
                self._run_one(step, one)
        self._one_less()

    def _connect(self, previous: Node | None, name: str) -> None:
        if previous is None:
            self._nodes.connect(self.node, name)
        elif not previous.children:
            self._nodes.connect(previous, name)
        else:
            for child in list(previous.children):
                for leaf in self._nodes.outbound(self._nodes.by_id[child]):
                    self._nodes.connect(leaf, name)

    def _expanded(
        self, steps: list[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
        try:
            resolved = [resolve(step, self._lookup) for step in steps]
        except (SubstitutionError, WhenError) as error:
            self._error = f"Failed to resolve references: {error}"
            return []
        pairs = []
        for step, ready in zip(steps, resolved, strict=True):
            try:
                ones = expand(ready, self._lookup) if is_loop(step) else [ready]
            except (SubstitutionError, LoopError) as error:
                self._error = str(error)
                return []
            if not ones:
                self._skip(step["name"], step, SKIPPED, "Skipped, empty params")
            pairs.append((step, ones))
        return pairs

    def _lookup(self, variable: str) -> str | None:
        if not variable.startswith("steps."):
            return self._machine.variables(variable)
        name, _, rest = variable[len("steps.") :].partition(".")
        return self._values[name][rest]

    def _run_one(self, step: Mapping[str, Any], one: Mapping[str, Any]) -> None:
        assert self._group is not None
        machine, name = self._machine, f"{self._group.name}.{one['name']}"
        done = partial(self._child_done, self._index)
        self._forgiving[name] = step.get("continueOn") or {}
        if self._nodes.get(name) is None:
            when = one.get("when", "")
            try:
                if not should_execute(when):
                    node = self._skip(one["name"], one, SKIPPED, f"when '{when}' evaluated false")
                    machine.later(lambda: done(node, ""))
                    return
            except WhenError as error:
                node = self._skip(one["name"], one, ERROR, str(error))
                self._error = str(error)
                machine.later(lambda: done(node, ""))
                return
        call = Call(
            name=name,
            template=one["template"],
            arguments=one.get("arguments") or {},
            done=done,
            begun=partial(self._begun, self._group),
            task=step["name"],
            boundary=self,
            local={"steps.name": one["name"]},
            depth=self._attempt.call.depth + 1,
            on_exit=self._attempt.call.on_exit,
        )
        try:
            machine.execute(call)
        except CallError as error:
            failed, message = error.node, error.message
            machine.later(lambda: done(failed, message))

    def _begun(self, group: Node, node: Node) -> None:
        self._nodes.connect(group, node.name)

    def _skip(self, name: str, step: Mapping[str, Any], phase: str, message: str) -> Node:
        assert self._group is not None
        full = f"{self._group.name}.{name}"
        self._nodes.connect(self._group, full)
        return self._nodes.get(full) or self._nodes.create(
            full,
            SKIPPED_NODE,
            phase,
            template=step["template"],
            boundary=self.node.id,
            message=message,
            flag={},
        )

    def _child_done(self, index: int, node: Node, error: str) -> None:
        if self.node.fulfilled or index != self._index:
            return
        if error:
            self._error = f"step group deemed errored due to child {node.name} error: {error}"
        self._one_less()

    def _one_less(self) -> None:
        self._left -= 1
        if self._machine.gate.failing_fast(self):
            self.child_failed()
        elif self._left == 0:
            self._close_group()

    def _close_group(self) -> None:
        assert self._group is not None
        if self._error:
            self._nodes.mark(self._group, ERROR, self._error)
        else:
            phase, message = SUCCEEDED, None
            for key in self._group.children:
                child = self._nodes.by_id[key]
                if child.failed and not self._forgiven(child):
                    phase, message = FAILED, f"child '{key}' failed"
                    break
            self._nodes.mark(self._group, phase, message)
        self._machine.later(self._group_done)

    def _forgiven(self, child: Node) -> bool:
        allowed = self._forgiving.get(child.name) or {}
        return bool(allowed.get("error") if child.phase == ERROR else allowed.get("failed"))

    def _group_done(self) -> None:
        group = self._group
        if group is None or self.node.fulfilled:
            return
        if group.failed:
            self._end(FAILED, group.message)
            return
        try:
            for step in self._groups[self._index]:
                self._values[step["name"]] = self._values_of(step, group)
        except JsonError as error:
            self._end(ERROR, str(error), error=str(error))
            return
        self._next_group()

    def _values_of(self, step: Mapping[str, Any], group: Node) -> Values:
        by_id = self._nodes.by_id
        name = f"{group.name}.{step['name']}"
        node = self._nodes.get(name)
        if node is not None:
            template = self._machine.templates[step["template"]]
            return {**node_values(node, by_id), **skipped_values(node, template)}
        children = [
            by_id[key]
            for key in group.children
            if by_id[key].name.startswith(f"{name}(") and by_id[key].type != SKIPPED_NODE
        ]
        own = node_values(group, by_id)
        return {**aggregated_values(children), **own} if children else own

    def _succeed(self) -> None:
        try:
            outputs = template_outputs(self.template, self._lookup)
        except OutputError as error:
            self._end(ERROR, str(error), error=str(error))
            return
        if outputs:
            self.node.outputs = outputs
            self._machine.export(outputs)
        self._end(SUCCEEDED)

    def _end(
        self, phase: str, message: str | None = None, error: str = "", outbound: bool = True
    ) -> None:
        if outbound and self._group is not None:
            children = [self._nodes.by_id[key] for key in self._group.children]
            leaves = [leaf for child in children for leaf in self._nodes.outbound(child)]
            self.node.outbound = [leaf.id for leaf in leaves]
        self._nodes.mark(self.node, phase, message)
        self._machine.forget(self)
        self._machine.finish(self.node, self._attempt.call, self._attempt.done, error)
