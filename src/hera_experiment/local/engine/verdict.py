"""How a workflow ends: its phase and message, and what its exit handler is told of failures.

Source: ``operate`` in ``workflow/controller/operator.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Iterable

from hera_experiment.argo.names import pod_name
from hera_experiment.argo.phases import ERROR, FAILED, SUCCEEDED, WORKFLOW_PHASES
from hera_experiment.local.engine import gojson
from hera_experiment.local.engine.nodes import Node

EXIT_SUFFIX = ".onExit"
"""What the name of the exit handler's node adds to the workflow's."""


def verdict(entry: Node, handler: Node | None, shutdown: str) -> tuple[str, str]:
    """Return phase and message of a workflow whose nodes of entry and of exit are fulfilled."""
    phase = WORKFLOW_PHASES[entry.phase]
    if phase == SUCCEEDED:
        if handler is None or not handler.failed:
            return SUCCEEDED, ""
        return (FAILED if handler.phase == FAILED else ERROR), handler.message
    return phase, f"Stopped with strategy '{shutdown}'" if shutdown else entry.message


def failures(workflow: str, nodes: Iterable[Node]) -> str:
    """Return what ``{{workflow.failures}}`` stands for: JSON as a quoted string of Go.

    In the order in which the nodes were made; Argo's is random.
    """
    failed = [
        {
            "displayName": node.display_name,
            "message": node.message,
            "templateName": node.template,
            "phase": node.phase,
            "podName": pod_name(workflow, node.name, node.template),
            "finishedAt": node.finished_at or None,
        }
        for node in nodes
        if node.failed
    ]
    return _quoted(gojson.dumps(failed) if failed else "null")


def _quoted(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return (
        f"\\x{code:02x}" if code == 0x7F else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
