"""A workflow on both sides: on Argo and on the local engine."""

from __future__ import annotations

import base64
import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from polling import until

from hera_experiment.local.engine.controller import Engine
from hera_experiment.local.runtimes.base import PROCESS
from hera_experiment.local.runtimes.registry import Runtimes
from hera_experiment.local.server.server import Server
from hera_experiment.local.store import Store

NAMESPACE = "experiments"
WORKFLOWS = Path(__file__).parent / "cluster" / "workflows"
CASES = Path(__file__).parent / "fidelity" / "cases"
SECONDS = 600
LOCAL_SECONDS = 60
AHEAD = 6
Json = dict[str, Any]


def manifest(name: str) -> Json:
    """Return a workflow: of a case of fidelity, such as ``retries/limit``, or ``roots/links``."""
    path = CASES / f"{name}.yaml"
    if not path.is_file():
        path = WORKFLOWS / f"{name}.yaml"
    documents = yaml.safe_load_all(path.read_text())
    loaded: Json = next(each for each in documents if each.get("kind", "Workflow") == "Workflow")
    loaded["metadata"]["namespace"] = NAMESPACE
    return loaded


class Argo:
    """A server that speaks Argo's API in plain HTTP: the cluster's, or one of our own."""

    seconds: float = SECONDS
    every: float = 1.0

    def __init__(self, server: str, token: str, namespace: str = NAMESPACE) -> None:
        self._namespace = namespace
        self.server = server
        self.token = token
        self._url = f"http://{server}/api/v1"
        self.created: list[str] = []

    def request(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        request = urllib.request.Request(
            f"{self._url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def create(self, workflow: Json) -> str:
        status, answer = self.request(
            "POST", f"/workflows/{self._namespace}", {"workflow": workflow}
        )
        assert status == 200, answer
        name: str = answer["metadata"]["name"]
        self.created.append(name)
        return name

    def get(self, name: str) -> Json:
        status, answer = self.request("GET", f"/workflows/{self._namespace}/{name}")
        assert status == 200, answer
        return answer

    def change(self, name: str, verb: str, **options: Any) -> None:
        path = f"/workflows/{self._namespace}/{name}/{verb}"
        status, answer = self.request("PUT", path, options)
        assert status == 200, answer

    def wait(self, name: str, ready: Callable[[Json], bool]) -> Json:
        workflow: Json = {}

        def is_ready() -> bool:
            nonlocal workflow
            workflow = self.get(name)
            return ready(workflow)

        until(is_ready, self.seconds, self.every, seen=lambda: workflow["status"])
        return workflow


class Local(Argo):
    """The local server and its engine, asked as Argo is; its tasks run in ``runtime``."""

    seconds = LOCAL_SECONDS
    every = 0.02

    def __init__(self, root: Path, runtime: str = PROCESS) -> None:
        def now() -> datetime:
            return datetime.now(timezone.utc)

        self.store = Store(root, now)
        runtimes = Runtimes(
            slug="same",
            containers=root / "containers",
            state=root,
            objects=self.store.objects,
            environ=dict(os.environ),
        )
        self.engine = Engine(
            store=self.store,
            runtime=runtimes.get,
            parallelism=4,
            clock=now,
            random_suffix=lambda: secrets.token_hex(3)[:5],
        )
        secret = secrets.token_hex(16)
        self._server = Server(self.store, self.engine, secret)
        self._server.start(poll_seconds=0.02)
        claims = base64.urlsafe_b64encode(json.dumps({"runtime": runtime}).encode()).decode()
        super().__init__(f"127.0.0.1:{self._server.server_port}", f"{secret}.{claims}")

    def close(self) -> None:
        """End what runs, and the server."""
        self.engine.close()
        self._server.close()


def finished(workflow: Json) -> bool:
    return bool(workflow["status"].get("finishedAt"))


def nodes_of(workflow: Json) -> list[Json]:
    return list(workflow["status"]["nodes"].values())


def running(display_name: str) -> Callable[[Json], bool]:
    """Tell whether the pod of that name runs, and has had time to get at its signal handlers."""

    def ready(workflow: Json) -> bool:
        nodes = (workflow["status"].get("nodes") or {}).values()
        return any(n["displayName"] == display_name and n["phase"] == "Running" for n in nodes)

    return ready


class Ahead:
    """Workflows on Argo, some ahead of those asked for: a pod takes seconds there, mostly idle.

    All of them at once would leave the node no time for anybody else. They are asked for in the
    order of ``manifests``.
    """

    def __init__(self, argo: Argo, manifests: Mapping[str, Json]) -> None:
        self._argo = argo
        self._manifests = manifests
        self._created: dict[str, str] = {}

    def create(self, name: str) -> str:
        """Return the name that Argo has given to the workflow."""
        names = list(self._manifests)
        begin = names.index(name)
        for each in names[begin : begin + AHEAD]:
            if each not in self._created:
                self._created[each] = self._argo.create(self._manifests[each])
        return self._created.pop(name)


def pod_cases() -> list[Json]:
    """Return workflows of one task, each with one value to be judged; ``fine`` if it may run."""
    cases: list[Json] = yaml.safe_load((WORKFLOWS / "pods.yml").read_text())
    return [{**case, "workflow": _with_value(case)} for case in cases]


def _with_value(case: Json) -> Json:
    container = {
        "image": "python:3.13-slim",
        "imagePullPolicy": "IfNotPresent",
        "command": ["true"],
    }
    leaf = {
        "name": "leaf",
        "container": {**container, **case.get("container", {})},
        **case.get("template", {}),
    }
    tasks = [{"name": "a", "template": leaf["name"]}]
    return {
        "metadata": {
            "generateName": "judged-",
            "namespace": NAMESPACE,
            **case.get("metadata", {}),
        },
        "spec": {
            "entrypoint": "main",
            "serviceAccountName": "experiment",
            "templates": [{"name": "main", "dag": {"tasks": tasks}}, leaf],
            **case.get("spec", {}),
        },
    }
