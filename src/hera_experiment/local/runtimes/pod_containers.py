"""Runs the containers of one pod together, as the kubelet and Argo's executor do.

Source: ``cmd/argoexec/commands/emissary.go``, and ``inferFailedReason`` and
``podHasContainerNeedingTermination`` in ``workflow/controller/operator.go`` of
argoproj/argo-workflows v4.0.5.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from hera_experiment.argo.go_text import seconds
from hera_experiment.argo.phases import is_progress
from hera_experiment.local.runtimes.base import (
    BEGAN,
    NEVER_RAN,
    Announce,
    ContainerState,
    Pod,
    PodResult,
    Ready,
)
from hera_experiment.local.runtimes.children import Children, Stopped
from hera_experiment.local.runtimes.container import MAIN, Container, PodContainers
from hera_experiment.local.runtimes.outputs import failure
from hera_experiment.local.runtimes.probes import Probe

RunOne = Callable[[Container, Children, Announce], PodResult]
"""Runs one container to its end; its ``announce`` hears when it has started."""

_KILLED = (137, 143)
"""Exit codes of what was ended from outside."""

_LATER = 1.0
"""Seconds after which Argo's controller, which looks at pods now and then, ends what still runs."""


class RunningPod:
    """A pod that runs, or is about to: ``containers`` of ``pod``, which :meth:`stop` ends.

    ``own`` are the processes of the first container, ``heard`` hears of the pod.
    """

    def __init__(self, pod: Pod, containers: PodContainers) -> None:
        self.pod = pod
        self._containers = containers
        attempts = _attempts(pod.template)
        main = {container.name for container in containers.main}
        self.children = {
            container.name: Children(*attempts) if container.name in main else Children()
            for container in containers
        }
        self.own = self.children[containers.main[0].name]
        self._of_set = "containerSet" in pod.template
        self.heard: Announce = lambda news: None
        self._progress = ""
        self._changed = threading.Condition()
        # How each container ended, and those that have begun.
        self._ended: dict[str, PodResult] = {}
        self._begun: set[str] = set()
        # What a container's process ended with, whose outputs are still to be looked at.
        self._statuses: dict[str, int] = {}
        self._ready = False

    def stop(self, grace_seconds: float) -> None:
        """End all containers, from any thread, and begin none."""
        # All learn of it before one ends: who waits for that one is stopped, not refused.
        for children in self.children.values():
            children.stopping = True
        for children in self.children.values():
            children.stop(grace_seconds)
        with self._changed:
            self._changed.notify_all()

    def progress(self) -> str:
        """Return how far a main container says that it has come, nothing unless it is news.

        Source: ``monitorProgress`` in ``workflow/executor/executor.go``.
        """
        for container in self._containers.main:
            text = (self.children[container.name].progress() or b"").decode("utf-8", "replace")
            last = text.strip().rpartition("\n")[2].strip()
            if last != self._progress and is_progress(last):
                self._progress = last
                return last
        return ""

    def run(self, run_one: RunOne, announce: Announce) -> PodResult:
        """Run all containers to their end, with ``run_one``, and say how the pod ended."""
        containers = self._containers
        for at, container in enumerate(containers.init):
            announce(f"running the init container {container.name}")
            result = self._one(run_one, container, announce)
            if result.exit_code != 0:
                following = [*containers.init[at + 1 :], *containers.main]
                return self._of_init(result, following[0].name)
        if containers.alone and not self._of_set and not self.pod.template.get("daemon"):
            self.own.begun = partial(announce, BEGAN)
            return self._remarked(run_one(containers.main[0], self.own, announce))
        threads = [
            threading.Thread(
                target=self._run_main if container in containers.main else self._run_sidecar,
                args=(container, run_one, announce),
                daemon=True,
            )
            for container in (*containers.main, *containers.sidecars)
        ]
        for thread in threads:
            thread.start()
        if self.pod.template.get("daemon"):
            self._tell_when_ready(announce)
        for thread in threads:
            thread.join()
        return self._verdict()

    def _one(self, run_one: RunOne, container: Container, announce: Announce) -> PodResult:
        def heard(news: Any) -> None:
            if news == "":
                self._has_begun(container, announce)
            elif isinstance(news, str) and not self._begun:
                announce(news)

        try:
            return run_one(container, self.children[container.name], heard)
        except Stopped:
            return PodResult(143, failure(143, container=container.name))

    def _has_begun(self, container: Container, announce: Announce) -> None:
        if container in self._containers.init:
            return
        with self._changed:
            first = not self._begun
            self._begun.add(container.name)
            self._changed.notify_all()
        if first:
            announce("")
        if self._of_set:
            announce(ContainerState(container.name))

    def _run_main(self, container: Container, run_one: RunOne, announce: Announce) -> None:
        result = self._refused(container)
        if result is None:
            if self._of_set and container.name == MAIN:
                self.children[MAIN].ended = self._wait_for_others
            result = self._one(run_one, container, announce)
        self._has_ended(container, result, announce)
        if result.exit_code != 0:
            # Who waits for it learns that first, and what takes no time has ended by then.
            with self._changed:
                self._changed.wait_for(
                    lambda: self._is_over() or self.children[container.name].stopping, _LATER
                )
            self._stop(self._containers.main)
        with self._changed:
            over = self._is_over()
        if over:
            self._stop(self._containers.sidecars)

    def _is_over(self) -> bool:
        return all(each.name in self._ended for each in self._containers.main)

    def _wait_for_others(self, status: int) -> None:
        """Wait until all of a set have ended: volumes have its outputs, too, whoever wrote them."""
        with self._changed:
            self._statuses[MAIN] = status
            self._changed.notify_all()
            if status == 0:
                names = {each.name for each in self._containers.main} - {MAIN}
                self._changed.wait_for(
                    lambda: names <= self._ended.keys() or self.children[MAIN].stopping
                )

    def _run_sidecar(self, container: Container, run_one: RunOne, announce: Announce) -> None:
        result = self._one(run_one, container, announce)
        self._has_ended(container, result, announce)
        if result.exit_code is None:
            self._stop(self._containers.main)

    def _has_ended(self, container: Container, result: PodResult, announce: Announce) -> None:
        if self._of_set:
            code = NEVER_RAN if result.exit_code is None else result.exit_code
            # Of a container Argo always writes the colon before what more there is to say.
            bare = failure(code, container=container.name)
            message = f"{bare}: " if result.message == bare else result.message
            announce(ContainerState(container.name, code, message if code else ""))
        with self._changed:
            self._ended[container.name] = result
            self._changed.notify_all()

    def _refused(self, container: Container) -> PodResult | None:
        """Wait for what ``container`` depends on; return why it may not begin, None if it may."""
        for name in container.dependencies:
            with self._changed:
                self._changed.wait_for(
                    lambda name=name: (  # type: ignore[misc]
                        name in self._ended
                        or name in self._statuses
                        or self.children[container.name].stopping
                    )
                )
                ended = self._ended.get(name)
                status = self._statuses.get(name) if ended is None else ended.exit_code
            if self.children[container.name].stopping:
                return PodResult(143, failure(143, container=container.name))
            if status != 0:
                code = NEVER_RAN if status is None else status
                why = f'dependency "{name}" exited with non-zero code: {code}'
                return PodResult(NEVER_RAN, failure(NEVER_RAN, why, container=container.name))
        return None

    def _stop(self, containers: Sequence[Container]) -> None:
        """End those of ``containers`` that run; who waits for one that failed learns it itself."""
        with self._changed:
            ended = dict(self._ended)
        doomed = {name for name, result in ended.items() if result.exit_code != 0}
        for _ in containers:
            doomed |= {c.name for c in containers if doomed & set(c.dependencies)}
        for container in containers:
            if container.name not in doomed and container.name not in ended:
                self.children[container.name].stop(self.pod.grace_seconds)
        with self._changed:
            self._changed.notify_all()

    def _tell_when_ready(self, announce: Announce) -> None:
        """Tell once that all containers run and their readiness probes have passed."""
        containers = (*self._containers.main, *self._containers.sidecars)
        probes = [
            Probe(container.written, self.children[container.name]) for container in containers
        ]

        def settled() -> bool:
            return bool(self._ended) or len(self._begun) == len(containers)

        with self._changed:
            self._changed.wait_for(settled)
        while not self._ended:
            if all([probe.passes() for probe in probes]):
                announce(Ready())
                return
            pause = min(probe.pause for probe in probes)
            with self._changed:
                self._changed.wait_for(lambda: bool(self._ended), pause)

    def _of_init(self, result: PodResult, following: str) -> PodResult:
        """Return how a pod ended whose init container did not succeed."""
        if result.exit_code is None:
            return result
        if result.exit_code in _KILLED:
            why = f"Pod failed before {following} container starts due to PodInitializing: "
            return PodResult(None, why, error=True, placed=True)
        return PodResult(None, result.message, placed=True)

    def _verdict(self) -> PodResult:
        """Return how the pod ended: its outputs are those of ``main``."""
        main = self._ended.get(MAIN) if MAIN in self.children else None
        found = main or PodResult(None)
        message, error = self._reason()
        return self._remarked(replace(found, message=message, error=error, placed=True))

    def _remarked(self, result: PodResult) -> PodResult:
        """Return ``result`` with why it is not taken over another time, where it might be."""
        if self.pod.done_tasks is None or not self.pod.has_several or result.message:
            return result
        return replace(result, remark="not remembered: it has several containers")

    def _reason(self) -> tuple[str, bool]:
        """Return why the pod failed, with empty words when it did not, and if it is an error."""
        names = sorted(c.name for c in self._containers.main)
        others = sorted(c.name for c in self._containers.sidecars)
        if self.pod.is_inline:
            others = sorted({*names, *others} - {MAIN})
            names = [MAIN] if MAIN in names else []
        main = [self._ended[name] for name in names]
        sidecars = [self._ended[name] for name in others]
        for result in (*main, *sidecars):
            if result.exit_code is None:
                return result.message, True
        for result in main:
            if result.exit_code != 0:
                return result.message, False
        for result in main:
            if result.error:
                return result.message, True
        for result in sidecars:
            if result.exit_code not in (0, *_KILLED):
                return result.message, False
        return "", False


def _attempts(template: Mapping[str, Any]) -> tuple[int, float]:
    """Return how often a container of a set is tried, and the seconds before it is tried again.

    Argo takes ``retries`` for the number of all attempts. Source: ``GetRetryStrategy`` in
    ``pkg/apis/workflow/v1alpha1/container_set_template_types.go``.
    """
    strategy = (template.get("containerSet") or {}).get("retryStrategy") or {}
    if "retries" not in strategy:
        return 1, 0.0
    text = str(strategy["retries"])
    retries = int(text) if re.fullmatch(r"[+-]?\d+", text, re.ASCII) else 0
    return retries, seconds(strategy["duration"]) if strategy.get("duration") else 0.0
