"""The context of an experiment: what a person said, the cluster, its Argo server, what tasks find.

This folder is the laboratory's own, to be read and changed; the machinery is ``hera_experiment``.
The names below are imported when they are first used, so that nothing waits for Hera or Kubernetes
that does not need them.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hera_experiment import Experiment as Experiment
    from hera_experiment import UserError as UserError
    from hera_utils.cli_context import CLIContext as CLIContext
    from hera_utils.cli_context import parse_arguments as parse_arguments
    from hera_utils.cli_context import runs as runs
    from hera_utils.cluster import k8s_cluster as k8s_cluster
    from hera_utils.environment_of_execution import PERSISTED_VOLUME as PERSISTED_VOLUME
    from hera_utils.environment_of_execution import EnvironmentOfExecution as EnvironmentOfExecution
    from hera_utils.environment_of_submission import (
        EnvironmentOfSubmission as EnvironmentOfSubmission,
    )
    from hera_utils.execution_platform import ExecutionPlatform as ExecutionPlatform
    from hera_utils.server import argo_server as argo_server

_HOME = {
    "hera_experiment": "Experiment UserError",
    "hera_utils.cli_context": "CLIContext parse_arguments runs",
    "hera_utils.cluster": "k8s_cluster",
    "hera_utils.environment_of_execution": "EnvironmentOfExecution PERSISTED_VOLUME",
    "hera_utils.environment_of_submission": "EnvironmentOfSubmission",
    "hera_utils.execution_platform": "ExecutionPlatform",
    "hera_utils.server": "argo_server",
}


def __getattr__(name: str) -> object:
    for module, names in _HOME.items():
        if name in names.split():
            from importlib import import_module

            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *" ".join(_HOME.values()).split()})
