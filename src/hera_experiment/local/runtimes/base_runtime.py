"""What the runtimes share: the pods that run are known, can be stopped, and tell how they ended."""

from __future__ import annotations

import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from hera_experiment.errors import UserError
from hera_experiment.local.runtimes.base import Announce, Pod, PodResult
from hera_experiment.local.runtimes.checks import common_refusals
from hera_experiment.local.runtimes.children import Children, Stopped
from hera_experiment.local.runtimes.container import (
    Json,
    MainContainer,
    MissingObject,
    main_container,
)
from hera_experiment.local.runtimes.outputs import not_started
from hera_experiment.local.store import Objects


class BaseRuntime(ABC):
    """Runs pods of one main container each; see :class:`~.base.Runtime`.

    A subclass says how. ``what`` and ``prepared`` are its words for itself and for what it makes
    ready, ``failures`` the errors whose text alone tells a person why a pod cannot be run.
    """

    what: ClassVar[str]
    prepared: ClassVar[str]
    failures: ClassVar[tuple[type[Exception], ...]] = (MissingObject, UserError)

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._lock = threading.Lock()
        self._pods: dict[str, Children] = {}

    def refusals(self, workflow: Mapping[str, Any]) -> list[str]:
        """Name what cannot be honoured in ``workflow``.

        The workflow's images are looked at anew: call it before a retry as well.
        """
        metadata = workflow.get("metadata") or {}
        namespace, name = str(metadata.get("namespace")), str(metadata.get("name"))
        self._forget(namespace, name)
        found = list(common_refusals(workflow, self._objects))
        found += self._refusals(workflow, namespace, name)
        return list(dict.fromkeys(found))

    def run(self, pod: Pod, announce: Announce) -> PodResult:
        """Run ``pod`` to its end."""
        container = main_container(pod.template)
        if container is None:
            return not_started(f"{self.what} runs container and script templates only")
        children = Children()
        with self._lock:
            self._pods[pod.node_id] = children
        try:
            return self._run(pod, container, children, announce)
        except Stopped:
            return not_started("stopped before its process started")
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
            children = self._pods.get(node_id)
        if children is not None:
            children.stop(grace_seconds)

    @abstractmethod
    def _forget(self, namespace: str, workflow: str) -> None:
        """Let a workflow see its images anew."""

    @abstractmethod
    def _refusals(self, workflow: Json, namespace: str, name: str) -> Iterable[str]:
        """Name what this runtime, other than all, cannot honour."""

    @abstractmethod
    def _run(
        self, pod: Pod, container: MainContainer, children: Children, announce: Announce
    ) -> PodResult:
        """Run ``pod``, whose processes are ``children``, to its end."""
