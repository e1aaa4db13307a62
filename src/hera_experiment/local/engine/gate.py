"""Holds calls back while ``parallelism`` or ``failFast`` forbid them.

Source: ``checkParallelism`` in ``workflow/controller/operator.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from hera_experiment.local.engine.nodes import Node, Nodes


class _Boundary(Protocol):
    @property
    def node(self) -> Node: ...

    @property
    def template(self) -> Mapping[str, Any]: ...


class Gate:
    """Decides which calls may begin; ``limit`` is ``spec.parallelism``, None for no limit."""

    def __init__(self, nodes: Nodes, limit: int | None) -> None:
        self._nodes = nodes
        self._limit = limit
        # By the id of the boundary, empty for the workflow itself.
        self._waiting: dict[str, tuple[_Boundary | None, deque[Callable[[], None]]]] = {}

    def admits(self, boundary: _Boundary | None) -> bool:
        """Tell whether one more call may begin below ``boundary``."""
        return not self._full and (boundary is None or self._has_room(boundary))

    def failing_fast(self, boundary: _Boundary) -> bool:
        """Tell whether ``boundary`` begins nothing more because a child failed."""
        return bool(
            boundary.template.get("failFast") and self._nodes.failed_children[boundary.node.id]
        )

    def wait(self, boundary: _Boundary | None, resume: Callable[[], None]) -> None:
        """Call ``resume`` as soon as there is room, in the order of the calls."""
        key = boundary.node.id if boundary else ""
        self._waiting.setdefault(key, (boundary, deque()))[1].append(resume)

    def forget(self, boundary: _Boundary) -> None:
        """Drop what waits below ``boundary``: it has ended."""
        self._waiting.pop(boundary.node.id, None)

    def pump(self) -> bool:
        """Resume all calls for which there is room now; tell whether there was any."""
        resumed = False
        for key in list(self._waiting):
            if self._full:
                break
            boundary, queue = self._waiting.get(key, (None, deque()))
            while queue and self.admits(boundary):
                resumed = True
                queue.popleft()()
            if not queue:
                self._waiting.pop(key, None)
        return resumed

    @property
    def _full(self) -> bool:
        return self._limit is not None and self._nodes.active_pods >= self._limit

    def _has_room(self, boundary: _Boundary) -> bool:
        if self.failing_fast(boundary):
            return False
        limit = boundary.template.get("parallelism")
        return not limit or self._nodes.active_children[boundary.node.id] < limit
