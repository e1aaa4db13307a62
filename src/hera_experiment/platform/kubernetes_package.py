"""The ``kubernetes`` package before our own session: its words, our way to the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera_experiment.platform.kubernetes_client import KubernetesClient

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration


def api_client(client: KubernetesClient) -> ApiClient:
    """Return a client of the package whose every request goes out through ``client``."""
    from kubernetes.client import ApiClient

    api = ApiClient(configuration_of(client))
    rest: Any = api.rest_client
    rest.pool_manager = _Pool(client)
    return api


def configuration_of(client: KubernetesClient) -> Configuration:
    """Return what the package needs for a connection of its own, such as a web socket."""
    from kubernetes.client import Configuration

    configuration: Any = Configuration()
    configuration.host = client.server
    certificate = client.user.certificate()
    configuration.cert_file, configuration.key_file = certificate or (None, None)
    configuration.verify_ssl = client.verify is not False
    configuration.ssl_ca_cert = client.verify if isinstance(client.verify, str) else None
    configuration.tls_server_name = client.server_name or None
    # Not those of the environment, which the package reads in a way of its own.
    configuration.proxy, configuration.no_proxy = client.proxy or None, None
    # Each request has its own time-out; the package's retries would multiply it.
    configuration.retries = 0

    def renew(configuration: Any) -> None:
        value = client.user.authorization()
        if value:
            configuration.api_key["authorization"] = value
            configuration.api_key["BearerToken"] = value

    renew(configuration)
    configuration.refresh_api_key_hook = renew
    found: Configuration = configuration
    return found


class _Pool:
    """What the package takes for urllib3's pool of connections."""

    def __init__(self, client: KubernetesClient) -> None:
        self._session = client.session

    def request(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        fields: Any = None,
        headers: Any = None,
        timeout: Any = None,
        **_: Any,
    ) -> Any:
        """Return the answer, not read yet; raises ``Unreachable``."""
        seconds = (timeout.connect_timeout, timeout.read_timeout) if timeout else None
        response = self._session.request(
            method,
            url,
            params=fields or None,
            data=body,
            headers=headers,
            timeout=seconds,
            stream=True,
        )
        response.raw.decode_content = True
        return response.raw

    def clear(self) -> None:
        """Close the connections."""
        self._session.close()
