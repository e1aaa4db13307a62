"""The one client of the Kubernetes API server: JSON over one session, as a kubeconfig says."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
from urllib3 import HTTPHeaderDict

from hera_experiment.context.sources import display
from hera_experiment.platform import http_session
from hera_experiment.platform.kubeconfig import CurrentContext
from hera_experiment.platform.kubernetes_user import KubernetesUser
from hera_experiment.platform.proxies import checked, dial, proxy_of_environment

OK, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, CONFLICT = 200, 401, 403, 404, 409
TIMEOUT = (10.0, 30.0)
"""Seconds to connect and to wait for the next byte, for each request."""
_CONNECTIONS = 32
_LONGEST_MESSAGE, _LONGEST_TEXT = 1000, 1 << 20


@dataclass(frozen=True)
class Answer:
    """What the server answered; ``document`` is None when ``text`` was no JSON object."""

    status: int
    document: dict[str, Any] | None
    text: str = ""

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked, in its own words."""
        return self.status in (200, 201, 202) and self.document is not None

    @property
    def message(self) -> str:
        """The server's own sentence about what is wrong, or the status."""
        found = (self.document or {}).get("message")
        return str(found)[:_LONGEST_MESSAGE] if found else f"status {self.status}"

    @property
    def of_status(self) -> dict[str, Any]:
        """What stands under ``status`` of the document, which is where a review is answered."""
        found = (self.document or {}).get("status")
        return found if isinstance(found, dict) else {}

    def items(self) -> list[dict[str, Any]]:
        """Return the objects of a list."""
        found = (self.document or {}).get("items")
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


class KubernetesClient:
    """Asks the server of ``context`` as ``user``; several threads may.

    ``timeout`` bounds each request, ``where`` says in messages where the server comes from.
    Methods raise :class:`~hera_experiment.platform.http_session.Unreachable` when nothing answers,
    and ``UserError`` when the kubeconfig's user or proxy cannot be used.
    """

    def __init__(
        self,
        context: CurrentContext,
        user: KubernetesUser,
        *,
        timeout: tuple[float, float] = TIMEOUT,
        where: str = "",
    ) -> None:
        self.context = context
        self.server = context.server
        self.user = user
        self.where = where
        self.verify = user.verification()
        self.server_name = context.cluster.text("tls-server-name")
        self.proxy = _proxy(context)
        self.session = _Session(self, timeout, where)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Read ``path``, which begins with a slash."""
        return self.request("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any], authorization: str | None = None) -> Answer:
        """Create an object, or ask what Kubernetes wants as POST (a review, a token).

        ``authorization`` takes the place of the kubeconfig's own user.
        """
        return self.request("POST", path, authorization=authorization, json=dict(body))

    def patch(
        self, path: str, body: Mapping[str, Any], kind: str, params: Mapping[str, str]
    ) -> Answer:
        """Change an object; ``kind`` is the media type that says how."""
        headers = {"Content-Type": kind}
        return self.request("PATCH", path, params=params, json=dict(body), headers=headers)

    def delete(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Remove an object."""
        return self.request("DELETE", path, params=params)

    def request(
        self, method: str, path: str, *, authorization: str | None = None, **options: Any
    ) -> Answer:
        """Ask for anything; ``options`` are those of ``requests``."""
        if authorization is not None:
            # Whoever has a certificate is known by it, whatever token goes with it.
            options["auth"] = http_session.Authorization(lambda: authorization)
            options["cert"] = ()
        response = self.session.request(method, self.server + path, **options)
        content = response.content
        try:
            found = http_session.json_of(content)
        except ValueError:
            found = None
        document = found if isinstance(found, dict) else None
        text = "" if document else http_session.text_of(content, _LONGEST_TEXT)
        return Answer(response.status_code, document, text)

    def connect(self) -> socket.socket:
        """Return a connection for a web socket, with TLS; raises ``OSError`` when there is none."""
        parts = urlsplit(self.server)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        connection = dial((host, port), self.proxy, self.session.timeout[0])
        if parts.scheme != "https":
            return connection
        verify = self.session.verify
        tls = ssl.create_default_context(
            cafile=verify if isinstance(verify, str) else certifi.where()
        )
        if verify is False:
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        if certificate := self.user.certificate():
            tls.load_cert_chain(*certificate)
        return tls.wrap_socket(connection, server_hostname=self.server_name or host)

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers that say who asks, for a web socket."""
        found = [("Authorization", self.user.authorization()), *self.user.impersonation()]
        return [(name, value) for name, value in found if value]


class _Session(http_session.Session):
    """Requests of ``client``, as its user; a credential that is refused is renewed once."""

    def __init__(self, client: KubernetesClient, timeout: tuple[float, float], where: str) -> None:
        user = client.user
        super().__init__(user.authorization, verify=client.verify, timeout=timeout, where=where)
        self._client = client
        self.headers["Accept"] = "application/json"
        self.mount("https://", _Adapter(client.server_name, user.impersonation()))
        self.mount("http://", _Adapter("", user.impersonation()))

    def request(  # type: ignore[override]
        self, method: str, url: str | bytes, **options: Any
    ) -> requests.Response:
        """As ``requests``; raises :class:`Unreachable`, with what to do about a kubeconfig."""
        own = options.get("auth") is None
        try:
            response = self._once(method, url, own, options)
            if own and response.status_code == UNAUTHENTICATED and self._client.user.renew():
                response.close()
                response = self._once(method, url, own, options)
        except http_session.Unreachable as error:
            error.next_step = _advice(error, self._client)
            raise
        return response

    def _once(
        self, method: str, url: str | bytes, own: bool, options: Mapping[str, Any]
    ) -> requests.Response:
        certificate = self._client.user.certificate() if own else None
        return super().request(method, url, **{**options, "cert": certificate})

    def proxy_to(self, url: str) -> str:
        """Return the one proxy that leads to this server, to this machine as well."""
        return self._client.proxy


class _Adapter(http_session.BoundedAdapter):
    """Keeps a connection for each check that may ask at once, and expects ``server_name``."""

    def __init__(self, server_name: str, headers: list[tuple[str, str]]) -> None:
        self._tls: dict[str, Any] = (
            {"server_hostname": server_name, "assert_hostname": server_name} if server_name else {}
        )
        self._headers = headers
        super().__init__(pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        options.update(self._tls)
        super().init_poolmanager(*args, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, **self._tls)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        if self._headers:
            # One header may stand there twice, which ``requests`` has no word for.
            headers: Any = HTTPHeaderDict(request.headers)
            for name, value in self._headers:
                headers.add(name, value)
            request.headers = headers
        return super().send(request, *args, **options)


def _proxy(context: CurrentContext) -> str:
    named = context.cluster.text("proxy-url")
    if named:
        place = f"proxy-url of the cluster '{context.cluster.name}' in "
        return checked(named, place + display(context.cluster.file))
    return proxy_of_environment(context.server)


def _advice(error: http_session.Unreachable, client: KubernetesClient) -> str:
    if "PySocks" in error.what:
        return error.next_step
    if "the proxy on the way" in error.what:
        if client.context.cluster.text("proxy-url"):
            return "correct the proxy-url in the kubeconfig"
        return error.next_step
    if "not trusted" in error.what:
        return "the kubeconfig holds the wrong certificate-authority: get a new one"
    if "plain HTTP" in error.what or "TLS" in error.what:
        return "correct the server in the kubeconfig"
    if "in time" in error.what:
        return "check the VPN and the proxy"
    return "correct the kubeconfig, or join the VPN"
