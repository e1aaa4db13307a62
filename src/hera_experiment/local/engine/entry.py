"""The entry template of a workflow, its hooks, and its exit handler.

Source: ``operate`` in ``workflow/controller/operator.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Callable

from hera_experiment.argo.phases import ERROR, FAILED, SUCCEEDED, WORKFLOW_PHASES
from hera_experiment.local.engine.events import Event
from hera_experiment.local.engine.hooks import Hooks, Place, exit_hook, named_hooks
from hera_experiment.local.engine.machine import TERMINATE, Call, Machine
from hera_experiment.local.engine.node import EXIT_SUFFIX, POD, RETRY, STEPS, Node, TemplateId
from hera_experiment.local.engine.pods import Launcher
from hera_experiment.local.engine.variables import failures

_NOT_ITS_OWN = "Workflow operation error"
"""The message of an entry that has not ended when the workflow errs."""


class Entry:
    """Runs the entry template and what follows it; ``conclude`` is told phase and message."""

    def __init__(
        self, machine: Machine, launcher: Launcher, conclude: Callable[[str, str], None]
    ) -> None:
        self._machine = machine
        self._launcher = launcher
        self._conclude = conclude
        self._is_handled = False
        place = Place(machine.templates.scope, machine.variables)
        self._hooks = Hooks(machine, place, named_hooks(machine.spec), None, self._hook_failed)

    def begin(self) -> None:
        """Call the entry template."""
        machine = self._machine
        entry = Call(
            name=machine.workflow,
            template=machine.templates.named(machine.spec["entrypoint"]),
            arguments=machine.spec.get("arguments") or {},
            done=self._done,
            # To Argo the entry template is called by a step without a name.
            local={"steps.name": ""},
            begun=self._begun,
        )
        machine.later(lambda: machine.execute(entry))

    def _begun(self, node: Node) -> None:
        self._hooks.watch(node, early=True, around=lambda look: self._tell(node, look))

    def _tell(self, node: Node, look: Event) -> None:
        """Look at the hooks of the workflow, which are told how it is; no template below is."""
        before = self._machine.variables("workflow.status")
        self._entry_is(node)
        look()
        self._machine.variables.entry_is(before, None)

    def _entry_is(self, node: Node) -> None:
        machine = self._machine
        machine.variables.entry_is(
            WORKFLOW_PHASES[node.phase],
            lambda: failures(machine.workflow, machine.nodes.by_id.values()),
        )

    def _hook_failed(self, node: Node, why: str, last: bool) -> None:
        at_once = not node.fulfilled
        self._machine.nodes.mark(node, ERROR, why)
        self._entry_is(node)
        if at_once:
            # Argo heeds that only when it looks the next time.
            self._is_handled = True
            self._machine.at(self._machine.now(), lambda: self._run_handler(node))

    def _done(self, node: Node, error: str) -> None:
        if self._is_handled:
            return  # A hook has ended it before.
        if error:
            # To Argo a retried template still runs when its attempt errs.
            why = _NOT_ITS_OWN if node.type == RETRY else error
            self._machine.nodes.mark(node, ERROR, why)
            # Argo leaves what its hooks have begun behind.
            self._launcher.stop_all("the workflow has ended", on_exit=True)
            self._conclude(ERROR, f"error in entry template execution: {error}")
            return
        self._launcher.end_daemons("")
        self._entry_is(node)
        self._hooks.ended(node, lambda: self._run_handler(node))

    def _end_the_rest(self) -> None:
        """End the pods for which nobody waits: steps that err leave those beside them."""
        nodes = self._machine.nodes.by_id.values()
        if any(node.type == POD and not node.fulfilled for node in nodes):
            self._launcher.stop_all("the workflow has ended", on_exit=True)

    def _run_handler(self, node: Node) -> None:
        machine = self._machine
        handler = exit_hook(machine.spec, machine)
        if handler is None or machine.shutdown == TERMINATE:
            verdict = _verdict(node, None, machine.shutdown)
            self._end_the_rest()
            if node.type == STEPS and node.phase == ERROR and not self._is_handled:
                machine.nodes.mark(node, ERROR, _NOT_ITS_OWN)
            self._conclude(*verdict)
            return
        exit_call = Call(
            name=f"{machine.workflow}{EXIT_SUFFIX}",
            template=TemplateId.of(handler, machine.templates.scope),
            arguments=handler["arguments"],
            done=lambda ended, problem: self._exit_done(node, ended, problem),
            local={"steps.name": ""},
            on_exit=True,
            flag={"hooked": True},
        )
        machine.execute(exit_call)

    def _exit_done(self, entry: Node, node: Node, error: str) -> None:
        if error:
            self._machine.nodes.mark(node, ERROR, error)
            self._conclude(ERROR, f"error in exit template execution : {error}")
            return
        self._end_the_rest()
        self._conclude(*_verdict(entry, node, self._machine.shutdown))


def _verdict(entry: Node, handler: Node | None, shutdown: str) -> tuple[str, str]:
    """Return phase and message of a workflow whose nodes of entry and of exit are fulfilled."""
    phase = WORKFLOW_PHASES[entry.phase]
    if phase == SUCCEEDED:
        if handler is None or not handler.failed:
            return SUCCEEDED, ""
        return (FAILED if handler.phase == FAILED else ERROR), handler.message
    return phase, f"Stopped with strategy '{shutdown}'" if shutdown else entry.message
