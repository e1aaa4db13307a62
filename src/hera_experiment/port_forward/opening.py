"""Opens a port-forward to Argo's server for a context."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from hera_experiment.context.context import Context
from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.port_forward.forward import PortForward
from hera_experiment.port_forward.target import SERVICE, Target, TargetFinder
from hera_experiment.port_forward.tunnel import KubectlTunnel, PackageTunnel, Tunnel

ARGO_NAMESPACE = "argo"
"""Where Argo's own manifests put its server."""


def open_port_forward(
    args: Context,
    port: int,
    say: Callable[[str], None],
    *,
    namespace: str = "",
    service: str = SERVICE,
    environ: Mapping[str, str] = os.environ,
) -> PortForward:
    """Return a port-forward to ``service`` in the cluster of ``args``, kept up until closed.

    The service is looked for in ``namespace``, or else where the workflows go and in ``argo``.
    ``kubectl`` is used where it is installed, otherwise the kubernetes package.

    Raises
    ------
    UserError
        When there is no kubeconfig, no such service, no right to forward, or the port is taken.
    """
    cluster = KubernetesAccess(args)
    if not cluster.has_access:
        raise UserError(
            "a port-forward needs a kubeconfig",
            args.where("k8s_config_file"),
            "set KUBECONFIG, or ask the administrator for one",
        )
    candidates = [namespace] if namespace else [args.argo_namespace, ARGO_NAMESPACE]
    finder = TargetFinder(cluster, [each for each in candidates if each], service)
    return PortForward(port, finder, _way(cluster, environ), say)


def _way(cluster: KubernetesAccess, environ: Mapping[str, str]) -> Callable[[Target], Tunnel]:
    kubectl = shutil.which("kubectl", path=environ.get("PATH"))
    if kubectl:
        known = {**environ, "KUBECONFIG": cluster.args.k8s_config_file}
        return lambda target: KubectlTunnel(kubectl, known, target)

    def core() -> Any:
        from kubernetes import client

        return client.CoreV1Api(client.ApiClient(cluster.api.configuration))

    return lambda target: PackageTunnel(core, target)
