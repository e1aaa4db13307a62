"""What a DAG and Steps have in common: a boundary, the children that run in it, and its end.

Source: ``dag.go``, ``steps.go`` and ``operator.go`` in ``workflow/controller`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from hera_experiment.argo.go_text import JsonError
from hera_experiment.local.engine.artifacts import Artifact, Known, input_artifacts
from hera_experiment.local.engine.child import Child
from hera_experiment.local.engine.hooks import Place
from hera_experiment.local.engine.machine import Attempt, Call, Machine
from hera_experiment.local.engine.node import SKIPPED_NODE, Node, TemplateId
from hera_experiment.local.engine.scope import OutputError, input_values, template_outputs
from hera_experiment.local.engine.substitution import Lookup, Variables, names_of
from hera_experiment.local.engine.templates import TemplateError


class Composite:
    """A template that runs others; a subclass says which of them, when, and what follows.

    ``kind`` is the type of its node, ``root`` the word before its children's names in variables.
    """

    kind: ClassVar[str]
    root: str

    def __init__(self, machine: Machine, attempt: Attempt) -> None:
        self.machine = machine
        self._attempt = attempt
        self._nodes = machine.nodes
        self.template = attempt.template
        self.results = attempt.written.referenced_results(self.root)
        self.node = machine.open_boundary(self, attempt, self.kind)
        self._place = Place(
            scope=attempt.written.scope,
            lookup=machine.variables,
            boundary=self,
            depth=attempt.call.depth + 1,
            on_exit=attempt.call.on_exit,
        )

    @property
    def call(self) -> Call:
        """How it was called itself."""
        return self._attempt.call

    def child_failed(self) -> None:
        """Learn that a pod, DAG or Steps directly below has failed."""
        raise NotImplementedError

    def _lookup(
        self,
        value: Callable[[str, str], str | None],
        names: Callable[[], Iterable[str]],
        artifact: Callable[[str, str], Artifact],
        artifact_names: Callable[[], Iterable[str]],
    ) -> Variables:
        """Return what looks variables up.

        ``value`` and ``artifact`` have a child's, by its name and the rest; ``names`` and
        ``artifact_names`` have all of these in one word.
        """
        prefix, others = f"{self.root}.", self.machine.variables
        inputs = input_values(self.template)
        artifacts = {**others.global_artifacts, **input_artifacts(self.template)}

        def find(variable: str) -> Artifact:
            if not variable.startswith(prefix):
                return artifacts[variable]
            name, _, rest = variable[len(prefix) :].partition(".")
            return artifact(name, rest)

        def lookup(variable: str) -> str | None:
            if variable in inputs:
                return inputs[variable]
            if not variable.startswith(prefix):
                return others(variable)
            name, _, rest = variable[len(prefix) :].partition(".")
            return value(name, rest)

        def known() -> list[str]:
            return [*inputs, *(f"{prefix}{name}" for name in names()), *names_of(others)]

        def known_artifacts() -> list[str]:
            return [*artifacts, *(f"{prefix}{name}" for name in artifact_names())]

        return Variables(lookup, known, Known(find, known_artifacts))

    def node_name(self, child: str) -> str:
        """Return the name of a child's node."""
        raise NotImplementedError

    def child_begun(self, child: Child, node: Node) -> None:
        """Learn that a child has its node."""

    def child_errs(self, child: Child, node: Node, error: str) -> bool:
        """Learn that a child could not run; tell whether what follows its end runs all the same."""
        raise NotImplementedError

    def child_done(self, child: Child, node: Node) -> None:
        """Learn that a child has ended, with all that follows it."""
        raise NotImplementedError

    def skip(self, name: str, holder: Mapping[str, Any], phase: str, message: str) -> Node:
        """Return the node of a child that does not run, made unless a retry kept it."""
        return self._nodes.get(name) or self._nodes.create(
            name,
            SKIPPED_NODE,
            phase,
            template=self.id_of(holder),
            boundary=self.node.id,
            message=message,
            flag={},
        )

    def _template_of(self, child: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return self.machine.templates.find(self.id_of(child)).body
        except TemplateError:
            return {}  # The child's own node says so, when it is its turn.

    def id_of(self, child: Mapping[str, Any]) -> TemplateId:
        """Return what template a child means."""
        return TemplateId.of(child, self._attempt.written.scope)

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
        if self.node.fulfilled:
            return  # A hook has ended it before.
        if last is not None:
            leaves = [leaf for node in last for leaf in self._nodes.outbound(node)]
            self.node.outbound = [leaf.id for leaf in leaves]
        self.machine.forget(self)
        self.machine.end(self._attempt, self.node, phase, message, error)
