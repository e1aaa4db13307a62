"""A pod: its node, from Pending to its end, and its way to a worker thread.

Source: ``executeContainer``, ``assessNodeStatus`` in ``workflow/controller/operator.go`` and
``createWorkflowPod`` in ``workflowpod.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from hera_experiment.argo.go_text import seconds
from hera_experiment.argo.names import ANNOTATION_LIMITS, ANNOTATION_PROGRESS, OBJECT_NAME, pod_name
from hera_experiment.argo.phases import (
    ERROR,
    FAILED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    is_progress,
)
from hera_experiment.local.artifacts.errors import ArtifactFailure
from hera_experiment.local.artifacts.pod import plain_path
from hera_experiment.local.cache.tasks import DoneTasks
from hera_experiment.local.engine.archiving import WorkflowArtifacts
from hera_experiment.local.engine.arguments import substitute_all
from hera_experiment.local.engine.events import Event
from hera_experiment.local.engine.machine import Attempt, Machine
from hera_experiment.local.engine.node import CONTAINER, HOST, POD, Node
from hera_experiment.local.engine.pod_patch import PatchError, patched
from hera_experiment.local.engine.pool import Job, Pool
from hera_experiment.local.engine.substitution import SubstitutionError
from hera_experiment.local.engine.validation.labels import SUBDOMAIN_RULE
from hera_experiment.local.runtimes.base import (
    BEGAN,
    GRACE_SECONDS,
    HERE,
    NEVER_RAN,
    ContainerState,
    News,
    Pod,
    PodResult,
    Progress,
    Runtime,
    Usage,
)
from hera_experiment.local.store import Run

_STOP_AGAIN = 1.0
_BAD_PATCH = "Error applying PodSpecPatch"
_NO_STATE = "Pod Failed whilst container running"
POD_DEADLINE = "Pod was active on the node longer than the specified deadline"


def start_pod(machine: Machine, attempt: Attempt) -> Node:
    """Make the node of a pod and have the pod run."""
    call = attempt.call
    node = machine.make_node(attempt, POD, PENDING)
    # Of what a daemon in a container leaves nobody waits for the report.
    if not (attempt.template.get("daemon") and "container" in attempt.template):
        node.synced = True
    if call.template.inline is not None:
        body = {key: part for key, part in attempt.template.items() if key != "daemon"}
        attempt = replace(attempt, template=body)
    strategy = machine.stopping(call)
    if strategy or (machine.overdue and not call.on_exit):
        reason = (
            f"workflow shutdown with strategy: {strategy}"
            if strategy
            else "Step exceeded its deadline"
        )
        _make_containers(machine, attempt, node)
        machine.end(attempt, node, FAILED, reason)
        return node
    name = pod_name(machine.workflow, attempt.name, call.template.short_name)
    template = attempt.template
    if problem := _bad_limit(template) or _bad_path(template) or _bad_name(name):
        machine.end(attempt, node, ERROR, problem, error=problem)
        return node
    try:
        attempt = replace(attempt, template=_patched(machine, attempt))
    except PatchError:
        machine.end(attempt, node, ERROR, _BAD_PATCH, error=_BAD_PATCH)
        return node
    _set_initial_progress(machine, attempt, node)
    captures = call.boundary is not None and call.task in call.boundary.results
    machine.launch(attempt, node, captures)
    _make_containers(machine, attempt, node)
    return node


def end_pod(machine: Machine, attempt: Attempt, node: Node, result: PodResult, why: str) -> None:
    """Write down how a pod ended; ``why`` is the reason when the engine ended it, or empty."""
    if not why:
        if result.placed or result.exit_code is not None:
            node.host = HOST
        node.outputs = _outputs(attempt.template, result) or None
        machine.export(node.outputs)
    elif why == POD_DEADLINE and result.exit_code is not None:
        node.host = HOST
        node.outputs = {"exitCode": str(result.exit_code)}
    phase, message = _end(attempt, result, why)
    for container in machine.nodes.containers(node):
        if not container.fulfilled:
            what = why if why and why != POD_DEADLINE else _NO_STATE
            machine.nodes.mark(container, FAILED, what)
    if result.taken_from and phase == SUCCEEDED:
        node.memoization = {"hit": True, "key": result.key, "cacheName": result.taken_from}
    if node.daemoned:
        machine.lose_daemon(attempt, node, phase, message)
    else:
        machine.end(attempt, node, phase, message)


def _end(attempt: Attempt, result: PodResult, why: str) -> tuple[str, str]:
    """Return the phase and the message of a pod that has ended."""
    if why:
        return FAILED, why
    if result.error:
        return ERROR, result.message
    # A daemon is to run until it is ended.
    if result.message or result.exit_code or attempt.template.get("daemon"):
        return FAILED, result.message
    return SUCCEEDED, result.remark


def _patched(machine: Machine, attempt: Attempt) -> Mapping[str, Any]:
    """Return the template as patches of the workflow and its own change it."""
    template = attempt.template
    patches = [
        str(owner["podSpecPatch"])
        for owner in (machine.spec, template)
        if owner.get("podSpecPatch")
    ]
    if not patches:
        return template
    local = {"pod.name": pod_name(machine.workflow, attempt.name, attempt.call.template.short_name)}
    holder = {"inputs": template.get("inputs"), "patches": patches}
    try:
        known = substitute_all(holder, machine.variables, local)["patches"]
    except SubstitutionError as error:
        raise PatchError(str(error)) from None
    return patched(template, known, machine.spec)


def _set_initial_progress(machine: Machine, attempt: Attempt, node: Node) -> None:
    for owner in (attempt.template.get("metadata"), machine.spec.get("podMetadata")):
        text = str(((owner or {}).get("annotations") or {}).get(ANNOTATION_PROGRESS, ""))
        if is_progress(text):
            machine.nodes.set_progress(node, text)
            return


def _make_containers(machine: Machine, attempt: Attempt, node: Node) -> None:
    """Make the nodes of the containers of a set.

    Source: ``executeContainerSet`` in ``workflow/controller/container_set_template.go``.
    """
    containers = (attempt.template.get("containerSet") or {}).get("containers") or ()
    names = {each["name"]: f"{node.name}.{each['name']}" for each in containers}
    for name in names.values():
        machine.nodes.create(
            name,
            CONTAINER,
            PENDING,
            template=attempt.call.template,
            boundary=node.id,
            flag=attempt.flag,
        )
    for each in containers:
        parents = [machine.nodes.get(names[d]) for d in each.get("dependencies") or ()]
        for parent in parents or [node]:
            if parent is not None:
                machine.nodes.connect(parent, names[each["name"]])


def _bad_path(template: Mapping[str, Any]) -> str:
    """Return what is wrong with the path of an input artifact, or nothing."""
    for artifact in (template.get("inputs") or {}).get("artifacts") or ():
        try:
            plain_path(artifact)
        except ArtifactFailure as error:
            return f"error in inputs.artifacts.{artifact['name']}: {error}"
    return ""


def _bad_name(name: str) -> str:
    """Return what Kubernetes says of the name of a pod, or nothing if it may be called so."""
    if OBJECT_NAME.fullmatch(name):
        return ""
    return f'Pod "{name}" is invalid: metadata.name: Invalid value: "{name}": {SUBDOMAIN_RULE}'


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
    if result.exit_code is None:
        # No container main, or it never began: nothing was left.
        return {}
    outputs["exitCode"] = str(result.exit_code)
    return outputs


@dataclass(eq=False)
class _Launched:
    attempt: Attempt
    node: Node
    pod: Pod
    why: str
    queued: str
    stopped: bool = False
    begun: str = ""
    began: float = 0.0
    untold: bool = False
    job: Job | None = None
    over: threading.Event = field(default_factory=threading.Event)


def _usage(launched: _Launched, used: Usage | None, ended: str) -> dict[str, Any] | None:
    """Return when a pod was queued, began and ended, and what it used, None if it never began."""
    if not launched.begun:
        return None
    found: dict[str, Any] = {"queued": launched.queued, "began": launched.begun, "ended": ended}
    if used is not None:
        found |= {"cpu": round(used.cpu, 3), "memory": used.memory}
        if used.at_most:
            found["memoryAtMost"] = True
    return found


class Launcher:
    """Launches pods for ``machine``.

    ``post`` gives an event to the operator, from any thread, ``happen`` lets events happen, from a
    thread that holds no lock.
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
        post: Callable[[Event], None],
        happen: Callable[..., None],
        done_tasks: DoneTasks | None = None,
    ) -> None:
        self._run = run
        self._artifacts = artifacts
        self._runtime = runtime
        self._folders = run.folder / "pods"
        self._pool = pool
        self._post = post
        self._happen = happen
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
            folder=self._folders / node.id,
            log=run.log_path(node.id),
            capture_result=captures,
            security=template.get("securityContext")
            or self.machine.spec.get("securityContext", {}),
            done_tasks=self._done_tasks,
            hosts=[*self._of_workflow("hostAliases"), *(template.get("hostAliases") or ())],
            grace_seconds=float(template.get("terminationGracePeriodSeconds", GRACE_SECONDS)),
            artifacts=self._artifacts.of(self.machine, node, template),
            is_inline=attempt.call.template.inline is not None,
            keeps_limits=bool((run.metadata.get("annotations") or {}).get(ANNOTATION_LIMITS)),
        )
        launched = _Launched(attempt, node, pod, "", self.machine.nodes.clock())
        self._launched[node.id] = launched
        self._set_timeout(launched)
        launched.job = Job(
            lambda: self._work(launched), self._owner_of(launched), priority=self._priority
        )
        self._pool.submit(launched.job)

    def end_daemons(self, boundary: str) -> None:
        """End the daemons that ``boundary`` has made, which has ended.

        Source: ``killDaemonedChildren`` in ``workflow/controller/exec_control.go``.
        """
        for node in self.machine.nodes.daemons.pop(boundary, ()):
            if node.daemoned:
                node.daemoned = None
                self.machine.nodes.mark(node, SUCCEEDED)
                if launched := self._launched.get(node.id):
                    self._stop(launched)

    def join(self) -> None:
        """End what still runs and return when all processes have ended."""
        for launched in list(self._launched.values()):
            if not launched.stopped:
                launched.why = launched.why or "the workflow has ended"
                self._stop(launched)
        for launched in list(self._launched.values()):
            launched.over.wait()

    def stop_all(self, why: str, *, on_exit: bool) -> None:
        """End all pods; their nodes are Failed with the message ``why``.

        Those of the exit handler only if ``on_exit``.
        """
        self._stopping.set()
        stopped = [
            it
            for it in self._launched.values()
            # A daemon ends with its boundary.
            if (on_exit or not it.attempt.call.on_exit) and not it.node.daemoned
        ]
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

            def announce(news: News) -> None:
                if news in ("", BEGAN):
                    launched.untold = news == BEGAN
                    if not launched.begun:
                        launched.begun = self.machine.nodes.clock()
                        launched.began = self.machine.now()
                if news != BEGAN:
                    self._post(lambda: self._heard(launched, news))

            try:
                result = self._runtime.run(launched.pod, announce)
            except Exception as error:  # A runtime that fails must not take a worker with it.
                result = PodResult(None, f"{type(error).__name__}: {error}", error=True)
        launched.over.set()
        # A start that was not told yet is written down together with the end.
        told = [partial(self._heard, launched, "")] if launched.untold else []
        self._happen(*told, partial(self._finished, launched, result))

    def _heard(self, launched: _Launched, news: News) -> None:
        node, nodes = launched.node, self.machine.nodes
        if isinstance(news, ContainerState):
            self._container_changed(launched, news)
        elif node.fulfilled:
            return
        elif isinstance(news, Progress):
            nodes.set_progress(node, news.text)
        elif isinstance(news, str):
            self._announced(launched, news)
        elif not launched.why:
            self.machine.be_daemon(launched.attempt, node, HERE)
            if launched.job is not None:
                self._pool.release(launched.job)

    def _container_changed(self, launched: _Launched, state: ContainerState) -> None:
        node = self.machine.nodes.get(f"{launched.node.name}.{state.name}")
        if node is None or node.fulfilled or launched.why not in ("", POD_DEADLINE):
            return
        if state.exit_code is None:
            self.machine.nodes.mark(node, RUNNING)
        elif state.exit_code == 0:
            self.machine.nodes.mark(node, SUCCEEDED)
        else:
            phase = ERROR if state.exit_code == NEVER_RAN else FAILED
            self.machine.nodes.mark(node, phase, state.message)

    def _announced(self, launched: _Launched, text: str) -> None:
        node, nodes = launched.node, self.machine.nodes
        if not text:
            node.host = HOST
            # Argo counts from the pod's creation; here a pod may queue behind the processors for
            # most of its life, and a task's duration is to be its own.
            nodes.start(node, launched.began)
        # A daemon that cannot be used yet still is pending.
        waits = text or launched.attempt.template.get("daemon")
        nodes.mark(node, PENDING if waits else RUNNING, text)
        if launched.why:
            self._runtime.stop(node.id, launched.pod.grace_seconds)
        deadline = launched.attempt.template.get("activeDeadlineSeconds")
        if not text and deadline is not None:
            end = self.machine.now() + float(deadline)
            self.machine.at(end, lambda: self._expire(launched, POD_DEADLINE, end))

    def _finished(self, launched: _Launched, result: PodResult) -> None:
        if self._launched.pop(launched.node.id, None) is None:
            return
        launched.node.usage = _usage(launched, result.usage, self.machine.nodes.clock())
        if (files := result.files) is not None:
            launched.node.files = {"read": list(files.read), "written": list(files.written)}
        if launched.node.fulfilled and not launched.node.daemoned:
            return  # A daemon that was ended.
        end_pod(self.machine, launched.attempt, launched.node, result, launched.why)

    def _set_timeout(self, launched: _Launched) -> None:
        timeout = launched.attempt.template.get("timeout")
        if timeout:
            end = self.machine.now() + seconds(timeout)
            self.machine.at(end, lambda: self._expire(launched, POD_DEADLINE, end))
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
        launched.stopped = True
        self._runtime.stop(node.id, launched.pod.grace_seconds)
        if node.phase == PENDING:
            self.machine.at(self.machine.now() + _STOP_AGAIN, lambda: self._stop(launched))
