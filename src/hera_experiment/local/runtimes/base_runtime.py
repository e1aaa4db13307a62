"""What the runtimes share: the pods that run are known, can be stopped, and tell how they ended."""

from __future__ import annotations

import os
import shutil
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from hera_experiment.errors import UserError
from hera_experiment.local.runtimes.artifact_files import InputsFailed
from hera_experiment.local.runtimes.base import Announce, Pod, PodResult
from hera_experiment.local.runtimes.checks import common_refusals
from hera_experiment.local.runtimes.children import Children, Stopped
from hera_experiment.local.runtimes.container import (
    Json,
    MainContainer,
    MissingObject,
    containers_of,
    main_container,
)
from hera_experiment.local.runtimes.outputs import failure, memory_kills, not_started
from hera_experiment.local.store import Objects

LOOK_SECONDS = 1.0
"""How often the logs of what runs are looked at."""


@dataclass(frozen=True)
class _Running:
    children: Children
    log: Path


class BaseRuntime(ABC):
    """Runs pods of one main container each; see :class:`~.base.Runtime`.

    A subclass says how, under its ``name``. ``what`` and ``prepared`` are its words for itself and
    for what it makes ready, ``failures`` the errors whose text alone tells a person why a pod
    cannot be run.
    """

    name: str
    heeds_users = False
    sees_files = False
    what: ClassVar[str]
    prepared: ClassVar[str]
    log_limit: ClassVar[int] = 1 << 30
    failures: ClassVar[tuple[type[Exception], ...]] = (MissingObject, UserError)

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None
        self._pods: dict[str, _Running] = {}
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
        container = main_container(pod.template)
        if container is None:
            return not_started(f"{self.what} runs container and script templates only")
        children = Children()
        with self._lock:
            self._pods[pod.node_id] = _Running(children, pod.log)
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch_logs, daemon=True)
                self._watcher.start()
        try:
            if failed := self._prepare_all(pod, container.image, children, announce):
                return failed
            result = self._run(pod, container, children, announce)
            return self._with_log_too_long(pod, result)
        except Stopped:
            return not_started("stopped before its process started")
        except InputsFailed as error:
            return replace(not_started(str(error)), placed=True)
        except self.failures as error:
            return not_started(str(error))
        except OSError as error:
            return not_started(f"cannot prepare {self.prepared}: {error}")
        finally:
            with self._lock:
                self._pods.pop(pod.node_id, None)
            shutil.rmtree(pod.folder, ignore_errors=True)

    def stop(self, node_id: str, grace_seconds: float) -> None:
        """End the processes of a pod, or a container's client, which hands the signal on."""
        with self._lock:
            running = self._pods.get(node_id)
        if running is not None:
            running.children.stop(grace_seconds)

    def _prepare_all(
        self, pod: Pod, own: str, children: Children, announce: Announce
    ) -> PodResult | None:
        """Make every image of a workflow ready before its first task; return what went wrong.

        So that a mistake in the last one is told at once, and not after hours of other tasks.
        """
        key = (pod.namespace, pod.workflow_name)
        images = self._awaited.get(key, ())
        # Its own first: tasks that begin together make different ones.
        for image in sorted(images, key=lambda each: each != own):
            if key in self._failed:
                return self._failed[key]
            try:
                self._prepare(pod, image, children, announce)
            except self.failures as error:
                return self._failed.setdefault(key, not_started(str(error)))
        self._awaited.pop(key, None)
        return self._failed.get(key)

    def _watch_logs(self) -> None:
        """End each pod that would fill the disk with its log, as long as there are pods."""
        while True:
            time.sleep(LOOK_SECONDS)
            with self._lock:
                pods = list(self._pods.values())
                if not pods:
                    self._watcher = None
                    return
            for pod in pods:
                if _size(pod.log) > self.log_limit:
                    pod.children.stop(0)

    def _with_log_too_long(self, pod: Pod, result: PodResult) -> PodResult:
        if result.exit_code != 137 or _size(pod.log) <= self.log_limit:
            return result
        os.truncate(pod.log, self.log_limit)
        sentence = (
            f"its log has more than {self.log_limit >> 20} MiB, and no more is kept on this"
            " machine: print less, or write to a file on a volume"
        )
        return replace(result, message=failure(137, sentence))

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
        self, pod: Pod, container: MainContainer, children: Children, announce: Announce
    ) -> PodResult:
        """Run ``pod``, whose processes are ``children``, to its end."""


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0
