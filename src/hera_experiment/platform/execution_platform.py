"""The execution platform: a cluster, and the Argo server that runs on it."""

from __future__ import annotations

from hera_experiment.context.cli_context import CLIContext
from hera_experiment.platform.argo_server import ArgoServer
from hera_experiment.platform.cluster import k8s_cluster


class ExecutionPlatform:
    """Both parts of the platform that ``args`` designates, each asserted to be accessible.

    Raises :class:`~hera_experiment.errors.UserError` when one is not, or none is designated.
    """

    def __init__(self, args: CLIContext) -> None:
        self.cluster = k8s_cluster(args)
        self.argo_server = ArgoServer(self.cluster, args)
        self.argo_server.assert_accessible()

    def print_config(self) -> None:
        """Print how both are reached, without secrets."""
        self.cluster.print_config()
        self.argo_server.print_config()
