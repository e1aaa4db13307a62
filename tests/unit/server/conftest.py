from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from hera_experiment.local.engine.keeper import Keeper
from hera_experiment.local.errors import InvalidWorkflow
from hera_experiment.local.server import Server
from hera_experiment.local.store import Store

SECRET = "s3cret-of-the-test"
END = "2026-11-05T08:00:09Z"


class FakeEngine:
    """Keeps workflows without running them, and remembers what it was asked."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked: list[tuple[Any, ...]] = []
        self.keeper = Keeper(store, lambda: datetime.now(timezone.utc), lambda: "abcde")

    def create(self, manifest, *, creator="", runtime="auto", dry_run=False, keep_name=True):
        self.asked.append(("create", creator, runtime, dry_run, keep_name))
        metadata = manifest["metadata"]
        if not metadata.get("name") and not metadata.get("generateName"):
            raise InvalidWorkflow("name or generateName is required")
        metadata.setdefault("name", metadata.get("generateName", "") + "abcde")
        metadata.setdefault("creationTimestamp", END)
        metadata.setdefault("uid", f"uid-{metadata['name']}")
        if dry_run:
            return manifest
        return self.store.create(manifest).as_dict()

    def lint(self, manifest):
        if not manifest.get("spec"):
            raise InvalidWorkflow("spec is required")
        return manifest

    def stop(self, namespace, name, selector="", message=""):
        return self._end("stop", namespace, name, selector, message)

    def terminate(self, namespace, name):
        return self._end("terminate", namespace, name)

    def retry(self, namespace, name, restart_successful=False, node_field_selector=""):
        return self._end("retry", namespace, name, restart_successful, node_field_selector)

    def delete(self, namespace, name):
        self.store.delete(namespace, name)

    def _end(self, *asked):
        self.asked.append(asked)
        return self.store.get(asked[1], asked[2]).as_dict()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """One connection after another to the server, with its token."""

    port: int
    token: str = SECRET
    _open: list[http.client.HTTPConnection] = field(default_factory=list)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        response = self._send(connection, method, path, body, headers)
        answer = Answer(response.status, dict(response.headers), response.read())
        connection.close()
        return answer

    def stream(self, path: str, events: bool = True) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Accept": "text/event-stream"} if events else {}
        response = self._send(connection, "GET", path, None, headers)
        assert response.status == 200, response.read()
        self._open.append(connection)
        return response

    def _send(self, connection, method, path, body, headers):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        connection.request(method, path, body, {k: v for k, v in headers.items() if v is not None})
        return connection.getresponse()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".hera", lambda: datetime.now(timezone.utc))


@pytest.fixture
def engine(store: Store) -> FakeEngine:
    return FakeEngine(store)


@pytest.fixture
def server(store: Store, engine: FakeEngine) -> Iterator[Server]:
    server = Server(store, engine, SECRET)
    server.start(poll_seconds=0.01)
    yield server
    server.close()


@pytest.fixture
def call(server: Server) -> Client:
    return Client(server.server_port)


@pytest.fixture
def workflow(store: Store):
    """Keep a workflow in the store."""

    def make(name: str = "w", namespace: str = "local", finished: str = "", **labels: str):
        run = store.create(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Workflow",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "uid": f"uid-{name}",
                    "creationTimestamp": END,
                    "labels": {key.replace("_", "/", 1): v for key, v in labels.items()},
                },
                "spec": {"entrypoint": "main", "templates": [{"name": "main"}]},
            }
        )
        if finished:
            run.update(status={"phase": "Succeeded", "finishedAt": finished})
        return run

    return make


@pytest.fixture
def pod():
    """A node that is a pod, of the workflow ``w``."""

    def make(identity: str = "w-1", phase: str = "Running", **keys: Any) -> dict[str, Any]:
        node = {"id": identity, "name": f"w.{identity}", "type": "Pod", "phase": phase}
        return {**node, "templateName": "main", "startedAt": END, **keys}

    return make
