"""Argo's server as a script sees it: reached, signed in to, and handed to Hera."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from hera_experiment.context import tokens
from hera_experiment.context.address import server_url
from hera_experiment.context.cli_context import CLIContext
from hera_experiment.errors import UserError
from hera_experiment.platform import credentials, http, local_server
from hera_experiment.platform.argo_answers import ArgoRefusal, raise_for_page
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.cluster import k8s_cluster
from hera_experiment.platform.kubernetes_cluster import KubernetesCluster, no_platform
from hera_experiment.platform.kubernetes_errors import KubernetesRefusal
from hera_experiment.platform.laptop_cluster import LaptopCluster

if TYPE_CHECKING:
    import requests

_REFUSED = (401, 403)


class ArgoServer:
    """One Argo server, and the token that it accepts.

    ``ArgoServer(cluster, args)`` is the server that ``args`` designates, the laptop's for the
    platform ``local``; it makes no request yet. ``url`` ends in a slash and holds the base path;
    ``where`` tells where it was set; ``verify`` is False, True or the file of the certificate
    authorities.

    Raises :class:`~hera_experiment.errors.UserError` when no server or no namespace is designated, or
    the address is none.
    """

    def __init__(self, cluster: k8s_cluster, args: CLIContext) -> None:
        self.args = args
        self.namespace = args.argo_namespace
        self.service_account = args.argo_service_account
        self.verify: bool | str = True
        advice = ""
        self._ways: list[credentials.Credential]
        if isinstance(cluster, LaptopCluster):
            self.url = cluster.server.url
            self.where, advice = cluster.server.where, cluster.server.advice
            token = cluster.server.token(*local_server.session_of(args.runtime))
            self._ways = [credentials.GivenToken(token, "of the local server")]
        else:
            self.where = args.where("argo_server")
            self.url = _url(args)
            self.verify = _verification(args, self.url)
            if not isinstance(cluster, KubernetesCluster):
                cluster = KubernetesCluster(args, asserting=False)
            self._ways = credentials.candidates(args, cluster)
        self._way = self._ways[0]
        self.session = http.Session(
            self.authorization, verify=self.verify, where=self.where, advice=advice
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
        return self._way.name

    def assert_accessible(self) -> bool:
        """Assert that the server answers and lets the token list the namespace's workflows.

        Where no token is given the ways to one are tried in turn, and the first that the server
        accepts is used from then on. ``/version`` and ``/userinfo`` would prove nothing.

        Raises
        ------
        UserError
            When there is no answer, or no way is accepted; it names each way and why.
        """
        refusals: list[tuple[credentials.Credential, UserError]] = []
        for way in self._ways:
            self._way = way
            try:
                if not isinstance(way, credentials.NoToken) and not way.authorization():
                    continue
                self.client.list_workflows(self.namespace, fields="metadata", limit=1)
            except (ArgoRefusal, KubernetesRefusal) as error:
                if error.status not in _REFUSED:
                    raise
                refusals.append((way, error))
            else:
                return True
        self._way = self._ways[0]
        source = self.args.where("argo_token") or self.where
        if len(refusals) == 1:
            way, refusal = refusals[0]
            if isinstance(way, (credentials.GivenToken, credentials.NoToken)):
                raise UserError(refusal.what, source, refusal.next_step)
            raise refusal
        reasons = "; ".join(f"with {way.name}: {refusal.what}" for way, refusal in refusals)
        raise UserError(
            f"Argo's server lets nobody list workflows in '{self.namespace}': {reasons}",
            source,
            "set ARGO_TOKEN, or ask the administrator for an account that may",
        )

    def print_config(self) -> None:
        """Print the address, the namespace and whose token is used; no secrets."""
        print(f"Argo server: {self.url}")
        print(f"  namespace:       {self.namespace}")
        print(f"  service account: {self.service_account or 'the default one'}")
        print(f"  token:           {self.account}")
        ends = None if isinstance(self._way, credentials.NoToken) else self._expiry()
        if ends:
            print(f"  token ends:      {ends}")

    def _expiry(self) -> str:
        ends = tokens.expiry(self.authorization())
        return f"{ends.astimezone():%Y-%m-%d at %H:%M} (local time)" if ends else ""


def _url(args: CLIContext) -> str:
    if not args.argo_server:
        raise no_platform(args)
    if not args.argo_namespace:
        where, advice = args.where("argo_namespace"), "set ARGO_NAMESPACE (--argo_namespace)"
        raise UserError("no namespace is named", where, advice)
    return server_url(
        args.argo_server,
        secure=args.argo_secure,
        base_path=args.argo_base_href,
        where=args.where("argo_server"),
    )


def _verification(args: CLIContext, url: str) -> bool | str:
    if args.argo_insecure_skip_verify:
        print(
            f"hera_utils: the certificate of {url} is not verified: anyone on the way can read the "
            f"token ({args.where('argo_insecure_skip_verify')})",
            file=sys.stderr,
        )
        return False
    if args.ca_bundle and not os.path.exists(args.ca_bundle):
        raise UserError(f"there is no file '{args.ca_bundle}'", args.where("ca_bundle"))
    return args.ca_bundle or True
