"""Decides whether a DAG whose tasks have all ended succeeded.

Source: ``assessDAGPhase`` in ``workflow/controller/dag.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from hera_experiment.argo.phases import COMPLETED, ERROR, FAILED, FAILURES, SUCCEEDED
from hera_experiment.local.engine.nodes import RETRY, Node, Nodes


def dag_phase(
    nodes: Nodes, dag: Node, targets: Mapping[str, Mapping[str, Any]], *, fail_fast: bool
) -> str:
    """Return the phase of ``dag``; ``targets`` has the ``continueOn`` of each target task.

    A task that was omitted or skipped has the phase of what came before it on its branch.
    """
    result = SUCCEEDED
    phases = _branch_phases(nodes, dag)
    for name, continue_on in targets.items():
        node = nodes.get(f"{dag.name}.{name}")
        found = phases.get(node.id, set()) if node is not None else set()
        phase = next(iter(found & FAILURES), SUCCEEDED)
        if phase == SUCCEEDED or _continues(continue_on, phase):
            continue
        result = phase
        if fail_fast:
            break
    return result


def _branch_phases(nodes: Nodes, dag: Node) -> dict[str, set[str]]:
    seen: dict[str, set[str]] = {}
    queue: deque[tuple[str, str]] = deque((child, SUCCEEDED) for child in dag.children)
    while queue:
        key, phase = queue.popleft()
        node = nodes.by_id.get(key)
        if node is None:
            continue  # It was held back until its boundary failed fast.
        known = seen.setdefault(key, set())
        if node.phase in COMPLETED:
            phase = node.phase
        if phase in known:
            continue
        known.add(phase)
        queue.extend((child, phase) for child in _after(nodes, node))
    return seen


def _after(nodes: Nodes, node: Node) -> Iterable[str]:
    if node.type != RETRY:
        return node.children
    # A Retry node has the phase of its last attempt: the attempts themselves do not count.
    attempts = (nodes.by_id.get(child) for child in node.children)
    return [key for attempt in attempts if attempt for key in attempt.children]


def _continues(continue_on: Mapping[str, Any], phase: str) -> bool:
    return bool(
        (phase == ERROR and continue_on.get("error"))
        or (phase == FAILED and continue_on.get("failed"))
    )
