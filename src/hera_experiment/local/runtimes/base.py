"""What the engine asks of a runtime: to run one attempt of one container or script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hera_experiment.images.engine import RUNNERS
from hera_experiment.local.cache.tasks import DoneTasks

if TYPE_CHECKING:
    from hera_experiment.local.artifacts.pod import PodArtifacts

AUTO, BUBBLEWRAP, PROCESS = "auto", "bubblewrap", "process"
RUNTIMES = (AUTO, BUBBLEWRAP, PROCESS, *RUNNERS)
"""The names of the runtimes; ``auto`` is bubblewrap where it can run, else processes."""

Announce = Callable[[str], None]
"""Shows why a pod still waits; an empty text says that its process has started."""


@dataclass(frozen=True)
class Pod:
    """One attempt of one container or script template, every ``{{…}}`` already substituted.

    ``template`` and ``volumes`` (those of the workflow's spec, then those of the template) carry
    Argo's own keys. ``folder`` is scratch space that the runtime creates and removes; ``log``
    receives standard output and error of the main container. ``capture_result`` is true when
    something refers to this task's ``outputs.result``. ``security`` is the pod's security context,
    ``hosts`` are further names of hosts (Kubernetes' ``hostAliases``), ``artifacts`` fetches its
    inputs and keeps its outputs, None where there are none. What was done just so is taken over
    from ``done_tasks``, and what is done now remembered there.
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


@dataclass(frozen=True)
class PodResult:
    """How a pod ended.

    ``exit_code`` is None when the main container never started, although ``placed`` tells that the
    pod had come to its node; ``message`` is empty after a success and otherwise Argo's words
    (``Error (exit code 1)``); ``remark`` is what a person may want to know of a success,
    ``taken_from`` the workflow that did it already, if one did, with the ``key`` of what it did;
    ``error`` tells Argo's phase
    Error (it could not be run) from Failed; ``result`` is the end of standard output, at most
    256 KiB, without its trailing newline; ``parameters`` the output parameters read from files,
    ``artifacts`` what was kept of the output artifacts and the log, by name.
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
        containers/chart"); ``announce("")`` says that its process has started.
        """

    def stop(self, node_id: str, grace_seconds: float) -> None:
        """End that pod's processes, from any thread: politely, after the grace by force."""
