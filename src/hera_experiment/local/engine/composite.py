"""What a DAG and Steps have in common: a boundary, the children that run in it, and its end.

Source: ``dag.go``, ``steps.go`` and ``operator.go`` in ``workflow/controller`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from hera_experiment.argo.go_text import JsonError
from hera_experiment.argo.phases import ERROR, SKIPPED
from hera_experiment.local.engine.arguments import ABSENT
from hera_experiment.local.engine.loops import expand, is_loop
from hera_experiment.local.engine.machine import Attempt, Call, Done, Machine, nothing
from hera_experiment.local.engine.nodes import SKIPPED_NODE, Node, TemplateId
from hera_experiment.local.engine.scope import OutputError, input_values, template_outputs
from hera_experiment.local.engine.substitution import (
    OUTPUTS,
    Lookup,
    Variables,
    names_of,
    replace,
    substitute,
)
from hera_experiment.local.engine.when import WhenError, should_execute

_PURE = re.compile(r"\{\{([^{}]*)\}\}")


class Composite:
    """A template that runs others; a subclass says which of them, when, and what follows.

    ``kind`` is the type of its node, ``root`` the word before its children's names in variables.
    """

    kind: ClassVar[str]
    root: ClassVar[str]

    def __init__(self, machine: Machine, attempt: Attempt) -> None:
        self._machine = machine
        self._attempt = attempt
        self._nodes = machine.nodes
        self.template = attempt.template
        self.results = attempt.written.referenced_results(self.root)
        self.node = machine.open_boundary(self, attempt, self.kind)

    def child_failed(self) -> None:
        """Learn that a pod, DAG or Steps directly below has failed."""
        raise NotImplementedError

    def _lookup(
        self, value: Callable[[str, str], str | None], names: Callable[[], Iterable[str]]
    ) -> Variables:
        """Return what looks variables up.

        ``value`` has a child's, by its name and the rest; ``names`` has all of these in one word.
        """
        prefix, others = f"{self.root}.", self._machine.variables
        inputs = input_values(self.template)

        def lookup(variable: str) -> str | None:
            if variable in inputs:
                return inputs[variable]
            if not variable.startswith(prefix):
                return others(variable)
            name, _, rest = variable[len(prefix) :].partition(".")
            return value(name, rest)

        def known() -> list[str]:
            return [*inputs, *(f"{prefix}{name}" for name in names()), *names_of(others)]

        return Variables(lookup, known)

    def _template_of(self, child: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._machine.templates.find(self._id_of(child)).body

    def _id_of(self, child: Mapping[str, Any]) -> TemplateId:
        return TemplateId.of(child, self._attempt.written.scope)

    def _children_of(
        self, task: Mapping[str, Any], resolved: dict[str, Any], lookup: Lookup
    ) -> list[dict[str, Any]]:
        """Return what ``task`` becomes: one child, or one for each item of its loop.

        Raises :class:`~.loops.LoopError`, :class:`~.substitution.SubstitutionError` and
        :class:`~.nodes.SameIdentifier`.
        """
        # Asked of the task as it was written: a list that turns out empty is a loop as well.
        if not is_loop(task):
            return [resolved]
        children = expand(resolved, lookup)
        self._nodes.check_distinct(self._node_name(""), [child["name"] for child in children])
        return children

    def _node_name(self, child: str) -> str:
        """Return the name of a child's node."""
        raise NotImplementedError

    def _run_child(
        self,
        child: Mapping[str, Any],
        name: str,
        task: str,
        done: Done,
        begun: Callable[[Node], None] = nothing,
    ) -> str:
        """Run a resolved task or step under a node of this ``name``, unless its ``when`` forbids.

        ``task`` is what it was called before its loop was expanded. Returns why its ``when`` has
        no value, mostly nothing: ``done`` hears of every other end.
        """
        machine = self._machine
        if self._nodes.get(name) is None:
            when = child.get("when", "")
            phase, why = "", ""
            try:
                if not should_execute(when):
                    phase, why = SKIPPED, f"when '{when}' evaluated false"
            except WhenError as error:
                phase, why = ERROR, str(error)
            if phase:
                node = self._skip_child(name, self._id_of(child), phase, why)
                machine.later(lambda: done(node, ""))
                return why if phase == ERROR else ""
        call = Call(
            name=name,
            template=self._id_of(child),
            arguments=child.get("arguments") or {},
            done=done,
            begun=begun,
            task=task,
            boundary=self,
            local={f"{self.root}.name": child["name"]},
            depth=self._attempt.call.depth + 1,
            on_exit=self._attempt.call.on_exit,
        )
        machine.execute(call)
        return ""

    def _skip_child(self, name: str, template: TemplateId, phase: str, message: str) -> Node:
        """Return the node of a child that does not run, made unless a retry kept it."""
        return self._nodes.get(name) or self._nodes.create(
            name,
            SKIPPED_NODE,
            phase,
            template=template,
            boundary=self.node.id,
            message=message,
            flag={},
        )

    def _set_outputs(self, lookup: Lookup) -> str:
        """Give the node what the template declares; return why that fails, mostly nothing."""
        try:
            self.node.outputs = template_outputs(self.template, lookup) or self.node.outputs
        except (OutputError, JsonError) as error:
            return str(error)
        return ""

    def _end(
        self,
        phase: str,
        message: str | None = None,
        *,
        error: str = "",
        last: Iterable[Node] | None = None,
    ) -> None:
        """End in ``phase``; what follows is connected to what the nodes ``last`` lead to."""
        if last is not None:
            leaves = [leaf for node in last for leaf in self._nodes.outbound(node)]
            self.node.outbound = [leaf.id for leaf in leaves]
        self._machine.forget(self)
        self._machine.end(self._attempt, self.node, phase, message, error)


def resolve(task: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    """Return ``task`` with its variables replaced; one that will not run keeps all but ``when``.

    Raises :class:`~.substitution.SubstitutionError` and :class:`~.when.WhenError`.
    """
    if task.get("when"):
        when = replace(task["when"], lookup, OUTPUTS)
        try:
            runs = should_execute(when)
        except WhenError:
            # It may wait for {{item}}, which is known only once the loop is expanded.
            if not is_loop(task):
                raise
            runs = True
        if not runs:
            return {**task, "when": when}
    marked = _mark_absent(task, lookup)
    resolved: dict[str, Any] = substitute(marked, lookup, OUTPUTS)
    return resolved


def _mark_absent(task: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    arguments = task.get("arguments") or {}
    parameters = [_marked(p, lookup) for p in arguments.get("parameters") or ()]
    if not parameters:
        return dict(task)
    return {**task, "arguments": {**arguments, "parameters": parameters}}


def _marked(parameter: Mapping[str, Any], lookup: Lookup) -> Mapping[str, Any]:
    match = _PURE.fullmatch(str(parameter.get("value", "")))
    if match:
        try:
            if lookup(match[1].strip()) is None:
                return {**parameter, "value": ABSENT}
        except KeyError:
            pass
    return parameter
