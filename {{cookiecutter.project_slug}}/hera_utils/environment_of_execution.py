"""The environment of execution: what an experiment finds wherever its tasks run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hera_experiment import ImageReferences, UserError
from hera_utils.cli_context import CLIContext
from hera_utils.cluster import k8s_cluster

if TYPE_CHECKING:
    from hera.workflows import ConfigMapEnvFrom, ExistingVolume

PERSISTED_VOLUME = "persisted-volume"
"""The name of the volume within a workflow, by which a template mounts it."""


@dataclass(frozen=True)
class PersistedVolume:
    """A volume that outlives the workflow: its claim, and the path at which tasks see it.

    ``size`` (a Kubernetes quantity, ``10Gi``), ``access_modes`` and ``storage_class`` (None for
    the cluster's default) are what ``make provision`` asks for where the claim does not exist.
    """

    claim_name: str
    mount_path: str
    size: str = "1Gi"
    access_modes: tuple[str, ...] = ("ReadWriteMany",)
    storage_class: str | None = None


class EnvironmentOfExecution:
    """The volume, the registry and the settings of the cluster that the tasks rely on.

    ``claim_name`` is the claim of the persisted volume, empty for an experiment that keeps nothing;
    each task sees it at the absolute ``mount_path``. The entries of the ConfigMap
    ``configmap_name`` become environment variables of the tasks; it begins with
    ``configmap_defaults`` where it is made. Images are pulled from ``registry``
    (``host[:port][/project]``) with the Secret ``pull_secret_name``, which may be empty. What is
    made (``claim_size`` and so on: see :class:`PersistedVolume`) is made on the laptop, and
    elsewhere by ``make provision``.

    Raises
    ------
    UserError
        When the claim or the ConfigMap does not exist on the cluster; without access to Kubernetes
        they are said to be unknown.
    """

    def __init__(
        self,
        cluster: k8s_cluster,
        args: CLIContext,
        *,
        claim_name: str,
        mount_path: str,
        configmap_name: str = "",
        registry: str = "",
        configmap_defaults: Mapping[str, str] | None = None,
        claim_size: str = "1Gi",
        claim_access_modes: Sequence[str] = ("ReadWriteMany",),
        claim_storage_class: str | None = None,
        pull_secret_name: str = "",
    ) -> None:
        if claim_name and not mount_path.startswith("/"):
            what = f"the mount path '{mount_path}' is not absolute"
            raise UserError(what, "environment.py", "begin it with /")
        self.cluster = cluster
        self.slug = args.experiment.slug
        self.registry = registry
        self._images = ImageReferences(args, registry)
        self.configmap_name = configmap_name
        self.pull_secret_name = pull_secret_name
        self.persisted_volume = volume = PersistedVolume(
            claim_name, mount_path, claim_size, tuple(claim_access_modes), claim_storage_class
        )
        if claim_name:
            cluster.provide_volume_claim(
                claim_name,
                size=volume.size,
                access_modes=volume.access_modes,
                storage_class=volume.storage_class,
            )
        if configmap_name:
            cluster.provide_configmap(configmap_name, configmap_defaults or {})

    def image(self, container: str, tag: str = "") -> str:
        """Return the reference of the image of ``containers/<container>/`` as its files are now.

        On a cluster that is its digest where it has been pushed, otherwise the tag that tells its
        content; on the laptop, which makes what it needs, ``latest``, with IMAGE=built the digest.
        A ``tag`` is taken as it is. Raises ``UserError`` when there is no Dockerfile or no digest.
        """
        return self._images.of(container, tag)

    @property
    def volumes(self) -> list[ExistingVolume]:
        """What a template's ``volumes`` takes to see the persisted volume."""
        from hera.workflows import ExistingVolume

        claim, path = self.persisted_volume.claim_name, self.persisted_volume.mount_path
        if not claim:
            return []
        return [ExistingVolume(name=PERSISTED_VOLUME, claim_name=claim, mount_path=path)]

    @property
    def image_pull_secrets(self) -> list[str] | None:
        """What a workflow's ``image_pull_secrets`` takes; None where the registry asks for none."""
        return [self.pull_secret_name] if self.pull_secret_name else None

    @property
    def env_from(self) -> list[ConfigMapEnvFrom]:
        """What a template's ``env_from`` takes to see the cluster's settings."""
        from hera.workflows import ConfigMapEnvFrom

        if not self.configmap_name:
            return []
        return [ConfigMapEnvFrom(name=self.configmap_name, optional=False)]
