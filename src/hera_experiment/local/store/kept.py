"""The objects that workflows are made of: WorkflowTemplates, their cluster-wide kin, CronWorkflows.

``KIND/NAMESPACE/NAME.json`` holds one object as it was last written; what belongs to no namespace
lies in a folder ``-``, which can be the name of none.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from hera_experiment.local.errors import AlreadyExists, InvalidWorkflow, NotFound
from hera_experiment.local.store.objects import check_name, private_folder, write_private

WORKFLOW_TEMPLATE = "WorkflowTemplate"
CLUSTER_TEMPLATE = "ClusterWorkflowTemplate"
CRON_WORKFLOW = "CronWorkflow"

PLURALS = {
    WORKFLOW_TEMPLATE: "workflowtemplates",
    CLUSTER_TEMPLATE: "clusterworkflowtemplates",
    CRON_WORKFLOW: "cronworkflows",
}
"""What Kubernetes calls many objects of a kind: the name of their folder, and in its messages."""

_NO_NAMESPACE = "-"

Json = dict[str, Any]


class Publisher(Protocol):
    """What it needs of its store: numbers that grow."""

    def publish(self, milestone: bool) -> AbstractContextManager[int]:
        """Give the version of one change; the change is visible when the context ends."""


class KeptObjects:
    """The objects below ``root``; every method may be called from any thread.

    What is returned is never changed in place: a reader may keep it, and must not modify it.
    ``namespace`` is ignored for what belongs to none.
    """

    def __init__(self, root: Path, publisher: Publisher) -> None:
        self._root = root
        self._publisher = publisher
        self._lock = threading.RLock()
        self._read: dict[Path, Json] = {}

    def find(self, namespace: str, kind: str, name: str) -> Json | None:
        """Return the object, None when there is none of that name, or none can have it."""
        try:
            return self.get(namespace, kind, name)
        except (NotFound, InvalidWorkflow):
            return None

    def get(self, namespace: str, kind: str, name: str) -> Json:
        """Return the object; raises :class:`NotFound`."""
        with self._lock:
            found = self._load(self._path(namespace, kind, name))
        if found is None:
            raise NotFound(f'{PLURALS[kind]}.argoproj.io "{name}" not found')
        return found

    def list(self, namespace: str, kind: str) -> list[Json]:
        """Return the objects of a namespace (of all when empty), by name."""
        with self._lock:
            found = [self._load(path) for path in self._paths(namespace, kind)]
        return [each for each in found if each is not None]

    def create(self, namespace: str, kind: str, manifest: Json) -> Json:
        """Keep a new object and return it; raises :class:`AlreadyExists`."""
        name = str(manifest["metadata"]["name"])
        path = self._path(namespace, kind, name)
        with self._lock:
            if path.exists():
                raise AlreadyExists(f'{PLURALS[kind]}.argoproj.io "{name}" already exists')
            return self._write(path, manifest)

    def change(self, namespace: str, kind: str, name: str, changed: Callable[[Json], Json]) -> Json:
        """Put what ``changed`` makes of the object in its place; raises :class:`NotFound`."""
        with self._lock:
            old = self.get(namespace, kind, name)
            return self._write(self._path(namespace, kind, name), changed(old))

    def remove(self, namespace: str, kind: str, name: str) -> None:
        """Forget the object; raises :class:`NotFound`."""
        with self._lock:
            self.get(namespace, kind, name)
            path = self._path(namespace, kind, name)
            with self._publisher.publish(milestone=True):
                path.unlink()
            self._read.pop(path, None)

    def _write(self, path: Path, manifest: Mapping[str, Any]) -> Json:
        private_folder(path.parent)
        with self._publisher.publish(milestone=True) as version:
            metadata = {**manifest["metadata"], "resourceVersion": str(version)}
            written = {**manifest, "metadata": metadata}
            write_private(path, json.dumps(written, separators=(",", ":")).encode("ascii"))
        self._read[path] = written
        return written

    def _load(self, path: Path) -> Json | None:
        if path not in self._read:
            try:
                self._read[path] = json.loads(path.read_bytes())
            except (FileNotFoundError, NotADirectoryError):
                return None
            except ValueError as error:
                raise InvalidWorkflow(f"{path} is damaged ({error}): remove it") from None
        return self._read.get(path)

    def _paths(self, namespace: str, kind: str) -> Iterator[Path]:
        folder = self._root / PLURALS[kind]
        of = _NO_NAMESPACE if kind == CLUSTER_TEMPLATE else namespace or "*"
        yield from sorted(folder.glob(f"{of}/*.json"), key=lambda path: (path.name, path.parent))

    def _path(self, namespace: str, kind: str, name: str) -> Path:
        check_name(name)
        of = _NO_NAMESPACE
        if kind != CLUSTER_TEMPLATE:
            check_name(namespace)
            of = namespace
        return self._root / PLURALS[kind] / of / f"{name}.json"
