"""What the interpreters of templates share: the workflow they run in, and how they call others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from hera_experiment.argo.phases import ERROR, FAILED, PENDING, RUNNING, SUCCEEDED
from hera_experiment.local.engine.config_values import ConfigValue
from hera_experiment.local.engine.locks import WorkflowLocks
from hera_experiment.local.engine.memoization import CacheError, Caches, status_of
from hera_experiment.local.engine.node import DAG, HTTP, POD, STEPS, Node, TemplateId
from hera_experiment.local.engine.nodes import Nodes
from hera_experiment.local.engine.templates import Template, Templates
from hera_experiment.local.engine.variables import Globals

if TYPE_CHECKING:
    from hera_experiment.local.engine.resume import Earlier

Done = Callable[[Node, str], None]
"""Called once a node is fulfilled, with the error that its caller must report, mostly empty."""

STOP, TERMINATE = "Stop", "Terminate"
"""How a workflow is shut down: its exit handler runs, or nothing more does."""

_MEMOIZED = (POD, DAG, STEPS, HTTP)
"""The nodes whose outputs are kept: a Retry node has those of its last attempt."""

FAIL_FAST = "template has failed or errored children and failFast enabled"


def nothing(_: Node) -> None:
    """Do nothing about a node."""


class Boundary(Protocol):
    """A DAG or Steps that runs: the boundary of the nodes below it."""

    @property
    def node(self) -> Node:
        """Its own node."""

    @property
    def template(self) -> Mapping[str, Any]:
        """Its template, with all variables replaced that are known by now."""

    @property
    def results(self) -> frozenset[str]:
        """The tasks whose ``outputs.result`` the template refers to."""

    def child_failed(self) -> None:
        """Learn that a pod, DAG or Steps directly below has failed."""


class Held:
    """A node that has no pod and waits for something."""

    def __init__(self, machine: Machine, attempt: Attempt, node: Node) -> None:
        self._machine = machine
        self._attempt = attempt
        self.node = node

    @property
    def call(self) -> Call:
        """How its template was called."""
        return self._attempt.call

    def end(self, phase: str, message: str | None = None, error: str = "") -> None:
        """Give the node its last phase, unless it has one."""
        if self._machine.held.pop(self.node.id, None) is self:
            self._let_go()
            self._machine.end(self._attempt, self.node, phase, message, error)

    def _let_go(self) -> None:
        """Give back what it held; nothing, unless a subclass says more."""


class Limiter:
    """Holds calls back while ``parallelism`` or ``failFast`` forbid them.

    ``limit`` is ``spec.parallelism``, None for no limit. Source: ``checkParallelism`` in
    ``workflow/controller/operator.go`` of argoproj/argo-workflows.
    """

    def __init__(self, nodes: Nodes, limit: int | None) -> None:
        self._nodes = nodes
        self._limit = limit
        # By the id of the boundary, empty for the workflow itself.
        self._waiting: dict[str, tuple[Boundary | None, deque[Callable[[], None]]]] = {}

    def admits(self, boundary: Boundary | None) -> bool:
        """Tell whether one more call may begin below ``boundary``."""
        return not self._full and (boundary is None or self._has_room(boundary))

    def failing_fast(self, boundary: Boundary) -> bool:
        """Tell whether ``boundary`` begins nothing more because a child failed."""
        return bool(
            boundary.template.get("failFast") and self._nodes.failed_children[boundary.node.id]
        )

    def wait(self, boundary: Boundary | None, resume: Callable[[], None]) -> None:
        """Call ``resume`` as soon as there is room, in the order of the calls."""
        key = boundary.node.id if boundary else ""
        self._waiting.setdefault(key, (boundary, deque()))[1].append(resume)

    def forget(self, boundary: Boundary) -> None:
        """Drop what waits below ``boundary``: it has ended."""
        self._waiting.pop(boundary.node.id, None)

    def resume_waiting(self) -> bool:
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

    def _has_room(self, boundary: Boundary) -> bool:
        if self.failing_fast(boundary):
            return False
        limit = boundary.template.get("parallelism")
        return not limit or limit < 0 or self._nodes.active_children[boundary.node.id] < limit


@dataclass(frozen=True)
class Call:
    """One use of a template. ``task`` is the task's or step's name without its loop's suffix.

    ``begun`` is called when there is a node, which may be later than the call. ``on_exit`` is true
    of the exit handler and all that it calls, ``flag`` becomes the node's ``nodeFlag``.
    """

    name: str
    template: TemplateId
    arguments: Mapping[str, Any]
    done: Done
    begun: Callable[[Node], None] = nothing
    task: str = ""
    boundary: Boundary | None = None
    local: Mapping[str, str] = field(default_factory=dict)
    depth: int = 1
    on_exit: bool = False
    flag: dict[str, bool] | None = None

    @property
    def boundary_id(self) -> str:
        """The id of the boundary's node, empty for the entry template."""
        return self.boundary.node.id if self.boundary else ""


@dataclass(frozen=True)
class Attempt:
    """A template that is about to run, under a node of this name, with inputs and variables set.

    ``written`` is that template before.
    """

    name: str
    template: Mapping[str, Any]
    written: Template
    call: Call
    done: Done
    flag: dict[str, bool] | None = None
    deadline: float | None = None

    @property
    def inputs(self) -> dict[str, Any] | None:
        """The inputs as the node shows them."""
        return self.template.get("inputs") or None


@dataclass
class Machine:
    """One running workflow. Everything in it belongs to who has the operator's turn.

    ``now`` is monotonic: timers heed no clock that is set. ``later`` calls back after what is being
    done now, ``at`` at such a time; ``started`` is when it began, to be shown; ``launch`` starts a
    pod; ``end_daemons`` ends those of a boundary; ``earlier`` is what an earlier run left behind;
    ``execute`` begins a call, now or when it is its turn; ``begin`` an attempt. ``observers`` are
    called after each event; ``held`` are the nodes without a pod that are not fulfilled, by id.
    ``config`` has the values that stand in ConfigMaps, ``caches`` what memoized templates have
    made.
    """

    workflow: str
    spec: Mapping[str, Any]
    nodes: Nodes
    variables: Globals
    templates: Templates
    config: ConfigValue
    caches: Caches
    limiter: Limiter
    started: datetime
    now: Callable[[], float]
    later: Callable[[Callable[[], None]], None]
    at: Callable[[float, Callable[[], None]], None]
    launch: Callable[[Attempt, Node, bool], None]
    end_daemons: Callable[[str], None]
    execute: Callable[[Call], None] = field(init=False)
    begin: Callable[[Attempt], Node] = field(init=False)
    export: Callable[[Mapping[str, Any] | None], None]
    earlier: Earlier | None = None
    shutdown: str = ""
    deadline: float | None = None
    boundaries: dict[str, Boundary] = field(default_factory=dict)
    observers: dict[str, Callable[[], None]] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    locks: WorkflowLocks = field(init=False)
    request: Callable[[Mapping[str, Any], Callable[[Any], None]], None] = field(init=False)

    def shut_down(self, strategy: str) -> None:
        """Begin nothing more; what has no active child ends at once."""
        self.shutdown = strategy
        for boundary in list(self.boundaries.values()):
            self.later(boundary.child_failed)

    def end_held(self) -> None:
        """Let the nodes without a pod fail that may not wait any longer."""
        for held in list(self.held.values()):
            if strategy := self.stopping(held.call):
                held.end(FAILED, f"Stopped with strategy '{strategy}'")
            elif self.overdue and not held.call.on_exit:
                held.end(FAILED, "Step exceeded its deadline")

    def make_node(self, attempt: Attempt, kind: str, phase: str) -> Node:
        """Make the node of a template that is about to run, unless it is there and has waited."""
        return self.nodes.get(attempt.name) or self.nodes.create(
            attempt.name,
            kind,
            phase,
            template=attempt.call.template,
            boundary=attempt.call.boundary_id,
            flag=attempt.flag,
            inputs=attempt.inputs,
            memoization=status_of(attempt.template),
        )

    def open_boundary(self, boundary: Boundary, attempt: Attempt, kind: str) -> Node:
        """Return the node of a DAG or of steps, made unless a retry kept it, and heed its end."""
        node = self.make_node(attempt, kind, RUNNING)
        if node.phase == PENDING:
            self.nodes.mark(node, RUNNING)
        self.boundaries[node.id] = boundary
        return node

    def forget(self, boundary: Boundary) -> None:
        """Drop what waits below ``boundary``, and end its daemons: it has ended."""
        self.limiter.forget(boundary)
        self.end_daemons(boundary.node.id)
        self.boundaries.pop(boundary.node.id, None)

    def stopping(self, call: Call) -> str:
        """Return the strategy that keeps a pod of ``call`` from beginning, or nothing."""
        return "" if call.on_exit and self.shutdown != TERMINATE else self.shutdown

    @property
    def overdue(self) -> bool:
        """True when the workflow's ``activeDeadlineSeconds`` have passed."""
        return self.deadline is not None and self.now() >= self.deadline

    def retry_strategy(self, template: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the template's ``retryStrategy``, else the workflow's."""
        if "retryStrategy" in template:
            own: Mapping[str, Any] = template["retryStrategy"]
            return own
        return self.spec.get("retryStrategy")

    def be_daemon(self, attempt: Attempt, node: Node, address: str) -> None:
        """Let what follows begin: the daemon of ``node`` can be used."""
        self.nodes.become_daemon(node, address)
        self.later(lambda: attempt.done(node, ""))

    def lose_daemon(self, attempt: Attempt, node: Node, phase: str, message: str) -> None:
        """Note that a daemon ended by itself; only who would try it again hears of it."""
        self.nodes.lose_daemon(node, phase, message)
        boundary = attempt.call.boundary
        if boundary is not None:
            self.later(boundary.child_failed)
        if node.flag and node.flag.get("retried"):
            self.later(lambda: attempt.done(node, ""))

    def end(
        self, attempt: Attempt, node: Node, phase: str, message: str | None = None, error: str = ""
    ) -> None:
        """Give ``node`` its last phase; tell its boundary and whoever waits for it."""
        if phase == SUCCEEDED and (problem := self._memoized(node)) and node.type == POD:
            phase, message = ERROR, problem
        self.nodes.mark(node, phase, message)
        if synchronization := attempt.template.get("synchronization"):
            # Hooks find the locks given back.
            self.locks.release(synchronization, node.id)
        boundary = attempt.call.boundary
        if node.failed and boundary is not None:
            self.later(boundary.child_failed)
        self.later(lambda: attempt.done(node, error))

    def _memoized(self, node: Node) -> str:
        """Keep what ``node`` has made, if it is memoized; return why that fails, or nothing."""
        if node.memoization is None or node.memoization["hit"] or node.type not in _MEMOIZED:
            return ""
        try:
            self.caches.save(node.memoization, node.id, node.outputs)
        except CacheError as error:
            return str(error)
        return ""
