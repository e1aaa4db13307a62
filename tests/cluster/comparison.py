"""Argo and the local engine side by side, and finished workflows in a form to be compared."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from polling import until

from hera_experiment.local.engine import Engine
from hera_experiment.local.runtimes.registry import Runtimes
from hera_experiment.local.store import Store

NAMESPACE = "experiments"
WORKFLOWS = Path(__file__).parent / "workflows"
SECONDS = 600
Json = dict[str, Any]
_TIMES = ("startedAt", "finishedAt", "estimatedDuration", "resourcesDuration")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC")
_HASH = re.compile(r"\bWF(?:-[a-z0-9-]+)?-(\d{3,10})\b")


def manifest(name: str) -> Json:
    loaded: Json = yaml.safe_load((WORKFLOWS / f"{name}.yaml").read_text())
    loaded["metadata"]["namespace"] = NAMESPACE
    return loaded


class Argo:
    """The cluster's Argo server, spoken to in plain HTTP."""

    def __init__(self, server: str, token: str, namespace: str = NAMESPACE) -> None:
        self._namespace = namespace
        self._url = f"http://{server}/api/v1"
        self._token = token
        self.created: list[str] = []

    def request(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        request = urllib.request.Request(
            f"{self._url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}"},
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

        until(is_ready, SECONDS, 1, seen=lambda: workflow["status"])
        return workflow


class Local:
    """The local engine with plain processes."""

    def __init__(self, root: Path) -> None:
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

    def create(self, workflow: Json) -> str:
        name: str = self.engine.create(workflow)["metadata"]["name"]
        return name

    def wait(self, name: str, ready: Callable[[Json], bool]) -> Json:
        end = time.monotonic() + 60
        version = 0
        run = self.store.get(NAMESPACE, name)
        while not ready(workflow := run.as_dict()):
            assert time.monotonic() < end, workflow["status"]
            version = self.store.wait(version, 1)
        return workflow


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


def comparable(workflow: dict[str, Any]) -> dict[str, Any]:
    """Return verdict and nodes by name; ids, times, the host and the workflow's name are gone.

    Children are sorted by name: Argo itself adds them in the random order of a Go map.
    """
    metadata = workflow["metadata"]
    nodes = workflow["status"].get("nodes") or {}
    names = {key: node["name"] for key, node in nodes.items()}
    text = json.dumps([_nodes(nodes, names), _verdict(workflow)])
    # Messages name nodes by their ids, whose numbers depend on the workflow's name.
    for key in sorted(names, key=len, reverse=True):
        text = text.replace(f"\"child '{key}' failed\"", json.dumps(f"child '{names[key]}' failed"))
    # Argo's word for a template of the workflow itself is no namespace, though the laptop's is
    # called the same.
    text = text.replace('"templateScope": "local/', '"templateScope": "OWN/')
    text = text.replace(metadata["uid"], "UID").replace(metadata["name"], "WF")
    text = text.replace(metadata["namespace"], "NAMESPACE")
    text = _MOMENT.sub("MOMENT", _HASH.sub("WF-HASH", text))
    found, verdict = json.loads(text)
    return {"verdict": verdict, "nodes": found}


def differences(argo: dict[str, Any], local: dict[str, Any]) -> list[str]:
    """Return a line for everything that is not the same."""
    one, other = comparable(argo), comparable(local)
    lines = _unlike("verdict", one["verdict"], other["verdict"])
    for name in sorted(one["nodes"].keys() | other["nodes"].keys()):
        if name not in other["nodes"]:
            lines.append(f"{name}: only Argo has it: {one['nodes'][name]}")
        elif name not in one["nodes"]:
            lines.append(f"{name}: only the local engine has it: {other['nodes'][name]}")
        else:
            lines += _unlike(name, one["nodes"][name], other["nodes"][name])
    return lines


def _verdict(workflow: dict[str, Any]) -> dict[str, Any]:
    status = workflow["status"]
    kept = {key: status.get(key) for key in ("phase", "message", "progress", "outputs")}
    conditions = status.get("conditions") or []
    kept["conditions"] = {c["type"]: c["status"] for c in conditions}
    labels = workflow["metadata"].get("labels") or {}
    for name in ("completed", "phase"):
        kept[name] = labels.get(f"workflows.argoproj.io/{name}")
    kept["shutdown"] = workflow["spec"].get("shutdown")
    return kept


def _nodes(nodes: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {node["name"]: _node(node, names) for node in nodes.values()}


def _node(node: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    kept = {k: v for k, v in node.items() if v not in (None, "") and k not in (*_TIMES, "id")}
    if kept.get("hostNodeName"):
        kept["hostNodeName"] = "HOST"
    for key in ("children", "outboundNodes"):
        if key in kept:
            kept[key] = sorted(names.get(child, f"? {child}") for child in kept[key])
    if "boundaryID" in kept:
        kept["boundaryID"] = names[kept["boundaryID"]]
    return kept


def _unlike(where: str, argo: dict[str, Any], local: dict[str, Any]) -> list[str]:
    return [
        f"{where}.{key}: Argo has {argo.get(key)!r}, the local engine {local.get(key)!r}"
        for key in sorted(argo.keys() | local.keys())
        if argo.get(key) != local.get(key)
    ]
