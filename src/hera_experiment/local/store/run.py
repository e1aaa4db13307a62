"""One workflow: its manifest, its status, its journal and its logs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from hera_experiment.argo.names import LABEL_COMPLETED, LABEL_PHASE
from hera_experiment.argo.phases import FULFILLED
from hera_experiment.local.errors import NotFound
from hera_experiment.local.store.body import Body, encode, encode_nodes
from hera_experiment.local.store.journal import Journal

TIMES_SUFFIX = ".times"
"""What takes the place of ``.log`` in the name of the file that says how old a log's lines are."""

_NODE_ID = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]*")


INTERRUPTED = "the local server stopped while this workflow ran; retry it"

_PATCHES = ("removed", "status", "labels", "spec")
_CLOSING = {"PodRunning": "False", "Completed": "True"}


class Publisher(Protocol):
    """What a run needs of its store: numbers that grow, and a bell that wakes the watchers."""

    def publish(self, milestone: bool) -> AbstractContextManager[int]:
        """Give the version of one change; the change is visible when the context ends."""

    def opened(self, run: Run) -> None:
        """Hear that a run is in memory that could be read from disk again."""


class Run:
    """A workflow in the store; every method may be called from any thread.

    What is read here (``manifest``, ``status``, ``nodes``) is never changed in place: a change
    puts a new object there, so a reader may keep what it got, and must not modify it. A finished
    run may be forgotten by the store at any time; it is read again from its journal when asked.
    """

    def __init__(self, folder: Path, publisher: Publisher) -> None:
        self.folder = folder
        self._publisher = publisher
        self._lock = threading.RLock()
        self._journal = Journal(folder / "journal.jsonl")
        self._body: Body | None = None
        self._summary: dict[str, Any] | None = None
        self._version = 0
        self._created = 0
        self._deleted = False

    def begin(self, manifest: Mapping[str, Any], appear: Callable[[], None]) -> None:
        """Begin the journal of a new workflow; ``appear`` puts the run into the store."""
        body = Body(manifest)
        text = encode(manifest)
        with self._lock, self._publisher.publish(milestone=True) as version:
            self._journal.append(f'{{"version":{version},"manifest":{text}}}'.encode("ascii"))
            self._body = body
            self._version = self._created = version
            appear()

    @property
    def name(self) -> str:
        """The workflow's name, unique in the store."""
        return self.folder.name

    @property
    def namespace(self) -> str:
        """The namespace it was created in."""
        return str((self.manifest.get("metadata") or {}).get("namespace", ""))

    @property
    def manifest(self) -> dict[str, Any]:
        """The keys apiVersion, kind, metadata and spec."""
        with self._lock:
            if self._body:
                return self._body.manifest
            return {key: value for key, value in self.head().items() if key != "status"}

    @property
    def status(self) -> Mapping[str, Any]:
        """The status without its nodes."""
        with self._lock:
            return MappingProxyType(self._body.status if self._body else self.head()["status"])

    @property
    def nodes(self) -> Mapping[str, dict[str, Any]]:
        """The nodes by id: a live view, to be iterated by the thread that updates the run."""
        with self._lock:
            return MappingProxyType(self._loaded().nodes)

    @property
    def finished(self) -> bool:
        """True when ``status.finishedAt`` is set."""
        return bool(self.status.get("finishedAt"))

    @property
    def version(self) -> int:
        """Argo's ``metadata.resourceVersion``: grows with every change in the store."""
        self.head()
        return self._version

    @property
    def created(self) -> int:
        """The version at which the run was created: orders runs of one second."""
        self.head()
        return self._created

    @property
    def live(self) -> bool:
        """True when this server has the run in memory and it has not finished."""
        with self._lock:
            body = self._body
            return body is not None and not self._deleted and not body.status.get("finishedAt")

    @property
    def deleted(self) -> bool:
        """True when the run has left the store; its last state can still be read."""
        return self._deleted

    def head(self) -> dict[str, Any]:
        """Return the workflow without its nodes, reading no more of the disk than that takes."""
        with self._lock:
            if self._body is None and self._summary is None:
                self._read_summary()
            if self._body is not None:
                return self._body.head(self._version)
            assert self._summary is not None
            return self._summary

    def document(self) -> bytes:
        """Return the whole workflow as compact JSON."""
        with self._lock:
            return self._loaded().document(self._version)

    def pods(self) -> list[dict[str, Any]]:
        """Return the nodes that are pods, whose logs :meth:`log_path` names."""
        with self._lock:
            return [node for node in self._loaded().nodes.values() if node.get("type") == "Pod"]

    def as_dict(self) -> dict[str, Any]:
        """Return the whole workflow as an object of the caller's own."""
        value: dict[str, Any] = json.loads(self.document())
        return value

    def update(
        self,
        *,
        status: Mapping[str, Any] | None = None,
        nodes: Mapping[str, dict[str, Any]] | None = None,
        labels: Mapping[str, Any] | None = None,
        spec: Mapping[str, Any] | None = None,
        remove_nodes: Iterable[str] = (),
    ) -> None:
        """Merge changes, write them as one line of the journal, and wake the watchers.

        Status, labels and spec merge key by key and None removes a key; nodes are replaced
        whole and must not be modified by the caller afterwards; ``remove_nodes`` goes first.
        """
        change = {"removed": list(remove_nodes), "status": status, "labels": labels, "spec": spec}
        with self._lock:
            self._change(self._loaded(), {**change, "nodes": nodes})

    def log_path(self, node_id: str) -> Path:
        """Return where the log of this node lies, whether or not it exists yet."""
        if not _NODE_ID.fullmatch(node_id):
            raise NotFound(f"{node_id!r} is no node of workflow {self.name!r}")
        return self.folder / "logs" / f"{node_id}.log"

    def remove_log(self, node_id: str) -> None:
        """Remove the log of a node that will run again, and what is known of its age."""
        path = self.log_path(node_id)
        for doomed in (path, path.with_suffix(TIMES_SUFFIX)):
            doomed.unlink(missing_ok=True)

    def forget(self) -> bool:
        """Free what can be read again from the journal; False when that cannot be done now."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if self._deleted or self._body is None or not self._body.status.get("finishedAt"):
                return self._body is None
            self._summary = self._body.head(self._version)
            self._body = None
            return True
        finally:
            self._lock.release()

    def discard(self, remove: Callable[[], None]) -> None:
        """Mark the run as deleted while ``remove`` takes its folder away."""
        with self._lock:
            if self._deleted:
                return
            self._loaded()
            self._deleted = True
            self._journal.close()
            with self._publisher.publish(milestone=True) as version:
                remove()
                self._version = version

    def _change(self, body: Body, change: Mapping[str, Any]) -> None:
        was_finished = bool(body.status.get("finishedAt"))
        # All is encoded before anything changes: what JSON cannot hold changes nothing.
        line = [f'"{key}":{encode(change[key])}' for key in _PATCHES if change.get(key)]
        encoded = encode_nodes(change.get("nodes") or {})
        if encoded:
            line.append(f'"nodes":{{{",".join(encoded.values())}}}')
        body.apply(change, encoded)
        if line:
            finished = bool(body.status.get("finishedAt"))
            self._commit(body, line, finished=finished, milestone=finished != was_finished)

    def _commit(self, body: Body, line: list[str], *, finished: bool, milestone: bool) -> None:
        with self._publisher.publish(milestone) as version:
            if not self._deleted:
                if finished:
                    head = encode(body.head(version))
                    line.append(f'"checkpoint":{head},"created":{self._created}')
                text = ",".join((f'"version":{version}', *line))
                self._journal.append(f"{{{text}}}".encode("ascii"))
                if finished:
                    self._journal.close()
            self._version = version
        if finished and self._body is body:
            self._publisher.opened(self)

    def _loaded(self) -> Body:
        if self._body is None:
            self._body = self._read()
            self._summary = None
            self._publisher.opened(self)
        return self._body

    def _read_summary(self) -> None:
        last = self._journal.last()
        if last and "checkpoint" in last:
            self._summary = last["checkpoint"]
            self._version, self._created = int(last["version"]), int(last["created"])
        else:
            self._loaded()

    def _read(self) -> Body:
        body: Body | None = None
        for line in self._journal.lines():
            if body is None:
                body = Body(line["manifest"])
                self._created = int(line["version"])
            else:
                body.apply(line, encode_nodes(line.get("nodes", {})))
            self._version = int(line["version"])
        if body is None:
            raise NotFound(f'workflows.argoproj.io "{self.name}" not found')
        if not body.status.get("finishedAt"):
            self._change(body, _closing(body.status, body.nodes, self._journal.modified()))
        return body


def _closing(
    status: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]], last_seen: float
) -> dict[str, Any]:
    """Return the change that ends a workflow, whose server died while it ran, in phase Error.

    ``last_seen`` (seconds since the epoch) is when its journal last grew: the end that can be
    known, rather than the moment at which somebody looks.
    """
    end = datetime.fromtimestamp(last_seen, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    ending = {"phase": "Error", "message": INTERRUPTED, "finishedAt": end}
    conditions = [c for c in status.get("conditions") or [] if c.get("type") not in _CLOSING]
    conditions += [{"type": kind, "status": value} for kind, value in _CLOSING.items()]
    return {
        "status": {
            **ending,
            "startedAt": status.get("startedAt") or end,
            "conditions": conditions,
        },
        "labels": {LABEL_COMPLETED: "true", LABEL_PHASE: "Error"},
        "nodes": {
            key: {**node, **ending}
            for key, node in nodes.items()
            if node.get("phase") not in FULFILLED
        },
    }
