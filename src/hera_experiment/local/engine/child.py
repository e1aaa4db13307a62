"""One task of a DAG or step of a group: its variables, whether it runs, and what follows its end.

Source: ``resolveDependencyReferences``, ``executeDAGTask`` in ``dag.go``, ``resolveReferences``,
``executeStepGroup`` in ``steps.go``, below ``workflow/controller`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from hera_experiment.argo.phases import ERROR, SKIPPED
from hera_experiment.local.engine.arguments import ABSENT
from hera_experiment.local.engine.artifacts import with_given
from hera_experiment.local.engine.hooks import Hooks
from hera_experiment.local.engine.loops import expand, is_loop
from hera_experiment.local.engine.machine import Boundary, Call, Machine
from hera_experiment.local.engine.node import Node, TemplateId
from hera_experiment.local.engine.substitution import OUTPUTS, Lookup, replace, substitute
from hera_experiment.local.engine.when import WhenError, should_execute

_PURE = re.compile(r"\{\{([^{}]*)\}\}")


class Owner(Boundary, Protocol):
    """The DAG or Steps that a child belongs to; ``root`` is the first word of its variables."""

    root: str
    machine: Machine

    @property
    def call(self) -> Call:
        """How it was called itself."""

    def node_name(self, child: str) -> str:
        """Return the name of a child's node."""

    def id_of(self, child: Mapping[str, Any]) -> TemplateId:
        """Return what template a child means."""

    def skip(self, name: str, holder: Mapping[str, Any], phase: str, message: str) -> Node:
        """Return the node of a child that does not run."""

    def child_begun(self, child: Child, node: Node) -> None:
        """Learn that a child has its node."""

    def child_errs(self, child: Child, node: Node, error: str) -> bool:
        """Learn that a child could not run; tell whether what follows its end runs all the same."""

    def child_done(self, child: Child, node: Node) -> None:
        """Learn that a child has ended, with all that follows it."""


class Child:
    """A child of ``owner`` whose loop is expanded: ``holder`` is the task or step as it is now.

    ``task`` is what it was called before that, ``name`` what its node is called; ``hooks`` follow
    its node.
    """

    def __init__(
        self,
        owner: Owner,
        holder: Mapping[str, Any],
        name: str,
        task: str,
        hooks: Hooks | None = None,
    ) -> None:
        self._owner = owner
        self._machine = owner.machine
        self._holder = holder
        self.name = name
        self.task = task
        self._hooks = hooks

    def run(self) -> str:
        """Run it, unless its ``when`` forbids.

        Returns why its ``when`` has no value, mostly nothing: the owner hears of every other end.
        """
        if self._machine.nodes.get(self.name) is None:
            when = self._holder.get("when", "")
            phase, why = "", ""
            try:
                if not should_execute(when):
                    phase, why = SKIPPED, f"when '{when}' evaluated false"
            except WhenError as error:
                phase, why = ERROR, str(error)
            if phase:
                node = self._owner.skip(self.name, self._holder, phase, why)
                self._machine.later(lambda: self._owner.child_done(self, node))
                return why if phase == ERROR else ""
        call = self._owner.call
        self._machine.execute(
            Call(
                name=self.name,
                template=self._owner.id_of(self._holder),
                arguments=self._holder.get("arguments") or {},
                done=self._ended,
                begun=self._begun,
                task=self.task,
                boundary=self._owner,
                local={f"{self._owner.root}.name": self._holder["name"]},
                depth=call.depth + 1,
                on_exit=call.on_exit,
            )
        )
        return ""

    def _begun(self, node: Node) -> None:
        if self._hooks is not None:
            self._hooks.watch(node, early=True)
        self._owner.child_begun(self, node)

    def _ended(self, node: Node, error: str) -> None:
        owner = self._owner
        follows = not error or owner.child_errs(self, node, error)
        if self._hooks is not None and follows and not self._machine.limiter.failing_fast(owner):
            self._hooks.ended(node, lambda: owner.child_done(self, node))
        else:
            owner.child_done(self, node)


def expanded(
    owner: Owner, task: Mapping[str, Any], resolved: dict[str, Any], lookup: Lookup
) -> list[dict[str, Any]]:
    """Return what ``task`` becomes: one child, or one for each item of its loop.

    Raises :class:`~.loops.LoopError`, :class:`~.substitution.SubstitutionError` and
    :class:`~.nodes.SameIdentifier`.
    """
    # Asked of the task as it was written: a list that turns out empty is a loop as well.
    if not is_loop(task):
        return [resolved]
    children = expand(resolved, lookup)
    owner.machine.nodes.check_distinct(owner.node_name(""), [child["name"] for child in children])
    return children


def resolve(task: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    """Return ``task`` with its variables replaced; one that will not run keeps all but ``when``.

    Raises :class:`~.artifacts.ArtifactError`, :class:`~.substitution.SubstitutionError` and
    :class:`~.when.WhenError`.
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
    # Hooks may refer to the outputs of the task itself.
    hooks = {"hooks": marked.pop("hooks")} if "hooks" in marked else {}
    resolved: dict[str, Any] = substitute(marked, lookup, OUTPUTS)
    return {**with_given(resolved, lookup), **hooks}


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
