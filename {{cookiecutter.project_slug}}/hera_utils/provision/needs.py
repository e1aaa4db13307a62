"""From what an environment declares to the objects it needs on a cluster."""

from __future__ import annotations

from typing import Any

from hera_utils.errors import UserError
from hera_utils.platform.registry import docker_credentials, host_of
from hera_utils.provision import wanted
from hera_utils.provision.declared import RecordingCluster
from hera_utils.provision.wanted import Wanted


def objects_of(environment: Any, cluster: RecordingCluster) -> list[Wanted]:
    """Return the claims, ConfigMaps and pull secret that ``environment`` declares.

    Of the environment are read ``persisted_volume`` (``size``, ``access_modes``,
    ``storage_class`` of its claim) and ``pull_secret_name``, where it has them. Raises
    ``UserError`` when the pull secret's registry is not named, or nobody is signed in to it.
    """
    found = [_claim(environment, name) for name in cluster.claims]
    found += [wanted.config_map(name, data) for name, data in cluster.configmaps.items()]
    if name := str(getattr(environment, "pull_secret_name", "") or ""):
        found.append(_pull_secret(environment, name))
    return found


def _claim(environment: Any, name: str) -> Wanted:
    volume = getattr(environment, "persisted_volume", None)
    declared = volume if getattr(volume, "claim_name", "") == name else None
    options: dict[str, Any] = {
        option: value
        for option in ("size", "access_modes", "storage_class")
        if (value := getattr(declared, option, None)) is not None
    }
    return wanted.claim(name, **options)


def _pull_secret(environment: Any, name: str) -> Wanted:
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
    return wanted.pull_secret(name, registry, credentials)
