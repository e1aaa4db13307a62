"""The ways to a bearer token for Argo's server.

Given by the user; asked from Kubernetes for the service account (TokenRequest: short-lived, renewed
before it ends, never written to disk); the kubeconfig's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from hera_experiment.context import tokens
from hera_experiment.context.context import Context
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.platform.kubernetes_reviews import token_in, token_request

LIFETIME = 3600
"""Seconds that a requested token is asked for; the cluster may give less."""
_RENEW_AFTER = 0.8


class Credential(Protocol):
    """One way to a token."""

    @property
    def name(self) -> str:
        """Whose token it is, for a message."""

    def authorization(self) -> str:
        """Return the value of the header, "Bearer …"; raises UserError where there is none."""


class GivenToken:
    """The token that the user gave."""

    def __init__(self, token: str, source: str) -> None:
        self.name = f"the token {source}".strip()
        self._value = tokens.authorization(token)

    def authorization(self) -> str:
        """Return it with the word Bearer before it, once."""
        return self._value


class NoToken:
    """No token at all, for a server that wants none (``--auth-mode server``)."""

    name = "no token"

    def authorization(self) -> str:
        """Return nothing."""
        return ""


class ServiceAccountToken:
    """A token that Kubernetes makes for a service account (TokenRequest)."""

    def __init__(
        self,
        cluster: KubernetesAccess,
        account: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"the service account '{account}'"
        self._cluster = cluster
        self._account = account
        self._clock = clock
        self._value = ""
        self._renewal = 0.0

    def authorization(self) -> str:
        """Return the current token, a new one when most of its life is over."""
        now = self._clock()
        if not self._value or now >= self._renewal:
            token, lifetime = self._request()
            self._value = tokens.authorization(token)
            self._renewal = now + _RENEW_AFTER * lifetime
        return self._value

    def _request(self) -> tuple[str, float]:
        cluster = self._cluster
        answer = token_request(cluster.client, cluster.namespace, self._account, LIFETIME)
        cluster.document(f"request a token for {self.name}", answer)
        token = token_in(answer)
        issued = tokens.claims(token)
        lifetime = float(issued.get("exp", LIFETIME)) - float(issued.get("iat", 0))
        return token, lifetime if 0 < lifetime <= LIFETIME else LIFETIME


class KubeconfigToken:
    """The bearer that the kubeconfig's user has, from an exec plug-in too."""

    name = "the user of the kubeconfig"

    def __init__(self, cluster: KubernetesAccess) -> None:
        self._cluster = cluster

    def authorization(self) -> str:
        """Return it; empty where the kubeconfig uses certificates."""
        return tokens.authorization(self._cluster.client.user.authorization())


def candidates(args: Context, cluster: KubernetesAccess) -> list[Credential]:
    """Return the ways to a token that ``args`` leaves open, the first to try first."""
    if args.argo_token:
        return [GivenToken(args.argo_token, args.where("argo_token"))]
    found: list[Credential] = []
    if cluster.has_access:
        if args.argo_service_account:
            found.append(ServiceAccountToken(cluster, args.argo_service_account))
        found.append(KubeconfigToken(cluster))
    found.append(NoToken())
    return found
