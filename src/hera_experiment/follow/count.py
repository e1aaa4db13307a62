"""How many tasks a workflow has and how many are done: one count, wherever a run is shown.

A task is done when it has succeeded, or was not to run by its own condition. How many there are is
read out of the specification, so that it is known before the first has begun; where it depends on
what a task will say (``withParam``), it is unknown until the end. It never grows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hera_experiment.argo.loops import length
from hera_experiment.argo.phases import FAILURES, FULFILLED, SKIPPED, SUCCEEDED
from hera_experiment.argo.tasks import Node, Task, Workflow, is_finished, phase_of
from hera_experiment.follow.tree import Branch

DONE = frozenset({SUCCEEDED, SKIPPED})

_DEEPEST = 50


class _Unknown(Exception):
    """The number is not written in the specification."""


@dataclass(frozen=True)
class Count:
    """So many tasks are ``done`` and ``failed``, of ``total``; None where that is unknown."""

    done: int
    failed: int
    total: int | None

    def __str__(self) -> str:
        return f"{self.done} done" if self.total is None else f"{self.done}/{self.total}"


class Plan:
    """What the specification of ``workflow`` says about how many tasks there will be."""

    def __init__(self, workflow: Workflow) -> None:
        spec = workflow.get("spec") or {}
        if spec.get("workflowTemplateRef"):
            stored = (workflow.get("status") or {}).get("storedWorkflowTemplateSpec") or {}
            spec = {**stored, **spec}
        self._workflow = workflow
        self._spec = spec
        self._templates = {str(each.get("name")): each for each in spec.get("templates") or ()}
        given = (spec.get("arguments") or {}).get("parameters") or ()
        self._given = {
            f"workflow.parameters.{each.get('name')}": each.get("value") for each in given
        }
        self._known: dict[str, int] = {}

    def count(self, tasks: Sequence[Task]) -> Count:
        """Count the ``tasks`` of the whole workflow."""
        try:
            total: int | None = self._tasks_in(self._spec.get("entrypoint"), self._given)
            if self._spec.get("onExit"):
                total = (total or 0) + self._tasks_in(self._spec["onExit"], self._given)
        except _Unknown:
            total = len(tasks) if is_finished(self._workflow) else None
        if phase_of(self._workflow) == SUCCEEDED:
            # What a condition left out came with all that it would have been.
            total = len(tasks)
        return _counted(tasks, total)

    def count_below(self, branch: Branch, tasks: Sequence[Task]) -> Count:
        """Count the ``tasks`` of a DAG, of steps or of a loop."""
        node = branch.node or {}
        total: int | None = len(tasks)
        if branch.phase not in FULFILLED:
            try:
                if node.get("type") in ("DAG", "Steps"):
                    parameters = {**self._given, **_inputs_of(node)}
                    total = self._tasks_in(node.get("templateName"), parameters)
                elif any(each.task is None for each in branch.branches):
                    one = self._tasks_in(node.get("templateName"), self._given)
                    total = one * len(branch.branches)
            except _Unknown:
                total = None
        return _counted(tasks, total)

    def _tasks_in(self, name: object, parameters: Mapping[str, Any], depth: int = 0) -> int:
        """Return the number of tasks of the template called ``name``."""
        key = str(name)
        template = self._templates.get(key)
        if template is None or depth > _DEEPEST:
            raise _Unknown
        if depth and key in self._known:
            return self._known[key]
        if "dag" not in template and "steps" not in template:
            return 1
        total = 0
        for member in _members_of(template):
            if member.get("templateRef") or member.get("inline"):
                raise _Unknown
            one = self._tasks_in(member.get("template"), self._given, depth + 1)
            total += _times(member, parameters) * one
        if depth:
            self._known[key] = total
        return total


def _counted(tasks: Sequence[Task], total: int | None) -> Count:
    done = sum(task.phase in DONE for task in tasks)
    failed = sum(task.phase in FAILURES for task in tasks)
    # More than was planned: hooks, a DAG that is tried again. Then nothing is known.
    return Count(done, failed, None if total is not None and total < len(tasks) else total)


def _members_of(template: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    members = list((template.get("dag") or {}).get("tasks") or ())
    for group in template.get("steps") or ():
        members += group
    return members


def _inputs_of(node: Node) -> dict[str, Any]:
    parameters = (node.get("inputs") or {}).get("parameters") or ()
    return {f"inputs.parameters.{each.get('name')}": each.get("value") for each in parameters}


def _times(member: Mapping[str, Any], parameters: Mapping[str, Any]) -> int:
    """Return how often ``member`` runs."""
    found = length(member, parameters)
    if found is None:
        raise _Unknown
    return found
