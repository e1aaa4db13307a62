"""The ways to a bearer token for Argo's server.

Given by the user; asked from Kubernetes for the service account (TokenRequest: short-lived, renewed
before it ends, never written to disk); the kubeconfig's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from hera_experiment.context import tokens
from hera_experiment.context.context import Context
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.platform.kubernetes_reviews import token_in, token_request

LIFETIME = 3600
"""Seconds that a requested token is asked for; the cluster may give less."""
_RENEW_AFTER = 0.8


class TokenCandidate(NamedTuple):
    """One way to a token: whose it is, for a message, and the header's value, "Bearer …".

    ``authorization`` raises ``UserError`` where there is none; it is empty where a kubeconfig has
    none, which is no way then, or where a server ``wants_none`` (``--auth-mode server``).
    """

    name: str
    authorization: Callable[[], str]
    wants_none: bool = False


def given_token(token: str, source: str) -> TokenCandidate:
    """Return the way of a token that is at hand; ``source`` says whence."""
    value = tokens.authorization(token)
    return TokenCandidate(f"the token {source}".strip(), lambda: value)


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
        ends, begun = issued.get("exp", LIFETIME), issued.get("iat", 0)
        known = isinstance(ends, (int, float)) and isinstance(begun, (int, float))
        lifetime = float(ends - begun) if known else LIFETIME
        return token, lifetime if 0 < lifetime <= LIFETIME else LIFETIME


def candidates(args: Context, cluster: KubernetesAccess) -> list[TokenCandidate]:
    """Return the ways to a token that ``args`` leaves open, the first to try first."""
    if args.argo_token:
        return [given_token(args.argo_token, args.where("argo_token"))]
    found: list[TokenCandidate] = []
    if cluster.has_access:
        if args.argo_service_account:
            requested = ServiceAccountToken(cluster, args.argo_service_account)
            found.append(TokenCandidate(requested.name, requested.authorization))

        def own() -> str:
            return tokens.authorization(cluster.client.user.authorization())

        # Of a sign-in program too; empty where the kubeconfig uses certificates.
        found.append(TokenCandidate("the user of the kubeconfig", own))
    return [*found, TokenCandidate("no token", str, wants_none=True)]
