"""Follows workflows over Argo's watch, and goes on after a stream has dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, Protocol

from hera_experiment.argo.tasks import Workflow, is_finished, name_of
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import NOT_FOUND, ArgoRefusal
from hera_experiment.results.artifact_files import ArtifactSource
from hera_experiment.waiting import Backoff

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_WORTH_A_WORD = 3.0

_TOO_MANY, _SERVER_FAILS = 429, 500
_MAY_PASS = (401, 403, NOT_FOUND)
_PATIENCE_WITH_REFUSALS = 20.0
"""Seconds in which a server that has answered before may refuse: Argo's does so while its own
connection to Kubernetes is down."""


Key = tuple[str, str]
"""Namespace and name of a workflow."""


class WorkflowSource(ArtifactSource, Protocol):
    """The read-only part of ``platform.argo_client.ArgoClient`` that following uses.

    All raise ``OSError`` when the connection cannot be made or drops, and
    :class:`~hera_experiment.errors.UserError` when the server refuses.
    """

    def get_workflow(self, namespace: str, name: str) -> dict[str, Any]:
        """Return one workflow; raises ``ArgoRefusal`` with status 404 for none."""

    def list_workflows(self, namespace: str, *, labels: str = "") -> list[dict[str, Any]]:
        """Return the workflows with these labels, of all namespaces when it is empty."""

    def watch_workflows(
        self, namespace: str, *, labels: str = "", fields: str = ""
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield ``("ADDED" | "MODIFIED" | "DELETED", workflow)``, those that exist first."""

    def workflow_logs(
        self, namespace: str, name: str, *, pod: str, tail_lines: int | None = None
    ) -> Iterator[str]:
        """Yield the lines of the main container of one pod."""


class WorkflowClient(WorkflowSource, Protocol):
    """What following and interrupting a session asks of it."""

    def terminate_workflow(self, namespace: str, name: str) -> Any:
        """End a workflow at once, exit handlers apart."""


@dataclass(frozen=True)
class WorkflowEvent:
    """One state of one workflow; ``deleted`` when it exists no longer."""

    workflow: dict[str, Any]
    deleted: bool = False

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.deleted or is_finished(self.workflow)


def key_of(workflow: Workflow) -> Key:
    """Return what tells ``workflow`` from all others."""
    return str(workflow["metadata"].get("namespace", "")), name_of(workflow)


def is_older(workflow: Workflow, other: Workflow) -> bool:
    """Tell whether ``workflow`` is an earlier state than ``other``."""
    return _version(workflow) < _version(other)


def _version(workflow: Workflow) -> int:
    version = str(workflow["metadata"].get("resourceVersion") or "0")
    return int(version) if version.isdigit() else 0


_ALIKE = (
    *("type", "phase", "templateName", "templateScope", "boundaryID", "hostNodeName"),
    *("startedAt", "finishedAt", "progress"),
)


def _share(workflow: dict[str, Any]) -> None:
    """Let the nodes share what many of them have: a fifth of their memory."""
    known: dict[str, str] = {}
    nodes: dict[str, dict[str, Any]] = (workflow.get("status") or {}).get("nodes") or {}
    for node in nodes.values():
        for key in _ALIKE:
            value = node.get(key)
            if isinstance(value, str):
                node[key] = known.setdefault(value, value)


class Follower:
    """Yields each state of the workflows of ``namespace`` (of all when empty) with ``labels``.

    ``name`` narrows it to one workflow. A stream that ends or breaks is opened again after a
    pause, which doubles from 0.1 s to 5 s while nothing arrives; what happened in between is then
    asked for. A server that fails (500 and above, 429) is one that will answer again. After
    ``patience`` seconds without an answer it gives up. ``dropped`` hears, once for each time, that
    the connection is lost (with the reason) and that it is back (empty).
    """

    def __init__(
        self,
        source: WorkflowSource,
        namespace: str,
        *,
        labels: str = "",
        name: str = "",
        patience: float = 60.0,
        dropped: Callable[[str], None] = lambda why: None,
        pause: Callable[[float], None] = sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._source = source
        self._namespace = namespace
        self._labels = labels
        self._name = name
        self._patience = patience
        self._dropped = dropped
        self._pause = pause
        self._clock = clock
        self._known: dict[Key, dict[str, Any]] = {}
        self._fails_since: float | None = None
        self._said = False

    def events(self) -> Iterator[WorkflowEvent]:
        """Yield states without end; the caller stops when it has seen enough.

        Raises
        ------
        UserError
            When the server refuses, or does not answer for ``patience`` seconds.
        """
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, self._pause)
        first = True
        while True:
            try:
                if not first:
                    for event in self._missed():
                        self._hear()
                        yield event
                    self._hear()
                fields = f"metadata.name={self._name}" if self._name else ""
                for kind, workflow in self._source.watch_workflows(
                    self._namespace, labels=self._labels, fields=fields
                ):
                    self._hear()
                    first = False
                    backoff.reset()
                    yield self._noted(workflow, deleted=kind == "DELETED")
            except (OSError, UserError) as error:
                self._bear(error)
            first = False
            backoff.pause()

    def until_finished(self) -> Iterator[WorkflowEvent]:
        """Yield each state of the one workflow ``name`` until it has ended or is deleted.

        Raises
        ------
        UserError
            As :meth:`events`.
        """
        for event in self.events():
            yield event
            if event.is_last:
                return

    def _hear(self) -> None:
        # Long silence is no failure: a task may run for hours. The first error begins one.
        self._fails_since = None
        if self._said:
            self._said = False
            self._dropped("")

    def _bear(self, error: OSError | UserError) -> None:
        """Raise ``error`` unless it may pass, and has not lasted too long."""
        now = self._clock()
        if self._fails_since is None:
            self._fails_since = now
        silent = now - self._fails_since
        if silent >= self._patience_with(error):
            if not isinstance(error, OSError):
                raise error
            raise UserError(
                f"Argo's server has not answered for {self._patience:.0f} seconds: {error}",
                next_step="the workflow may still be running there",
            ) from None
        if silent >= _WORTH_A_WORD and not self._said:
            self._said = True
            self._dropped(str(error))

    def _patience_with(self, error: OSError | UserError) -> float:
        status = error.status if isinstance(error, ArgoRefusal) else 0
        if isinstance(error, OSError) or status >= _SERVER_FAILS or status == _TOO_MANY:
            return self._patience
        if self._known and status in (0, *_MAY_PASS):
            return min(self._patience, _PATIENCE_WITH_REFUSALS)
        return 0.0

    def _noted(self, workflow: dict[str, Any], deleted: bool) -> WorkflowEvent:
        key = key_of(workflow)
        if deleted:
            self._known.pop(key, None)
        else:
            # Only its identity is kept: a state of 10 000 nodes is megabytes.
            self._known[key] = {"metadata": workflow["metadata"]}
            _share(workflow)
        return WorkflowEvent(workflow, deleted)

    def _missed(self) -> Iterator[WorkflowEvent]:
        there = {key_of(workflow): workflow for workflow in self._there()}
        if self._name and not self._known and not there:
            # It went before the first look.
            gone = {"metadata": {"namespace": self._namespace, "name": self._name}}
            yield WorkflowEvent(gone, deleted=True)
        for key in [key for key in self._known if key not in there]:
            yield WorkflowEvent(self._known.pop(key), deleted=True)
        for workflow in there.values():
            yield self._noted(workflow, deleted=False)

    def _there(self) -> list[dict[str, Any]]:
        if not self._name:
            return self._source.list_workflows(self._namespace, labels=self._labels)
        try:
            return [self._source.get_workflow(self._namespace, self._name)]
        except ArgoRefusal as error:
            # Argo's own words: a 404 of whatever stands before a server that restarts has none.
            if error.status == NOT_FOUND and "not found" in error.message:
                return []
            raise
