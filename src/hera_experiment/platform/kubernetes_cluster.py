"""A Kubernetes cluster, as far as a kubeconfig gives access to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hera_experiment.context.cli_context import CLIContext
from hera_experiment.context.secrets import shown
from hera_experiment.context.sources import display
from hera_experiment.errors import UserError
from hera_experiment.platform.cluster import (
    k8s_cluster,
    require_secret,
    say_other_entries,
    say_unknown,
)
from hera_experiment.platform.kubernetes_errors import (
    FORBIDDEN,
    NOT_FOUND,
    KubernetesRefusal,
    explain,
)

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

T = TypeVar("T")

TIMEOUT = (10.0, 30.0)
"""Seconds to connect and to wait for an answer, for each request."""
_NO_ACCESS = "there is no access to Kubernetes (KUBECONFIG names no file)"


class KubernetesCluster(k8s_cluster):
    """The cluster of ``args.k8s_config_file``; nothing is changed on it.

    Without a kubeconfig (none named, or ``/dev/null``) what can only be asked of Kubernetes is
    unknown, and said to be. ``timeout`` bounds each request.
    """

    def __init__(
        self,
        args: CLIContext,
        *,
        asserting: bool = True,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        super().__init__(args)
        self.timeout = timeout
        self._api: ApiClient | None = None
        if asserting and not self.has_access and not args.argo_server:
            raise no_platform(args)
        if asserting and self.has_access:
            self.assert_cluster()
            self.assert_namespace()

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

    def assert_cluster(self) -> bool:
        """Assert that the API server answers and knows the user."""
        if not self.has_access:
            return say_unknown("the cluster answers", _NO_ACCESS)
        from kubernetes.client import VersionApi

        self.ask("reach the API server", VersionApi(self.api).get_code)
        return True

    def assert_namespace(self, name: str = "") -> bool:
        """Assert that the namespace exists; the right to submit workflows there proves it too."""
        name = name or self._given("argo_namespace", "namespace", "ARGO_NAMESPACE")
        where = self._where("argo_namespace", name)
        if not self.has_access:
            return say_unknown(f"the namespace '{name}' exists", _NO_ACCESS)
        from kubernetes.client import CoreV1Api

        try:
            self.ask(f"read the namespace '{name}'", CoreV1Api(self.api).read_namespace, name)
        except KubernetesRefusal as error:
            if error.status == NOT_FOUND:
                raise UserError(
                    f"the cluster has no namespace '{name}'", where, "correct ARGO_NAMESPACE"
                ) from None
            if error.status != FORBIDDEN:
                raise
            if not self.may("create", "workflows", name, group="argoproj.io"):
                raise UserError(
                    f"there is no namespace '{name}', or you have no right in it",
                    where,
                    "correct ARGO_NAMESPACE, or ask the administrator for rights there",
                ) from None
        return True

    def assert_volume_claim(self, name: str = "") -> bool:
        """Assert that the claim exists and has not lost its volume."""
        name = name or self._given("k8s_volume_claim_name", "volume claim", "KUBEVOLUMECLAIMNAME")
        if not self.has_access:
            return say_unknown(f"the volume claim '{name}' exists", _NO_ACCESS)
        from kubernetes.client import CoreV1Api

        read = CoreV1Api(self.api).read_namespaced_persistent_volume_claim
        claim = self._object(
            f"volume claim '{name}'", read, name, "k8s_volume_claim_name", "KUBEVOLUMECLAIMNAME"
        )
        phase = claim.status.phase if claim.status else None
        if phase == "Lost":
            raise UserError(
                f"the volume claim '{name}' has lost its volume",
                self._where("k8s_volume_claim_name", name),
                "ask the administrator",
            )
        if phase != "Bound":
            return say_unknown(
                f"the volume claim '{name}' can be used", f"it is {phase or 'new'}, not bound yet"
            )
        return True

    def assert_configmap(self, name: str = "") -> bool:
        """Assert that the ConfigMap exists."""
        name = name or self._given("k8s_configmap_name", "ConfigMap", "KUBECONFIGMAP")
        return self.provide_configmap(name, {})

    def provide_configmap(self, name: str, data: Mapping[str, str]) -> bool:
        """Assert that the ConfigMap exists, and say which entries are not those of ``data``."""
        if not self.has_access:
            return say_unknown(f"the ConfigMap '{name}' exists", _NO_ACCESS)
        from kubernetes.client import CoreV1Api

        read = CoreV1Api(self.api).read_namespaced_config_map
        found = self._object(
            f"ConfigMap '{name}'", read, name, "k8s_configmap_name", "KUBECONFIGMAP"
        )
        say_other_entries(name, data, found.data or {})
        return True

    def assert_secret(self, name: str, keys: Sequence[str]) -> bool:
        """Assert that the Secret exists and has ``keys``; unknown where one may not read it."""
        self._given("argo_namespace", "namespace", "ARGO_NAMESPACE")
        if not self.has_access:
            return say_unknown(f"the Secret '{name}' exists", _NO_ACCESS)
        from kubernetes.client import CoreV1Api

        read = CoreV1Api(self.api).read_namespaced_secret
        found: dict[str, Any] | None = None
        try:
            found = self.ask(f"read the Secret '{name}'", read, name, self.namespace).data or {}
        except KubernetesRefusal as error:
            if error.status == FORBIDDEN:
                return say_unknown(f"the Secret '{name}' exists", "you may not read Secrets")
            if error.status != NOT_FOUND:
                raise
        command = "make provision" + (f" CLUSTER={self.args.cluster}" if self.args.cluster else "")
        require_secret(f"the namespace '{self.namespace}'", name, keys, found, command)
        return True

    def print_config(self) -> None:
        """Print the kubeconfig, its context, the server and the namespace; no secrets."""
        print(f"Cluster: {self.name}")
        print(f"  kubeconfig: {self.args.k8s_config_file or 'none'}")
        if self.has_access:
            print(f"  server:     {shown(self.server)}")
        print(f"  namespace:  {self.namespace}")

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

    def _object(
        self, spoken: str, read: Callable[..., T], name: str, argument: str, variable: str
    ) -> T:
        self._given("argo_namespace", "namespace", "ARGO_NAMESPACE")
        try:
            return self.ask(f"read the {spoken}", read, name, self.namespace)
        except KubernetesRefusal as error:
            if error.status != NOT_FOUND:
                raise
            raise UserError(
                f"the namespace '{self.namespace}' has no {spoken}",
                self._where(argument, name),
                f"correct {variable}, or ask the administrator to create it",
            ) from None

    def _given(self, argument: str, spoken: str, variable: str) -> str:
        value = str(getattr(self.args, argument))
        if not value:
            where, advice = self.args.where(argument), f"set {variable} (--{argument})"
            raise UserError(f"no {spoken} is named", where, advice)
        return value

    def _where(self, argument: str, name: str) -> str:
        return self.args.where(argument) if getattr(self.args, argument) == name else ""

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


def no_platform(args: CLIContext) -> UserError:
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
