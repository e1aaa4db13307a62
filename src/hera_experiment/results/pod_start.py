"""Waits until a pod runs, and says why it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hera_experiment.errors import UserError
from hera_experiment.waiting import poll

if TYPE_CHECKING:
    from hera_experiment.platform.kubernetes_access import KubernetesAccess

_PAUSE = 0.3
_OF_THE_IMAGE = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "RunContainerError",
    "CreateContainerError",
    "StartError",
    "ContainerCannotRun",
)


class ImageUnfit(Exception):
    """A pod does not start, or is of no use, because of its image."""


def wait_until_running(
    cluster: KubernetesAccess,
    name: str,
    image: str,
    patience: float,
    pause: Callable[[float], None],
    clock: Callable[[], float],
) -> None:
    """Return once the pod ``name`` runs.

    Raises
    ------
    ImageUnfit
        When the image cannot be pulled or holds no shell.
    UserError
        When the pod ends at once, or does not run after ``patience`` seconds; it says why.
    """
    from kubernetes.client import CoreV1Api

    core = CoreV1Api(cluster.api)
    reason = message = ""

    def is_running() -> bool:
        nonlocal reason, message
        pod: Any = cluster.ask(
            f"read the pod '{name}'", core.read_namespaced_pod, name, cluster.namespace
        )
        if pod.status.phase == "Running":
            return True
        reason, message = _reason(pod)
        if reason in _OF_THE_IMAGE:
            raise ImageUnfit(f"the image '{image}' does not start: {message or reason}")
        if pod.status.phase in ("Failed", "Succeeded"):
            said = message or pod.status.message or reason or "no reason given"
            raise UserError(f"the pod '{name}' has ended at once: {said}")
        return False

    if not poll(is_running, patience, _PAUSE, sleep=pause, clock=clock):
        why = message or reason or _events(cluster, core, name) or "Kubernetes says no reason"
        raise UserError(
            f"the pod '{name}' has not started within {patience:.0f} seconds: {why}",
            next_step="'make check-cluster' looks for the cause",
        )


def _reason(pod: Any) -> tuple[str, str]:
    """Return what keeps the pod from running, Kubernetes' word and sentence; both may be empty."""
    for each in pod.status.container_statuses or ():
        state = each.state.waiting or each.state.terminated
        if each.name and state is not None and state.reason not in (None, "ContainerCreating"):
            return str(state.reason), str(state.message or "").strip()
    for condition in pod.status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return str(condition.reason or ""), str(condition.message or "")
    return "", ""


def _events(cluster: KubernetesAccess, core: Any, name: str) -> str:
    def those(namespace: str, **options: Any) -> Any:
        selector = f"involvedObject.name={name},type=Warning"
        return core.list_namespaced_event(namespace, field_selector=selector, **options)

    try:
        found: Any = cluster.ask("list events", those, cluster.namespace)
    except UserError:
        return ""
    messages = [str(each.message) for each in found.items if each.message]
    return messages[-1] if messages else ""
