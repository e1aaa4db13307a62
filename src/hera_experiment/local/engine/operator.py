"""Runs one workflow: takes one event after the other and writes down what changed.

Whoever has the turn does that: the operator's own thread, or a worker whose pod has ended and who
runs the next one right after. To wake another thread for each would cost a fifth of all that is
done for a small task.

Source: ``operate`` and ``markWorkflowPhase`` in ``workflow/controller/operator.go`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from hera_experiment.argo.names import LABEL_COMPLETED, LABEL_PHASE
from hera_experiment.argo.phases import ERROR, FAILED, PENDING, RUNNING, SUCCEEDED
from hera_experiment.local.cache.tasks import DoneTasks
from hera_experiment.local.engine.archiving import ON_COMPLETION, WorkflowArtifacts
from hera_experiment.local.engine.claims import ClaimError, end_of_claims, make_claims
from hera_experiment.local.engine.conditions import SPEC_WARNING, conditions
from hera_experiment.local.engine.config_values import config_value
from hera_experiment.local.engine.entry import Entry
from hera_experiment.local.engine.events import Event, Events
from hera_experiment.local.engine.execution import STORED_TEMPLATES, executed, templates_of
from hera_experiment.local.engine.executor import Executor
from hera_experiment.local.engine.global_outputs import exported, restore_outputs
from hera_experiment.local.engine.group_progress import update_groups
from hera_experiment.local.engine.http import Answer, send
from hera_experiment.local.engine.locks import LockError, WorkflowLocks
from hera_experiment.local.engine.machine import TERMINATE, Limiter, Machine
from hera_experiment.local.engine.node import POD, Node, moment, timestamp
from hera_experiment.local.engine.nodes import Nodes, SameIdentifier
from hera_experiment.local.engine.own_metadata import MetadataError, add_own_metadata
from hera_experiment.local.engine.pods import Launcher
from hera_experiment.local.engine.pool import Job
from hera_experiment.local.engine.resume import Earlier
from hera_experiment.local.engine.shared import Shared
from hera_experiment.local.engine.substitution import lasting, substitute
from hera_experiment.local.engine.templates import Kept
from hera_experiment.local.engine.variables import Globals
from hera_experiment.local.errors import ApiError
from hera_experiment.local.runtimes.base import Runtime
from hera_experiment.local.store import Run

PROGRESS_SECONDS = 1.0
"""How often the progress of groups is summed up while the workflow runs."""

_ANSWER_SECONDS = 1.0


class Operator:
    """What runs one workflow; ``ended`` is called when it has written its last word."""

    def __init__(
        self,
        run: Run,
        shared: Shared,
        *,
        runtime: Runtime,
        kept: Kept,
        ended: Callable[[Operator], None],
        earlier: Earlier | None = None,
        done_tasks: DoneTasks | None = None,
    ) -> None:
        self.run = run
        self._objects = shared.objects
        self._now = shared.now
        self._monotonic = monotonic = shared.monotonic
        self._ended = ended
        self._events = Events(monotonic)
        # Nobody waits for it but the operator's own thread.
        self._turn = threading.Lock()
        self._status: dict[str, Any] = {}
        self._labels: dict[str, str] = {}
        self._annotations: dict[str, str] = {}
        self._progress_due = began = monotonic()
        self._over = False
        # Argo looks at the pods from its second pass on; a workflow that is retried has had one.
        self._looked = bool(run.nodes)
        self._paused = bool(run.manifest["spec"].get("suspend"))
        self._waits = False
        # Those who wait until what they asked for is written down.
        self._answers: list[threading.Event] = []
        self._done = threading.Event()
        workflow = {**run.manifest, "status": run.status}
        manifest = executed(workflow)
        self._begun = bool(run.nodes) and earlier is None
        nodes = map(Node.parse, [] if earlier else list(run.nodes.values()))
        self._nodes = Nodes(run.name, shared.now, nodes, monotonic)
        config = partial(config_value, shared.objects)
        variables = Globals(manifest, lambda: monotonic() - began, config)
        if self._begun:
            variables.looked_at_again(run.metadata)
        restore_outputs(run.status.get("outputs") or {}, variables)
        # Templates have their globals replaced when they run, with what is known then.
        rest = {key: value for key, value in manifest["spec"].items() if key != "templates"}
        spec: dict[str, Any] = substitute(rest, lasting(variables))
        whole = {**spec, "templates": manifest["spec"]["templates"]}
        self._artifacts = WorkflowArtifacts(run.name, whole, shared.objects, shared.repository)
        self._launcher = Launcher(
            run, runtime, shared.pool, self._artifacts, self._post, self._happen, done_tasks
        )
        limit = spec.get("activeDeadlineSeconds")
        self._machine = Machine(
            workflow=run.name,
            spec=spec,
            nodes=self._nodes,
            variables=variables,
            templates=templates_of(workflow, kept, spec.get("templateDefaults")),
            config=config,
            caches=shared.caches,
            limiter=Limiter(self._nodes, spec.get("parallelism")),
            started=moment(run.status["startedAt"]),
            now=monotonic,
            later=self._events.later,
            at=self._events.at,
            launch=self._launcher.launch,
            end_daemons=self._launcher.end_daemons,
            export=self._export,
            earlier=earlier,
            deadline=None if limit is None else began + limit,
        )
        self._stored = len(self._machine.templates.stored)
        self._requests = shared.requests
        self._machine.request = self._send
        self._machine.locks = WorkflowLocks(
            shared.locks,
            run.metadata,
            int(spec.get("priority") or 0),
            lambda: self._post(self._ask_again),
            lambda status: self._status.update(synchronization=status),
        )
        self._machine.shutdown = str(spec.get("shutdown") or "")
        self._launcher.machine = self._machine
        self._entry = Entry(self._machine, self._launcher, self._conclude)
        executor = Executor(self._machine)
        self._machine.execute = executor.execute
        self._machine.begin = executor.begin
        self._thread = threading.Thread(target=self._operate, name=f"operator {run.name}")
        self._thread.daemon = True

    def start(self) -> None:
        """Begin to run the workflow."""
        self._thread.start()

    def shut_down(self, strategy: str, *, for_good: bool = False) -> None:
        """End the workflow, from any thread; ``strategy`` is Stop or Terminate.

        A suspended one ends when it is resumed, as in Argo, or at once ``for_good``.
        """

        def event() -> None:
            if for_good:
                self._paused = self._waits = False
            self._shut_down(strategy)

        self._post(event)

    def ask(self, change: Callable[[Machine], None]) -> None:
        """Change the workflow, from any thread, and return when that is written down.

        Raises :class:`ApiError` as ``change`` does, and when the workflow has ended.
        """
        failure: list[ApiError] = []
        done = threading.Event()

        def event() -> None:
            try:
                change(self._machine)
            except ApiError as error:
                failure.append(error)
            self._answers.append(done)

        self._post(event)
        while not done.wait(_ANSWER_SECONDS) and not self._done.is_set():
            continue
        if failure:
            raise failure[0]

    def pause(self, paused: bool) -> None:
        """Begin nothing more, or go on, from any thread."""

        def change(_: Machine) -> None:
            self._paused = paused

        self.ask(change)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the workflow has ended; tell whether it has."""
        return self._done.wait(timeout)

    def _post(self, event: Event) -> None:
        """Let ``event`` happen soon, in the operator's thread; from any thread."""
        self._events.put(event)
        self._events.ring()

    def _happen(self, *events: Event) -> None:
        """Let ``events`` happen now, or soon if somebody has the turn; from a thread without locks.

        Who has the turn takes them, or the operator's thread, which waits for it.
        """
        for event in events:
            self._events.put(event)
        if self._turn.acquire(blocking=False):
            try:
                self._guarded(self._step)
            finally:
                self._turn.release()
            if not self._over and not self._events.pending:
                return
        self._events.ring()

    def _operate(self) -> None:
        try:
            with self._turn:
                self._guarded(self._first_step)
            while not self._over:
                self._events.wait()
                with self._turn:
                    self._guarded(self._step)
        finally:
            # Daemons have been told to end; none may be left when others believe that all is over.
            self._launcher.join()
            self._ended(self)
            self._done.set()
            self._answer()

    def _guarded(self, step: Event) -> None:
        """Call ``step``; when it fails, the workflow ends. It raises nothing: a worker goes on."""
        try:
            try:
                step()
            except SameIdentifier as error:
                self._break_off(str(error), str(error))
        except Exception as error:  # Whatever it is, the workflow must come to an end.
            traceback.print_exc()
            with suppress(Exception):
                self._break_off("the local engine failed", f"the local engine failed: {error}")
            self._over = True

    def _break_off(self, why: str, message: str) -> None:
        self._launcher.stop_all(why, on_exit=True)
        self._conclude(ERROR, message)
        self._flush()

    def _first_step(self) -> None:
        self._begin()
        self._settle()
        self._machine.variables.looked_at_again(self.run.metadata)

    def _step(self) -> None:
        if self._over:
            return
        self._looked = True
        self._events.take(self._drain)
        self._settle()

    def _begin(self) -> None:
        machine = self._machine
        if problem := machine.variables.problem:
            self._conclude(FAILED, f"failed to set global parameters: {problem}")
            return
        try:
            self._give_metadata()
        except MetadataError as error:
            self._conclude(ERROR, str(error))
            return
        if self._artifacts.problem:
            self._conclude(ERROR, self._artifacts.problem)
            return
        if machine.spec.get("synchronization") and not self._lock(machine.spec["synchronization"]):
            return
        self._begin_entry()

    def _lock(self, synchronization: Mapping[str, Any]) -> bool:
        """Tell whether the workflow has its locks; if not, it waits for them."""
        machine = self._machine
        try:
            outcome = machine.locks.acquire(synchronization)
        except LockError as error:
            self._conclude(FAILED, f"Failed to acquire the synchronization lock. {error}")
            return False
        if outcome.waits_for:
            self._waits = True
            self._status.update(phase=PENDING, message=outcome.message, startedAt=None)
            self._labels[LABEL_PHASE] = PENDING
            machine.locks.waiting[""] = lambda: self._lock_again(synchronization)
        return not outcome.waits_for

    def _lock_again(self, synchronization: Mapping[str, Any]) -> None:
        if not self._lock(synchronization):
            return
        self._waits = False
        machine, now = self._machine, self._now()
        machine.locks.waiting.pop("", None)
        machine.started = now
        if (limit := machine.spec.get("activeDeadlineSeconds")) is not None:
            machine.deadline = self._monotonic() + limit
        self._status.update(phase=RUNNING, message=None, startedAt=timestamp(now))
        self._labels[LABEL_PHASE] = RUNNING
        self._begin_entry()

    def _ask_again(self) -> None:
        if not self._over:
            self._machine.later(self._machine.locks.ask_again)

    def _begin_entry(self) -> None:
        machine = self._machine
        try:
            self._launcher.claims = make_claims(self.run, self._objects)
        except ClaimError as error:
            self._conclude(ERROR, str(error))
            return
        if machine.deadline is not None:
            self._events.at(machine.deadline, self._deadline_passed)
        self._entry.begin()

    def _give_metadata(self) -> None:
        """Give the workflow the labels and annotations that it asks for, once."""
        machine = self._machine
        if self._begun or "workflowMetadata" not in machine.spec:
            return
        labels, annotations = add_own_metadata(machine.spec, machine.variables)
        self._labels.update(labels)
        self._annotations.update(annotations)
        machine.spec = substitute(machine.spec, lasting(machine.variables))

    def _settle(self) -> None:
        self._drain()
        self._flush()
        self._answer()

    def _drain(self) -> None:
        # What has ended is written down while a workflow is suspended; what follows waits.
        while not self._paused:
            self._events.run_later()
            for observe in list(self._machine.observers.values()):
                observe()
            if not self._machine.limiter.resume_waiting() and self._events.idle:
                self._nodes.has_new_daemon = False
                return

    def _flush(self) -> None:
        if self._over:
            update_groups(self._nodes, all_nodes=True)
        elif self._monotonic() >= self._progress_due:
            self._progress_due = self._monotonic() + PROGRESS_SECONDS
            update_groups(self._nodes, all_nodes=False)
        nodes, children = self._nodes.take_changes()
        gone: list[str] = []
        if self._over and self._machine.earlier is not None:
            # What an earlier run finished, and the workflow has no longer.
            gone = [key for key in self.run.nodes if key not in self._nodes.by_id]
        changed = nodes or children or gone
        if not (changed or self._status or self._labels or self._annotations):
            return
        status, labels, annotations = self._status, self._labels, self._annotations
        self._status, self._labels, self._annotations = {}, {}, {}
        status["progress"] = self._nodes.progress
        if len(stored := self._machine.templates.stored) > self._stored:
            self._stored = len(stored)
            status[STORED_TEMPLATES] = dict(stored)
        self.run.update(
            status=status,
            nodes=nodes,
            children=children,
            labels=labels,
            annotations=annotations,
            remove_nodes=gone,
        )

    def _answer(self) -> None:
        answers, self._answers = self._answers, []
        for answer in answers:
            answer.set()

    def _send(self, http: Mapping[str, Any], answered: Callable[[Answer], None]) -> None:
        def work() -> None:
            answer = send(http, self._objects)
            self._happen(lambda: answered(answer))

        priority = int(self._machine.spec.get("priority") or 0)
        self._requests.submit(Job(work, self.run.name, priority))

    def _export(self, outputs: Mapping[str, Any] | None) -> None:
        """Make outputs with a ``globalName`` outputs of the workflow."""
        known = self._status.get("outputs") or self.run.status.get("outputs") or {}
        now = exported(outputs or {}, known, self._machine.variables)
        if now is not known:
            self._status["outputs"] = now

    def _shut_down(self, strategy: str) -> None:
        if self._over:
            return
        self._machine.shut_down(strategy)
        why = f"workflow shutdown with strategy:  {strategy}"
        self._launcher.stop_all(why, on_exit=strategy == TERMINATE)
        self._machine.end_held()
        # What waits for another attempt learns that there will be none.
        self._events.fire_timers()
        if self._waits:
            if strategy == TERMINATE:
                # Argo's verdict on what never began; one that is stopped waits on.
                self._status["startedAt"] = timestamp(self._now())
                self._conclude(SUCCEEDED, "")
            return
        if self._nodes.get(self._machine.workflow) is None and not self._paused:
            # With a parallelism of 0 the entry template waits for ever; in Argo it still does.
            self._conclude(FAILED, f"Stopped with strategy '{strategy}'")

    def _deadline_passed(self) -> None:
        self._launcher.stop_all("Step exceeded its deadline", on_exit=False)
        self._machine.end_held()
        # What waits for another attempt learns that there will be none.
        self._events.fire_timers()

    def _conclude(self, phase: str, message: str) -> None:
        self._over = True
        self._launcher.end_daemons("")
        self._machine.locks.end()
        ended = conditions(completed=True, running=self._nodes.has_new_daemon)
        self._status.update(
            {
                "phase": phase,
                "message": message or None,
                "finishedAt": timestamp(self._now()),
                "conditions": [
                    *ended[0 if self._looked and self._nodes.total else 1 :],
                    *(c for c in self.run.status["conditions"] if c["type"] == SPEC_WARNING),
                ],
            }
        )
        self._status.update(end_of_claims(self.run, phase, self._objects))
        for node in self._nodes.by_id.values():
            if node.type == POD and node.outputs and node.outputs.get("artifacts"):
                left = self._artifacts.collect(node.template, node.outputs, (ON_COMPLETION,))
                if left is not None:
                    node.outputs = left
                    self._nodes.touch(node)
        self._labels.update({LABEL_COMPLETED: "true", LABEL_PHASE: phase})
