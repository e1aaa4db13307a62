"""Decides which nodes of an ended workflow run again when it is retried.

Source: ``FormulateRetryWorkflow`` and ``SelectorMatchesNode`` in ``workflow/util/util.go`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hera_experiment.argo.phases import ERROR, FAILED, FAILURES, RUNNING, SKIPPED, SUCCEEDED
from hera_experiment.local.engine.node import (
    CONTAINER,
    DAG,
    EXECUTABLE,
    EXIT_SUFFIX,
    RETRY,
    STEP_GROUP,
    STEPS,
    TASK_GROUP,
)
from hera_experiment.local.errors import InvalidWorkflow
from hera_experiment.local.store.run import INTERRUPTED

_GROUPS = (DAG, STEPS, STEP_GROUP, TASK_GROUP)
_TERM = re.compile(r"([^=!]+)(!=|==|=)(.*)", re.DOTALL)
_FIELDS = ("displayName", "templateName", "phase", "name", "id")
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Rerun:
    """The nodes to put back to their beginning or to free of lost children, and those to forget."""

    changed: dict[str, dict[str, Any]]
    removed: list[str]


def plan_rerun(
    workflow: str,
    phase: str,
    nodes: Mapping[str, Document],
    *,
    restart_successful: bool,
    selector: str,
    now: str,
) -> Rerun:
    """Return what a retry changes.

    What failed is removed with all that came after it, unless something below it succeeded; what
    lies around it begins again. ``selector`` names nodes that do so although they succeeded.
    ``now`` is the new ``startedAt``.

    Raises
    ------
    InvalidWorkflow
        When nothing can be retried, or for a selector that cannot be read.
    """
    if phase == SUCCEEDED and not (restart_successful and selector):
        raise InvalidWorkflow(
            "To retry a succeeded workflow, set the options restartSuccessful and nodeFieldSelector"
        )
    if phase not in (FAILED, ERROR, SUCCEEDED):
        raise InvalidWorkflow(f"Cannot retry a workflow in phase {phase}")
    graph = _Graph(workflow, nodes)
    doomed = set()
    if restart_successful and selector:
        matches = parse_selector(selector)
        doomed = {key for key, node in nodes.items() if matches(node)}
    doomed |= graph.failed(frozenset(doomed))
    # Argo has no groups that ended with their server: they go on as if they had never ended.
    interrupted = {key for key, node in nodes.items() if node.get("message") == INTERRUPTED}
    reset = {key for key in interrupted if nodes[key]["type"] not in EXECUTABLE}
    removed: set[str] = set()
    for key in graph.sorted():
        if key in doomed and key not in removed:
            to_reset, to_remove = graph.path(key)
            reset |= to_reset
            removed |= to_remove
    # The exit handler runs again, for another end.
    exit_name = f"{workflow}{EXIT_SUFFIX}"
    removed |= {key for key, node in nodes.items() if node["name"].startswith(exit_name)}
    reset -= removed
    changed = {}
    for key, node in nodes.items():
        if key in removed:
            continue
        kept = _without(node, removed)
        if key in reset:
            kept = _begun(kept, now)
        if kept is not node:
            changed[key] = dict(kept)
    return Rerun(changed, sorted(removed))


class _Graph:
    """The nodes with one parent each: of several, the last one by id, as in Argo."""

    def __init__(self, workflow: str, nodes: Mapping[str, Document]) -> None:
        self._root = workflow
        self._nodes = nodes
        self._parent: dict[str, str] = {}
        for key in sorted(nodes):
            for child in self._children(key):
                self._parent[child] = key

    def failed(self, doomed: frozenset[str]) -> set[str]:
        """Return the pods and containers that failed and below which nothing succeeded."""
        failed = set()
        for key, node in self._nodes.items():
            if node["phase"] not in FAILURES or node["type"] not in EXECUTABLE:
                continue
            above = self._retry_above(key) if (node.get("nodeFlag") or {}).get("retried") else key
            if not self._succeeded_below(above, doomed):
                failed.add(key)
        return failed

    def sorted(self) -> list[str]:
        """Return the nodes breadth first from the root."""
        order = dict.fromkeys([self._root])
        queue = deque(order)
        while queue:
            for child in self._children(queue.popleft()):
                if child not in order:
                    order[child] = None
                    queue.append(child)
        return list(order)

    def path(self, start: str) -> tuple[set[str], set[str]]:
        """Return what to reset above ``start``, and what to remove: itself and what follows."""
        removed = {start, *self._below(start)}
        reset: set[str] = set()
        current: str | None = start
        if self._parent.get(start) is None:
            return reset, removed
        while current is not None:
            node = self._nodes[current]
            if node["type"] in _GROUPS:
                reset.add(current)
                current = self._reset_boundaries(current, reset)
                continue
            if node["type"] == CONTAINER:
                # A set begins anew as a whole.
                current = self._up_to(current, str(node["boundaryID"]))
                removed |= {current, *self._below(current)}
                continue
            if node["type"] == RETRY and node["phase"] in FAILURES:
                reset.add(current)
            current = self._parent.get(current)
        return reset, removed

    def _reset_boundaries(self, start: str, reset: set[str]) -> str | None:
        current = start
        while True:
            parent = self._parent.get(current)
            if parent is not None and self._nodes[parent]["type"] == RETRY:
                reset.add(parent)
                current = parent
                parent = self._parent.get(current)
            if parent is not None and self._nodes[parent]["type"] in (STEP_GROUP, TASK_GROUP):
                reset.add(parent)
            boundary = self._nodes[current].get("boundaryID")
            if not boundary:
                return parent
            current = self._up_to(current, boundary)
            reset.add(current)

    def _up_to(self, start: str, wanted: str) -> str:
        current: str | None = start
        while current is not None and current != wanted:
            current = self._parent.get(current)
        if current is None:
            raise InvalidWorkflow("was seeking node but ran out of nodes to explore")
        return current

    def _retry_above(self, key: str) -> str:
        for other, node in self._nodes.items():
            if node["type"] == RETRY and key in (node.get("children") or ()):
                return other
        return key

    def _succeeded_below(self, key: str, doomed: frozenset[str]) -> bool:
        return any(
            below not in doomed and self._nodes[below]["phase"] == SUCCEEDED
            for below in self._below(key)
        )

    def _below(self, key: str) -> set[str]:
        seen: set[str] = set()
        stack = self._children(key)
        while stack:
            child = stack.pop()
            if child not in seen:
                seen.add(child)
                stack += self._children(child)
        return seen

    def _children(self, key: str) -> list[str]:
        found = self._nodes[key].get("children") or ()
        return [child for child in found if child in self._nodes]


def _without(node: Document, removed: set[str]) -> Document:
    children = [key for key in node.get("children") or () if key not in removed]
    outbound = [key for key in node.get("outboundNodes") or () if key not in removed]
    if len(children) == len(node.get("children") or ()) and len(outbound) == len(
        node.get("outboundNodes") or ()
    ):
        return node
    kept = {key: value for key, value in node.items() if key not in ("children", "outboundNodes")}
    kept.update({"children": children} if children else {})
    kept.update({"outboundNodes": outbound} if outbound else {})
    return kept


def _begun(node: Document, now: str) -> Document:
    begun = {key: value for key, value in node.items() if key != "message"}
    begun["phase"] = SKIPPED if node["phase"] == SKIPPED else RUNNING
    begun["startedAt"], begun["finishedAt"] = now, None
    return begun


def parse_selector(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether a node matches; raises :class:`InvalidWorkflow`.

    ``text`` is a ``nodeFieldSelector``: ``displayName=a,inputs.parameters.size.value!=3``.
    """
    terms = []
    for part in re.split(r"(?<!\\),", text):
        match = _TERM.fullmatch(part)
        if not match:
            raise InvalidWorkflow(
                f"invalid selector: {text!r}; can't understand {part!r}: use FIELD=VALUE"
            )
        value = re.sub(r"\\(.)", r"\1", match[3])
        terms.append((match[1].strip(), match[2] != "!=", value))

    def matches(node: Mapping[str, Any]) -> bool:
        values = {key: str(node.get(key, "")) for key in _FIELDS}
        for parameter in (node.get("inputs") or {}).get("parameters") or ():
            name = f"inputs.parameters.{parameter['name']}.value"
            values[name] = str(parameter.get("value", ""))
        return all((values.get(name, "") == value) == wanted for name, wanted, value in terms)

    return matches
