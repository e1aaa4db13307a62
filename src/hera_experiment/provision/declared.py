"""What ``environment.py`` declares, found out by making its environment on a recording cluster."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from hera_experiment.context.context import Context
from hera_experiment.context.sources import display
from hera_experiment.errors import UserError
from hera_experiment.platform.cluster import Cluster
from hera_experiment.platform.registry import host_of
from hera_experiment.platform.registry_credentials import docker_credentials
from hera_experiment.provision import desired_objects
from hera_experiment.provision.desired_objects import DesiredObject

_MODULE, _CLASS = "environment", "numerical_experiment_environment"


class Recorder(Cluster):
    """The part of a cluster that has everything, and remembers what it was asked for.

    The context module puts it before its own cluster, whose assertions it takes the place of.
    """

    def __init__(self, args: Context, **options: Any) -> None:
        super().__init__(args, **options)
        self.claims: dict[str, dict[str, Any]] = {}
        self.configmaps: dict[str, dict[str, str]] = {}
        self.secrets: dict[str, tuple[str, ...]] = {}

    @property
    def name(self) -> str:
        """The profile's name, else the kubeconfig's file."""
        return self.args.cluster or self.args.k8s_config_file

    def assert_cluster(self) -> bool:
        """Say that it is there."""
        return True

    def assert_namespace(self, name: str = "") -> bool:
        """Say that it is there."""
        return True

    def assert_volume_claim(self, name: str = "") -> bool:
        """Remember the claim."""
        if name := name or self.args.k8s_volume_claim_name:
            self.claims.setdefault(name, {})
        return True

    def assert_configmap(self, name: str = "") -> bool:
        """Remember the ConfigMap."""
        if name := name or self.args.k8s_configmap_name:
            self.configmaps.setdefault(name, {})
        return True

    def assert_secret(self, name: str, keys: Sequence[str]) -> bool:
        """Remember the Secret and its keys."""
        self.secrets[name] = tuple(dict.fromkeys((*self.secrets.get(name, ()), *keys)))
        return True

    def provide_volume_claim(
        self,
        name: str,
        *,
        size: str = "1Gi",
        access_modes: Sequence[str] = ("ReadWriteMany",),
        storage_class: str | None = None,
        making: bool = True,
    ) -> bool:
        """Remember the claim and what it asks for."""
        self.claims[name] = {
            "size": size,
            "access_modes": tuple(access_modes),
            "storage_class": storage_class,
        }
        return True

    def provide_configmap(self, name: str, data: Mapping[str, str]) -> bool:
        """Remember the ConfigMap and its entries."""
        self.assert_configmap(name)
        self.configmaps[name].update(data)
        return True

    def print_config(self) -> None:
        """Print nothing: there is no such cluster."""


def environment_of(args: Context) -> tuple[Any, Recorder]:
    """Return the experiment's environment, and the cluster that remembers what it needs.

    Nothing is asked of a real cluster. Raises ``UserError`` when the experiment has no
    ``environment.py`` with the class ``numerical_experiment_environment``.
    """
    folder = args.experiment.folder
    path = folder / f"{_MODULE}.py"
    if not path.is_file():
        raise UserError(
            f"there is no {display(path)}",
            next_step="type this in an experiment's folder: its environment.py says what it needs",
        )
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    module = import_module(_MODULE)
    environment_class = getattr(module, _CLASS, None)
    if environment_class is None:
        raise UserError(f"there is no class {_CLASS}", where=display(path))
    cluster = args.recording_cluster()
    return environment_class(cluster, args), cluster


def objects_of(environment: Any, cluster: Recorder) -> list[DesiredObject]:
    """Return the claims, ConfigMaps, Secrets and pull secret that ``environment`` declares.

    What it asked ``cluster`` for is found there; the pull secret is its ``pull_secret_name``,
    where it has one. Raises ``UserError`` when the pull secret's registry is not named, or nobody
    is signed in to it.
    """
    found = [desired_objects.claim(name, **options) for name, options in cluster.claims.items()]
    found += [desired_objects.config_map(name, data) for name, data in cluster.configmaps.items()]
    found += [desired_objects.secret(name, keys) for name, keys in cluster.secrets.items()]
    if name := str(getattr(environment, "pull_secret_name", "") or ""):
        found.append(_pull_secret(environment, name))
    return found


def _pull_secret(environment: Any, name: str) -> DesiredObject:
    registry = str(environment.registry)
    if not registry:
        raise UserError(
            f"no registry is named for the pull secret '{name}'", next_step="set REGISTRY"
        )
    credentials = docker_credentials(host_of(registry))
    if credentials is None or not credentials[0]:
        raise UserError(
            f"Docker has no user and password for {host_of(registry)}, which the pull secret "
            f"'{name}' needs",
            next_step=f"docker login {host_of(registry)}",
        )
    return desired_objects.pull_secret(name, registry, credentials)
