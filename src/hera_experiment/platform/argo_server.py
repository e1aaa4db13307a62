"""Argo's server as a script sees it: reached, signed in to, and handed to Hera."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hera_experiment.context import profiles, tokens
from hera_experiment.context.address import server_url
from hera_experiment.context.context import Context
from hera_experiment.errors import UserError, tell
from hera_experiment.platform import credentials, http_session
from hera_experiment.platform.argo_answers import NOT_FOUND, ArgoRefusal, raise_for_page
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.cluster import Cluster
from hera_experiment.platform.endpoint_session import EndpointSession
from hera_experiment.platform.http_session import Unreachable
from hera_experiment.platform.kubernetes_access import KubernetesAccess, no_platform
from hera_experiment.platform.kubernetes_errors import KubernetesRefusal
from hera_experiment.platform.laptop_access import LaptopAccess

if TYPE_CHECKING:
    import requests

_REFUSED = (401, 403)


class ArgoServerAccess:
    """One Argo server, and the token that it accepts.

    ``ArgoServerAccess(cluster, args)`` is the server that ``args`` designates, the laptop's for the
    platform ``local``; it makes no request yet. ``url`` ends in a slash and holds the base path;
    ``where`` tells where it was set; ``verify`` is False, True or the file of the certificate
    authorities.

    Raises ``UserError`` when no server or no namespace is designated, or
    the address is none.
    """

    def __init__(self, cluster: Cluster, args: Context) -> None:
        self.args = args
        self.namespace = args.argo_namespace
        self.service_account = args.argo_service_account
        self.verify: bool | str = True
        self.cluster = cluster
        self._cluster: Any = cluster if hasattr(cluster, "assert_namespace") else None
        advice = ""
        certificate: tuple[str, str] | None = None
        self._ways: list[credentials.TokenCandidate]
        self._endpoint = args.endpoint
        if self._endpoint is not None:
            # A verb has found the server and the token, and stands between.
            _assert_namespace(args)
            self.url, self.where = self._endpoint.server, args.where("argo_server")
            self._ways = [credentials.given_token(self._endpoint.token, "")]
        elif isinstance(cluster, LaptopAccess):
            self.url = cluster.server.url
            self.where, advice = cluster.server.where, cluster.server.advice
            token = cluster.server.token(runtime=args.runtime)
            self._ways = [credentials.given_token(token, "of the local server")]
        else:
            self.where = args.where("argo_server")
            self.url = _url(args)
            self.verify = _verification(args, self.url)
            certificate = client_certificate(args)
            if not isinstance(cluster, KubernetesAccess):
                cluster = KubernetesAccess(args)
            self._ways = credentials.candidates(args, cluster)
        self._way = self._ways[0]
        self.session: http_session.Session
        if self._endpoint is not None:
            self.session = EndpointSession(self._endpoint)
        else:
            self.session = http_session.Session(
                self.authorization,
                verify=self.verify,
                where=self.where,
                advice=advice,
                certificate=certificate,
            )
            # Hera, too, shall hear of a login page as what it is.
            self.session.hooks["response"].append(self._refuse_pages)
        self.client = ArgoClient(self.url, self.session, self.where)

    def _refuse_pages(self, response: requests.Response, **_: Any) -> None:
        raise_for_page(response, self.where)

    def authorization(self) -> str:
        """Return the value of the header ``Authorization`` for the next request."""
        return self._way.authorization()

    @property
    def account(self) -> str:
        """Whose token is used."""
        return self._endpoint.account if self._endpoint else self._way.name

    def assert_accessible(self) -> bool:
        """Assert that the server answers and accepts a token; the context module says how."""
        raise NotImplementedError

    def define_argo_server_part_of_environment(self) -> None:
        """Hand this server to Hera; the context module says how."""
        raise NotImplementedError

    def refusals(self) -> list[tuple[str, UserError]]:
        """Try the ways to a token in turn; the first that the server accepts is used from then on.

        Accepted is what lists the namespace's workflows: ``/version`` and ``/userinfo`` would prove
        nothing. Returns whose token was refused and why, nothing once one is accepted. Raises
        ``UserError`` when there is no answer.
        """
        found: list[tuple[str, UserError]] = []
        if self._endpoint is not None:
            return found
        for way in self._ways:
            self._way = way
            try:
                if not way.wants_none and not way.authorization():
                    continue
                self.client.list_workflows(self.namespace, fields="metadata", limit=1)
            except (ArgoRefusal, KubernetesRefusal) as error:
                if isinstance(error, KubernetesRefusal) and error.status == NOT_FOUND:
                    raise self._no_account() from None
                if error.status not in _REFUSED:
                    raise
                found.append((way.name, error))
            else:
                return []
        self._way = self._ways[0]
        # A wrong namespace is refused like a wrong token; Kubernetes tells the two apart.
        if self._cluster is not None and self._cluster.has_access:
            with suppress(KubernetesRefusal, Unreachable):
                self._cluster.assert_namespace()
        return found

    def _no_account(self) -> UserError:
        return UserError(
            f"there is no service account '{self.service_account}' in '{self.namespace}'",
            self.args.where("argo_service_account"),
            "correct ARGO_SERVICE_ACCOUNT, or leave it out",
        )

    @property
    def token_ends(self) -> str:
        """When the token ends, in local time; empty where it does not say."""
        if self._endpoint is not None:
            return self._endpoint.token_ends
        if self._way.wants_none:
            return ""
        ends = tokens.expiry(self.authorization())
        return f"{ends.astimezone():%Y-%m-%d at %H:%M} (local time)" if ends else ""


def client_certificate(args: Context) -> tuple[str, str] | None:
    """Return the files of the certificate that one shows Argo's server and of its key, if any.

    The key may be in the file of the certificate. Raises ``UserError`` when they cannot be used, or
    others than its owner may read the key.
    """
    # The context module of an older project has no such arguments.
    certificate = str(getattr(args, "argo_client_certificate", ""))
    key = str(getattr(args, "argo_client_key", "")) or certificate
    if not key:
        return None
    name = "argo_client_certificate" if key == certificate else "argo_client_key"
    if not certificate:
        advice = "set ARGO_CLIENT_CERTIFICATE to the file of its certificate"
        raise UserError("a key without its certificate is of no use", args.where(name), advice)
    for file, of in ((certificate, "argo_client_certificate"), (key, name)):
        if not os.path.isfile(file):
            raise UserError(f"there is no file '{file}'", args.where(of), "correct the path")
    if error := profiles.readable(Path(key), "key"):
        raise error
    try:
        # Without a password: nobody is asked for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, lambda: b"")
    except (OSError, ValueError):
        what = "the client certificate and its key cannot be used: no PEM, a password, or no pair"
        raise UserError(what, args.where("argo_client_certificate"), "ask for them again") from None
    return certificate, key


def _url(args: Context) -> str:
    if not args.argo_server:
        raise no_platform(args)
    _assert_namespace(args)
    return server_url(
        args.argo_server,
        secure=args.argo_secure,
        base_path=args.argo_base_href,
        where=args.where("argo_server"),
    )


def _assert_namespace(args: Context) -> None:
    if not args.argo_namespace:
        where, advice = args.where("argo_namespace"), "set ARGO_NAMESPACE (--argo_namespace)"
        raise UserError("no namespace is named", where, advice)


def _verification(args: Context, url: str) -> bool | str:
    if args.argo_insecure_skip_verify:
        tell(
            f"the certificate of {url} is not verified: anyone on the way can read the "
            f"token ({args.where('argo_insecure_skip_verify')})"
        )
        return False
    if args.ca_bundle and not os.path.exists(args.ca_bundle):
        raise UserError(f"there is no file '{args.ca_bundle}'", args.where("ca_bundle"))
    return args.ca_bundle or True
