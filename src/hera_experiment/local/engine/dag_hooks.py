"""When the hooks and exit handlers of a DAG's tasks run, and what waits for them.

Source: ``executeDAG``, ``executeDAGTask`` and ``assessDAGPhase`` in
``workflow/controller/dag.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from hera_experiment.argo.phases import COMPLETED, ERROR
from hera_experiment.local.engine.hooks import Hooks, Place, exit_hook, named_hooks
from hera_experiment.local.engine.machine import Machine
from hera_experiment.local.engine.node import DAG, RETRY, STEPS, Node
from hera_experiment.local.engine.substitution import Lookup

_BY_THEMSELVES = (STEPS, DAG, RETRY)
"""The types of nodes that end when Argo comes to them, in their turn; a pod ends when it does."""


class Tasks(Protocol):
    """The DAG whose tasks have the hooks."""

    machine: Machine

    @property
    def given_up(self) -> bool:
        """True when it begins nothing more and errs."""

    def task_node(self, task: str) -> Node | None:
        """Return the node of a task."""

    def seen_by(self, task: str) -> Lookup:
        """Return what looks up the variables that a task sees."""

    def after(self, task: str) -> Iterable[str]:
        """Return the tasks that wait for a task."""

    def settle(self, task: str) -> None:
        """Learn that a task has ended, and let begin what waited for it alone."""

    def hooks_ended(self) -> None:
        """Learn that hooks have ended for which nothing but the end of the DAG waits."""

    def give_up(self, why: str) -> None:
        """Begin nothing more and err."""

    def err(self, why: str) -> None:
        """Err at once, whatever still runs."""


class DagHooks:
    """The hooks of the ``tasks`` of ``dag``; ``targets`` are those that Argo always looks at."""

    def __init__(
        self,
        dag: Tasks,
        tasks: Mapping[str, Mapping[str, Any]],
        place: Place,
        targets: Iterable[str],
    ) -> None:
        self._dag = dag
        self._tasks = tasks
        self._place = place
        self._targets = frozenset(targets)
        self._hooks: dict[str, Hooks | None] = {}
        # The names of tasks and nodes whose hooks may still run.
        self._open: set[str] = set()
        # The tasks that end while Argo looks at those that wait for them, which then begin first.
        self._late: set[str] = set()
        # The items of loops whose exit handlers are to run; the loops of which one runs.
        self._exits: dict[str, list[Node]] = {}
        self._exiting: set[str] = set()
        # What closes a loop once the last of its handlers has begun.
        self._closing: dict[str, Callable[[], None]] = {}

    @property
    def open(self) -> bool:
        """True while hooks run, or may yet."""
        return bool(self._open)

    def watch(self, task: str, node: Node) -> None:
        """Let the hooks of a task, if it has any, watch its node."""
        if hooks := self._of(task):
            self._open.add(task)
            hooks.watch(node, early=task in self._targets)

    def ends_late(self, task: str) -> None:
        """Say that Argo learns of the end of a task when it looks at what waits for it."""
        self._late.add(task)

    def run(self, task: str) -> None:
        """Run what follows a task that is fulfilled, then let the DAG settle it."""
        hooks, node = self._of(task), self._dag.task_node(task)
        if hooks is None or node is None or self._dag.given_up:
            self._settle(task)
        elif task in self._targets or not self._is_late(task, node, hooks):
            hooks.ended(node, lambda: self._settle(task))
        else:
            self._run_late(task, node, hooks)

    def item_ended(self, task: str, node: Node) -> None:
        """Run the exit handler of an item of a loop, one after the other."""
        last = exit_hook(self._tasks[task], self._dag.machine)
        if last is not None and node.phase in COMPLETED:
            self._exits.setdefault(task, []).append(node)
            self._next_exit(task, last)

    def after_items(self, task: str, close: Callable[[], None]) -> None:
        """Call ``close`` when a loop ends whose items have ended.

        Argo does not come to the items after one whose exit handler runs. Those that are pods have
        ended all the same, and the loop with them; the others end in their turn.
        """
        waiting = self._exits.get(task)
        if waiting and waiting[0].type in _BY_THEMSELVES:
            self._closing[task] = close
        else:
            close()

    def group_ended(self, task: str) -> None:
        """Learn that a loop has ended.

        Argo waits for an exit handler that runs no longer than for the last item, and then begins
        no more of them.
        """
        self._exits.pop(task, None)
        if task not in self._exiting:
            self._late.add(task)

    def _is_late(self, task: str, node: Node, hooks: Hooks) -> bool:
        # What ends by itself, Argo asks for its handler at once, and for the others next time.
        by_itself = node.expired or node.type in _BY_THEMSELVES
        return task in self._late or (by_itself and not hooks.handles_the_end)

    def _run_late(self, task: str, node: Node, hooks: Hooks) -> None:
        self._open.add(task)
        self._dag.settle(task)
        after = [self._dag.task_node(each) for each in self._dag.after(task)]
        if all(found is not None and found.fulfilled for found in after):
            # Then Argo has no reason to look at it again.
            self._ended(task)
        else:
            hooks.ended(node, lambda: self._ended(task))

    def _next_exit(self, task: str, last: Mapping[str, Any]) -> None:
        waiting = self._exits.get(task)
        if not waiting or task in self._exiting:
            return
        node = waiting.pop(0)
        self._exiting.add(task)
        self._open.add(node.name)

        def done() -> None:
            self._exiting.discard(task)
            self._open.discard(node.name)
            self._next_exit(task, last)
            self._dag.hooks_ended()

        self._made(task, {}, last).ended(node, done)
        if not waiting and (close := self._closing.pop(task, None)):
            close()

    def _settle(self, task: str) -> None:
        self._open.discard(task)
        self._dag.settle(task)

    def _ended(self, task: str) -> None:
        self._open.discard(task)
        self._dag.hooks_ended()

    def _of(self, task: str) -> Hooks | None:
        if task not in self._hooks:
            named = named_hooks(self._tasks[task])
            last = exit_hook(self._tasks[task], self._dag.machine)
            has_any = bool(named) or last is not None
            self._hooks[task] = self._made(task, named, last) if has_any else None
        return self._hooks[task]

    def _made(self, task: str, named: Mapping[str, Any], last: Mapping[str, Any] | None) -> Hooks:
        place = replace(self._place, prefix=f"tasks.{task}", lookup=self._dag.seen_by(task))

        def failed(node: Node, why: str, last: bool) -> None:
            if not node.fulfilled:
                self._dag.err(why)
                return
            if last:
                # Argo drops the error of an exit handler; the handler's node has it.
                return
            if node.progress == "1/1":
                # To Argo it erred before it succeeded.
                node.progress = "0/1"
            self._dag.machine.nodes.mark(node, ERROR, why)
            if task in self._targets:
                self._dag.give_up(why)

        return Hooks(self._dag.machine, place, named, last, failed)
