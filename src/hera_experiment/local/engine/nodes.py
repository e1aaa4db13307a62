"""The nodes of one workflow: how they are made, linked, counted and written down.

Source: ``initializeNode``, ``markNodePhase``, ``addChildNode`` and ``getOutboundNodes`` in
``workflow/controller/operator.go``, ``workflow/progress/updater.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from hera_experiment.argo.names import fnv32a, node_id
from hera_experiment.argo.phases import FAILURES, FULFILLED, PENDING, RUNNING, completed

POD = "Pod"
DAG = "DAG"
STEPS = "Steps"
STEP_GROUP = "StepGroup"
TASK_GROUP = "TaskGroup"
RETRY = "Retry"
SUSPEND = "Suspend"
HTTP = "HTTP"
SKIPPED_NODE = "Skipped"
CONTAINER = "Container"

EXECUTABLE = (POD, CONTAINER, SUSPEND, HTTP)
"""The nodes that have a progress of their own; that of the others is the sum of those below."""

EXIT_SUFFIX = ".onExit"
"""What the name of the exit handler's node adds to the workflow's."""

HOST = "localhost"
"""``hostNodeName`` of every pod."""


_COUNTED = (POD, STEPS, DAG)
_ACTIVE = (PENDING, RUNNING)
_SEPARATOR = re.compile(r"(\[\d+\])?\.")


_PROGRESS_STEPS = 100
"""A group that runs shows at most so many values: each is written with all its children's ids."""


_KEYS = (
    ("id", "id"),
    ("name", "name"),
    ("display_name", "displayName"),
    ("type", "type"),
    ("template", "templateName"),
    ("ref", "templateRef"),
    ("scope", "templateScope"),
    ("phase", "phase"),
    ("boundary", "boundaryID"),
    ("message", "message"),
    ("sync", "synchronizationStatus"),
    ("started_at", "startedAt"),
    ("finished_at", "finishedAt"),
    ("progress", "progress"),
    ("flag", "nodeFlag"),
    ("inputs", "inputs"),
    ("outputs", "outputs"),
    ("children", "children"),
    ("outbound", "outboundNodes"),
    ("host", "hostNodeName"),
    ("daemoned", "daemoned"),
    ("address", "podIP"),
    ("synced", "taskResultSynced"),
    ("memoization", "memoizationStatus"),
    ("usage", "usage"),
    ("files", "files"),
)
"""The fields of a node and what Argo calls them, in the order in which they are written.

``usage`` and ``files`` are not Argo's: see :mod:`hera_experiment.argo.usage`.
"""

_DATES = ("startedAt", "finishedAt")
"""Written as null while they are not known."""


def runs_pod(template: Mapping[str, Any]) -> bool:
    """Tell whether a template runs a pod."""
    return any(kind in template for kind in ("container", "script", "containerSet"))


def node_type(template: Mapping[str, Any], *, retried: bool) -> str:
    """Return the type of the node of a template; of one that is ``retried`` it is Retry."""
    if retried:
        return RETRY
    kinds = {"dag": DAG, "steps": STEPS, "suspend": SUSPEND, "http": HTTP}
    return next((kind for key, kind in kinds.items() if key in template), POD)


def timestamp(moment: datetime) -> str:
    """Return ``moment`` as Kubernetes writes it: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(moment: datetime) -> str:
    """Return ``moment`` as :func:`timestamp` does, with milliseconds."""
    text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Return what :func:`timestamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class TemplateId:
    """What a node says of its template: where it was named, and how.

    That is by its ``name`` in ``scope``, by a ``templateRef``, or not, when it is written inline in
    the task or step ``caller``.
    """

    scope: str
    name: str = ""
    ref: Mapping[str, str] | None = None
    inline: Mapping[str, Any] | None = None
    caller: str = ""

    @classmethod
    def of(cls, holder: Mapping[str, Any], scope: str) -> TemplateId:
        """Return the template of a task, a step or a hook that is written in ``scope``."""
        name, ref, inline = (holder.get(key) for key in ("template", "templateRef", "inline"))
        return cls(scope, name or "", ref, inline, holder.get("name", "") if inline else "")

    @property
    def short_name(self) -> str:
        """The name that becomes part of a pod's."""
        return (self.ref or {}).get("template", self.name)


@dataclass
class Node:
    """One entry of ``status.nodes``; names of fields as in Argo, in Python's spelling.

    ``daemoned`` is true of a daemon that can be used, at ``address``, until it ends or is ended.
    ``began`` and ``ended`` are its times on the monotonic clock, None if another server saw them;
    ``expired`` tells that it was suspended for a time, which is over.
    """

    id: str
    name: str
    type: str
    phase: str = ""
    display_name: str = ""
    template: str = ""
    ref: Mapping[str, str] | None = None
    scope: str = ""
    boundary: str = ""
    message: str = ""
    started_at: str = ""
    finished_at: str = ""
    progress: str = ""
    host: str = ""
    flag: dict[str, bool] | None = None
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    synced: bool | None = None
    daemoned: bool | None = None
    address: str = ""
    memoization: dict[str, Any] | None = None
    sync: dict[str, str] | None = None
    usage: dict[str, Any] | None = None
    files: dict[str, Any] | None = None
    children: dict[str, None] = field(default_factory=dict)
    outbound: list[str] | None = None
    expired: bool = field(default=False, compare=False)
    began: float | None = field(default=None, compare=False)
    ended: float | None = field(default=None, compare=False)

    @property
    def fulfilled(self) -> bool:
        """True when nothing more will happen to it, or it is a daemon that can be used."""
        return self.phase in FULFILLED or bool(self.daemoned)

    @property
    def failed(self) -> bool:
        """True when it is Failed or Error."""
        return self.phase in FAILURES

    @property
    def template_id(self) -> TemplateId:
        """What it says of its template."""
        return TemplateId(self.scope, self.template, self.ref)

    @property
    def hooked(self) -> bool:
        """True for the node of a lifecycle hook or an exit handler."""
        return bool(self.flag and self.flag.get("hooked"))

    def attempt_of(self, retry: Node) -> bool:
        """Tell whether it is one of the attempts of a Retry node, whose hooks are below it too."""
        return bool(self.flag and self.flag.get("retried")) and self.name.startswith(
            f"{retry.name}("
        )

    def document(self) -> dict[str, Any]:
        """Return Argo's JSON object, independent of later changes of this node."""
        document: dict[str, Any] = {}
        for attribute, key in _KEYS:
            value = getattr(self, attribute)
            if key == "children":
                value = list(value) or None
            if value is not None and value != "" and value != []:
                document[key] = value
            elif key in _DATES:
                document[key] = None
        return document

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Node:
        """Return the node that :meth:`document` wrote."""
        found = {
            attribute: document[key] for attribute, key in _KEYS if document.get(key) is not None
        }
        found["children"] = dict.fromkeys(found.get("children", ()))
        return cls(**found)


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

    Belongs to one thread. :meth:`take_changes` hands over what changed since it was last called.
    ``daemons`` are those that can be used, by their boundary, ``lost`` those that ended by
    themselves; ``pods`` is how many there are.
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
        self._watchers: dict[str, Callable[[], None]] = {}
        self.active_pods = 0
        self.active_children: Counter[str] = Counter()
        self.failed_children: Counter[str] = Counter()
        self.pods = 0
        self.daemons: dict[str, list[Node]] = {}
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

    def start(self, node: Node) -> None:
        """Let the time of ``node`` begin now."""
        node.started_at, node.began = timestamp(self._now()), self._monotonic()

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
            self.touch(parent)

    def outbound(self, node: Node) -> list[Node]:
        """Return the nodes to which what follows ``node`` is connected."""
        if node.type in (SKIPPED_NODE, SUSPEND, HTTP):
            return [node]
        if node.type == POD and not self._has_containers(node):
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

    def take_changes(self) -> dict[str, dict[str, Any]]:
        """Return the nodes that changed since the last call."""
        changed, self._changed = self._changed, {}
        return {key: node.document() for key, node in changed.items()}

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


def last_attempt(node: Node, by_id: Mapping[str, Node]) -> Node:
    """Return the last attempt of a Retry node, and any other node itself."""
    if node.type == RETRY:
        for key in reversed(node.children):
            if key in by_id and not (by_id[key].hooked and not by_id[key].attempt_of(node)):
                return by_id[key]
    return node


def _display_name(name: str, boundary: Node | None) -> str:
    if boundary is None:
        return name
    short = name[len(boundary.name) :] if name.startswith(boundary.name) else name
    return _SEPARATOR.sub("", short, count=1) if _SEPARATOR.match(short) else short


def update_groups(nodes: Nodes, *, all_nodes: bool) -> None:
    """Set the progress of all nodes that have none of their own, or of those that have gone on.

    It is the sum of those below.
    """
    for node in nodes.by_id.values():
        if node.type in EXECUTABLE or (node.fulfilled and not all_nodes):
            continue
        done, total = _sum_below(nodes, node)
        progress = f"{done}/{total}"
        if total and progress != node.progress and (all_nodes or _matters(node, done, total)):
            node.progress = progress
            nodes.touch(node)


def _matters(node: Node, done: int, total: int) -> bool:
    shown, _, of = node.progress.partition("/")
    if not shown or (total - int(of)) * 10 >= total:
        return True
    return (done - int(shown)) * _PROGRESS_STEPS >= total


def _sum_below(nodes: Nodes, node: Node) -> tuple[int, int]:
    done = total = 0
    seen = set(node.children)
    stack = list(node.children)
    while stack:
        child = nodes.by_id.get(stack.pop())
        if child is None:
            continue
        if child.type in EXECUTABLE:
            number, of = child.progress.split("/")
            done += int(number)
            total += int(of)
        fresh = [key for key in child.children if key not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return done, total
