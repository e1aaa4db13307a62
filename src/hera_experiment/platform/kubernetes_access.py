"""A Kubernetes cluster, as far as a kubeconfig gives access to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hera_experiment.context.context import Context
from hera_experiment.context.masking import shown
from hera_experiment.errors import UserError
from hera_experiment.platform import kubeconfig, kubernetes_reviews
from hera_experiment.platform.cluster import Cluster, Kind
from hera_experiment.platform.kubernetes_client import NOT_FOUND, TIMEOUT, Answer, KubernetesClient
from hera_experiment.platform.kubernetes_errors import document
from hera_experiment.platform.kubernetes_reviews import Right
from hera_experiment.platform.kubernetes_user import KubernetesUser

if TYPE_CHECKING:
    from kubernetes.client import Configuration


class KubernetesAccess(Cluster):
    """The cluster of ``args.k8s_config_file``; ``timeout`` bounds each request, in seconds."""

    def __init__(self, args: Context, *, timeout: tuple[float, float] = TIMEOUT) -> None:
        super().__init__(args)
        self.timeout = timeout
        self._client: KubernetesClient | None = None

    @property
    def name(self) -> str:
        """The profile's name, else the kubeconfig's file."""
        return self.args.cluster or self.args.k8s_config_file or "no Kubernetes access"

    @property
    def has_access(self) -> bool:
        """Whether there is a kubeconfig at all."""
        return bool(kubeconfig.files_of(self.args.k8s_config_file))

    @property
    def client(self) -> KubernetesClient:
        """The client of the API server; raises ``UserError`` when the kubeconfig leads nowhere."""
        if self._client is None:
            try:
                found = kubeconfig.read(self.args.k8s_config_file, self.where).context()
            except UserError as error:
                what = f"the kubeconfig cannot be used: {error.what}"
                raise UserError(what, self.where, error.next_step) from None
            user = KubernetesUser(found)
            self._client = KubernetesClient(found, user, timeout=self.timeout, where=self.where)
        return self._client

    @property
    def where(self) -> str:
        """Where the kubeconfig was named."""
        source = self.args.where("k8s_config_file")
        return f"{self.args.k8s_config_file}, {source}" if source else self.args.k8s_config_file

    def reach(self) -> None:
        """Ask the API server for its version; raises ``UserError`` when it does not answer."""
        self.document("reach the API server", self.client.get("/version"))

    def document(self, asked: str, answer: Answer) -> dict[str, Any]:
        """Return the object of ``answer``; raises ``KubernetesRefusal`` about what was ``asked``.

        The kind of it for a missing right is ``Forbidden``.
        """
        return document(answer, self.server, self.where, asked)

    def find(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """Return an object of the namespace, or a namespace; None when there is none.

        Raises
        ------
        Forbidden
            When it may not be read.
        """
        space = "" if kind is Kind.NAMESPACE else f"namespaces/{quote(self.namespace)}/"
        answer = self.client.get(f"/api/v1/{space}{kind.path}/{quote(name)}")
        if answer.status == NOT_FOUND:
            return None
        return self.document(f"read the {kind.spoken} '{name}'", answer)

    def description(self) -> list[str]:
        """Return the kubeconfig, the server and the namespace, a line each; no secrets."""
        server = [f"server:     {shown(self.server)}"] if self.has_access else []
        kubeconfig = f"kubeconfig: {self.args.k8s_config_file or 'none'}"
        return [kubeconfig, *server, f"namespace:  {self.namespace}"]

    @property
    def server(self) -> str:
        """The address of the API server."""
        return self.client.server

    def may(self, verb: str, resource: str, namespace: str, group: str = "") -> bool:
        """Ask Kubernetes whether the user may do this (SelfSubjectAccessReview)."""
        right = Right(group, resource, (verb,))
        return kubernetes_reviews.may(self.client, namespace, right, verb)


def no_platform(args: Context) -> UserError:
    """Return the sentence for a context that designates no platform, never local by accident."""
    if args.cluster:
        return UserError(
            f"the cluster '{args.cluster}' names no Argo server",
            args.where("argo_server") or str(args.source("cluster")),
            "set ARGO_SERVER in its profile",
        )
    return UserError(
        "no execution platform is chosen",
        next_step="CLUSTER=local (--cluster local) runs on this machine, ARGO_SERVER or a profile "
        "clusters/NAME.config with CLUSTER=NAME on a cluster",
    )


def configuration_of(client: KubernetesClient) -> Configuration:
    """Return what the ``kubernetes`` package needs for a connection of its own: a web socket."""
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
