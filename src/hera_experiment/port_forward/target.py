"""Which pod a forwarded port leads to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.platform.kubernetes_errors import FORBIDDEN, NOT_FOUND, KubernetesRefusal

SERVICE = "argo-server"
"""What Argo's own manifests call the service of its server."""

PORT = 2746
"""The port that Argo's server listens on by default."""

_POD_LABELS = ("app=argo-server", "app.kubernetes.io/name=argo-workflows-server")
"""The labels of the server's pods in Argo's manifests and in its Helm chart."""

_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500


@dataclass(frozen=True)
class Target:
    """A pod and the port in it. ``uid`` tells it from a later pod of the same name."""

    namespace: str
    pod: str
    uid: str
    port: int

    def __str__(self) -> str:
        return f"pod {self.namespace}/{self.pod}, port {self.port}"


class NotNow(UserError):
    """There is no way at present, for a reason that may pass."""


class TargetFinder:
    """Finds the pod behind a service, as ``kubectl port-forward service/NAME`` does.

    Parameters
    ----------
    cluster:
        Asks Kubernetes, raising ``UserError`` and its :class:`KubernetesRefusal`.
    namespaces, service:
        Where the service may be, and what it is called. A user who may not read services gets the
        pods that carry the labels of Argo's server.
    """

    def __init__(
        self, cluster: KubernetesAccess, namespaces: Sequence[str], service: str = SERVICE
    ) -> None:
        self._cluster = cluster
        self._namespaces = list(dict.fromkeys(namespaces))
        self._service = service

    def find(self) -> Target:
        """Return a ready pod and its port, of the first namespace that has one.

        Raises
        ------
        NotNow
            When there is none at present, or the API server does not answer.
        UserError
            When there is no such service, or its pods may not be listed.
        """
        refusals: list[UserError] = []
        for namespace in self._namespaces:
            try:
                return self._find_in(namespace)
            except UserError as error:
                refusals.append(error)
        raise next((each for each in refusals if isinstance(each, NotNow)), refusals[0])

    def _find_in(self, namespace: str) -> Target:
        service = self._read_service(namespace)
        if service is None:
            pods = [pod for labels in _POD_LABELS for pod in self._list(namespace, labels)]
            port: Any = PORT
        else:
            selector = service.spec.selector or {}
            if not selector or not service.spec.ports:
                raise UserError(
                    f"service '{self._service}' in namespace '{namespace}' selects no pods",
                    next_step="name another with --service",
                )
            labels = ",".join(f"{key}={value}" for key, value in selector.items())
            pods = self._list(namespace, labels)
            port = service.spec.ports[0].target_port or service.spec.ports[0].port
        pod = next((pod for pod in pods if _is_ready(pod)), None)
        if pod is None:
            raise NotNow(
                f"no pod of service '{self._service}' in namespace '{namespace}' is ready",
                next_step="wait, or ask the administrator whether Argo's server runs there",
            )
        return Target(namespace, str(pod.metadata.name), str(pod.metadata.uid), _number(port, pod))

    def is_alive(self, target: Target) -> bool:
        """Say whether ``target`` is still the pod it was, and ready."""
        from kubernetes.client import CoreV1Api

        read = CoreV1Api(self._cluster.api).read_namespaced_pod
        try:
            pod: Any = self._cluster.ask("read the pod", read, target.pod, target.namespace)
        except UserError:
            return False
        return bool(pod.metadata.uid == target.uid and _is_ready(pod))

    def _read_service(self, namespace: str) -> Any:
        """Return the service, None where it may not be read."""
        from kubernetes.client import CoreV1Api

        read = CoreV1Api(self._cluster.api).read_namespaced_service
        try:
            return self._ask(f"read the service '{self._service}'", read, namespace, self._service)
        except KubernetesRefusal as error:
            if error.status == FORBIDDEN:
                return None
            if error.status != NOT_FOUND:
                raise
            raise UserError(
                f"no service '{self._service}' in namespace '{namespace}'",
                next_step="name the namespace and the service of Argo's server with --namespace "
                "and --service",
            ) from None

    def _list(self, namespace: str, labels: str) -> list[Any]:
        from kubernetes.client import CoreV1Api

        pods = partial(CoreV1Api(self._cluster.api).list_namespaced_pod, label_selector=labels)
        return list(self._ask("list pods", pods, namespace).items)

    def _ask(self, asked: str, request: Callable[..., Any], namespace: str, *names: str) -> Any:
        """Return the answer; a server in trouble and no answer at all are :class:`NotNow`."""
        asked = f"{asked} in namespace '{namespace}'"
        try:
            return self._cluster.ask(asked, request, *names, namespace)
        except KubernetesRefusal as error:
            if error.status < _SERVER_ERROR and error.status != _TOO_MANY_REQUESTS:
                raise
            raise NotNow(error.what, error.where, error.next_step) from None
        except UserError as error:
            raise NotNow(error.what, error.where, error.next_step) from None


def _is_ready(pod: Any) -> bool:
    if pod.metadata.deletion_timestamp is not None:
        return False
    conditions = (pod.status.conditions if pod.status else None) or []
    return any(each.type == "Ready" and each.status == "True" for each in conditions)


def _number(port: Any, pod: Any) -> int:
    """Return the number of a service's target port, which may be the name of a pod's port."""
    if str(port).isdigit():
        return int(port)
    named: Mapping[str, int] = {
        each.name: each.container_port
        for container in pod.spec.containers
        for each in container.ports or []
    }
    if port not in named:
        raise UserError(f"pod '{pod.metadata.name}' has no port named '{port}'")
    return named[port]
