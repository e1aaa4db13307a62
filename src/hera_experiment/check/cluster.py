"""What is known of the Kubernetes cluster, found out as checks ask for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hera_experiment.check.cached_facts import CachedFacts, fact
from hera_experiment.check.outcome import CannotTell, listed
from hera_experiment.errors import UserError
from hera_experiment.platform import kubeconfig as kubeconfigs
from hera_experiment.platform.kubeconfig import CurrentContext, Kubeconfig, NoKubeconfig
from hera_experiment.platform.kubernetes_client import (
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHENTICATED,
    Answer,
    KubernetesClient,
)
from hera_experiment.platform.kubernetes_reviews import user_name, user_review
from hera_experiment.platform.kubernetes_user import KubernetesUser

_MOST_NAMES = 10
_OF_KUBERNETES = ("kube-root-ca.crt",)
"""What is in every namespace, and is nobody's."""
_PATIENCE = 3
"""Time-outs that a sign-in program has, which may ask a server of its own."""

ANONYMOUS = "system:anonymous"
"""The user name of whoever shows no credentials."""


class KubernetesApi(CachedFacts):
    """Remembers what ``client`` was answered; raises what it raises."""

    def __init__(self, client: KubernetesClient) -> None:
        super().__init__()
        self.client = client
        self.server, self.where = client.server, client.where

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Read ``path``, which begins with a slash."""
        given = dict(params or {})
        key = ("GET", path, *sorted(given.items()))
        return self.once(key, lambda: self.client.get(path, given))

    def post(self, path: str, body: Mapping[str, Any], authorization: str | None = None) -> Answer:
        """Ask a question that Kubernetes wants as POST (a review, a token); creates no object.

        ``authorization`` takes the place of the kubeconfig's own user.
        """
        key = ("POST", path, json.dumps(body, sort_keys=True), authorization)
        return self.once(key, lambda: self.client.post(path, body, authorization))


class Refused(UserError):
    """The API server does not accept who asks."""


@dataclass(frozen=True)
class Credentials:
    """What a kubeconfig's user is known by; ``authorization`` is the header's whole value."""

    authorization: str
    certificate: tuple[str, str] | None
    verify: bool | str


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
        try:
            return kubeconfigs.read(self._value, self._where)
        except NoKubeconfig as error:
            # Not what ``str`` says, which names a step: it is no fault.
            place = f" ({error.where})" if error.where else ""
            raise CannotTell(f"{error.what}{place}", "KUBECONFIG-FILE") from None

    @fact
    def context(self) -> CurrentContext:
        """Return the current context."""
        return self.kubeconfig.context()

    @fact
    def user(self) -> KubernetesUser:
        """Return the user of the context."""
        return KubernetesUser(self.context, patience=_PATIENCE * self._timeout)

    @fact
    def credentials(self) -> Credentials:
        """Return what the user of the context is known by; runs its sign-in program."""
        user = self.user
        return Credentials(user.authorization(), user.certificate(), user.verification())

    @fact
    def api(self) -> KubernetesApi:
        """Return a client of the API server."""
        where = f"cluster '{self.context.cluster.name}' in {self.kubeconfig.shown}"
        timeout = (self._timeout, self._timeout)
        client = KubernetesClient(self.context, self.user, timeout=timeout, where=where)
        return KubernetesApi(client)

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
        answer = user_review(self.api)
        if answer.status == UNAUTHENTICATED:
            raise Refused("the API server does not accept the kubeconfig's credentials")
        if answer.status == FORBIDDEN and ANONYMOUS in answer.message:
            return ANONYMOUS
        if not answer.ok:
            raise CannotTell(f"the API server does not say who you are: {answer.message}")
        return user_name(answer)

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

    def others(self, kind: str) -> str:
        """Return which objects of a kind there are, as the end of a sentence; "" if unknown."""
        try:
            names = [str(each["metadata"]["name"]) for each in self.list_of(kind)]
        except (CannotTell, UserError):
            return ""
        shown = [each for each in names if each not in _OF_KUBERNETES]
        more = ", …" if len(shown) > _MOST_NAMES else ""
        return f"; there are {listed(shown[:_MOST_NAMES])}{more}" if shown else "; there is none"

    @fact
    def nodes(self) -> list[dict[str, Any]]:
        """Return the nodes; raises :class:`CannotTell` without the right to list them."""
        document = self.find("/api/v1/nodes", "the nodes")
        return list((document or {}).get("items") or ())
