"""Accounts of runs that never were, as large as one likes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hera_experiment.account.account import Account

DAY = "2026-11-21T"


def moment(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    hours, rest = divmod(whole, 3600)
    return f"{DAY}{10 + hours:02d}:{rest // 60:02d}:{rest % 60:02d}.{milliseconds:03d}Z"


def pod(name: str, queued: float, began: float, ended: float, **fields: Any) -> dict[str, Any]:
    """Return a pod's node with what the laptop measured; its id is ``wf-NAME``."""
    return {
        "id": f"wf-{name}",
        "name": f"wf.{name}",
        "displayName": name,
        "type": "Pod",
        "templateName": "work",
        "phase": "Succeeded",
        "boundaryID": "wf",
        "startedAt": moment(queued),
        "finishedAt": moment(ended),
        "hostNodeName": "localhost",
        "usage": {
            "queued": moment(queued),
            "began": moment(began),
            "ended": moment(ended),
            "cpu": 0.5,
            "memory": 50_000_000,
        },
        **fields,
    }


def workflow(
    nodes: list[dict[str, Any]], tasks: list[dict[str, Any]], phase: str = "Succeeded"
) -> dict[str, Any]:
    resources = {"requests": {"cpu": "500m", "memory": "64Mi"}}
    root = {
        "id": "wf",
        "name": "wf",
        "displayName": "wf",
        "type": "DAG",
        "templateName": "all",
        "phase": phase,
        "children": [nodes[0]["id"]],
    }
    return {
        "metadata": {"name": "wf", "namespace": "local", "creationTimestamp": moment(0)},
        "spec": {
            "entrypoint": "all",
            "templates": [
                {"name": "all", "dag": {"tasks": tasks}},
                {"name": "work", "container": {"image": "python:3.13", "resources": resources}},
            ],
        },
        "status": {
            "phase": phase,
            "startedAt": moment(0),
            "finishedAt": moment(100),
            "nodes": {node["id"]: node for node in [root, *nodes]},
        },
    }


def account(found: dict[str, Any], folder: Path = Path("results/wf")) -> Account:
    return Account("wf", "local", "local", found, None, folder)


def levels(rows: int, columns: int) -> dict[str, Any]:
    """Return a workflow of ``rows`` ranks of ``columns`` tasks, each waiting for one above."""
    tasks, nodes = [], []
    for row in range(rows):
        for column in range(columns):
            name = f"task-{row}-{column}"
            before = [f"task-{row - 1}-{column}"] if row else []
            tasks.append({"name": name, "template": "work", "dependencies": before})
            after = [f"wf-task-{row + 1}-{column}"] if row + 1 < rows else []
            given = {"parameters": [{"name": "folder", "value": f"/results/wf/{name}"}]}
            nodes.append(pod(name, row, row + 0.2, row + 0.9, children=after, inputs=given))
    return workflow(nodes, tasks)


def fan(count: int, at_once: int = 40) -> dict[str, Any]:
    """Return a workflow whose one task is a loop over ``count`` items."""
    nodes = []
    for index in range(count):
        began = 0.2 + (index // at_once) * 0.3
        given = {"parameters": [{"name": "item", "value": str(index)}]}
        nodes.append(pod(f"sweep({index}:{index})", 0.1, began, began + 0.25, inputs=given))
    group = {
        "id": "wf-sweep",
        "name": "wf.sweep",
        "displayName": "sweep",
        "type": "TaskGroup",
        "templateName": "work",
        "phase": "Succeeded",
        "boundaryID": "wf",
        "startedAt": moment(0),
        "children": [node["id"] for node in nodes],
    }
    loop = {"name": "sweep", "template": "work", "withSequence": {"count": str(count)}}
    return workflow([group, *nodes], [loop])
