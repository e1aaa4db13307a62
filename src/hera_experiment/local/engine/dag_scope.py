"""What the tasks of one DAG know of each other.

Source: ``buildLocalScopeFromTask`` and ``evaluateDependsLogic`` in ``workflow/controller/dag.go``
of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hera_experiment.argo.phases import ERROR, FAILED, OMITTED, SKIPPED, SUCCEEDED
from hera_experiment.local.engine.depends import ancestry
from hera_experiment.local.engine.gojson import JsonError
from hera_experiment.local.engine.machine import Machine
from hera_experiment.local.engine.nodes import TASK_GROUP, Node
from hera_experiment.local.engine.scope import (
    Values,
    aggregated_values,
    node_values,
    skipped_values,
)
from hera_experiment.local.engine.substitution import Lookup

_FACTS = {
    SUCCEEDED: "Succeeded",
    FAILED: "Failed",
    ERROR: "Errored",
    SKIPPED: "Skipped",
    OMITTED: "Omitted",
}


class DagScope:
    """Looks up ``tasks.NAME.…``; a task sees those it waits for, directly or not."""

    def __init__(
        self,
        machine: Machine,
        parents: Mapping[str, tuple[str, ...]],
        node: Callable[[str], Node | None],
        template: Callable[[str], Mapping[str, Any]],
        captured: frozenset[str],
    ) -> None:
        self._machine = machine
        self._parents = parents
        self._node = node
        self._template = template
        self._captured = captured
        self._values: dict[str, Values] = {}
        self._ancestors: tuple[str, frozenset[str]] = ("", frozenset())

    def of(self, task: str) -> Lookup:
        """Return how ``task`` looks its variables up; raises :class:`JsonError` as Argo does."""
        if problem := self.problem(task):
            raise JsonError(problem)

        def lookup(variable: str) -> str | None:
            if not variable.startswith("tasks."):
                return self._machine.variables(variable)
            name, _, rest = variable[len("tasks.") :].partition(".")
            if not self._comes_before(name, task):
                raise KeyError(variable)
            return self._value(name, rest)

        return lookup

    def problem(self, task: str) -> str:
        """Return why a result of a loop before ``task`` is no JSON, or nothing.

        Argo reads them all for whatever comes after the loop, whether it refers to them or not.
        """
        for name in self._captured:
            node = self._node(name)
            if node is not None and node.type == TASK_GROUP and self._comes_before(name, task):
                try:
                    self._of_node(name, node)
                except JsonError as error:
                    return str(error)
        return ""

    def of_outputs(self, variable: str) -> str | None:
        """Look up a variable for the outputs of the DAG itself, which sees all its tasks."""
        if not variable.startswith("tasks."):
            return self._machine.variables(variable)
        name, _, rest = variable[len("tasks.") :].partition(".")
        return self._value(name, rest)

    def facts(self, node: Node) -> frozenset[str]:
        """Return what is true of a fulfilled task, in the words of ``depends``."""
        facts = {_FACTS[node.phase]}
        if node.type == TASK_GROUP:
            phases = {self._machine.nodes.by_id[key].phase for key in node.children}
            if SUCCEEDED in phases:
                facts.add("AnySucceeded")
            if phases == {FAILED}:
                facts.add("AllFailed")
        return frozenset(facts)

    def _comes_before(self, name: str, task: str) -> bool:
        if name in self._parents[task]:
            return True
        # Of one task at a time: those of all tasks of a long chain would be quadratic.
        if self._ancestors[0] != task:
            self._ancestors = (task, ancestry(task, self._parents))
        return name in self._ancestors[1]

    def _value(self, name: str, rest: str) -> str | None:
        node = self._node(name)
        if node is None:
            raise KeyError(name)
        return self._of_node(name, node)[rest]

    def _of_node(self, name: str, node: Node) -> Values:
        values = self._values.get(name)
        if values is None:
            by_id = self._machine.nodes.by_id
            own = node_values(node, by_id)
            if node.type == TASK_GROUP:
                own = {**aggregated_values(by_id[key] for key in node.children), **own}
            values = {**own, **skipped_values(node, self._template(name))}
            if node.fulfilled:
                self._values[name] = values
        return values
