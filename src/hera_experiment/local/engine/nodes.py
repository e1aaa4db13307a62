"""The nodes of one workflow: how they are made, linked and counted.

Source: ``initializeNode``, ``markNodePhase``, ``addChildNode`` and ``getOutboundNodes`` in
``workflow/controller/operator.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from hera_experiment.argo.names import fnv32a, node_id
from hera_experiment.argo.phases import FAILURES, FULFILLED, PENDING, RUNNING, completed
from hera_experiment.local.engine.node import (
    CONTAINER,
    DAG,
    EXECUTABLE,
    HTTP,
    POD,
    RETRY,
    SKIPPED_NODE,
    STEPS,
    SUSPEND,
    TASK_GROUP,
    Node,
    TemplateId,
    last_attempt,
    milliseconds,
    moment,
    timestamp,
)

_COUNTED = (POD, STEPS, DAG)
_ACTIVE = (PENDING, RUNNING)
_SEPARATOR = re.compile(r"(\[\d+\])?\.")


class SameIdentifier(ValueError):
    """Two names of nodes have one hash: in Argo they would be one node."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(
            f"{one!r} and {other!r} have one and the same hash, of which Argo makes the identifiers"
            " of nodes: on a cluster one of the two would not run, in silence. Give one of them"
            " another name or item"
        )


class Nodes:
    """All nodes of one workflow, with the counts that decide on parallelism.

    Belongs to one thread at a time. :meth:`take_changes` hands over what changed since it was last
    called.
    ``daemons`` are those that can be used, by their boundary, ``lost`` those that ended by
    themselves; ``has_new_daemon`` is for who takes events to put back; ``pods`` is how many pods
    there are.
    ``now`` is the time that is shown; what waits goes by ``monotonic``, which nobody sets back.
    """

    def __init__(
        self,
        workflow: str,
        now: Callable[[], datetime],
        nodes: Iterable[Node] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workflow = workflow
        self._now = now
        self._monotonic = monotonic
        self.by_id: dict[str, Node] = {}
        self._by_name: dict[str, Node] = {}
        self._changed: dict[str, Node] = {}
        self._connected: dict[str, list[str]] = {}
        self._watchers: dict[str, Callable[[], None]] = {}
        self.active_pods = 0
        self.active_children: Counter[str] = Counter()
        self.failed_children: Counter[str] = Counter()
        self.pods = 0
        self.daemons: dict[str, list[Node]] = {}
        self.has_new_daemon = False
        self.lost: list[Node] = []
        self.done = self.total = 0
        for node in nodes:
            self._keep(node)

    def get(self, name: str) -> Node | None:
        """Return the node of this name."""
        return self._by_name.get(name)

    def create(
        self,
        name: str,
        kind: str,
        phase: str,
        *,
        template: TemplateId,
        boundary: str = "",
        message: str = "",
        flag: dict[str, bool] | None = None,
        inputs: dict[str, Any] | None = None,
        memoization: dict[str, Any] | None = None,
    ) -> Node:
        """Add a node; it is finished at once when its phase says so."""
        identity = node_id(self.workflow, name)
        if identity in self.by_id:
            raise SameIdentifier(self.by_id[identity].name, name)
        now = timestamp(self._now())
        parent = self.by_id.get(boundary)
        node = Node(
            id=identity,
            name=name,
            type=kind,
            phase=phase,
            display_name=_display_name(name, parent),
            template=template.name,
            ref=template.ref,
            scope=template.scope,
            boundary=boundary,
            message=message,
            started_at=now,
            finished_at=now if phase in FULFILLED else "",
            flag=flag,
            inputs=inputs,
            memoization=memoization,
            progress="0/1" if kind in EXECUTABLE else "",
        )
        node.began = self._monotonic()
        node.ended = node.began if node.fulfilled else None
        self._keep(node)
        self.touch(node)
        return node

    def restore(self, node: Node) -> Node:
        """Add a node that an earlier run made, as it was."""
        self._keep(node)
        self.touch(node)
        return node

    def check_distinct(self, prefix: str, names: Iterable[str]) -> None:
        """Raise :class:`SameIdentifier` unless nodes of these names may all be made."""
        seen: dict[int, str] = {}
        begin = fnv32a(prefix)
        for name in names:
            value = fnv32a(name, begin)
            other = seen.setdefault(value, name)
            if other != name:
                raise SameIdentifier(other, name)

    def mark(self, node: Node, phase: str, message: str | None = None) -> None:
        """Give ``node`` a phase and, unless it is None, a message."""
        if node.phase != phase:
            self._count(node, -1)
            node.phase = phase
            self._count(node, 1)
        if message is not None:
            node.message = message
        if node.type in EXECUTABLE and node.fulfilled and not node.failed and not node.daemoned:
            self.set_progress(node, completed(node.progress))
        if node.fulfilled and not node.finished_at:
            node.finished_at = timestamp(self._now())
            node.ended = self._monotonic()
        self.touch(node)
        if node.id in self._watchers:
            self._watchers[node.id]()

    def wait_for_lock(self, node: Node, lock: str, message: str) -> None:
        """Say that ``node`` waits for a lock, or no longer if it is empty."""
        self._count(node, -1)
        node.sync, node.message = {"waiting": lock} if lock else None, message
        self._count(node, 1)
        self.touch(node)

    def watch(self, node: Node, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever ``node`` is marked."""
        self._watchers[node.id] = changed

    def unwatch(self, node: Node) -> None:
        """Call nobody any more."""
        self._watchers.pop(node.id, None)

    @property
    def progress(self) -> str:
        """How far all have come that have a progress of their own."""
        return f"{self.done}/{self.total}"

    def set_progress(self, node: Node, progress: str) -> None:
        """Say how far ``node``, one that has a progress of its own, has come."""
        self._sum(node, -1)
        node.progress = progress
        self._sum(node, 1)
        self.touch(node)

    def _sum(self, node: Node, step: int) -> None:
        done, _, total = node.progress.partition("/")
        self.done += step * int(done or 0)
        self.total += step * int(total or 0)

    def become_daemon(self, node: Node, address: str = "") -> None:
        """Note that ``node`` is a daemon that can be used, at ``address``."""
        node.daemoned, node.address = True, address
        # A daemon as the entry template is looked at once more.
        self.has_new_daemon = bool(node.boundary)
        self.daemons.setdefault(node.boundary, []).append(node)
        self.mark(node, RUNNING, "")

    def lose_daemon(self, node: Node, phase: str, message: str) -> None:
        """Note that a daemon ended by itself."""
        node.daemoned = None
        self.lost.append(node)
        self.mark(node, phase, message)

    def clock(self) -> str:
        """Return the time that is shown, in milliseconds (RFC 3339, UTC)."""
        return milliseconds(self._now())

    def start(self, node: Node, began: float) -> None:
        """Let the time of ``node`` begin at ``began``, on the monotonic clock."""
        ago = timedelta(seconds=self._monotonic() - began)
        node.started_at, node.began = timestamp(self._now() - ago), began

    def began(self, node: Node) -> float:
        """Return when ``node`` began, on the monotonic clock."""
        return self._ago(node.started_at) if node.began is None else node.began

    def ended(self, node: Node) -> float:
        """Return when ``node`` ended, on the monotonic clock."""
        return self._ago(node.finished_at) if node.ended is None else node.ended

    def connect(self, parent: Node, child_name: str) -> None:
        """Make the node of that name, which may not exist yet, a child of ``parent``."""
        identity = node_id(self.workflow, child_name)
        if identity not in parent.children:
            parent.children[identity] = None
            # Not the whole parent has changed: one of 10 000 children would be written so often.
            self._connected.setdefault(parent.id, []).append(identity)

    def outbound(self, node: Node) -> list[Node]:
        """Return the nodes to which what follows ``node`` is connected."""
        if node.type in (SKIPPED_NODE, SUSPEND, HTTP):
            return [node]
        # Argo does not find a template again that is written inline.
        is_inline = not node.template and node.ref is None
        if node.type == POD and (is_inline or not self._has_containers(node)):
            return [node]
        if node.type == RETRY:
            return [self.by_id[key] for key in list(node.children)[-1:] if key in self.by_id]
        if node.type in (DAG, STEPS) and node.memoization and node.memoization["hit"]:
            return [node]
        if node.type in (TASK_GROUP, POD, CONTAINER):
            if not node.children:
                return [node]
            below: Iterable[str] = node.children
        else:
            below = node.outbound or ()
        known = [self.by_id[key] for key in below if key in self.by_id]
        if node.type == CONTAINER:
            # What follows the pod is below the last of its containers.
            outer = [node for child in known if child.boundary != node.boundary]
            known = [child for child in known if child.boundary == node.boundary]
            return [*outer, *(leaf for child in known for leaf in self.outbound(child))]
        return [leaf for child in known for leaf in self.outbound(child)]

    def has_active_children(self, boundary: Node) -> bool:
        """Tell whether something below ``boundary`` is to end: a daemon ends with it."""
        daemons = [
            node
            for node in self.daemons.get(boundary.id, ())
            if node.daemoned and node.type in _COUNTED
        ]
        return self.active_children[boundary.id] > len(daemons)

    def last_attempt(self, node: Node) -> Node:
        """Return the last attempt of a Retry node, and any other node itself."""
        return last_attempt(node, self.by_id)

    def containers(self, pod: Node) -> Iterator[Node]:
        """Yield the nodes of the containers of a set."""
        waiting, seen = list(pod.children), set(pod.children)
        while waiting:
            node = self.by_id.get(waiting.pop())
            if node is not None and node.type == CONTAINER and node.boundary == pod.id:
                yield node
                waiting += [key for key in node.children if key not in seen]
                seen.update(node.children)

    def _has_containers(self, pod: Node) -> bool:
        return next(self.containers(pod), None) is not None

    def touch(self, node: Node) -> None:
        """Say that ``node`` changed."""
        self._changed[node.id] = node

    def take_changes(self) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
        """Return the nodes that changed since the last call, and of others the new children."""
        changed, self._changed = self._changed, {}
        connected, self._connected = self._connected, {}
        nodes = {key: node.document() for key, node in changed.items()}
        return nodes, {key: new for key, new in connected.items() if key not in nodes}

    def _ago(self, text: str) -> float:
        return self._monotonic() - max((self._now() - moment(text)).total_seconds(), 0.0)

    def _keep(self, node: Node) -> None:
        self.by_id[node.id] = node
        self._by_name[node.name] = node
        self.pods += node.type == POD
        self._count(node, 1)
        if node.type in EXECUTABLE:
            self._sum(node, 1)

    def _count(self, node: Node, step: int) -> None:
        if node.type not in _COUNTED:
            return
        if node.phase in _ACTIVE:
            self.active_children[node.boundary] += step
            self.active_pods += step if node.type == POD and node.sync is None else 0
        elif node.phase in FAILURES:
            self.failed_children[node.boundary] += step


def _display_name(name: str, boundary: Node | None) -> str:
    if boundary is None:
        return name
    short = name[len(boundary.name) :] if name.startswith(boundary.name) else name
    return _SEPARATOR.sub("", short, count=1) if _SEPARATOR.match(short) else short
