"""The cluster: where the pods of an experiment run, and what it keeps for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hera_experiment import (
    Cluster,
    Context,
    Forbidden,
    Kind,
    KubernetesAccess,
    LaptopAccess,
    Recorder,
    UserError,
    no_platform,
    say_other_entries,
    say_unknown,
)


class k8s_cluster(Cluster):
    """The cluster of ``args``: the laptop for the platform ``local``, else a Kubernetes cluster.

    It is asserted to be accessible unless ``asserting`` is false. An ``assert_`` method returns
    True when what it asserts holds and raises ``UserError`` when it does not; where that cannot be
    found out it says so on standard error and returns False. One that is added here and needs no
    argument is a check of ``make check-cluster`` and of each submission, too.
    """

    def __new__(cls, args: Context, *arguments: Any, **options: Any) -> k8s_cluster:
        """Make the kind of cluster that ``args`` designates."""
        if cls is k8s_cluster:
            return super().__new__(LaptopCluster if args.is_local else KubernetesCluster)
        return super().__new__(cls)

    def __init__(self, args: Context, *, asserting: bool = True, **options: Any) -> None:
        super().__init__(args, **options)

    def assert_cluster(self) -> bool:
        """Assert that the cluster answers and knows the user."""
        if not self.has_access:
            return say_unknown("the cluster answers")
        self.reach()
        return True

    def assert_namespace(self, name: str = "") -> bool:
        """Assert that a namespace exists, the experiment's own unless another is named."""
        name = name or self.own_name(Kind.NAMESPACE)
        if not self.has_access:
            return say_unknown(f"the namespace '{name}' exists")
        where = self.where_named(Kind.NAMESPACE, name)
        try:
            found = self.find(Kind.NAMESPACE, name)
        except Forbidden:
            # The right to submit there proves that it exists.
            if self.may("create", "workflows", name, group="argoproj.io"):
                return True
            what = f"there is no namespace '{name}', or you have no right in it"
            advice = "correct ARGO_NAMESPACE, or ask the administrator for rights there"
            raise UserError(what, where, advice) from None
        if found is None:
            raise UserError(
                f"the cluster has no namespace '{name}'", where, "correct ARGO_NAMESPACE"
            )
        return True

    def assert_volume_claim(self, name: str = "") -> bool:
        """Assert that a claim exists and has its volume, ``k8s_volume_claim_name`` unless named."""
        return self.provide_volume_claim(name or self.own_name(Kind.CLAIM), making=False)

    def provide_volume_claim(
        self,
        name: str,
        *,
        size: str = "1Gi",
        access_modes: Sequence[str] = ("ReadWriteMany",),
        storage_class: str | None = None,
        making: bool = True,
    ) -> bool:
        """Make the claim on the laptop unless it is there; elsewhere assert that it exists.

        ``size`` (a Kubernetes quantity, ``10Gi``), ``access_modes`` and ``storage_class`` (None
        for the cluster's default) are what ``make provision`` asks for.
        """
        claim = self.object_of(Kind.CLAIM, name, {} if making else None)
        phase = (claim or {}).get("status", {}).get("phase")
        if phase == "Lost":
            what = f"the volume claim '{name}' has lost its volume"
            raise UserError(what, self.where_named(Kind.CLAIM, name), "ask the administrator")
        if claim is not None and phase != "Bound":
            why = f"it is {phase or 'new'}, not bound yet"
            return say_unknown(f"the volume claim '{name}' can be used", why)
        return claim is not None

    def assert_configmap(self, name: str = "") -> bool:
        """Assert that a ConfigMap exists, ``k8s_configmap_name`` unless another is named."""
        return self.object_of(Kind.CONFIGMAP, name or self.own_name(Kind.CONFIGMAP)) is not None

    def provide_configmap(self, name: str, data: Mapping[str, str]) -> bool:
        """Make the ConfigMap on the laptop unless it is there; elsewhere assert its existence."""
        found = self.object_of(Kind.CONFIGMAP, name, {"data": dict(data)})
        say_other_entries(name, data, found)
        return found is not None

    def assert_secret(self, name: str, keys: Sequence[str]) -> bool:
        """Assert that a Secret exists and has ``keys``; ``make provision`` asks for its values."""
        self.own_name(Kind.NAMESPACE)
        if not self.has_access:
            return say_unknown(f"the Secret '{name}' exists")
        try:
            found = self.find(Kind.SECRET, name)
        except Forbidden:
            return say_unknown(f"the Secret '{name}' exists", "you may not read Secrets")
        missing = [key for key in keys if key not in ((found or {}).get("data") or {})]
        if found is not None and not missing:
            return True
        wanted = f" with {', '.join(missing)}" if missing else ""
        command = "make provision" + (f" CLUSTER={self.args.cluster}" if self.args.cluster else "")
        raise UserError(
            f"{self.place} has no Secret '{name}'{wanted}",
            "environment.py",
            f"type: {command}, which asks for the values",
        )

    def print_config(self) -> None:
        """Print how the cluster is reached, without secrets."""
        print("\n".join([f"Cluster: {self.name}", *(f"  {line}" for line in self.description())]))


class KubernetesCluster(k8s_cluster, KubernetesAccess):
    """A Kubernetes cluster, as far as a kubeconfig gives access to it."""

    def __init__(self, args: Context, *, asserting: bool = True, **options: Any) -> None:
        super().__init__(args, **options)
        if asserting and not self.has_access and not args.argo_server:
            raise no_platform(args)
        if asserting and self.has_access:
            self.assert_cluster()
            self.assert_namespace()


class LaptopCluster(k8s_cluster, LaptopAccess):
    """The machine at hand: claims are folders and ConfigMaps files below ``.hera/``."""

    def __init__(self, args: Context, *, asserting: bool = True, **options: Any) -> None:
        super().__init__(args, **options)
        if asserting:
            self.assert_cluster()


class RecordingCluster(Recorder, k8s_cluster):
    """A cluster that has everything and remembers what it is asked for; none is needed."""
