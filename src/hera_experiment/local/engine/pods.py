"""One container or script: its node, from Pending to its end, and its way to a worker thread.

Source: ``executeContainer``, ``assessNodeStatus`` in ``workflow/controller/operator.go`` and
``createWorkflowPod`` in ``workflowpod.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hera_experiment.argo.go_text import seconds
from hera_experiment.argo.names import pod_name
from hera_experiment.argo.phases import ERROR, FAILED, PENDING, RUNNING, SUCCEEDED
from hera_experiment.local.cache.tasks import DoneTasks
from hera_experiment.local.engine.archiving import WorkflowArtifacts
from hera_experiment.local.engine.machine import Attempt, Machine
from hera_experiment.local.engine.nodes import HOST, POD, Node
from hera_experiment.local.engine.pool import Job, Pool
from hera_experiment.local.runtimes.base import Pod, PodResult, Runtime
from hera_experiment.local.store import Run

GRACE_SECONDS = 10.0
"""How long the processes of a pod have to end by themselves."""

_STOP_AGAIN = 1.0
_POD_DEADLINE = "Pod was active on the node longer than the specified deadline"


def start_pod(machine: Machine, attempt: Attempt) -> Node:
    """Make the node of a pod and have the pod run."""
    call = attempt.call
    node = machine.make_node(attempt, POD, PENDING)
    node.synced = True
    strategy = machine.stopping(call)
    if strategy or (machine.overdue and not call.on_exit):
        reason = (
            f"workflow shutdown with strategy: {strategy}"
            if strategy
            else "Step exceeded its deadline"
        )
        machine.end(attempt, node, FAILED, reason)
        return node
    if problem := _bad_limit(attempt.template):
        machine.end(attempt, node, ERROR, problem, error=problem)
        return node
    captures = call.boundary is not None and call.task in call.boundary.results
    machine.launch(attempt, node, captures)
    return node


def end_pod(machine: Machine, attempt: Attempt, node: Node, result: PodResult, why: str) -> None:
    """Write down how a pod ended; ``why`` is the reason when the engine ended it, or empty."""
    if result.placed and not why:
        node.host = HOST
    if result.exit_code is not None and not why:
        node.host = HOST
        node.outputs = _outputs(attempt.template, result)
        machine.export(node.outputs)
    if why:
        machine.end(attempt, node, FAILED, why)
    elif result.error or result.exit_code is None:
        machine.end(attempt, node, ERROR, result.message)
    elif result.exit_code == 0 and not result.message:
        if result.taken_from:
            node.memoization = {"hit": True, "key": result.key, "cacheName": result.taken_from}
        machine.end(attempt, node, SUCCEEDED, result.remark)
    else:
        machine.end(attempt, node, FAILED, result.message)


def _bad_limit(template: Mapping[str, Any]) -> str:
    """Return what is wrong with limits in time that were known only now, or nothing."""
    deadline = str(template.get("activeDeadlineSeconds", 0))
    if not re.fullmatch(r"\d+", deadline, re.ASCII):
        return f"value '{deadline}' cannot be resolved to an int"
    try:
        seconds(template.get("timeout") or "0")
    except ValueError as error:
        return str(error)
    return ""


def _outputs(template: Mapping[str, Any], result: PodResult) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    parameters = []
    for parameter in (template.get("outputs") or {}).get("parameters") or ():
        found = (
            {"value": result.parameters[n]} if (n := parameter["name"]) in result.parameters else {}
        )
        parameters.append({**parameter, **found})
    if parameters:
        outputs["parameters"] = parameters
    if result.artifacts:
        outputs["artifacts"] = list(result.artifacts.values())
    if result.result is not None:
        outputs["result"] = result.result
    outputs["exitCode"] = str(result.exit_code)
    return outputs


@dataclass(eq=False)
class _Launched:
    attempt: Attempt
    node: Node
    pod: Pod
    why: str = ""


class Launcher:
    """Launches pods for ``machine``; ``post`` gives an event to the operator, from any thread.

    ``done_tasks`` is where what has been done is looked for. ``claims`` are the volumes that the
    workflow has for itself.
    """

    machine: Machine

    def __init__(
        self,
        run: Run,
        runtime: Runtime,
        pool: Pool,
        artifacts: WorkflowArtifacts,
        post: Callable[[Callable[[], None]], None],
        done_tasks: DoneTasks | None = None,
    ) -> None:
        self._run = run
        self._artifacts = artifacts
        self._runtime = runtime
        self._pool = pool
        self._post = post
        self._done_tasks = done_tasks
        self.claims: list[dict[str, Any]] = []
        self._launched: dict[str, _Launched] = {}
        # Read by the workers: no pod begins once it is set.
        self._stopping = threading.Event()
        # One for each operator: jobs of an earlier run of this workflow are not ours.
        self._owner = f"{run.namespace}/{run.name}/{id(self)}"

    def launch(self, attempt: Attempt, node: Node, captures: bool) -> None:
        """Have the pod of ``node`` run as soon as a worker is free."""
        template = attempt.template
        run = self._run
        pod = Pod(
            namespace=run.namespace,
            workflow_name=run.name,
            node_id=node.id,
            name=pod_name(run.name, node.name, node.template_id.short_name),
            template=template,
            volumes=[*self.claims, *self._of_workflow("volumes"), *(template.get("volumes") or ())],
            folder=run.folder / "pods" / node.id,
            log=run.log_path(node.id),
            capture_result=captures,
            security=template.get("securityContext")
            or self.machine.spec.get("securityContext", {}),
            done_tasks=self._done_tasks,
            hosts=[*self._of_workflow("hostAliases"), *(template.get("hostAliases") or ())],
            artifacts=self._artifacts.of(self.machine, node, template),
        )
        launched = _Launched(attempt, node, pod)
        self._launched[node.id] = launched
        self._set_timeout(launched)
        self._pool.submit(
            Job(lambda: self._work(launched), self._owner_of(launched), self._priority)
        )

    def stop_all(self, why: str, *, on_exit: bool) -> None:
        """End all pods; their nodes are Failed with the message ``why``.

        Those of the exit handler only if ``on_exit``.
        """
        self._stopping.set()
        stopped = [it for it in self._launched.values() if on_exit or not it.attempt.call.on_exit]
        waiting = [
            job
            for owner in {self._owner_of(launched) for launched in stopped}
            for job in self._pool.take_back(owner)
        ]
        for launched in stopped:
            launched.why = launched.why or why
        for job in waiting:
            job.run()
        for launched in stopped:
            self._stop(launched)

    @property
    def _priority(self) -> int:
        return int(self.machine.spec.get("priority") or 0)

    def _owner_of(self, launched: _Launched) -> str:
        return f"{self._owner}/exit" if launched.attempt.call.on_exit else self._owner

    def _of_workflow(self, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.machine.spec.get(key) or []
        return found

    def _work(self, launched: _Launched) -> None:
        """Run the pod; in a worker's thread."""
        on_exit = launched.attempt.call.on_exit
        if launched.why or (self._stopping.is_set() and not on_exit):
            result = PodResult(None, launched.why, error=True)
        else:
            try:
                result = self._runtime.run(
                    launched.pod, lambda text: self._post(lambda: self._announced(launched, text))
                )
            except Exception as error:  # A runtime that fails must not take a worker with it.
                result = PodResult(None, f"{type(error).__name__}: {error}", error=True)
        self._post(lambda: self._finished(launched, result))

    def _announced(self, launched: _Launched, text: str) -> None:
        node, nodes = launched.node, self.machine.nodes
        if node.fulfilled:
            return
        if not text:
            node.host = HOST
            # Argo counts from the pod's creation; here a pod may queue behind the processors for
            # most of its life, and a task's duration is to be its own.
            nodes.start(node)
        nodes.mark(node, PENDING if text else RUNNING, text)
        if launched.why:
            self._runtime.stop(node.id, GRACE_SECONDS)
        deadline = launched.attempt.template.get("activeDeadlineSeconds")
        if not text and deadline is not None:
            end = self.machine.now() + float(deadline)
            self.machine.at(end, lambda: self._expire(launched, _POD_DEADLINE, end))

    def _finished(self, launched: _Launched, result: PodResult) -> None:
        if self._launched.pop(launched.node.id, None) is None:
            return
        end_pod(self.machine, launched.attempt, launched.node, result, launched.why)

    def _set_timeout(self, launched: _Launched) -> None:
        timeout = launched.attempt.template.get("timeout")
        if timeout:
            end = self.machine.now() + seconds(timeout)
            self.machine.at(end, lambda: self._expire(launched, _POD_DEADLINE, end))
        if (deadline := launched.attempt.deadline) is not None:
            why = "Step exceeded its deadline"
            self.machine.at(deadline, lambda: self._expire(launched, why, deadline))

    def _expire(self, launched: _Launched, why: str, end: float) -> None:
        if launched.node.id in self._launched and not launched.why and self.machine.now() < end:
            # All timers are called when a workflow is shut down; an exit handler goes on.
            self.machine.at(end, lambda: self._expire(launched, why, end))
        elif launched.node.id in self._launched:
            launched.why = launched.why or why
            self._stop(launched)

    def _stop(self, launched: _Launched) -> None:
        """Stop a pod; again later when its worker may not yet have come to begin it."""
        node = launched.node
        if node.id not in self._launched:
            return
        self._runtime.stop(node.id, GRACE_SECONDS)
        if node.phase == PENDING:
            self.machine.at(self.machine.now() + _STOP_AGAIN, lambda: self._stop(launched))
