"""The cluster that a context designates: what a Kubernetes cluster and the laptop both offer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from hera_utils.context.cli_context import CLIContext


class k8s_cluster:
    """Where the pods of an experiment run, and what it keeps for them.

    ``k8s_cluster(args)`` is a :class:`LaptopCluster` for the platform ``local`` and a
    :class:`KubernetesCluster` otherwise, asserted to be accessible unless ``asserting`` is false.

    The ``assert_`` methods return True when what they assert holds, and raise
    :class:`~hera_utils.errors.UserError` when it does not. Where that cannot be found out they say
    so on standard error and return False.
    """

    is_local: bool = False
    """Whether this is the laptop, where what an experiment declares is simply made."""

    def __new__(cls, args: CLIContext, *arguments: Any, **options: Any) -> k8s_cluster:
        """Make the kind of cluster that ``args`` designates."""
        if cls is not k8s_cluster:
            return super().__new__(cls)
        if args.is_local:
            from hera_utils.platform.laptop_cluster import LaptopCluster

            return super().__new__(LaptopCluster)
        from hera_utils.platform.kubernetes_cluster import KubernetesCluster

        return super().__new__(KubernetesCluster)

    def __init__(self, args: CLIContext, *, asserting: bool = True) -> None:
        self.args = args

    @property
    def name(self) -> str:
        """The name a person knows the cluster by."""
        raise NotImplementedError

    @property
    def namespace(self) -> str:
        """The namespace of the experiment."""
        return self.args.argo_namespace

    def assert_cluster(self) -> bool:
        """Assert that the cluster answers and knows the user."""
        raise NotImplementedError

    def assert_namespace(self, name: str = "") -> bool:
        """Assert that the namespace exists, the experiment's own unless another is named."""
        raise NotImplementedError

    def assert_volume_claim(self, name: str = "") -> bool:
        """Assert that a volume claim exists, ``k8s_volume_claim_name`` unless another is named."""
        raise NotImplementedError

    def assert_configmap(self, name: str = "") -> bool:
        """Assert that a ConfigMap exists, ``k8s_configmap_name`` unless another is named."""
        raise NotImplementedError

    def provide_volume_claim(self, name: str) -> bool:
        """Make the claim on the laptop unless it is there; elsewhere assert that it exists."""
        return self.assert_volume_claim(name)

    def provide_configmap(self, name: str, data: Mapping[str, str]) -> bool:
        """Make the ConfigMap on the laptop unless it is there; elsewhere assert its existence."""
        return self.assert_configmap(name)

    def print_config(self) -> None:
        """Print how the cluster is reached, without secrets."""
        raise NotImplementedError


def say_unknown(what: str, why: str) -> bool:
    """Say on standard error that ``what`` could not be checked; returns False."""
    print(f"hera_utils: unknown whether {what}: {why}", file=sys.stderr)
    return False
