"""From what an environment declares to the objects it needs on a cluster."""

from __future__ import annotations

from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.platform.registry import host_of
from hera_experiment.platform.registry_credentials import docker_credentials
from hera_experiment.provision import desired_objects
from hera_experiment.provision.declared import Recorder
from hera_experiment.provision.desired_objects import DesiredObject


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
            f"Docker keeps no user and password for {host_of(registry)}, which the pull secret "
            f"'{name}' needs",
            next_step=f"docker login {host_of(registry)}",
        )
    return desired_objects.pull_secret(name, registry, credentials)
