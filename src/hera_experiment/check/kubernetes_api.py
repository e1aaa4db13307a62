"""Asks the Kubernetes API server, as whoever the kubeconfig says or with another bearer token."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from hera_experiment.check.cached_facts import CachedFacts
from hera_experiment.check.kubeconfig import Context
from hera_experiment.errors import UserError
from hera_experiment.platform.http import Authorization, Session

_CONNECTIONS = 32
OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 200, 401, 403, 404


@dataclass(frozen=True)
class Credentials:
    """What a kubeconfig's user is known by; ``authorization`` is the header's whole value."""

    authorization: str = ""
    certificate: tuple[str, str] | None = None
    verify: bool | str = True
    server_name: str = ""
    proxy: str = ""


@dataclass(frozen=True)
class Answer:
    """What the server answered; ``document`` is None when ``text`` was no JSON object."""

    status: int
    document: dict[str, Any] | None
    text: str = ""

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked, in its own words."""
        return self.status in (200, 201) and self.document is not None

    @property
    def message(self) -> str:
        """The server's own sentence about what is wrong, or the status."""
        found = (self.document or {}).get("message")
        return str(found) if found else f"status {self.status}"

    def items(self) -> list[dict[str, Any]]:
        """Return the objects of a list."""
        return list((self.document or {}).get("items") or ())


def credentials_of(context: Context) -> Credentials:
    """Return what the context's user is known by; runs its plugin when it has one.

    Raises
    ------
    UserError
        When the plugin fails, or a file that the kubeconfig names cannot be read.
    """
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, load_kube_config_from_dict

    # The package logs what its plugin said, which may be a secret, and then goes on without it.
    logging.getLogger().addHandler(logging.NullHandler())
    configuration = Configuration()
    configuration.host = context.server
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        load_kube_config_from_dict(  # type: ignore[no-untyped-call]
            context.document(), client_configuration=configuration, persist_config=False
        )
    except (ConfigException, OSError, ValueError, TypeError):
        raise UserError(
            f"the user '{context.user.name}' or the cluster '{context.cluster.name}' is not "
            "complete: a file that it names cannot be read",
            str(context.user.file),
            "ask the administrator for the kubeconfig again",
        ) from None
    finally:
        logging.disable(disabled)
    certificate = None
    if configuration.cert_file and configuration.key_file:
        certificate = (configuration.cert_file, configuration.key_file)
    verify: bool | str = configuration.ssl_ca_cert or True
    return Credentials(
        authorization=str(configuration.api_key.get("BearerToken") or ""),
        certificate=certificate,
        verify=verify if configuration.verify_ssl else False,
        server_name=str(context.cluster.values.get("tls-server-name") or ""),
        proxy=str(context.cluster.values.get("proxy-url") or ""),
    )


class _Adapter(HTTPAdapter):
    """Keeps a connection for each check that may ask at once, and expects ``server_name``."""

    def __init__(self, server_name: str) -> None:
        self._server_name = server_name
        super().__init__(pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        if self._server_name:
            options["server_hostname"] = options["assert_hostname"] = self._server_name
        super().init_poolmanager(*args, **options)


class KubernetesApi(CachedFacts):
    """Requests to one API server; each path is read once, whoever asks first.

    ``timeout`` bounds the time to connect and the time to the next byte, in seconds. Methods raise
    :class:`~hera_experiment.platform.http.Unreachable` when nothing answers.
    """

    def __init__(self, server: str, credentials: Credentials, timeout: float, where: str) -> None:
        super().__init__()
        self.server = server
        self.credentials = credentials
        self.where = where
        self._timeout = timeout

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Read ``path``, which begins with a slash."""
        given = dict(params or {})
        key = ("GET", path, *sorted(given.items()))
        return self.once(key, lambda: self._request("GET", path, params=given))

    def post(self, path: str, body: Mapping[str, Any], authorization: str | None = None) -> Answer:
        """Ask a question that Kubernetes wants as POST (a review, a token); creates no object.

        ``authorization`` takes the place of the kubeconfig's own user.
        """
        key = ("POST", path, json.dumps(body, sort_keys=True), authorization)
        return self.once(key, lambda: self._request("POST", path, authorization, json=dict(body)))

    def _request(
        self, method: str, path: str, authorization: str | None = None, **options: Any
    ) -> Answer:
        session = self.once("session", self._session)
        if authorization is None:
            # Whoever has a certificate is known by it, whatever token goes with it.
            options["cert"] = self.credentials.certificate
        else:
            options["auth"] = Authorization(lambda: authorization)
        if self.credentials.proxy:
            # Given with the request, or HTTPS_PROXY would win over the kubeconfig's proxy-url.
            options["proxies"] = dict.fromkeys(("http", "https"), self.credentials.proxy)
        response = session.request(method, self.server + path, **options)
        try:
            found = response.json()
        except requests.exceptions.JSONDecodeError:
            found = None
        document = found if isinstance(found, dict) else None
        return Answer(response.status_code, document, "" if document else response.text)

    def _session(self) -> Session:
        session = Session(
            lambda: self.credentials.authorization,
            verify=self.credentials.verify,
            timeout=(self._timeout, self._timeout),
            where=self.where,
        )
        session.mount("https://", _Adapter(self.credentials.server_name))
        session.mount("http://", _Adapter(""))
        return session
