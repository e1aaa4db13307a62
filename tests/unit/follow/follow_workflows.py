"""Workflows as Argo's server gives them, written short."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

START = "2026-11-21T10:00:00Z"
NOW = datetime(2026, 11, 21, 10, 1, 5, tzinfo=timezone.utc)


def stamp(second: int) -> str:
    return f"2026-11-21T10:{second // 60:02d}:{second % 60:02d}Z"


def node(
    name: str,
    phase: str = "Succeeded",
    *,
    type: str = "Pod",
    start: int | None = 0,
    end: int | None = 1,
    message: str = "",
    children: tuple[str, ...] = (),
    exit_code: str = "",
    workflow: str = "wf",
) -> dict[str, Any]:
    """Return a node; its id is ``wf-NAME``, its full name ``wf.NAME``, or ``wf`` for the root."""
    ended = end is not None and phase not in ("Running", "Pending")
    answer: dict[str, Any] = {
        "id": f"{workflow}-{name}" if name else workflow,
        "name": f"{workflow}.{name}" if name else workflow,
        "displayName": name or workflow,
        "type": type,
        "templateName": "tmpl",
        "phase": phase,
        "startedAt": None if start is None else stamp(start),
        "finishedAt": stamp(end) if ended and end is not None else None,
    }
    if message:
        answer["message"] = message
    if children:
        answer["children"] = [f"{workflow}-{child}" for child in children]
    if exit_code:
        answer["outputs"] = {"exitCode": exit_code}
    return answer


def workflow(
    *nodes: dict[str, Any],
    phase: str = "Running",
    name: str = "wf",
    version: int = 1,
    end: int | None = None,
    message: str = "",
    claims: tuple[str, ...] = (),
) -> dict[str, Any]:
    status: dict[str, Any] = {
        "phase": phase,
        "startedAt": START,
        "finishedAt": None if end is None else stamp(end),
        "nodes": {each["id"]: each for each in nodes},
    }
    if message:
        status["message"] = message
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    return {
        "metadata": {"name": name, "namespace": "local", "resourceVersion": str(version)},
        "spec": {"volumes": [*volumes, {"name": "scratch", "emptyDir": {}}]},
        "status": status,
    }


class Collected:
    """An output that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, lines: Any) -> None:
        self.lines.extend(line.text for line in lines)
