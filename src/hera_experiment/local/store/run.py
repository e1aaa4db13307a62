"""One workflow: its manifest, its status, its journal and its logs."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from hera_experiment.errors import tell
from hera_experiment.local.errors import InvalidWorkflow, NotFound
from hera_experiment.local.store.body import Body, closing, encode, encode_nodes, unknown
from hera_experiment.local.store.journal import Damage, Ending, Journal, ending

TIMES_SUFFIX = ".times"
"""What takes the place of ``.log`` in the name of the file that says how old a log's lines are."""

_MAIN, _OF = "main", "+"
"""The container whose log has no name but its node's, and what stands before that of another."""

_NODE_ID = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]*")


INTERRUPTED = "the local server stopped while this workflow ran; retry it"

_PATCHES = ("removed", "status", "labels", "annotations", "spec", "children")


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
        self._behind = False
        self._damage = ""

    def begin(self, manifest: Mapping[str, Any], appear: Callable[[], None]) -> None:
        """Begin the journal of a new workflow; ``appear`` puts the run into the store."""
        body = Body(manifest)
        text = encode(manifest)
        with self._lock, self._publisher.publish(milestone=True) as version:
            # Raises when there is no room: of a workflow that is not written down, none is begun.
            self._journal.append(f'"version":{version},"manifest":{text}}}'.encode("ascii"))
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
        return str(self.metadata.get("namespace", ""))

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its name, labels and the like."""
        with self._lock:
            manifest = self._body.manifest if self._body else self.head()
            return manifest.get("metadata") or {}

    @property
    def manifest(self) -> dict[str, Any]:
        """The keys apiVersion, kind, metadata and spec."""
        with self._lock:
            return self._view().manifest

    @property
    def status(self) -> Mapping[str, Any]:
        """The status without its nodes."""
        with self._lock:
            return MappingProxyType(self._body.status if self._body else self.head()["status"])

    @property
    def nodes(self) -> Mapping[str, dict[str, Any]]:
        """The nodes by id: a live view, to be iterated by the thread that updates the run."""
        with self._lock:
            return MappingProxyType(self._view().nodes)

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
        """Return the workflow without nodes and most of ``spec``, reading little of the disk.

        Raises :class:`NotFound` for a folder whose server died before its first line was written.
        """
        with self._lock:
            if self._body is None and self._summary is None:
                self._read_summary()
            if self._summary is not None:
                return self._summary
            return self._view().head(self._version)

    def document(self) -> bytes:
        """Return the whole workflow as compact JSON."""
        with self._lock:
            if self._body is None:
                with suppress(OSError):
                    ending = self._journal.ending()
                    if ending and (document := self._journal.document(ending)) is not None:
                        return document
            return self._view().document(self._version)

    def nodes_json(self) -> bytes:
        """Return the nodes by id as compact JSON, empty when there is none."""
        with self._lock:
            status = encode(self.head()["status"])
            begin = f',"status":{status[:-1]},"nodes":'.encode("ascii")
            _, found, nodes = self.document().rpartition(begin)
            return nodes[:-2] if found else b""

    def pods(self) -> list[dict[str, Any]]:
        """Return the nodes that are pods, whose logs :meth:`log_path` names."""
        with self._lock:
            return [node for node in self._view().nodes.values() if node.get("type") == "Pod"]

    def as_dict(self) -> dict[str, Any]:
        """Return the whole workflow as an object of the caller's own."""
        value: dict[str, Any] = json.loads(self.document())
        return value

    def update(
        self,
        *,
        status: Mapping[str, Any] | None = None,
        nodes: Mapping[str, dict[str, Any]] | None = None,
        children: Mapping[str, list[str]] | None = None,
        labels: Mapping[str, Any] | None = None,
        annotations: Mapping[str, Any] | None = None,
        spec: Mapping[str, Any] | None = None,
        remove_nodes: Iterable[str] = (),
    ) -> None:
        """Merge changes, write them as one line of the journal, and wake the watchers.

        Status, labels, annotations and spec merge key by key and None removes a key; nodes are
        replaced whole and must not be modified by the caller afterwards; ``children`` come to
        those that other nodes have; ``remove_nodes`` goes first.
        """
        change = {
            "removed": list(remove_nodes),
            "status": status,
            "labels": labels,
            "annotations": annotations,
            "spec": spec,
            "nodes": nodes,
            "children": children,
        }
        with self._lock:
            self.check_sound()
            self._change(self._loaded(), change)

    def log_path(self, node_id: str) -> Path:
        """Return where the log of this node's container ``main`` is, whether it exists or not.

        Those of other containers are beside it: :func:`container_log`.
        """
        if not _NODE_ID.fullmatch(node_id):
            raise NotFound(f"{node_id!r} is not a node of workflow {self.name!r}")
        return self.folder / "logs" / f"{node_id}.log"

    def check_sound(self) -> None:
        """Raise :class:`InvalidWorkflow` when the journal is damaged: it cannot go on then."""
        with self._lock:
            self._loaded()
            if self._damage:
                raise InvalidWorkflow(f"workflow {self.name} cannot go on: {self._damage}")

    def remove_logs(self, node_ids: Collection[str]) -> None:
        """Remove the logs of nodes that will run again, and what is known of their age."""
        self.check_sound()
        with suppress(FileNotFoundError), os.scandir(self.folder / "logs") as entries:
            for entry in entries:
                if entry.name.rpartition(".")[0].partition(_OF)[0] in node_ids:
                    os.unlink(entry.path)

    def forget(self) -> bool:
        """Free what can be read again from the journal; False when that cannot be done now."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if self._deleted or self._body is None or not self._body.status.get("finishedAt"):
                return self._body is None
            if self._behind or self._damage:
                return False
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
            self._body = self._view()
            self._deleted = True
            self._journal.close()
            with self._publisher.publish(milestone=True) as version:
                remove()
                self._version = version

    def _change(self, body: Body, change: Mapping[str, Any]) -> None:
        was_finished = bool(body.status.get("finishedAt"))
        # All is encoded before anything changes: what JSON cannot hold changes nothing.
        patches = (key for key in _PATCHES if change.get(key))
        line = [f'"{key}":{encode(change[key])}'.encode("ascii") for key in patches]
        encoded = encode_nodes(change.get("nodes") or {})
        if encoded:
            line.append(b'"nodes":{%b}' % b",".join(encoded.values()))
        body.apply(change, encoded)
        if line:
            finished = bool(body.status.get("finishedAt"))
            self._commit(body, line, finished=finished, milestone=finished != was_finished)

    def _commit(self, body: Body, line: list[bytes], *, finished: bool, milestone: bool) -> None:
        with self._publisher.publish(milestone) as version:
            self._version = version
            if not self._deleted:
                self._write(body, line)
        if finished and self._body is body:
            self._publisher.opened(self)

    def _write(self, body: Body, line: list[bytes]) -> None:
        """Write a change, or all there is when an earlier one could not be written."""
        if self._behind:
            document = body.document(self._version)
            line = [b'"created":%d' % self._created, b'"manifest":%b' % document]
        pieces = [b",".join((b'"version":%d' % self._version, *line))]
        finished = bool(body.status.get("finishedAt"))
        if finished:
            closed = {"version": self._version, "created": self._created}
            checkpoint = encode({**closed, "head": body.head(self._version)}).encode("ascii")
            pieces += [b",", *ending(body.document(self._version), checkpoint)]
        try:
            self._journal.append(*pieces, b"}")
        except OSError as error:
            # What runs goes on: memory holds it, and the first line that has room holds all.
            if not self._behind:
                why = error.strerror or type(error).__name__
                tell(f"{self._where} cannot be written: {why}; make room there")
            self._behind = True
        else:
            self._behind = False
        if finished:
            self._journal.close()

    def catch_up(self) -> bool:
        """Write down what could not be written before; tell whether all is written."""
        with self._lock:
            if self._behind and self._body is not None and not self._deleted:
                self._write(self._body, [])
            return not self._behind

    def _loaded(self) -> Body:
        if self._body is None:
            self._body = self._read()
            self._summary = None
            self._publisher.opened(self)
        return self._body

    def _view(self) -> Body:
        """Return the workflow for readers: of a journal that cannot be opened now, why not."""
        try:
            body = self._loaded()
        except OSError as error:
            return self._stand_in(error)
        if self._behind:
            self.catch_up()
        return body

    def _stand_in(self, error: OSError) -> Body:
        since = self._journal.modified()
        self._version = self._version or int(since * 1_000_000)
        self._created = self._created or self._version
        body = unknown(self.name, since)
        why = error.strerror or type(error).__name__
        body.apply(closing(body, since, f"{self._where} cannot be read at present: {why}"))
        return body

    @property
    def _where(self) -> Path:
        return Path(*self._journal.path.parts[-4:])

    def _read_summary(self) -> None:
        with suppress(OSError):
            found = self._journal.ending()
            if found is None and (last := self._journal.last()) and "checkpoint" in last:
                head = Body(last["checkpoint"]).head(last["version"])
                closed = {"version": last["version"], "created": last["created"], "head": head}
            else:
                closed = (found and found.checkpoint) or {}
            if closed:
                self._version, self._created = closed["version"], closed["created"]
                self._summary = closed["head"]

    def _read(self) -> Body:
        if self._journal.never_began():
            raise NotFound(f'workflows.argoproj.io "{self.name}" not found')
        found, document = None, None
        with suppress(FileNotFoundError):
            found = self._journal.ending()
            document = self._journal.document(found) if found else None
            if found and found.checkpoint and document is not None:
                self._version = found.checkpoint["version"]
                self._created = found.checkpoint["created"]
                return Body(json.loads(document))
        body, damages = self._replay()
        if damages:
            return self._salvaged(Body(json.loads(document)) if document else body, damages, found)
        assert body is not None
        if not body.status.get("finishedAt"):
            self._change(body, closing(body, self._journal.modified(), INTERRUPTED))
        return body

    def _replay(self) -> tuple[Body | None, list[Damage]]:
        body: Body | None = None
        damages: list[Damage] = []
        for line in self._journal.lines():
            if isinstance(line, Damage):
                damages.append(line)
                continue
            self._version = line["version"]
            if manifest := line.get("manifest"):
                body = Body(manifest)
                self._created = line.get("created", self._created or self._version)
                continue
            if body is None:
                body = unknown(self.name, self._journal.modified())
                damages = damages or [Damage(1, "holds no manifest")]
            body.apply(line)
        if body is None and not damages:
            damages.append(Damage(1, "is torn"))
        return body, damages

    def _salvaged(self, body: Body | None, damages: list[Damage], found: Ending | None) -> Body:
        """Return what can be read of a damaged journal, to which nothing is written any more."""
        since = self._journal.modified()
        self._version = self._version or int(since * 1_000_000)
        self._created = self._created or self._version
        body = body or unknown(self.name, since)
        if found and found.checkpoint:
            self._version = found.checkpoint["version"]
            self._created = found.checkpoint["created"]
            head = found.checkpoint["head"]
            status = {**head["status"], "nodes": body.nodes}
            body = Body({**body.manifest, "metadata": head["metadata"], "status": status})
        more = f" and {len(damages) - 1} more" if len(damages) > 1 else ""
        self._damage = (
            f"{self._where} is damaged ({damages[0]}{more}) and kept as it is: what it still says"
            " is shown; run the workflow anew"
        )
        if body.status.get("finishedAt"):
            before = body.status.get("message")
            body.apply(
                {"status": {"message": f"{before}; {self._damage}" if before else self._damage}}
            )
        else:
            body.apply(closing(body, since, self._damage))
        return body


def container_log(log: Path, container: str) -> Path:
    """Return where the log of a container lies, given that of its pod's container ``main``."""
    return log if container == _MAIN else log.with_name(f"{log.stem}{_OF}{container}{log.suffix}")
