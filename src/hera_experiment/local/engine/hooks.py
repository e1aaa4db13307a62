"""Lifecycle hooks and exit handlers of tasks, steps and the workflow.

Source: ``hooks.go`` and ``exit_handler.go`` in ``workflow/controller`` of
argoproj/argo-workflows. Argo looks at all hooks again at each event; here a hook is looked at when
the phase of its node changes, and at each event if it asks about the workflow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hera_experiment.argo.conditions import ExpressionError
from hera_experiment.argo.phases import COMPLETED, RUNNING
from hera_experiment.local.engine.artifacts import (
    Artifact,
    ArtifactError,
    Known,
    artifacts_of,
    node_artifacts,
    with_given,
)
from hera_experiment.local.engine.expressions import decides
from hera_experiment.local.engine.machine import TERMINATE, Boundary, Call, Machine
from hera_experiment.local.engine.node import EXIT_SUFFIX, Node, TemplateId
from hera_experiment.local.engine.substitution import (
    Lookup,
    SubstitutionError,
    Variables,
    names_of,
    substitute,
)

EXIT = "exit"
"""The hook that runs at the end."""


@dataclass(frozen=True)
class Place:
    """Where hooks are written: the template's scope, and the node that bounds theirs.

    ``prefix`` is what their task or step is called in variables, ``tasks.NAME``; ``lookup`` knows
    all variables but its own.
    """

    scope: str
    lookup: Lookup
    prefix: str = ""
    boundary: Boundary | None = None
    depth: int = 1
    on_exit: bool = False


def exit_hook(holder: Mapping[str, Any], machine: Machine) -> Mapping[str, Any] | None:
    """Return what runs after a task, a step or the workflow, None for nothing.

    Without arguments of its own it has those of the workflow.
    """
    arguments = machine.spec.get("arguments") or {}
    if holder.get("onExit"):
        return {"template": holder["onExit"], "arguments": arguments}
    hook = (holder.get("hooks") or {}).get(EXIT)
    if hook is None:
        return None
    return {**hook, "arguments": hook.get("arguments") or arguments}


def named_hooks(holder: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the hooks that have an expression."""
    return {key: hook for key, hook in (holder.get("hooks") or {}).items() if key != EXIT}


def _at_once(look: Callable[[], None]) -> None:
    look()


class Hooks:
    """The hooks of one node: those ``named``, and the ``last`` one that runs after its end.

    ``problem`` hears why one could not run, and whether that was the last: once the node has ended,
    or at once where Argo looks at hooks from the beginning.
    """

    def __init__(
        self,
        machine: Machine,
        place: Place,
        named: Mapping[str, Mapping[str, Any]],
        last: Mapping[str, Any] | None,
        problem: Callable[[Node, str, bool], None],
    ) -> None:
        self._machine = machine
        self._place = place
        self._waiting = dict(named)
        self._last = last
        self._problem = problem
        self._failed = ""
        self._early = False
        self._open = 0
        self._then: Callable[[], None] | None = None

    @property
    def handles_the_end(self) -> bool:
        """True when there is one for the end, whatever the phase."""
        return self._last is not None

    def watch(
        self, node: Node, *, early: bool, around: Callable[[Callable[[], None]], None] = _at_once
    ) -> None:
        """Look at the named hooks whenever something happens to ``node``.

        Unless ``early`` they wait until it runs. ``around`` calls what looks at them.
        """
        if not self._waiting:
            return
        self._early = early

        def look() -> None:
            if early or node.phase == RUNNING or node.fulfilled:
                around(lambda: self._look(node))

        def changed() -> None:
            self._machine.later(look)

        self._machine.nodes.watch(node, changed)
        if any("workflow." in hook.get("expression", "") for hook in self._waiting.values()):
            self._machine.observers[node.id] = look
        changed()

    def ended(self, node: Node, then: Callable[[], None]) -> None:
        """Run what follows the end of ``node``, and call ``then`` when it has ended too."""
        self._machine.nodes.unwatch(node)
        self._machine.observers.pop(node.id, None)
        self._look(node)
        self._waiting.clear()

        def finally_() -> None:
            if self._failed:
                self._problem(node, self._failed, False)
            self._then = then
            self._run_last(node)
            self._go_on()

        self._then = finally_
        self._go_on()

    def _look(self, node: Node) -> None:
        for key, hook in list(self._waiting.items()):
            name = f"{node.name}.hooks.{key}"
            try:
                if not hook.get("expression"):
                    raise ExpressionError(f"Expression required for hook {name}")
                begins = decides(hook["expression"], self._lookup(node))
                if begins or self._machine.nodes.get(name) is not None:
                    del self._waiting[key]
                    # Argo puts an output into the arguments only once there are any.
                    known = self._outputs(node) is not None
                    self._run(node, name, hook, resolved=known, on_exit=self._place.on_exit)
            except (ExpressionError, SubstitutionError) as error:
                self._fail(node, str(error))

    def _run_last(self, node: Node) -> None:
        hook, machine = self._last, self._machine
        if hook is None or node.phase not in COMPLETED or machine.shutdown == TERMINATE:
            return
        try:
            expression = hook.get("expression")
            if expression and not decides(expression, self._lookup(node)):
                return
            self._run(node, f"{node.name}{EXIT_SUFFIX}", hook, resolved=True, on_exit=True)
        except (ExpressionError, SubstitutionError) as error:
            self._problem(node, str(error), True)

    def _run(
        self, node: Node, name: str, hook: Mapping[str, Any], *, resolved: bool, on_exit: bool
    ) -> None:
        arguments = hook.get("arguments") or {}
        if resolved:
            lookup = self._lookup(node, outputs=True)
            try:
                arguments = with_given({"arguments": substitute(arguments, lookup)}, lookup)[
                    "arguments"
                ]
            except ArtifactError as error:
                raise ArtifactError(f"unable to resolve references: {error}") from None
        last = hook is self._last

        def done(hooked: Node, error: str) -> None:
            if error and last:
                self._problem(node, error, last)
            elif error:
                self._fail(node, error)
            self._open -= 1
            self._go_on()

        machine, place = self._machine, self._place
        if not last and not machine.limiter.admits(place.boundary):
            # For a hook Argo does not wait until there is room.
            raise ExpressionError("Max parallelism reached")
        self._open += 1
        machine.execute(
            Call(
                name=name,
                template=TemplateId.of(hook, place.scope),
                arguments=arguments,
                done=done,
                begun=lambda hooked: machine.nodes.connect(node, hooked.name),
                boundary=place.boundary,
                # To Argo a hook is a step without a name.
                local={"steps.name": ""},
                depth=place.depth,
                on_exit=on_exit,
                flag={"hooked": True},
            )
        )

    def _fail(self, node: Node, why: str) -> None:
        # Argo errs at each event from now on, and in the end.
        self._waiting.clear()
        if self._early and not node.fulfilled:
            self._problem(node, why, False)
        else:
            self._failed = self._failed or why

    def _go_on(self) -> None:
        if not self._open and self._then is not None:
            then, self._then = self._then, None
            then()

    def _outputs(self, node: Node) -> dict[str, Any] | None:
        return self._machine.nodes.last_attempt(node).outputs

    def _lookup(self, node: Node, *, outputs: bool = False) -> Variables:
        prefix, others = self._place.prefix, self._place.lookup
        own: dict[str, str | None] = {f"{prefix}.status": node.phase} if prefix else {}
        for parameter in (self._outputs(node) or {}).get("parameters", ()) if outputs else ():
            own[f"{prefix}.outputs.parameters.{parameter['name']}"] = parameter.get("value", "")

        def value(name: str) -> str | None:
            return own[name] if name in own else others(name)

        artifacts = {}
        if outputs:
            artifacts = {
                f"{prefix}.{key}": artifact
                for key, artifact in node_artifacts(node, self._machine.nodes.by_id).items()
            }
        find = artifacts_of(others)

        def artifact_of(name: str) -> Artifact | None:
            return artifacts[name] if name in artifacts else find(name)

        known = Known(artifact_of, lambda: [*artifacts, *names_of(find)])
        return Variables(value, lambda: [*own, *names_of(others)], known)
