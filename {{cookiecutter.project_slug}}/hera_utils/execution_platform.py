"""The execution platform: a cluster, and the Argo server that runs on it."""

from hera_utils.cli_context import CLIContext
from hera_utils.cluster import k8s_cluster
from hera_utils.server import argo_server


class ExecutionPlatform:
    """Both parts of the platform of ``args``; raises ``UserError`` when one is not accessible."""

    def __init__(self, args: CLIContext) -> None:
        self.cluster = k8s_cluster(args)
        self.argo_server = argo_server(self.cluster, args)

    def print_config(self) -> None:
        """Print how both are reached, without secrets."""
        self.cluster.print_config()
        self.argo_server.print_config()
