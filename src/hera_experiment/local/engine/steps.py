"""Runs a Steps template: one group of parallel steps after the other.

Source: ``workflow/controller/steps.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hera_experiment.argo.go_text import JsonError
from hera_experiment.argo.phases import ERROR, FAILED, RUNNING, SKIPPED, SUCCEEDED
from hera_experiment.local.engine.artifacts import (
    Artifact,
    ArtifactError,
    artifacts_of,
    node_artifacts,
    skipped_artifacts,
)
from hera_experiment.local.engine.child import Child, expanded, resolve
from hera_experiment.local.engine.composite import Composite
from hera_experiment.local.engine.hooks import Hooks, exit_hook, named_hooks
from hera_experiment.local.engine.loops import LoopError
from hera_experiment.local.engine.machine import FAIL_FAST, Attempt, Machine
from hera_experiment.local.engine.node import (
    HTTP,
    POD,
    SKIPPED_NODE,
    STEP_GROUP,
    STEPS,
    SUSPEND,
    Node,
)
from hera_experiment.local.engine.nodes import SameIdentifier
from hera_experiment.local.engine.scope import NO_TEMPLATE, Values, task_values
from hera_experiment.local.engine.substitution import SubstitutionError, Variables
from hera_experiment.local.engine.templates import TemplateError
from hera_experiment.local.engine.when import WhenError

_LEAVES = (POD, SUSPEND, HTTP, SKIPPED_NODE)


class Steps(Composite):
    """A Steps template that runs."""

    kind = STEPS
    root = "steps"

    def __init__(self, machine: Machine, attempt: Attempt) -> None:
        super().__init__(machine, attempt)
        self._groups: list[list[dict[str, Any]]] = attempt.template["steps"]
        self._values: dict[str, Values] = {}
        self._artifacts: dict[str, dict[str, Artifact]] = {}
        self._group: Node | None = None
        self._index = -1
        self._left = 0
        # The group of each child that has not ended.
        self._children: dict[Child, Node] = {}
        # The children of the group that may fail, by node name; an error of the group itself.
        self._forgiving: dict[str, Mapping[str, Any]] = {}
        self._error = ""
        self._handler_erred = False
        # While the steps of a group begin, one after the other.
        self._begins = False

    @property
    def _known(self) -> Variables:
        """What a group sees: the groups before it, and what is global by then."""
        values, artifacts = self._values, self._artifacts
        return self._lookup(
            lambda name, rest: values[name][rest],
            lambda: [f"{name}.{rest}" for name, found in values.items() for rest in found],
            lambda name, rest: artifacts[name][rest],
            lambda: [f"{name}.{rest}" for name, found in artifacts.items() for rest in found],
        )

    def start(self) -> None:
        """Begin the first group."""
        self._next_group()

    def child_failed(self) -> None:
        """End at once, when the template asks for it, as soon as no child is active."""
        if self.node.fulfilled:
            return
        for node in self._nodes.lost:
            # Argo looks once more at the groups that have ended.
            if node.boundary == self.node.id and node.failed and not self._forgiven(node):
                self._lose_group(node)
                return
        if not self.machine.limiter.failing_fast(self):
            return
        if not self._nodes.has_active_children(self.node) and self._group is not None:
            self._nodes.mark(self._group, FAILED, FAIL_FAST)
            self._end(FAILED, FAIL_FAST)

    def _lose_group(self, daemon: Node) -> None:
        """End, because a daemon of an earlier group has ended by itself."""
        message = f"child '{daemon.id}' failed"
        for index in range(self._index + 1):
            group = self._nodes.get(f"{self.node.name}[{index}]")
            if group is not None and daemon.id in group.children:
                self._nodes.mark(group, FAILED, message)
        self._end(FAILED, message, last=self._last_nodes())

    def _next_group(self) -> None:
        previous = self._group
        self._index += 1
        if self._index == len(self._groups):
            self._succeed()
            return
        name = f"{self.node.name}[{self._index}]"
        self._group = self._nodes.get(name) or self._nodes.create(
            name, STEP_GROUP, RUNNING, template=self.id_of({}), boundary=self.node.id, flag={}
        )
        self._connect(previous, name)
        self._left, self._error, self._forgiving = 1, "", {}
        if self._group.fulfilled:
            self.machine.later(self._group_done)
            return
        self._begins = True
        for step, ones in self._expanded(self._groups[self._index]):
            for one in ones:
                if self._error:
                    break
                self._left += 1
                self._run_one(step, one)
        self._begins = False
        if self._error:
            self._close_group()
        else:
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
            known = self._known
            resolved = [resolve(step, known) for step in steps]
        except ArtifactError as error:
            self._error = f"failed to resolve references: unable to resolve references: {error}"
            return []
        except (SubstitutionError, WhenError) as error:
            self._error = f"failed to resolve references: {error}"
            return []
        pairs = []
        for step, ready in zip(steps, resolved, strict=True):
            try:
                ones = expanded(self, step, ready, known)
            except (SubstitutionError, LoopError, SameIdentifier) as error:
                self._error = str(error)
                return []
            if not ones:
                self.skip(self.node_name(step["name"]), step, SKIPPED, "Skipped, empty params")
            pairs.append((step, ones))
        return pairs

    def node_name(self, step: str) -> str:
        """Return the name of a step's node."""
        return f"{self._current.name}.{step}"

    @property
    def _current(self) -> Node:
        assert self._group is not None
        return self._group

    def _run_one(self, step: Mapping[str, Any], one: Mapping[str, Any]) -> None:
        hooks = self._hooks_of(one)
        child = Child(self, one, self.node_name(one["name"]), step["name"], hooks)
        self._forgiving[child.name] = step.get("continueOn") or {}
        self._children[child] = self._current
        if problem := child.run():
            self._error = problem

    def _hooks_of(self, step: Mapping[str, Any]) -> Hooks | None:
        """Return the hooks of a step whose loop is expanded, None for one that has none."""
        named, last = named_hooks(step), exit_hook(step, self.machine)
        if not named and last is None:
            return None
        group = self._current

        known = self._known

        own = self.node_name(step["name"])

        def status(name: str) -> str | None:
            # It sees the phases of the steps beside it that are written before it.
            for key in group.children if name.endswith(".status") else ():
                node = self._nodes.by_id[key]
                if name == f"steps.{node.display_name}.status":
                    return node.phase
                if node.name == own:
                    break
            return known(name)

        place = replace(
            self._place,
            prefix=f"steps.{step['name']}",
            lookup=Variables(status, known.names, artifacts_of(known)),
        )
        return Hooks(self.machine, place, named, last, self._hook_failed)

    def _hook_failed(self, node: Node, why: str, last: bool) -> None:
        self._error, self._handler_erred = why, last
        if not (node.fulfilled or self._begins):
            self._close_group()

    def child_begun(self, child: Child, node: Node) -> None:
        """Put the node of a step below its group; after one that errs at once none is begun."""
        self._nodes.connect(self._children[child], node.name)
        if node.type in _LEAVES and node.phase == ERROR:
            self.child_errs(child, node, node.message or "")

    def skip(self, name: str, holder: Mapping[str, Any], phase: str, message: str) -> Node:
        """Return the node of a step that does not run."""
        self._nodes.connect(self._current, name)
        return super().skip(name, holder, phase, message)

    def child_errs(self, child: Child, node: Node, error: str) -> bool:
        """Let the group err at once, whatever of it still runs; nothing follows such a step."""
        if not self._error and self._children.get(child) is self._group:
            self._error = f"step group deemed errored due to child {node.name} error: {error}"
            if not self._begins:
                self._close_group()
        return False

    def child_done(self, child: Child, node: Node) -> None:
        """Heed a step that has ended."""
        if not self.node.fulfilled and self._children.pop(child) is self._group:
            self._one_less()

    def _one_less(self) -> None:
        self._left -= 1
        if self.machine.limiter.failing_fast(self):
            self.child_failed()
        elif self._left == 0:
            self._close_group()

    def _close_group(self) -> None:
        assert self._group is not None
        if self._group.fulfilled:
            return
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
        self.machine.later(self._group_done)

    def _forgiven(self, child: Node) -> bool:
        allowed = self._forgiving.get(child.name) or {}
        return bool(allowed.get("error") if child.phase == ERROR else allowed.get("failed"))

    def _group_done(self) -> None:
        group = self._group
        if group is None or self.node.fulfilled:
            return
        if group.failed:
            alone = self._attempt.call.boundary is None and not exit_hook(
                self.machine.spec, self.machine
            )
            if self._handler_erred and alone:
                # Argo takes the group for the entry, and ends the workflow with it.
                self._end(ERROR, group.message)
            else:
                self._end(FAILED, group.message, last=self._last_nodes())
            return
        try:
            for step in self._groups[self._index]:
                self._values[step["name"]] = self._values_of(step, group)
                self._artifacts[step["name"]] = self._artifacts_of(step, group)
        except (JsonError, TemplateError) as error:
            # Argo returns before it looks for the outbound nodes.
            self._end(ERROR, str(error), error=str(error))
            return
        self._next_group()

    def _values_of(self, step: Mapping[str, Any], group: Node) -> Values:
        by_id, template = self._nodes.by_id, self._template_of(step)
        name = f"{group.name}.{step['name']}"
        node = self._nodes.get(name)
        if node is not None:
            return task_values(node, by_id, template)
        children = [
            by_id[key]
            for key in group.children
            if by_id[key].name.startswith(f"{name}(") and by_id[key].type != SKIPPED_NODE
        ]
        if children and step.get("inline") is not None:
            raise TemplateError(NO_TEMPLATE)
        return task_values(group, by_id, template, children or None)

    def _artifacts_of(self, step: Mapping[str, Any], group: Node) -> dict[str, Artifact]:
        node = self._nodes.get(f"{group.name}.{step['name']}")
        if node is None:
            return {}
        skipped = skipped_artifacts(node, self._template_of(step))
        return {**skipped, **node_artifacts(node, self._nodes.by_id)}

    def _succeed(self) -> None:
        if problem := self._set_outputs(self._known):
            self._end(ERROR, problem, error=problem, last=self._last_nodes())
            return
        self.machine.export(self.node.outputs)
        self._end(SUCCEEDED, last=self._last_nodes())

    def _last_nodes(self) -> list[Node] | None:
        return [self._nodes.by_id[key] for key in self._group.children] if self._group else None
