"""Which pod a forwarded port leads to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

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
            spec = service.get("spec") or {}
            selector, ports = spec.get("selector") or {}, spec.get("ports") or []
            if not selector or not ports:
                raise UserError(
                    f"service '{self._service}' in namespace '{namespace}' selects no pods",
                    next_step="make port-forward SERVICE=NAME",
                )
            labels = ",".join(f"{key}={value}" for key, value in selector.items())
            pods = self._list(namespace, labels)
            port = ports[0].get("targetPort") or ports[0]["port"]
        pod = next((pod for pod in pods if _is_ready(pod)), None)
        if pod is None:
            raise NotNow(
                f"no pod of service '{self._service}' in namespace '{namespace}' is ready",
                next_step="wait, or ask the administrator whether Argo's server runs there",
            )
        metadata = pod["metadata"]
        return Target(namespace, str(metadata["name"]), str(metadata["uid"]), _number(port, pod))

    def is_alive(self, target: Target) -> bool:
        """Say whether ``target`` is still the pod it was, and ready."""
        try:
            pod = self._ask("read the pod", target.namespace, f"pods/{quote(target.pod)}")
        except UserError:
            return False
        return pod["metadata"].get("uid") == target.uid and _is_ready(pod)

    def _read_service(self, namespace: str) -> dict[str, Any] | None:
        """Return the service, None where it may not be read."""
        path = f"services/{quote(self._service)}"
        try:
            return self._ask(f"read the service '{self._service}'", namespace, path)
        except KubernetesRefusal as error:
            if error.status == FORBIDDEN:
                return None
            if error.status != NOT_FOUND:
                raise
            raise UserError(
                f"no service '{self._service}' in namespace '{namespace}'",
                next_step="make port-forward NAMESPACE=NAME SERVICE=NAME",
            ) from None

    def _list(self, namespace: str, labels: str) -> list[dict[str, Any]]:
        found = self._ask("list pods", namespace, "pods", {"labelSelector": labels})
        return list(found.get("items") or ())

    def _ask(
        self, asked: str, namespace: str, path: str, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the answer; a server in trouble and no answer at all are :class:`NotNow`."""
        try:
            answer = self._cluster.client.get(
                f"/api/v1/namespaces/{quote(namespace)}/{path}", params
            )
            return self._cluster.document(f"{asked} in namespace '{namespace}'", answer)
        except KubernetesRefusal as error:
            if error.status < _SERVER_ERROR and error.status != _TOO_MANY_REQUESTS:
                raise
            raise NotNow(error.what, error.where, error.next_step) from None
        except UserError as error:
            raise NotNow(error.what, error.where, error.next_step) from None


def _is_ready(pod: Mapping[str, Any]) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _number(port: Any, pod: Mapping[str, Any]) -> int:
    """Return the number of a service's target port, which may be the name of a pod's port."""
    if str(port).isdigit():
        return int(port)
    for container in pod["spec"]["containers"]:
        for each in container.get("ports") or ():
            if each.get("name") == port:
                return int(each["containerPort"])
    raise UserError(f"pod '{pod['metadata']['name']}' has no port named '{port}'")
