"""The engine: creates workflows and runs them, each in its own thread."""

from __future__ import annotations

import copy
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

from hera_experiment.argo.names import (
    ANNOTATION_CACHE,
    ANNOTATION_FROM,
    ANNOTATION_ONLY,
    ANNOTATION_POD_NAMES,
    ANNOTATION_RUNTIME,
    LABEL_COMPLETED,
    LABEL_CREATOR,
    LABEL_PHASE,
    generated_name,
)
from hera_experiment.argo.phases import ERROR, FAILED, RUNNING, SUCCEEDED
from hera_experiment.argo.workflows import specification
from hera_experiment.errors import UserError
from hera_experiment.local.artifacts.repository import Repository
from hera_experiment.local.artifacts.secret_values import secret_value
from hera_experiment.local.cache.tasks import DoneTasks
from hera_experiment.local.engine.archiving import (
    ON_COMPLETION,
    ON_DELETION,
    WorkflowArtifacts,
)
from hera_experiment.local.engine.claims import remove_claims
from hera_experiment.local.engine.conditions import conditions, spec_warnings
from hera_experiment.local.engine.config_values import config_value
from hera_experiment.local.engine.execution import (
    STORED_SPEC,
    STORED_TEMPLATES,
    executed,
    merged_spec,
    with_all_templates,
)
from hera_experiment.local.engine.http import AT_A_TIME
from hera_experiment.local.engine.keeper import Keeper
from hera_experiment.local.engine.locks import Locks
from hera_experiment.local.engine.machine import STOP, TERMINATE
from hera_experiment.local.engine.memoization import Caches
from hera_experiment.local.engine.node import POD, timestamp
from hera_experiment.local.engine.operator import Operator
from hera_experiment.local.engine.pool import Pool
from hera_experiment.local.engine.rerun import plan_rerun
from hera_experiment.local.engine.resume import Choice, Earlier, plan_resumption
from hera_experiment.local.engine.scheduler import Scheduler
from hera_experiment.local.engine.shared import Shared
from hera_experiment.local.engine.suspend import Change, change_suspended, no_match, resume
from hera_experiment.local.engine.validation import check_generated_name, checked, judged
from hera_experiment.local.errors import (
    AlreadyExists,
    ApiError,
    InvalidWorkflow,
    NotFound,
    Unsupported,
)
from hera_experiment.local.runtimes.base import AUTO, Runtime
from hera_experiment.local.store import Run, Store

_ATTEMPTS_AT_A_NAME = 10
_BEGUN_LABELS = {LABEL_COMPLETED: "false", LABEL_PHASE: RUNNING}


class Engine:
    """Runs the workflows of ``store``.

    ``runtime`` returns a runtime by name, ``parallelism`` pods run at a time, ``clock`` returns
    the present moment with its time zone, ``random_suffix`` five characters for a generated name.
    Timers go by ``monotonic``, whatever the clock is set to.
    """

    def __init__(
        self,
        *,
        store: Store,
        runtime: Callable[[str], Runtime],
        parallelism: int,
        clock: Callable[[], datetime],
        random_suffix: Callable[[], str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._clock = clock
        self._random_suffix = random_suffix
        self.keeper = Keeper(store, clock, random_suffix)
        self.scheduler = Scheduler(
            store, clock, submit=self.create, terminate=self.terminate, delete=self.delete
        )
        self._shared = Shared(
            pool=Pool(parallelism),
            requests=Pool(AT_A_TIME),
            objects=store.objects,
            locks=Locks(partial(config_value, store.objects)),
            caches=Caches(store.objects, clock),
            repository=Repository(store.root, partial(secret_value, store.objects)),
            now=clock,
            monotonic=monotonic,
        )
        self._done_tasks = DoneTasks(store.objects.root / "cache")
        self._operators: dict[tuple[str, str], Operator] = {}
        self._lock = threading.Lock()
        self._closing = False

    def create(
        self,
        manifest: Mapping[str, Any],
        *,
        creator: str = "",
        runtime: str = AUTO,
        dry_run: bool = False,
        keep_name: bool = True,
    ) -> dict[str, Any]:
        """Check a workflow, keep it and begin to run it; return it as it was kept.

        ``creator`` becomes a label. ``dry_run`` keeps and runs nothing; with ``keep_name`` it does
        not even make a name of ``generateName``.

        Raises
        ------
        InvalidWorkflow
            When it breaks one of Argo's rules.
        Unsupported
            When it asks for something that the engine or the runtime does not interpret.
        AlreadyExists
            When a workflow of that name exists.
        """
        workflow = checked(manifest, kept=self.keeper.kept_for(_namespace(manifest)))
        chosen = self._runtime(runtime)
        if creator:
            labels = {**workflow["metadata"].get("labels", {}), LABEL_CREATOR: creator}
            workflow["metadata"]["labels"] = labels
        name = workflow["metadata"].get("name", "")
        if dry_run and keep_name:
            _ask(chosen, self._to_run(workflow))
            return _fresh(workflow)
        if not name and not workflow["metadata"].get("generateName"):
            raise InvalidWorkflow("resource name may not be empty: set name or generateName")
        return self._keep(workflow, chosen, dry_run=dry_run, attempts=_ATTEMPTS_AT_A_NAME)

    def make_ready(self, runtime: str) -> None:
        """Have ``runtime`` before a workflow asks for it, which hears why it is not to be had."""
        with suppress(UserError):
            self._runtime(runtime)

    def lint(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Return a workflow that Argo calls valid, whether it is interpreted here or not.

        Raises :class:`InvalidWorkflow` in Argo's words.
        """
        kept = self.keeper.kept_for(_namespace(manifest))
        return _fresh(judged(manifest, lint=True, kept=kept))

    def stop(
        self, namespace: str, name: str, selector: str = "", message: str = ""
    ) -> dict[str, Any]:
        """End a workflow, or let the suspended nodes fail that ``selector`` names.

        ``message`` becomes theirs. Raises :class:`ApiError` when the workflow has ended.
        """
        if selector:
            return self._change(namespace, name, selector, Change(FAILED, message))
        return self._shut_down(namespace, name, STOP)

    def set_nodes(self, namespace: str, name: str, selector: str, change: Change) -> dict[str, Any]:
        """Change the suspended nodes that ``selector`` names; raises :class:`ApiError`."""
        if change.phase not in ("", SUCCEEDED, FAILED, ERROR):
            raise InvalidWorkflow(f"{change.phase} is an invalid phase to set to")
        if not selector:
            raise ApiError(
                "'set' currently only targets suspend nodes, use a node field selector to target "
                "them"
            )
        return self._change(namespace, name, selector, change)

    def suspend(self, namespace: str, name: str) -> dict[str, Any]:
        """Begin nothing more in a workflow; raises :class:`ApiError` when it has ended."""
        run = self._store.get(namespace, name)
        operator = self._operator(namespace, name)
        if run.finished or operator is None:
            raise ApiError(
                "timed out waiting for the condition: cannot suspend completed workflows"
            )
        run.update(spec={"suspend": True})
        operator.pause(True)
        return run.as_dict()

    def resume(self, namespace: str, name: str, selector: str = "") -> dict[str, Any]:
        """Go on with a suspended workflow, and with its suspended nodes or some of them.

        Raises :class:`ApiError` when ``selector`` names none.
        """
        if selector:
            return self._change(namespace, name, selector, Change(SUCCEEDED))
        run = self._store.get(namespace, name)
        operator = self._operator(namespace, name)
        if operator is not None and not run.finished:
            if run.manifest["spec"].get("suspend"):
                run.update(spec={"suspend": None})
            operator.ask(resume)
            operator.pause(False)
        return run.as_dict()

    def _change(self, namespace: str, name: str, selector: str, change: Change) -> dict[str, Any]:
        run = self._store.get(namespace, name)
        operator = self._operator(namespace, name)
        if run.finished or operator is None:
            raise ApiError(no_match(selector))
        operator.ask(lambda machine: change_suspended(machine, selector, change))
        return run.as_dict()

    def terminate(self, namespace: str, name: str) -> dict[str, Any]:
        """End a workflow without its exit handlers."""
        return self._shut_down(namespace, name, TERMINATE)

    def retry(
        self,
        namespace: str,
        name: str,
        restart_successful: bool = False,
        node_field_selector: str = "",
    ) -> dict[str, Any]:
        """Run what failed in a workflow again, or all that the selector names."""
        run = self._store.get(namespace, name)
        with self._ended_run(run, "retry"):
            plan = plan_rerun(
                run.name,
                str(run.status.get("phase")),
                dict(run.nodes),
                restart_successful=restart_successful,
                selector=node_field_selector,
                now=timestamp(self._clock()),
            )
            runtime = self._runtime(run.manifest["metadata"]["annotations"][ANNOTATION_RUNTIME])
            workflow = {**run.manifest, "status": run.status}
            manifest = with_all_templates(workflow, self.keeper.kept_for(run.namespace))
            _ask(runtime, manifest)
            run.remove_logs(frozenset(plan.removed))
            run.update(
                status=self._begun_again(runtime, manifest),
                labels={LABEL_COMPLETED: None, LABEL_PHASE: RUNNING},
                spec={"shutdown": None, "suspend": None},
                nodes=plan.changed,
                remove_nodes=plan.removed,
            )
            # Taken before it runs, for a short workflow may be over before the answer is read.
            answer = run.as_dict()
            self._start(run, runtime)
        return answer

    def _resume(
        self, run: Run, workflow: dict[str, Any], choice: Choice, runtime: Runtime
    ) -> dict[str, Any]:
        """Go on with a workflow that has ended, as it is given now; see :mod:`~.resume`."""
        given = workflow["metadata"]
        with self._ended_run(run, "go on with"):
            whole = self._to_run(workflow)
            _ask(runtime, whole)
            before = executed({**run.manifest, "status": run.status})["spec"]
            plan = plan_resumption(run.name, choice, before, dict(run.nodes), whole["spec"])
            run.remove_logs(frozenset(plan.removed))
            labels = run.metadata.get("labels") or {}
            annotations = {ANNOTATION_RUNTIME: runtime.name, ANNOTATION_POD_NAMES: "v2"}
            gone = dict.fromkeys((ANNOTATION_FROM, ANNOTATION_ONLY, ANNOTATION_CACHE))
            run.update(
                status={
                    **self._begun_again(runtime, whole),
                    "outputs": None,
                    STORED_SPEC: whole["status"].get(STORED_SPEC),
                    STORED_TEMPLATES: whole["status"].get(STORED_TEMPLATES),
                },
                labels={**labels, **given.get("labels", {}), **_BEGUN_LABELS},
                annotations={**gone, **given.get("annotations", {}), **annotations},
                spec={**dict.fromkeys([*run.manifest["spec"], "shutdown"]), **workflow["spec"]},
                remove_nodes=plan.removed,
            )
            answer = run.as_dict()
            self._start(run, runtime, plan.earlier)
        return answer

    @contextmanager
    def _ended_run(self, run: Run, what: str) -> Iterator[None]:
        """Hold a run that has ended, and which nobody else begins again meanwhile."""
        operator = self._operator(run.namespace, run.name)
        if run.finished and operator is not None:
            # The end is seen a moment before the thread that brought it about is gone.
            operator.join()
        with self._lock:
            if self._closing:
                raise ApiError("the local server is about to end")
            if not run.finished or (run.namespace, run.name) in self._operators:
                phase = run.status.get("phase")
                raise InvalidWorkflow(f"Cannot {what} a workflow in phase {phase}")
            yield

    def _begun_again(self, runtime: Runtime, manifest: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "phase": RUNNING,
            "message": None,
            "startedAt": timestamp(self._clock()),
            "finishedAt": None,
            "conditions": _conditions(runtime, manifest),
        }

    def delete(self, namespace: str, name: str) -> None:
        """End a workflow, wait until its processes are gone, and forget it."""
        run = self._store.get(namespace, name)
        operator = self._operator(namespace, name)
        if operator is not None:
            operator.shut_down(TERMINATE, for_good=True)
            operator.join()
        remove_claims(run, self._store.objects)
        artifacts = self.artifacts(run)
        for node in list(run.nodes.values()):
            if node["type"] == POD:
                strategies = (ON_COMPLETION, ON_DELETION)
                artifacts.collect(
                    node.get("templateName") or "", node.get("outputs") or {}, strategies
                )
        self._store.delete(run.namespace, run.name)

    def artifacts(self, run: Run) -> WorkflowArtifacts:
        """Return what reads, and removes, the artifacts of a workflow."""
        spec, objects = specification(run.as_dict()), self._store.objects
        return WorkflowArtifacts(run.name, spec, objects, self._shared.repository)

    def busy(self) -> bool:
        """Tell whether a workflow is running."""
        with self._lock:
            return bool(self._operators)

    def close(self) -> None:
        """Terminate what runs and return when all processes are gone."""
        self.scheduler.close()
        with self._lock:
            self._closing = True
            operators = list(self._operators.values())
        for operator in operators:
            operator.run.update(spec={"shutdown": TERMINATE})
            operator.shut_down(TERMINATE, for_good=True)
        for operator in operators:
            operator.join()
        self._shared.pool.close()

    def _keep(
        self, workflow: dict[str, Any], runtime: Runtime, *, dry_run: bool, attempts: int
    ) -> dict[str, Any]:
        metadata = workflow["metadata"]
        generate = not metadata.get("name")
        if not generate and not dry_run and (choice := Choice.of(workflow)):
            with suppress(NotFound):
                run = self._store.get(metadata["namespace"], metadata["name"])
                return self._resume(run, workflow, choice, runtime)
        while True:
            attempts -= 1
            if generate:
                metadata["name"] = generated_name(metadata["generateName"], self._random_suffix())
                check_generated_name(metadata["name"])
            metadata["uid"] = str(uuid.uuid4())
            metadata["creationTimestamp"] = timestamp(self._clock())
            if dry_run:
                self._check_free(metadata["namespace"], metadata["name"])
                _ask(runtime, self._to_run(workflow))
                return _fresh(workflow)
            try:
                return self._run(workflow, runtime)
            except AlreadyExists:
                if not generate or not attempts:
                    raise

    def _run(self, workflow: dict[str, Any], runtime: Runtime) -> dict[str, Any]:
        metadata = workflow["metadata"]
        self._check_free(metadata["namespace"], metadata["name"])
        whole = self._to_run(workflow)
        _ask(runtime, whole)
        answer = _fresh(copy.deepcopy(workflow))
        answer["metadata"].setdefault("annotations", {})[ANNOTATION_RUNTIME] = runtime.name
        kept = {**workflow, "metadata": _begun_metadata(metadata, runtime.name)}
        begun = _conditions(runtime, whole)
        with self._lock:
            if self._closing:
                raise ApiError("the local server is about to end")
            run = self._store.create(kept)
            run.update(
                status={
                    "phase": RUNNING,
                    "startedAt": metadata["creationTimestamp"],
                    "progress": "0/0",
                    "conditions": begun,
                    **whole["status"],
                }
            )
            self._start(run, runtime)
        answer["metadata"]["resourceVersion"] = str(run.version)
        return answer

    def _start(self, run: Run, runtime: Runtime, earlier: Earlier | None = None) -> None:
        caches = bool((run.metadata.get("annotations") or {}).get(ANNOTATION_CACHE))
        operator = Operator(
            run,
            self._shared,
            runtime=runtime,
            kept=self.keeper.kept_for(run.namespace),
            ended=self._ended,
            earlier=earlier,
            done_tasks=self._done_tasks if caches else None,
        )
        self._operators[run.namespace, run.name] = operator
        operator.start()

    def _operator(self, namespace: str, name: str) -> Operator | None:
        with self._lock:
            return self._operators.get((namespace, name))

    def _ended(self, operator: Operator) -> None:
        with self._lock:
            self._operators.pop((operator.run.namespace, operator.run.name), None)

    def _shut_down(self, namespace: str, name: str, strategy: str) -> dict[str, Any]:
        run = self._store.get(namespace, name)
        operator = self._operator(namespace, name)
        if run.finished or operator is None:
            raise ApiError(
                "cannot shutdown a completed workflow: "
                f'workflow: "{name}", namespace: "{namespace}"'
            )
        run.update(spec={"shutdown": strategy})
        operator.shut_down(strategy)
        return run.as_dict()

    def _to_run(self, workflow: dict[str, Any]) -> dict[str, Any]:
        """Return the workflow with all that it can call, and what its status is to keep of that."""
        kept = self.keeper.kept_for(workflow["metadata"]["namespace"])
        spec = merged_spec(workflow, kept)
        status = {} if spec is None else {STORED_SPEC: spec}
        return with_all_templates({**workflow, "status": status}, kept)

    def _check_free(self, namespace: str, name: str) -> None:
        try:
            self._store.get(namespace, name)
        except NotFound:
            return
        raise AlreadyExists(f'workflows.argoproj.io "{name}" already exists')


def _namespace(manifest: Mapping[str, Any]) -> str:
    metadata = manifest.get("metadata")
    return str(metadata.get("namespace", "")) if isinstance(metadata, Mapping) else ""


def _ask(runtime: Runtime, manifest: Mapping[str, Any]) -> None:
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    if annotations.get(ANNOTATION_CACHE) and not runtime.sees_files:
        raise Unsupported(
            f"CACHE=1 needs to see which files a task reads, which RUNTIME={runtime.name} does not"
            " show: use RUNTIME=bubblewrap, or leave CACHE out"
        )
    if refusals := runtime.refusals(manifest):
        raise Unsupported("; ".join(refusals))


def _conditions(runtime: Runtime, manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    return [*conditions(completed=False), *spec_warnings(manifest, runtime)]


def _fresh(manifest: dict[str, Any]) -> dict[str, Any]:
    return {**manifest, "status": {"startedAt": None, "finishedAt": None}}


def _begun_metadata(metadata: Mapping[str, Any], runtime: str) -> dict[str, Any]:
    """Return the metadata of a workflow that begins to run in ``runtime``."""
    annotations = {**metadata.get("annotations", {}), ANNOTATION_POD_NAMES: "v2"}
    annotations[ANNOTATION_RUNTIME] = runtime
    labels = {**metadata.get("labels", {}), **_BEGUN_LABELS}
    return {**metadata, "annotations": annotations, "labels": labels}
