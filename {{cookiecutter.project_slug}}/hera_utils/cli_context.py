"""The CLI context: which arguments there are, and what a person said, wherever they said it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment import Argument, Arguments, Context, SettingScope, file_named_by

if TYPE_CHECKING:
    from hera_experiment import Cluster, ExperimentRuns
    from hera_utils.cluster import RecordingCluster, k8s_cluster
    from hera_utils.server import ArgoServer

CHOICE, RESOURCE = SettingScope.CHOICE, SettingScope.RESOURCE
RUNTIMES = ("auto", "bubblewrap", "process", "docker", "podman")
IMAGES = ("dockerfile", "built")

# An argument added here is an option of every verb, a variable, and a line of every settings file;
# a script finds it as an attribute of its context. Each is about how a cluster is reached unless
# it says CHOICE (the platform) or RESOURCE (what the experiment uses there).
ARGUMENTS = Arguments(
    Argument("cluster", "CLUSTER", "local (this machine), or NAME of clusters/NAME.config", CHOICE),
    Argument("runtime", "RUNTIME", "how 'local' runs containers", CHOICE, choices=RUNTIMES),
    Argument("image", "HERA_IMAGE", "which images 'local' runs", CHOICE, choices=IMAGES),
    Argument("k8s_config_file", "KUBECONFIG", "the kubeconfig file; /dev/null for none", path=True),
    Argument("k8s_configmap_name", "KUBECONFIGMAP", "the ConfigMap of the proxy", RESOURCE),
    Argument("k8s_volume_claim_name", "KUBEVOLUMECLAIMNAME", "the claim for results", RESOURCE),
    Argument("argo_server", "GLOBAL_CONFIG_HOST ARGO_SERVER", "Argo's server, host:port"),
    Argument("argo_token", "ARGO_TOKEN", "the token, with or without the word Bearer", secret=True),
    Argument("argo_namespace", "GLOBAL_CONFIG_NAMESPACE ARGO_NAMESPACE", "where to submit to"),
    Argument("argo_service_account", "ARGO_SERVICE_ACCOUNT", "the account that pods run as"),
    Argument("argo_base_href", "ARGO_BASE_HREF", "the path of Argo's server, such as /argo"),
    Argument("argo_secure", "ARGO_SECURE", "false for plain HTTP", boolean=True, default="true"),
    Argument("argo_http1", "ARGO_HTTP1", "accepted; HTTP/1 is always used here", boolean=True),
    Argument(
        "argo_insecure_skip_verify",
        "ARGO_INSECURE_SKIP_VERIFY",
        "true to trust any certificate (anyone on the way can then read the token)",
        boolean=True,
    ),
    Argument("ca_bundle", "REQUESTS_CA_BUNDLE", "its authorities", path=True, machine_wide=True),
    Argument("argo_client_certificate", "ARGO_CLIENT_CERTIFICATE", "your certificate", path=True),
    Argument("argo_client_key", "ARGO_CLIENT_KEY", "its key, if not beside it", path=True),
    Argument("queue", "QUEUE", "the Kueue queue of the tasks' pods", RESOURCE),
    Argument("pending_timeout", "PENDING_TIMEOUT", "how long a pod may wait: 10m", RESOURCE),
    Argument("registry", "REGISTRY", "the registry of the images, host[:port][/project]", RESOURCE),
)


class CLIContext(Context):
    """The parsed arguments, each with its source; a script's own arguments are attributes too."""

    ARGUMENTS = ARGUMENTS

    @classmethod
    def settings_files(cls, folder: Path, home: Path, environ: Mapping[str, str]) -> list[Path]:
        """Return the settings files of the experiment in ``folder``, the strongest first.

        What is typed, a profile and the environment win over them, in this order; the committed
        defaults of ``experiment.toml`` come last.
        """
        named = file_named_by("ARGOCONFIG", environ)
        return [folder / ".env", *named, folder / "hera.config", home / "hera.config"]

    def open_cluster(self, *, asserting: bool = False) -> k8s_cluster:
        """Return the cluster that every verb works with."""
        from hera_utils.cluster import k8s_cluster

        return k8s_cluster(self, asserting=asserting)

    def recording_cluster(self) -> RecordingCluster:
        """Return a cluster that has everything, for ``make provision`` and for tests."""
        from hera_utils.cluster import RecordingCluster

        return RecordingCluster(self)

    def open_argo_server(self, cluster: Cluster) -> ArgoServer:
        """Return the Argo server that every verb works with."""
        from hera_utils.server import ArgoServer

        return ArgoServer(cluster, self)


def parse_arguments(
    parser: argparse.ArgumentParser | None = None,
    argv: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    home: Path | None = None,
) -> CLIContext:
    """Gather the arguments, each from the strongest source that has it.

    A process that a verb started has that verb's context, and what its own command line says.
    ``parser`` may have a script's own arguments: ``parser.add_argument("--repeats", type=int)``
    becomes ``args.repeats``; one of ConfigArgParse may take those from files and variables, too.
    ``argv`` is the command line without the program, that of the process unless given; ``environ``,
    ``folder`` and ``home`` are where the rest is looked for.

    Raises
    ------
    UserError
        For an option that does not exist, a file that cannot be read or parsed, a profile that is
        absent or whose token others can read, a value that is not allowed. A script that does not
        catch it ends with its sentence alone.
    """
    return CLIContext.read(parser, argv, environ=environ, folder=folder, home=home)


def runs(cluster: str = "", *, everyone: bool = False) -> ExperimentRuns:
    """Return the runs with their tasks, outputs and files; of others too with ``everyone``."""
    from hera_experiment import experiment_runs

    return experiment_runs(CLIContext, cluster, everyone=everyone)
