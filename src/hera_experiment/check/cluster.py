"""What is known of the Kubernetes cluster, found out as checks ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hera_experiment.check import kubeconfig as kubeconfigs
from hera_experiment.check.cached_facts import CachedFacts, fact
from hera_experiment.check.kubeconfig import Context, Kubeconfig
from hera_experiment.check.kubernetes_api import (
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHORIZED,
    Credentials,
    KubernetesApi,
    credentials_of,
)
from hera_experiment.check.model import CannotTell
from hera_experiment.errors import UserError

ANONYMOUS = "system:anonymous"
"""The user name of whoever shows no credentials."""


class Refused(UserError):
    """The API server does not accept who asks."""


class Cluster(CachedFacts):
    """The cluster that a kubeconfig leads to.

    ``value`` names the kubeconfig's files, ``where`` says who set it; ``timeout`` bounds each
    request, in seconds. Each fact raises :class:`CannotTell` when there is no kubeconfig, and
    ``UserError`` when it does not lead to an answer.
    """

    def __init__(self, value: str, where: str, namespace: str, timeout: float) -> None:
        super().__init__()
        self._value = value
        self._where = where
        self._namespace = namespace
        self._timeout = timeout

    @property
    def is_configured(self) -> bool:
        """Whether a kubeconfig is set at all, readable or not."""
        try:
            return bool(self.kubeconfig.files)
        except CannotTell:
            return False
        except UserError:
            return True

    @fact
    def kubeconfig(self) -> Kubeconfig:
        """Return the kubeconfig's files, merged."""
        return kubeconfigs.read(self._value, self._where)

    @fact
    def context(self) -> Context:
        """Return the current context."""
        return self.kubeconfig.context()

    @fact
    def credentials(self) -> Credentials:
        """Return what the user of the context is known by."""
        return credentials_of(self.context)

    @fact
    def api(self) -> KubernetesApi:
        """Return a client of the API server."""
        where = f"cluster '{self.context.cluster.name}' in {self.kubeconfig.shown}"
        return KubernetesApi(self.context.server, self.credentials, self._timeout, where)

    @property
    def namespace(self) -> str:
        """The namespace to submit to: as set, else the context's, else ``default``."""
        if self._namespace:
            return self._namespace
        try:
            return self.context.namespace or "default"
        except (CannotTell, UserError):
            return "default"

    @fact
    def identity(self) -> str:
        """Return the user name that the API server knows whoever asks by."""
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        answer = self.api.post(path, {})
        if answer.status == UNAUTHORIZED:
            raise Refused("the API server does not accept the kubeconfig's credentials")
        if answer.status == FORBIDDEN and ANONYMOUS in answer.message:
            return ANONYMOUS
        if not answer.ok:
            raise CannotTell(f"the API server does not say who you are: {answer.message}")
        status: dict[str, Any] = (answer.document or {}).get("status") or {}
        return str((status.get("userInfo") or {}).get("username", ""))

    def find(self, path: str, what: str) -> dict[str, Any] | None:
        """Return the object at ``path``, None when there is none.

        Raises :class:`CannotTell` when it may not be read; ``what`` says what it is.
        """
        answer = self.api.get(path)
        if answer.status == NOT_FOUND:
            return None
        if answer.status == FORBIDDEN:
            raise CannotTell(f"you may not read {what}")
        if not answer.ok:
            raise CannotTell(f"reading {what}: {answer.message}")
        return answer.document

    def in_namespace(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return the object of the core API named ``name``; ``kind`` as in its path."""
        path = f"/api/v1/namespaces/{self.namespace}/{kind}/{name}"
        return self.find(path, f"{kind} '{name}'")

    def list_of(self, kind: str) -> list[dict[str, Any]]:
        """Return the objects of a kind in the namespace ("" for those of the whole cluster)."""
        document = self.find(f"/api/v1/namespaces/{self.namespace}/{kind}", kind)
        return list((document or {}).get("items") or ())

    @fact
    def nodes(self) -> list[dict[str, Any]]:
        """Return the nodes; raises :class:`CannotTell` without the right to list them."""
        document = self.find("/api/v1/nodes", "the nodes")
        return list((document or {}).get("items") or ())


def first_known(*attempts: Callable[[], str]) -> str:
    """Return what the first attempt that does not fail returns; empty when all do."""
    for attempt in attempts:
        try:
            return attempt()
        except (CannotTell, UserError):
            continue
    return ""
