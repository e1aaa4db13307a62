"""A Kubernetes cluster, as far as a kubeconfig gives access to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hera_experiment.context.context import Context
from hera_experiment.context.secrets import shown
from hera_experiment.context.sources import display
from hera_experiment.errors import UserError
from hera_experiment.platform.cluster import Cluster, Kind
from hera_experiment.platform.kubernetes_errors import NOT_FOUND, KubernetesRefusal, explain

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

T = TypeVar("T")

TIMEOUT = (10.0, 30.0)
"""Seconds to connect and to wait for an answer, for each request."""

_READERS = {
    Kind.NAMESPACE: "read_namespace",
    Kind.CLAIM: "read_namespaced_persistent_volume_claim",
    Kind.CONFIGMAP: "read_namespaced_config_map",
    Kind.SECRET: "read_namespaced_secret",
}


class KubernetesAccess(Cluster):
    """The cluster of ``args.k8s_config_file``; ``timeout`` bounds each request, in seconds."""

    def __init__(self, args: Context, *, timeout: tuple[float, float] = TIMEOUT) -> None:
        super().__init__(args)
        self.timeout = timeout
        self._api: ApiClient | None = None

    @property
    def name(self) -> str:
        """The profile's name, else the kubeconfig's file."""
        return self.args.cluster or self.args.k8s_config_file or "no Kubernetes access"

    @property
    def has_access(self) -> bool:
        """Whether there is a kubeconfig at all."""
        return self.args.k8s_config_file not in ("", os.devnull)

    @property
    def api(self) -> ApiClient:
        """The client of the ``kubernetes`` package; raises UserError when it cannot be made."""
        if self._api is None:
            self._api = self._load()
        return self._api

    @property
    def where(self) -> str:
        """Where the kubeconfig was named."""
        source = self.args.where("k8s_config_file")
        return f"{self.args.k8s_config_file}, {source}" if source else self.args.k8s_config_file

    def reach(self) -> None:
        """Ask the API server for its version; raises ``UserError`` when it does not answer."""
        from kubernetes.client import VersionApi

        self.ask("reach the API server", VersionApi(self.api).get_code)

    def find(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """Return an object of the namespace, or a namespace; None when there is none.

        Raises
        ------
        Forbidden
            When it may not be read.
        """
        from kubernetes.client import CoreV1Api

        read = getattr(CoreV1Api(self.api), _READERS[kind])
        where = () if kind is Kind.NAMESPACE else (self.namespace,)
        try:
            found = self.ask(f"read the {kind.spoken} '{name}'", read, name, *where)
        except KubernetesRefusal as error:
            if error.status == NOT_FOUND:
                return None
            raise
        as_document: Any = self.api.sanitize_for_serialization
        return dict(as_document(found))

    def description(self) -> list[str]:
        """Return the kubeconfig, the server and the namespace, a line each; no secrets."""
        server = [f"server:     {shown(self.server)}"] if self.has_access else []
        kubeconfig = f"kubeconfig: {self.args.k8s_config_file or 'none'}"
        return [kubeconfig, *server, f"namespace:  {self.namespace}"]

    @property
    def server(self) -> str:
        """The address of the API server."""
        return str(self.api.configuration.host)

    def may(self, verb: str, resource: str, namespace: str, group: str = "") -> bool:
        """Ask Kubernetes whether the user may do this (SelfSubjectAccessReview)."""
        from kubernetes import client

        review = client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(
                    namespace=namespace, verb=verb, group=group, resource=resource
                )
            )
        )
        create = client.AuthorizationV1Api(self.api).create_self_subject_access_review
        answer = self.ask("ask for your rights", create, review)
        return bool(answer.status and answer.status.allowed)

    def ask(self, asked: str, request: Callable[..., T], *arguments: Any) -> T:
        """Make one request with the time-out; raises UserError that says what was ``asked``."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return request(*arguments, _request_timeout=self.timeout)
        except (ApiException, HTTPError, OSError) as error:
            raise explain(error, self.server, self.where, asked) from None

    def _load(self) -> ApiClient:
        files = [Path(part) for part in self.args.k8s_config_file.split(os.pathsep) if part]
        if not any(file.is_file() for file in files):
            raise UserError(
                f"there is no kubeconfig {display(files[0].absolute())}",
                self.args.where("k8s_config_file"),
                "correct KUBECONFIG, or set it to /dev/null for none",
            )
        from kubernetes import client, config

        configuration = client.Configuration()
        load: Any = config.load_kube_config
        try:
            load(
                config_file=self.args.k8s_config_file,
                client_configuration=configuration,
                persist_config=False,
            )
        except Exception as error:
            # The package raises whatever a malformed file provokes, and quotes the file, which may
            # hold a token: only the place is shown.
            raise UserError(
                f"the kubeconfig cannot be used: {_safe(error)}",
                self.where,
                "get a new one from the administrator",
            ) from None
        # Each request has its own time-out; the package's retries would multiply it.
        configuration.retries = 0
        return client.ApiClient(configuration)


def _safe(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"not valid YAML at line {mark.line + 1}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if type(error).__name__ == "ConfigException":
        # "Invalid kube-config file. Expected key current-context in …": names, never values.
        return shown(str(error).partition("\n")[0][:200])
    return f"it is not one ({type(error).__name__})"


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
