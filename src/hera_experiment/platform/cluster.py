"""The cluster that a context designates: what a Kubernetes cluster and the laptop both offer."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hera_experiment.context.cli_context import CLIContext
from hera_experiment.errors import UserError


class k8s_cluster:
    """Where the pods of an experiment run, and what it keeps for them.

    ``k8s_cluster(args)`` is a :class:`LaptopCluster` for the platform ``local`` and a
    :class:`KubernetesCluster` otherwise, asserted to be accessible unless ``asserting`` is false.

    The ``assert_`` methods return True when what they assert holds, and raise
    :class:`~hera_experiment.errors.UserError` when it does not. Where that cannot be found out they say
    so on standard error and return False.
    """

    is_local: bool = False
    """Whether this is the laptop, where what an experiment declares is simply made."""

    def __new__(cls, args: CLIContext, *arguments: Any, **options: Any) -> k8s_cluster:
        """Make the kind of cluster that ``args`` designates."""
        if cls is not k8s_cluster:
            return super().__new__(cls)
        if args.is_local:
            from hera_experiment.platform.laptop_cluster import LaptopCluster

            return super().__new__(LaptopCluster)
        from hera_experiment.platform.kubernetes_cluster import KubernetesCluster

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

    def assert_secret(self, name: str, keys: Sequence[str]) -> bool:
        """Assert that a Secret exists and has ``keys``; ``make provision`` asks for its values."""
        raise NotImplementedError

    def provide_volume_claim(
        self,
        name: str,
        *,
        size: str = "1Gi",
        access_modes: Sequence[str] = ("ReadWriteMany",),
        storage_class: str | None = None,
    ) -> bool:
        """Make the claim on the laptop unless it is there; elsewhere assert that it exists.

        ``size`` (a Kubernetes quantity, ``10Gi``), ``access_modes`` and ``storage_class`` (None
        for the cluster's default) are what ``make provision`` asks for.
        """
        return self.assert_volume_claim(name)

    def provide_configmap(self, name: str, data: Mapping[str, str]) -> bool:
        """Make the ConfigMap on the laptop unless it is there; elsewhere assert its existence."""
        return self.assert_configmap(name)

    def print_config(self) -> None:
        """Print how the cluster is reached, without secrets."""
        raise NotImplementedError


def require_secret(
    place: str, name: str, keys: Sequence[str], found: Mapping[str, str] | None, command: str
) -> None:
    """Raise ``UserError`` unless ``found``, the Secret's values by key, has all ``keys``.

    ``found`` is None when there is no such Secret in ``place``; ``command`` makes one.
    """
    missing = [key for key in keys if key not in (found or {})]
    if found is not None and not missing:
        return
    wanted = f" with {', '.join(missing)}" if missing else ""
    raise UserError(
        f"{place} has no Secret '{name}'{wanted}",
        "environment.py",
        f"type: {command}, which asks for the values",
    )


def say_other_entries(name: str, declared: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Say on standard error which entries of a ConfigMap are not as ``environment.py`` has them."""
    other = [key for key, value in declared.items() if found.get(key) != value]
    if other:
        print(
            f"hera_utils: the ConfigMap '{name}' has another {', '.join(other)} than environment.py"
            " declares; make provision shows and applies the difference",
            file=sys.stderr,
        )


def say_unknown(what: str, why: str) -> bool:
    """Say on standard error that ``what`` could not be checked; returns False."""
    print(f"hera_utils: unknown whether {what}: {why}", file=sys.stderr)
    return False
