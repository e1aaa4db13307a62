"""Runs numerical experiments written with Hera, on this machine or on any Argo cluster.

What is public is named in ``__all__`` and imported from here when it is first used; every folder
below is private, and may change with each version.
"""

__version__ = "0.7.2"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hera_experiment.cli import main
    from hera_experiment.context.arguments import Argument, Arguments, SettingScope
    from hera_experiment.context.context import Context, file_named_by
    from hera_experiment.environment.hera_hooks import before_each_build
    from hera_experiment.environment.refusals import say_refusals
    from hera_experiment.environment.submissions import experiment_labels, submit_through
    from hera_experiment.errors import UserError
    from hera_experiment.experiment import Experiment
    from hera_experiment.images.published import ImageReferences
    from hera_experiment.platform.argo_server import ArgoServerAccess
    from hera_experiment.platform.cluster import Cluster, Kind, say_other_entries, say_unknown
    from hera_experiment.platform.kubernetes_access import KubernetesAccess, no_platform
    from hera_experiment.platform.kubernetes_errors import Forbidden, KubernetesRefusal
    from hera_experiment.platform.laptop_access import LaptopAccess
    from hera_experiment.provision.declared import Recorder
    from hera_experiment.results.experiment_runs import ExperimentRuns, experiment_runs
    from hera_experiment.submission.scripts import send_whole_values
    from hera_experiment.submission.values import refuse_unsendable

__all__ = [
    "ArgoServerAccess",
    "Argument",
    "Arguments",
    "Cluster",
    "Context",
    "Experiment",
    "ExperimentRuns",
    "Forbidden",
    "ImageReferences",
    "Kind",
    "KubernetesAccess",
    "KubernetesRefusal",
    "LaptopAccess",
    "Recorder",
    "SettingScope",
    "UserError",
    "before_each_build",
    "experiment_labels",
    "experiment_runs",
    "file_named_by",
    "main",
    "no_platform",
    "refuse_unsendable",
    "say_other_entries",
    "say_refusals",
    "say_unknown",
    "send_whole_values",
    "submit_through",
]

_HOME = {
    "cli": "main",
    "context.arguments": "Argument Arguments SettingScope",
    "context.context": "Context file_named_by",
    "environment.hera_hooks": "before_each_build",
    "environment.refusals": "say_refusals",
    "environment.submissions": "experiment_labels submit_through",
    "errors": "UserError",
    "experiment": "Experiment",
    "images.published": "ImageReferences",
    "platform.argo_server": "ArgoServerAccess",
    "platform.cluster": "Cluster Kind say_other_entries say_unknown",
    "platform.kubernetes_access": "KubernetesAccess no_platform",
    "platform.kubernetes_errors": "Forbidden KubernetesRefusal",
    "platform.laptop_access": "LaptopAccess",
    "provision.declared": "Recorder",
    "results.experiment_runs": "ExperimentRuns experiment_runs",
    "submission.scripts": "send_whole_values",
    "submission.values": "refuse_unsendable",
}


def __getattr__(name: str) -> object:
    for module, names in _HOME.items():
        if name in names.split():
            from importlib import import_module

            found: object = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
