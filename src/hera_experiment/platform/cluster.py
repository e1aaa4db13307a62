"""A cluster, as far as this package needs one: what both kinds of access to one offer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from hera_experiment.context.context import Context
from hera_experiment.errors import UserError, tell


class Kind(Enum):
    """A kind of object: Kubernetes' name for it, its path, the words a person uses.

    ``argument`` is the name of the argument that names the experiment's own object of the kind.
    """

    NAMESPACE = ("Namespace", "namespaces", "namespace", "argo_namespace")
    CLAIM = (
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        "volume claim",
        "k8s_volume_claim_name",
    )
    CONFIGMAP = ("ConfigMap", "configmaps", "ConfigMap", "k8s_configmap_name")
    SECRET = ("Secret", "secrets", "Secret")

    def __init__(self, kubernetes: str, path: str, spoken: str, argument: str = "") -> None:
        self.kubernetes = kubernetes
        self.path = path
        self.spoken = spoken
        self.argument = argument


class Cluster:
    """A cluster that can be asked for objects; ``args`` is the context that designates it."""

    is_local: bool = False
    """Whether this is the laptop, where what an experiment declares is simply made."""

    def __init__(self, args: Context) -> None:
        self.args = args

    @property
    def name(self) -> str:
        """The name a person knows the cluster by."""
        raise NotImplementedError

    @property
    def has_access(self) -> bool:
        """Whether the cluster itself can be asked, beside its Argo server."""
        return False

    @property
    def namespace(self) -> str:
        """The namespace of the experiment."""
        return self.args.argo_namespace

    @property
    def place(self) -> str:
        """What a message says that an object is looked for in."""
        return f"the namespace '{self.namespace}'"

    def description(self) -> list[str]:
        """Return how it is reached, a line each; no secrets."""
        return [f"namespace: {self.namespace}"]

    def reach(self) -> None:
        """Ask for a sign of life; raises ``UserError`` when there is none."""
        raise NotImplementedError

    def find(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """Return an object, None when there is none; raises ``UserError`` for other refusals."""
        raise NotImplementedError

    def provide(self, kind: Kind, name: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return an object; one that is not there is made of ``content`` on the laptop alone."""
        return self.find(kind, name)

    def object_of(
        self, kind: Kind, name: str, content: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Return an object of the namespace; None where it is unknown whether there is one.

        With ``content`` the laptop makes it of that. Raises ``UserError`` when there is none.
        """
        if not self.has_access:
            say_unknown(f"the {kind.spoken} '{name}' exists")
            return None
        self.own_name(Kind.NAMESPACE)
        found = self.find(kind, name) if content is None else self.provide(kind, name, content)
        if found is None:
            variable = self.args.ARGUMENTS.names[kind.argument].variables[-1]
            advice = f"correct {variable}, or ask the administrator to create it"
            if self.is_local:
                advice = "construct_environment(args) makes what environment.py declares"
            what = f"{self.place} has no {kind.spoken} '{name}'"
            raise UserError(what, self.where_named(kind, name), advice)
        return found

    def own_name(self, kind: Kind) -> str:
        """Return the name that the arguments give the experiment's own object of ``kind``.

        Raises ``UserError`` where they give none.
        """
        argument = self.args.ARGUMENTS.names[kind.argument]
        name = str(getattr(self.args, argument.name))
        if not name:
            advice = f"set {argument.variables[-1]} (--{argument.name})"
            raise UserError(f"no {kind.spoken} is named", self.args.where(argument.name), advice)
        return name

    def where_named(self, kind: Kind, name: str) -> str:
        """Return where ``name`` was set; empty where the arguments do not give it."""
        given = getattr(self.args, kind.argument, "")
        return self.args.where(kind.argument) if given == name else ""

    def may(self, verb: str, resource: str, namespace: str, group: str = "") -> bool:
        """Return whether the user has this right."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what the access to the cluster holds."""


def say_unknown(
    what: str, why: str = "there is no access to Kubernetes (KUBECONFIG names no file)"
) -> bool:
    """Say on standard error that ``what`` could not be checked; returns False."""
    tell(f"unknown whether {what}: {why}")
    return False


def say_other_entries(
    name: str, declared: Mapping[str, str], found: Mapping[str, Any] | None
) -> None:
    """Say on standard error which entries of a ConfigMap are not as ``environment.py`` has them."""
    entries = (found or {}).get("data") or {}
    other = [key for key, value in declared.items() if entries.get(key) != value]
    if found is not None and other:
        tell(
            f"the ConfigMap '{name}' has another {', '.join(other)} than environment.py"
            " declares; make provision shows and applies the difference"
        )
