"""The environment of execution: what must be there, wherever the experiment runs.

This is the file to change when the experiment moves to another cluster and its settings (see
``make config``) do not suffice. ``docs/volumes_and_containers.md`` has examples of what else may
be declared here: other volumes, ConfigMaps, Secrets, resources.
"""

from __future__ import annotations

from hera.shared import global_config
from hera.workflows import Workflow
from hera.workflows.models import VolumeMount

import hera_utils

# Where tasks see the persisted volume; any absolute path that the images do not use themselves.
MOUNT_PATH = "/results"

# How a template asks for that volume. Which claim it is depends on the cluster: the workflow says.
PERSISTED_VOLUME = VolumeMount(name=hera_utils.PERSISTED_VOLUME, mount_path=MOUNT_PATH)

# The Secret that images are pulled with; empty where the registry asks for none.
PULL_SECRET = ""


class numerical_experiment_environment(hera_utils.EnvironmentOfExecution):
    """A claim for the results, a registry for the images, the cluster's own settings.

    ``persisted_volume`` is the claim that tasks write to, ``image(name)`` composes the reference
    of the image of ``containers/<name>/``, ``env_from`` hands the cluster's settings (its proxy,
    for example) to the containers as environment variables.
    """

    def __init__(self, cluster: hera_utils.k8s_cluster, args: hera_utils.CLIContext) -> None:
        super().__init__(
            cluster,
            args,
            claim_name=args.k8s_volume_claim_name,
            mount_path=MOUNT_PATH,
            configmap_name=args.k8s_configmap_name,
            registry=args.registry,
            pull_secret_name=PULL_SECRET,
        )
        # What a Workflow offers its templates unless it says otherwise itself.
        global_config.set_class_defaults(
            Workflow, volumes=self.volumes, image_pull_secrets=self.image_pull_secrets
        )


def construct_environment(args: hera_utils.CLIContext) -> numerical_experiment_environment:
    """Set up submission, check that the environment of execution is there, and return it.

    Raises
    ------
    hera_utils.UserError
        When the Argo server cannot be used, or a claim or ConfigMap named here does not exist. On
        the laptop they are made instead.
    """
    cluster = hera_utils.k8s_cluster(args)
    argo_server = hera_utils.argo_server(cluster, args)
    argo_server.define_argo_server_part_of_environment()
    return numerical_experiment_environment(cluster, args)
