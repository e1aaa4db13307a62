"""The cluster: where the pods of an experiment run, and what it keeps for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hera_experiment import (
    Cluster,
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

from hera_utils.cli_context import ARGUMENTS, CLIContext

NO_ACCESS = "there is no access to Kubernetes (KUBECONFIG names no file)"


class k8s_cluster(Cluster):
    """The cluster of ``args``: the laptop for the platform ``local``, else a Kubernetes cluster.

    It is asserted to be accessible unless ``asserting`` is false. An ``assert_`` method returns
    True when what it asserts holds and raises ``UserError`` when it does not; where that cannot be
    found out it says so on standard error and returns False. One that is added here and needs no
    argument is a check of ``make check-cluster`` and of each submission, too.
    """

    def __new__(cls, args: CLIContext, *arguments: Any, **options: Any) -> k8s_cluster:
        """Make the kind of cluster that ``args`` designates."""
        if cls is k8s_cluster:
            return super().__new__(LaptopCluster if args.is_local else KubernetesCluster)
        return super().__new__(cls)

    def __init__(self, args: CLIContext, *, asserting: bool = True, **options: Any) -> None:
        super().__init__(args, **options)

    def assert_cluster(self) -> bool:
        """Assert that the cluster answers and knows the user."""
        if not self.has_access:
            return say_unknown("the cluster answers", NO_ACCESS)
        self.reach()
        return True

    def assert_namespace(self, name: str = "") -> bool:
        """Assert that a namespace exists, the experiment's own unless another is named."""
        name = name or self._named(Kind.NAMESPACE)
        if not self.has_access:
            return say_unknown(f"the namespace '{name}' exists", NO_ACCESS)
        where = self._where(Kind.NAMESPACE, name)
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
        return self.provide_volume_claim(name or self._named(Kind.CLAIM), making=False)

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
        claim = self._object(Kind.CLAIM, name, {} if making else None)
        phase = (claim or {}).get("status", {}).get("phase")
        if phase == "Lost":
            what = f"the volume claim '{name}' has lost its volume"
            raise UserError(what, self._where(Kind.CLAIM, name), "ask the administrator")
        if claim is not None and phase != "Bound":
            why = f"it is {phase or 'new'}, not bound yet"
            return say_unknown(f"the volume claim '{name}' can be used", why)
        return claim is not None

    def assert_configmap(self, name: str = "") -> bool:
        """Assert that a ConfigMap exists, ``k8s_configmap_name`` unless another is named."""
        return self._object(Kind.CONFIGMAP, name or self._named(Kind.CONFIGMAP)) is not None

    def provide_configmap(self, name: str, data: Mapping[str, str]) -> bool:
        """Make the ConfigMap on the laptop unless it is there; elsewhere assert its existence."""
        found = self._object(Kind.CONFIGMAP, name, {"data": dict(data)})
        say_other_entries(name, data, found)
        return found is not None

    def assert_secret(self, name: str, keys: Sequence[str]) -> bool:
        """Assert that a Secret exists and has ``keys``; ``make provision`` asks for its values."""
        self._named(Kind.NAMESPACE)
        if not self.has_access:
            return say_unknown(f"the Secret '{name}' exists", NO_ACCESS)
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

    def _object(
        self, kind: Kind, name: str, content: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Return an object of the namespace, None where it is unknown whether there is one.

        With ``content`` the laptop makes it of that. Raises ``UserError`` when there is none.
        """
        if not self.has_access:
            say_unknown(f"the {kind.spoken} '{name}' exists", NO_ACCESS)
            return None
        self._named(Kind.NAMESPACE)
        found = self.find(kind, name) if content is None else self.provide(kind, name, content)
        if found is None:
            variable = ARGUMENTS.names[kind.argument].variables[-1]
            advice = f"correct {variable}, or ask the administrator to create it"
            if self.is_local:
                advice = "construct_environment(args) makes what environment.py declares"
            what = f"{self.place} has no {kind.spoken} '{name}'"
            raise UserError(what, self._where(kind, name), advice)
        return found

    def _named(self, kind: Kind) -> str:
        """Return the name that the arguments give; raises ``UserError`` where they give none."""
        argument = ARGUMENTS.names[kind.argument]
        name = str(getattr(self.args, argument.name))
        if not name:
            advice = f"set {argument.variables[-1]} (--{argument.name})"
            raise UserError(f"no {kind.spoken} is named", self.args.where(argument.name), advice)
        return name

    def _where(self, kind: Kind, name: str) -> str:
        given = getattr(self.args, kind.argument, "")
        return self.args.where(kind.argument) if given == name else ""


class KubernetesCluster(k8s_cluster, KubernetesAccess):
    """A Kubernetes cluster, as far as a kubeconfig gives access to it."""

    def __init__(self, args: CLIContext, *, asserting: bool = True, **options: Any) -> None:
        super().__init__(args, **options)
        if asserting and not self.has_access and not args.argo_server:
            raise no_platform(args)
        if asserting and self.has_access:
            self.assert_cluster()
            self.assert_namespace()


class LaptopCluster(k8s_cluster, LaptopAccess):
    """The machine at hand: claims are folders and ConfigMaps files below ``.hera/``."""

    def __init__(self, args: CLIContext, *, asserting: bool = True, **options: Any) -> None:
        super().__init__(args, **options)
        if asserting:
            self.assert_cluster()


class RecordingCluster(Recorder, k8s_cluster):
    """A cluster that has everything and remembers what it is asked for; none is needed."""
