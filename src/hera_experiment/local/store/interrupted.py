"""How a workflow is closed whose server died while it ran."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

MESSAGE = "the local server stopped while this workflow ran; retry it"

_UNFINISHED = (None, "", "Pending", "Running")


def closing_patch(
    status: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]], last_seen: float
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, str]]:
    """Return the patches of status, nodes and labels that end the workflow in phase Error.

    ``last_seen`` (seconds since the epoch) is when its journal last grew: the end that can be
    known, rather than the moment at which somebody looks.
    """
    end = datetime.fromtimestamp(last_seen, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    closed = {
        key: {**node, "phase": "Error", "message": MESSAGE, "finishedAt": end}
        for key, node in nodes.items()
        if node.get("phase") in _UNFINISHED
    }
    conditions = [c for c in status.get("conditions") or [] if c.get("type") not in _CLOSING]
    conditions += [{"type": kind, "status": value} for kind, value in _CLOSING.items()]
    patch = {
        "phase": "Error",
        "message": MESSAGE,
        "startedAt": status.get("startedAt") or end,
        "finishedAt": end,
        "conditions": conditions,
    }
    return patch, closed, {f"{_LABEL}/completed": "true", f"{_LABEL}/phase": "Error"}


_LABEL = "workflows.argoproj.io"
_CLOSING = {"PodRunning": "False", "Completed": "True"}
