"""What the runtimes share: the pods that run are known, can be stopped, and tell how they ended."""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from hera_experiment.argo.quantities import number_of
from hera_experiment.errors import UserError
from hera_experiment.local.runtimes.artifact_files import InputsFailed, place_inputs
from hera_experiment.local.runtimes.base import Announce, Pod, PodResult, Progress
from hera_experiment.local.runtimes.checks import common_refusals
from hera_experiment.local.runtimes.children import Children, Stopped, total_usage
from hera_experiment.local.runtimes.container import (
    MAIN,
    Container,
    Json,
    MissingObject,
    PodContainers,
    containers_of,
    pod_containers,
)
from hera_experiment.local.runtimes.memory_limit import MemoryLimit
from hera_experiment.local.runtimes.outputs import (
    OUT_OF_MEMORY,
    failure,
    memory_kills,
    not_started,
)
from hera_experiment.local.runtimes.pod_containers import RunningPod
from hera_experiment.local.runtimes.scratch import remove_folder
from hera_experiment.local.runtimes.volumes import make_mounts
from hera_experiment.local.store import Objects, container_log

LOOK_SECONDS = 1.0
"""How often the logs of what runs are looked at."""


class BaseRuntime(ABC):
    """Runs pods; see :class:`~.base.Runtime`.

    A subclass says how one container is run, under its ``name``. ``what`` and ``prepared`` are its
    words for itself and for what it makes ready, ``failures`` the errors whose text alone tells a
    person why a pod cannot be run. ``measures`` tells whether what its processes use is what a
    task uses.
    """

    name: str
    heeds_users = False
    sees_files = False
    measures = True
    what: ClassVar[str]
    prepared: ClassVar[str]
    log_limit: ClassVar[int] = 1 << 30
    failures: ClassVar[tuple[type[Exception], ...]] = (MissingObject, UserError)

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None
        self._pods: dict[str, RunningPod] = {}
        self._memory_kills = memory_kills()
        # By workflow: the images that still have to be made ready, and what went wrong with one.
        self._awaited: dict[tuple[str, str], tuple[str, ...]] = {}
        self._failed: dict[tuple[str, str], PodResult] = {}

    def refusals(self, workflow: Mapping[str, Any]) -> list[str]:
        """Name what cannot be honoured in ``workflow``.

        The workflow's images are looked at anew: call it before a retry as well.
        """
        metadata = workflow.get("metadata") or {}
        namespace, name = str(metadata.get("namespace")), str(metadata.get("name"))
        self._forget(namespace, name)
        images = (container.image for _, container in containers_of(workflow))
        self._awaited[namespace, name] = tuple(
            image for image in dict.fromkeys(images) if "{{" not in image
        )
        self._failed.pop((namespace, name), None)
        found = list(common_refusals(workflow, self._objects))
        found += self._refusals(workflow, namespace, name)
        return list(dict.fromkeys(found))

    def warnings(self, workflow: Mapping[str, Any]) -> list[str]:
        """Say what this runtime cannot promise of a ``workflow`` that it does not refuse."""
        metadata = workflow.get("metadata") or {}
        namespace, name = str(metadata.get("namespace")), str(metadata.get("name"))
        return list(dict.fromkeys(self._warnings(workflow, namespace, name)))

    def run(self, pod: Pod, announce: Announce) -> PodResult:
        """Run ``pod`` to its end."""
        if pod.shared:
            pod = replace(pod, folder=self._shared_folder(pod))
        containers = pod_containers(pod.template)
        if not containers.main:
            return not_started(f"{self.what} runs templates of containers only")
        try:
            running = RunningPod(pod, containers)
        except ValueError as error:
            return not_started(f"failed to get retry strategy: {error}")
        with self._lock:
            self._pods[pod.node_id] = running
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, daemon=True)
                self._watcher.start()
        running.heard = announce
        try:
            if failed := self._prepare_all(pod, containers, running.own, announce):
                return failed
            running.own.used = None  # what made images ready is not the task's
            if pod.shared:
                self._place_inputs(pod, containers)
            result = running.run(partial(self._run_one, pod), announce)
            used = total_usage(*(each.used for each in running.children.values()))
            return replace(result, usage=used if self.measures else None)
        except Stopped:
            return not_started("stopped before its process started")
        except InputsFailed as error:
            return _without_inputs(error)
        except self.failures as error:
            return not_started(str(error))
        finally:
            with self._lock:
                self._pods.pop(pod.node_id, None)
            remove_folder(str(pod.folder))

    def _shared_folder(self, pod: Pod) -> Path:
        """Return where what the containers of ``pod`` share is to lie."""
        return pod.folder

    def _place_inputs(self, pod: Pod, containers: PodContainers) -> None:
        """Fetch the input artifacts of ``pod`` before any of its containers begins."""
        for container in containers.main:
            if container.name == MAIN:
                place_inputs(pod, container, make_mounts(container, pod, self._objects))

    def _run_one(
        self, pod: Pod, container: Container, children: Children, announce: Announce
    ) -> PodResult:
        log = container_log(pod.log, container.name)
        own = pod if log is pod.log else replace(pod, log=log)
        try:
            limit = _limit_of(container) if pod.keeps_limits and self.measures else 0
            with MemoryLimit(children, limit) as memory:
                result = self._run(own, container, children, announce)
            if memory.exceeded and result.exit_code == 137:
                message = failure(137, "", OUT_OF_MEMORY, container.name)
                return replace(result, message=message)
            return self._with_log_too_long(own, container, result)
        except InputsFailed as error:
            return _without_inputs(error)
        except self.failures as error:
            return not_started(str(error))
        except OSError as error:
            return not_started(f"cannot prepare {self.prepared}: {error}")

    def stop(self, node_id: str, grace_seconds: float) -> None:
        """End the processes of a pod, or a container's client, which hands the signal on."""
        with self._lock:
            running = self._pods.get(node_id)
        if running is not None:
            running.stop(grace_seconds)

    def _prepare_all(
        self, pod: Pod, containers: PodContainers, children: Children, announce: Announce
    ) -> PodResult | None:
        """Make every image of a workflow ready before its first task; return what went wrong.

        So that a mistake in the last one is told at once, and not after hours of other tasks.
        """
        key = (pod.namespace, pod.workflow_name)
        images = self._awaited.get(key, ())
        # Its own first: tasks that begin together make different ones.
        own = {container.image for container in containers}
        for image in sorted(images, key=lambda each: each not in own):
            if key in self._failed:
                return self._failed[key]
            try:
                self._prepare(pod, image, children, announce)
            except self.failures as error:
                return self._failed.setdefault(key, not_started(str(error)))
        self._awaited.pop(key, None)
        return self._failed.get(key)

    def _watch(self) -> None:
        """Look at what runs: how far it has come, and whether its log would fill the disk."""
        while True:
            time.sleep(LOOK_SECONDS)
            with self._lock:
                pods = list(self._pods.values())
                if not pods:
                    self._watcher = None
                    return
            for pod in pods:
                if progress := pod.progress():
                    pod.heard(Progress(progress))
                for name, children in pod.children.items():
                    if _size(container_log(pod.pod.log, name)) > self.log_limit:
                        children.stop(0)

    def _with_log_too_long(self, pod: Pod, container: Container, result: PodResult) -> PodResult:
        if result.exit_code != 137 or _size(pod.log) <= self.log_limit:
            return result
        os.truncate(pod.log, self.log_limit)
        sentence = (
            f"its log has more than {self.log_limit >> 20} MiB, and no more is kept on this"
            " machine: print less, or write to a file on a volume"
        )
        return replace(result, message=failure(137, sentence, container=container.name))

    def memory_is_short(self) -> bool:
        """Tell whether Linux has ended a process for want of memory since this was asked last."""
        before, self._memory_kills = self._memory_kills, memory_kills()
        return self._memory_kills > before

    def runs(self, node_id: str) -> bool:
        """Tell whether that pod runs now."""
        return node_id in self._pods

    @abstractmethod
    def _forget(self, namespace: str, workflow: str) -> None:
        """Let a workflow see its images anew."""

    @abstractmethod
    def _refusals(self, workflow: Json, namespace: str, name: str) -> Iterable[str]:
        """Name what this runtime, other than all, cannot honour."""

    def _warnings(self, workflow: Json, namespace: str, name: str) -> Iterable[str]:
        """Say what it cannot promise; nothing, unless a subclass says more."""
        return ()

    @abstractmethod
    def _prepare(self, pod: Pod, image: str, children: Children, announce: Announce) -> None:
        """Make ready what ``image`` needs where ``pod`` runs; raises one of ``failures``."""

    @abstractmethod
    def _run(
        self, pod: Pod, container: Container, children: Children, announce: Announce
    ) -> PodResult:
        """Run ``container`` of ``pod``, whose processes are ``children``, to its end.

        ``pod.log`` is its own log.
        """


def _without_inputs(error: InputsFailed) -> PodResult:
    return replace(not_started(str(error)), placed=True)


def _limit_of(container: Container) -> int:
    """Return the bytes of memory that a container may have, 0 where it does not say."""
    try:
        return int(number_of(container.limits.get("memory") or 0))
    except ValueError:
        return 0


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0
