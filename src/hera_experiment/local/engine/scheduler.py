"""Makes the workflows of CronWorkflows when it is time, as long as there is a server.

Source: ``workflow/cron/operator.go`` and ``workflow/cron/controller.go`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hera_experiment.argo.conditions import ExpressionError, holds
from hera_experiment.argo.phases import SUCCEEDED
from hera_experiment.local.engine.keeper import LABEL_CRON, workflow_of_cron
from hera_experiment.local.engine.node import moment, timestamp
from hera_experiment.local.engine.schedules import parse
from hera_experiment.local.engine.substitution import SubstitutionError, replace
from hera_experiment.local.engine.when import WhenError, should_execute
from hera_experiment.local.errors import AlreadyExists, ApiError, NotFound
from hera_experiment.local.store import Run, Store
from hera_experiment.local.store.kept import CRON_WORKFLOW, Json

LABEL_STOPPED = "cronworkflows.argoproj.io/completed"
ANNOTATION_SCHEDULE = "cronworkflows.argoproj.io/last-used-schedule"
ACTIVE, STOPPED = "Active", "Stopped"
"""The phases of a CronWorkflow; empty until it has made its first workflow."""

SUBMISSION_ERROR, SPEC_ERROR = "SubmissionError", "SpecError"

_PROPAGATED = tuple(
    f"workflows.argoproj.io/{name}"
    for name in ("creator", "creator-email", "creator-preferred-username")
)
_KEPT_SUCCESSES, _KEPT_FAILURES = 3, 1
_LONGEST_WAIT = 60.0
"""Seconds after which the clock is looked at again: somebody may have set it."""


@dataclass
class _Due:
    """When a CronWorkflow is due, by the schedules of which that is true."""

    schedules: str
    next: datetime | None


class Scheduler:
    """A thread that makes workflows of the CronWorkflows in ``store``.

    ``submit`` creates a workflow, ``terminate`` ends and ``delete`` forgets one, by namespace and
    name; ``clock`` returns the present moment with its time zone.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        *,
        submit: Callable[[Json], Json],
        terminate: Callable[[str, str], object],
        delete: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._submit = submit
        self._terminate = terminate
        self._delete = delete
        self._due: dict[tuple[str, str], _Due] = {}
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look at the clock."""
        self._thread = threading.Thread(target=self._go_on, name="scheduler", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Make no more workflows."""
        self._closing.set()
        with self._store.publish(milestone=True):
            pass  # the bell alone
        if self._thread is not None:
            self._thread.join()

    def _go_on(self) -> None:
        while not self._closing.is_set():
            milestone = self._store.milestone
            try:
                wait = self.look()
            except Exception:  # One CronWorkflow that nobody foresaw must not end all others.
                traceback.print_exc()
                wait = _LONGEST_WAIT
            if milestone == self._store.milestone or wait <= 0:
                self._store.wait_milestone(milestone, timeout=max(wait, 0.0))

    def look(self) -> float:
        """Make what is due and tidy up; return in how many seconds to look again at the latest."""
        crons = self._store.kept.list("", CRON_WORKFLOW)
        keys = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in crons}
        self._due = {key: due for key, due in self._due.items() if key in keys}
        waits = [_LONGEST_WAIT]
        for cron in crons:
            if self._closing.is_set():
                break
            self._tidy(cron)
            due = self._take_due(cron)
            if due is not None and due.next is not None:
                waits.append((due.next - self._clock()).total_seconds())
        return max(min(waits), 0.0)

    def _take_due(self, cron: Json) -> _Due | None:
        """Make the workflow of ``cron`` if it is time; return when it is time again."""
        metadata, spec = cron["metadata"], cron["spec"]
        if (metadata.get("labels") or {}).get(LABEL_STOPPED) == "true":
            return None
        key = metadata["namespace"], metadata["name"]
        now, schedules = self._clock(), _words(spec)
        due = self._due.get(key)
        if due is None or due.schedules != schedules:
            missed = self._missed(cron, now)
            if missed is not None:
                self._run(cron, missed)
            due = self._due[key] = _Due(schedules, _next(spec, now))
        elif due.next is not None and due.next <= now:
            scheduled, due.next = due.next, _next(spec, now)
            self._run(cron, scheduled)
        return due

    def _missed(self, cron: Json, now: datetime) -> datetime | None:
        """Return the last moment when nobody was there to make its workflow, if it may be late."""
        spec, status = cron["spec"], cron.get("status") or {}
        last, limit = status.get("lastScheduledTime"), spec.get("startingDeadlineSeconds")
        used = (cron["metadata"].get("annotations") or {}).get(ANNOTATION_SCHEDULE)
        if not last or limit is None or used != _words(spec):
            return None
        earliest = max(moment(last), now - timedelta(seconds=limit))
        for words in _schedules(spec):
            schedule = parse(words, spec.get("timezone") or "")
            missed, following = None, schedule.next(earliest)
            while following is not None and following < now:
                missed, following = following, schedule.next(following)
            if missed is not None:
                return missed
        return None

    def _run(self, cron: Json, scheduled: datetime) -> None:
        metadata = cron["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        annotations = {ANNOTATION_SCHEDULE: _words(cron["spec"])}
        status, labels = dict(cron.get("status") or {}), {}
        try:
            if _stops(cron):
                status["phase"], labels = STOPPED, {LABEL_STOPPED: "true"}
            elif self._may_run(cron):
                made = self._submit(_workflow_of(cron, scheduled))
                status["active"] = [*(status.get("active") or ()), _reference(made)]
                status["phase"] = ACTIVE
                status["lastScheduledTime"] = timestamp(scheduled)
                status["conditions"] = _without(status.get("conditions"), SUBMISSION_ERROR)
        except AlreadyExists:
            pass  # Two schedules meet in one minute.
        except (ExpressionError, SubstitutionError, WhenError) as error:
            status = _with_error(status, SUBMISSION_ERROR, f"run policy error: {error}")
        except ApiError as error:
            why = f"Failed to submit Workflow: {error.message}"
            status = _with_error(status, SUBMISSION_ERROR, why)
        self._write(namespace, name, status, labels, annotations)

    def _may_run(self, cron: Json) -> bool:
        """Tell whether a workflow is made now; raises what :func:`should_execute` does."""
        spec, status = cron["spec"], cron.get("status") or {}
        if spec.get("suspend") or status.get("phase") == STOPPED:
            return False
        if when := spec.get("when"):
            known = {f"cronworkflow.{key}": str(value) for key, value in _facts(cron).items()}
            if not should_execute(replace(when, known.__getitem__)):
                return False
        active = status.get("active") or ()
        policy = spec.get("concurrencyPolicy") or "Allow"
        if policy == "Forbid" and active:
            return False
        for reference in active if policy == "Replace" else ():
            try:
                self._terminate(reference["namespace"], reference["name"])
            except ApiError:
                continue  # It has ended, or is gone.
        return True

    def _tidy(self, cron: Json) -> None:
        """Count what has ended, and forget what is more than shall be kept."""
        metadata, spec = cron["metadata"], cron["spec"]
        namespace, name = metadata["namespace"], metadata["name"]
        runs = [run for run in self._store.runs(namespace) if _made_by(run, metadata)]
        status = dict(cron.get("status") or {})
        known = {run.metadata.get("uid"): run for run in runs}
        active, labels = [], {}
        for reference in status.get("active") or ():
            run = known.get(reference.get("uid"))
            if run is not None and not run.finished:
                active.append(reference)
            elif run is not None:
                key = "succeeded" if run.status.get("phase") == SUCCEEDED else "failed"
                status[key] = status.get(key, 0) + 1
        if active != list(status.get("active") or ()):
            status["active"] = active or None
            try:
                if _stops({**cron, "status": status}):
                    status["phase"], labels = STOPPED, {LABEL_STOPPED: "true"}
            except ExpressionError as error:
                status = _with_error(status, SPEC_ERROR, str(error))
            self._write(namespace, name, status, labels, {})
            cron["status"] = status
        ended = [run for run in runs if run.finished]
        for succeeded, field, kept in (
            (True, "successfulJobsHistoryLimit", _KEPT_SUCCESSES),
            (False, "failedJobsHistoryLimit", _KEPT_FAILURES),
        ):
            alike = [run for run in ended if (run.status.get("phase") == SUCCEEDED) is succeeded]
            alike.sort(key=lambda run: str(run.status.get("finishedAt")), reverse=True)
            for run in alike[max(spec.get(field, kept), 0) :]:
                self._delete(run.namespace, run.name)

    def _write(
        self,
        namespace: str,
        name: str,
        status: Mapping[str, Any],
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
    ) -> None:
        def changed(old: Json) -> Json:
            metadata = dict(old["metadata"])
            for kind, values in (("labels", labels), ("annotations", annotations)):
                if values:
                    metadata[kind] = {**(metadata.get(kind) or {}), **values}
            return {**old, "metadata": metadata, "status": dict(status)}

        try:
            self._store.kept.change(namespace, CRON_WORKFLOW, name, changed)
        except NotFound:
            return  # It was deleted meanwhile.


def _schedules(spec: Json) -> list[str]:
    single = spec.get("schedule")
    return list(spec.get("schedules") or ([single] if single else []))


def _words(spec: Json) -> str:
    zone = spec.get("timezone")
    return ",".join(f"CRON_TZ={zone} {each}" if zone else each for each in _schedules(spec))


def _next(spec: Json, after: datetime) -> datetime | None:
    found = (parse(words, spec.get("timezone") or "").next(after) for words in _schedules(spec))
    return min((each for each in found if each is not None), default=None)


def _workflow_of(cron: Json, scheduled: datetime) -> Json:
    metadata = cron["metadata"]
    name = f"{metadata['name']}-{int(scheduled.timestamp())}"
    own = {"name": name, "namespace": metadata["namespace"]}
    made = workflow_of_cron(cron, own, timestamp(scheduled))
    known = metadata.get("labels") or {}
    propagated = {key: known[key] for key in _PROPAGATED if key in known}
    made["metadata"]["labels"] = {**propagated, **made["metadata"]["labels"]}
    return made


def _made_by(run: Run, metadata: Json) -> bool:
    own = run.metadata
    if (own.get("labels") or {}).get(LABEL_CRON) != metadata["name"]:
        return False
    owners = own.get("ownerReferences") or ()
    return any(owner.get("uid") == metadata["uid"] for owner in owners)


def _reference(made: Json) -> dict[str, Any]:
    metadata = made["metadata"]
    return {
        "kind": "Workflow",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "apiVersion": "argoproj.io/v1alpha1",
        "resourceVersion": metadata.get("resourceVersion", ""),
    }


def _facts(cron: Json) -> dict[str, Any]:
    """Return the variables of a CronWorkflow, without the word before them."""
    metadata, status = cron["metadata"], cron.get("status") or {}
    labels, annotations = (metadata.get(key) or {} for key in ("labels", "annotations"))
    return {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "labels.json": json.dumps(labels),
        "annotations.json": json.dumps(annotations),
        "failed": status.get("failed", 0),
        "succeeded": status.get("succeeded", 0),
        "lastScheduledTime": status.get("lastScheduledTime"),
        **{f"labels.{key}": value for key, value in labels.items()},
    }


def _stops(cron: Json) -> bool:
    """Tell whether its ``stopStrategy`` says that it is done; raises ExpressionError."""
    expression = (cron["spec"].get("stopStrategy") or {}).get("expression")
    if not expression:
        return False
    return holds(expression, {f"cronworkflow.{key}": v for key, v in _facts(cron).items()})


def _without(conditions: Any, kind: str) -> list[Json] | None:
    return [each for each in conditions or () if each.get("type") != kind] or None


def _with_error(status: Json, kind: str, message: str) -> Json:
    failed = status.get("failed", 0) + (kind == SUBMISSION_ERROR)
    condition = {"type": kind, "status": "True", "message": message}
    conditions = [*(_without(status.get("conditions"), kind) or ()), condition]
    return {**status, "failed": failed, "conditions": conditions}
