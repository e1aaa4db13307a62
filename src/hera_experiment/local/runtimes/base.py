"""What the engine asks of a runtime: to run one attempt of one pod."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hera_experiment.argo.usage import Touched
from hera_experiment.images.engine import RUNNERS
from hera_experiment.local.cache.tasks import DoneTasks

if TYPE_CHECKING:
    from hera_experiment.local.artifacts.pod import PodArtifacts

AUTO, BUBBLEWRAP, PROCESS = "auto", "bubblewrap", "process"
RUNTIMES = (AUTO, BUBBLEWRAP, PROCESS, *RUNNERS)
"""The names of the runtimes; ``auto`` is bubblewrap where it can run, else processes."""

GRACE_SECONDS = 10.0
"""How long the processes of a pod have to end by themselves."""

HERE = "127.0.0.1"
"""The address of every pod: it has this machine's network."""

NEVER_RAN = 64
"""The exit code of Argo's executor when it could not do its own part."""


@dataclass(frozen=True)
class ContainerState:
    """How a container of a pod is: it runs, or it ended with ``exit_code`` in these words."""

    name: str
    exit_code: int | None = None
    message: str = ""


@dataclass(frozen=True)
class Ready:
    """All containers of a pod run, and their readiness probes have passed."""


@dataclass(frozen=True)
class Progress:
    """How far a task has come, in its own words: ``3/10``."""

    text: str


@dataclass(frozen=True)
class Began:
    """The one container of a pod has begun; unless it ends in a moment, the empty text follows."""


BEGAN = Began()

News = str | ContainerState | Ready | Progress | Began
Announce = Callable[[News], None]
"""Hears of a pod: a text says why it still waits, an empty one that its containers have started."""


@dataclass(frozen=True)
class Usage:
    """What a pod used: seconds of ``cpu``, and bytes of ``memory`` of its largest process.

    With ``at_most`` its memory is no more than that: Linux counts a process as large as the one
    that started it, so what is smaller than the server is not told apart.
    """

    cpu: float
    memory: int
    at_most: bool = False


@dataclass(frozen=True)
class Pod:
    """One attempt of one template that runs containers, every ``{{…}}`` already substituted.

    ``template`` and ``volumes`` (those of the workflow's spec, then those of the template) carry
    Argo's own keys. ``folder`` is scratch space that the runtime creates and removes; ``log``
    receives standard output and error of the container ``main``, and files beside it those of the
    others. ``capture_result`` is true when something refers to this task's ``outputs.result``.
    ``security`` is the pod's security context, ``hosts`` are further names of hosts (Kubernetes'
    ``hostAliases``), ``artifacts`` fetches its inputs and keeps its outputs, None where there are
    none; ``grace_seconds`` is how long containers have to end by themselves. With ``keeps_limits``
    they have no more memory than their limits say, where that can be seen. What was done just so
    is taken over from ``done_tasks``, and what is done now remembered there. Argo does not find the
    template again that ``is_inline``, written where it is called: to it such a pod is no daemon,
    and ``main`` its one main container.
    """

    namespace: str
    workflow_name: str
    node_id: str
    name: str
    template: Mapping[str, Any]
    volumes: Sequence[Mapping[str, Any]]
    folder: Path
    log: Path
    capture_result: bool
    security: Mapping[str, Any] = field(default_factory=dict)
    hosts: Sequence[Mapping[str, Any]] = ()
    artifacts: PodArtifacts | None = None
    done_tasks: DoneTasks | None = None
    grace_seconds: float = GRACE_SECONDS
    keeps_limits: bool = False
    is_inline: bool = False

    @property
    def takes_over(self) -> bool:
        """True when it may be taken over from what was done: of a single process one can tell."""
        is_daemon = bool(self.template.get("daemon"))
        return self.done_tasks is not None and not self.has_several and not is_daemon

    @property
    def has_several(self) -> bool:
        """True when it has several containers, or may have: they change each other's files."""
        return self.shared or "containerSet" in self.template

    @cached_property
    def shared(self) -> bool:
        """True when it has several containers, which share its volumes."""
        of_set = self.template.get("containerSet") or {}
        more = any(self.template.get(key) for key in ("initContainers", "sidecars"))
        return more or len(of_set.get("containers") or ()) > 1


@dataclass(frozen=True)
class PodResult:
    """How a pod ended.

    ``exit_code`` is None when the main container never started, or there is none; ``placed`` tells
    that the pod had come to its node; ``message`` is empty after a success and otherwise Argo's
    words (``Error (exit code 1)``); ``remark`` is what a person may want to know of a success,
    ``taken_from`` the workflow that did it already, if one did, with the ``key`` of what it did;
    ``error`` tells Argo's phase Error (it could not be run) from Failed; ``result`` is the end of
    standard output, at most 256 KiB, without its trailing newline; ``parameters`` the output
    parameters read from files, ``artifacts`` what was kept of the output artifacts and the log, by
    name; ``usage`` is None where it is not measured, ``files`` where nobody looked which files it
    read and wrote, see :class:`~hera_experiment.argo.usage.Touched`.
    """

    exit_code: int | None
    message: str = ""
    error: bool = False
    result: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    placed: bool = False
    remark: str = ""
    taken_from: str = ""
    key: str = ""
    usage: Usage | None = None
    files: Touched | None = None


class Runtime(Protocol):
    """A way of running containers on this machine, by one of the names in :data:`RUNTIMES`.

    ``heeds_users`` tells whether a container has the user, the capabilities and the devices that
    it asks for, ``sees_files`` whether it can tell which files a task reads and writes.
    """

    name: str
    heeds_users: bool
    sees_files: bool

    def refusals(self, workflow: Mapping[str, Any]) -> list[str]:
        """Name what this runtime cannot honour in ``workflow``, before anything runs.

        Each sentence names the template, the value and what to do instead.
        """

    def warnings(self, workflow: Mapping[str, Any]) -> list[str]:
        """Say what this runtime cannot promise of a ``workflow`` that it does not refuse."""

    def run(self, pod: Pod, announce: Announce) -> PodResult:
        """Run ``pod`` to its end and say how it ended.

        ``announce(text)`` shows why a pod still waits ("installing the requirements of
        containers/chart"); ``announce("")`` says that its containers have started. Of a set
        :class:`ContainerState` tells of each, of a daemon :class:`Ready` that it can be used.
        """

    def stop(self, node_id: str, grace_seconds: float) -> None:
        """End that pod's processes, from any thread: politely, after the grace by force."""
