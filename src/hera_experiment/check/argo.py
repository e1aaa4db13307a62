"""What is known of Argo's server, found out as checks ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any

from hera_experiment.check.cached_facts import CachedFacts, fact, run_concurrently
from hera_experiment.check.cluster import Cluster
from hera_experiment.check.outcome import CannotTell
from hera_experiment.context import tokens
from hera_experiment.context.address import server_url
from hera_experiment.context.context import Context
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal, document
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.argo_server import client_certificate
from hera_experiment.platform.http_session import Authorization, Session
from hera_experiment.platform.kubernetes_reviews import token_in, token_request

CLIENT, SSO, SERVER = "client", "sso", "server"
_LIFETIME = 600
"""Seconds that a token is asked for which is tried once: the least that Kubernetes gives."""
_ANYBODY = "Bearer none"
_SSO_MARK = "Bearer v2:"
_REFUSED = (401, 403)


@dataclass(frozen=True)
class TokenCandidate:
    """A token to try: whose it is in words, and the header's value (empty for no token).

    ``account`` is the user name as Kubernetes knows it, empty where the token does not say.
    """

    name: str
    authorization: str
    account: str = ""


class Argo(CachedFacts):
    """Argo's server as ``context`` designates it; ``timeout`` bounds each request, in seconds."""

    def __init__(self, context: Context, cluster: Cluster, timeout: float) -> None:
        super().__init__()
        self.context = context
        self.cluster = cluster
        self._timeout = timeout

    @property
    def where(self) -> str:
        """Where the server's address came from."""
        return self.context.where("argo_server")

    @fact
    def url(self) -> str:
        """Return the address that the API lies below, with a slash at its end."""
        if not self.context.argo_server:
            raise UserError("no Argo server is set", self.where, "set ARGO_SERVER to its host:port")
        return server_url(
            self.context.argo_server,
            secure=self.context.argo_secure,
            base_path=self.context.argo_base_href,
            where=self.where,
        )

    @property
    def token(self) -> str:
        """The header's value of ARGO_TOKEN, empty where none is set."""
        return tokens.authorization(str(self.context.argo_token))

    @property
    def token_is_sso(self) -> bool:
        """Whether ARGO_TOKEN is one of Argo's own single sign-on."""
        return self.token.startswith(_SSO_MARK)

    @fact
    def version(self) -> str:
        """Return the server's version; it proves nothing about a token.

        Raises ``ArgoRefusal`` (also when what answers is not Argo's server) and ``Unreachable``.
        """
        found = self._version_for(self.token or _ANYBODY)
        if "version" not in found:
            raise ArgoRefusal(
                f"{self.url} does not answer as Argo's server: wrong path or port",
                self.where,
                "correct ARGO_SERVER or ARGO_BASE_HREF",
                status=200,
            )
        return str(found["version"])

    @property
    def platform(self) -> str:
        """What the server runs on, ("linux/amd64"), as a rule a node; empty where unknown."""
        try:
            _ = self.version
            return str(self._version_for(self.token or _ANYBODY).get("platform") or "")
        except (CannotTell, UserError):
            return ""

    @fact
    def modes(self) -> frozenset[str]:
        """Return the ways of authentication that the server offers (``--auth-mode``)."""
        offers = run_concurrently(self._asks_for_no_token, self._takes_any_bearer, self._offers_sso)
        modes = [
            mode for mode, offered in zip((SERVER, CLIENT, SSO), offers, strict=True) if offered
        ]
        return frozenset(modes)

    def _asks_for_no_token(self) -> bool:
        return self._accepts("")

    def _takes_any_bearer(self) -> bool:
        # In mode client the version is told whatever the bearer: only Kubernetes could judge it.
        try:
            self._version_for(_ANYBODY)
        except ArgoRefusal as refusal:
            if refusal.status in _REFUSED:
                return False
            raise
        return True

    def _version_for(self, authorization: str) -> dict[str, Any]:
        key = ("version", authorization)
        return self.once(key, lambda: self.call("GET", "version", authorization))

    def _offers_sso(self) -> bool:
        response = self._session.get(f"{self.url}oauth2/redirect")
        return response.is_redirect

    def _accepts(self, authorization: str) -> bool:
        try:
            self.list_workflows(authorization)
        except ArgoRefusal as refusal:
            if refusal.status == 401:
                return False
            if refusal.status != 403:
                raise
        return True

    @fact
    def candidates(self) -> tuple[TokenCandidate, ...]:
        """Return the tokens to try, the first first, as a submission tries them.

        Raises :class:`CannotTell` when none is to be had.
        """
        if self.token:
            where = self.context.where("argo_token")
            return (TokenCandidate(where, self.token, tokens.subject(self.token)),)
        if SERVER in self.modes:
            return (TokenCandidate("no token, for it wants none", ""),)
        return self.tokens_of_kubernetes()

    def tokens_of_kubernetes(self) -> tuple[TokenCandidate, ...]:
        """Return the tokens that Kubernetes gives: for the service account, and one's own."""
        found: list[TokenCandidate] = []
        reasons = []
        for find in (self._requested, self._of_kubeconfig):
            try:
                found += find()
            except (CannotTell, UserError) as reason:
                reasons.append(reason.what if isinstance(reason, UserError) else str(reason))
        if not found:
            said = "; ".join(dict.fromkeys(reasons)) or "the kubeconfig has none"
            raise CannotTell(f"there is no token to try: {said}")
        return tuple(found)

    def _requested(self) -> list[TokenCandidate]:
        account = self.context.argo_service_account
        if not account:
            return []
        answer = token_request(self.cluster.api, self.cluster.namespace, account, _LIFETIME)
        if not answer.ok:
            raise CannotTell(f"no token for the account '{account}': {answer.message}")
        user = f"system:serviceaccount:{self.cluster.namespace}:{account}"
        bearer = tokens.authorization(token_in(answer))
        return [TokenCandidate(f"a token for the account '{account}'", bearer, user)]

    def _of_kubeconfig(self) -> list[TokenCandidate]:
        bearer = tokens.authorization(self.cluster.credentials.authorization)
        if not bearer:
            return []
        # A token that Kubernetes refuses is the fault of the kubeconfig, not of Argo's server.
        return [TokenCandidate("the kubeconfig's own token", bearer, self.cluster.identity)]

    @fact
    def accepted(self) -> TokenCandidate:
        """Return the first token that the server lets list workflows; nothing else proves it.

        Raises the refusal of the last one when there is none.
        """
        candidates = self.candidates
        said = run_concurrently(*(partial(self._refusal_of, each) for each in candidates))
        for candidate, refusal in zip(candidates, said, strict=True):
            if refusal is None:
                return candidate
        refusal = said[-1]
        assert refusal is not None
        raise refusal

    def _refusal_of(self, candidate: TokenCandidate) -> ArgoRefusal | None:
        try:
            self.list_workflows(candidate.authorization)
        except ArgoRefusal as refusal:
            if refusal.status not in _REFUSED:
                raise
            return refusal
        return None

    def list_workflows(self, authorization: str) -> dict[str, Any]:
        """List at most one workflow of the namespace."""
        path = f"workflows/{self.cluster.namespace}"
        params = {"listOptions.limit": "1", "fields": "metadata"}
        return self.once(
            ("list", authorization), lambda: self.call("GET", path, authorization, params)
        )

    def call(
        self,
        method: str,
        path: str,
        authorization: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make one request below ``/api/v1/``; raises ``ArgoRefusal`` and ``Unreachable``."""
        url = f"{self.url}api/v1/{path}"
        auth = Authorization(lambda: authorization)
        response = self._session.request(method, url, params=params, json=body, auth=auth)
        return document(response, self.where)

    def client(self, authorization: str) -> ArgoClient:
        """Return a client of the whole API whose requests carry ``authorization``."""
        session = Session(
            lambda: authorization,
            verify=self.verify,
            certificate=client_certificate(self.context),
            timeout=(self._timeout, self._timeout),
            where=self.where,
        )
        return ArgoClient(self.url, session, self.where)

    @fact
    def _session(self) -> Session:
        session = Session(
            lambda: "",
            verify=self.verify,
            certificate=client_certificate(self.context),
            timeout=(self._timeout, self._timeout),
            where=self.where,
        )
        # Argo takes a cookie for a token: none may go from one request to the next.
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return session

    @property
    def verify(self) -> bool | str:
        """False, True or the file of the certificate authorities."""
        if self.context.argo_insecure_skip_verify:
            return False
        return self.context.ca_bundle or True
