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
    from hera_utils.cluster import k8s_cluster as k8s_cluster
    from hera_utils.environment_of_execution import PERSISTED_VOLUME as PERSISTED_VOLUME
    from hera_utils.environment_of_execution import EnvironmentOfExecution as EnvironmentOfExecution
    from hera_utils.environment_of_submission import (
        EnvironmentOfSubmission as EnvironmentOfSubmission,
    )
    from hera_utils.execution_platform import ExecutionPlatform as ExecutionPlatform
    from hera_utils.server import argo_server as argo_server

_HOME = {
    "CLIContext": "hera_utils.cli_context",
    "EnvironmentOfExecution": "hera_utils.environment_of_execution",
    "EnvironmentOfSubmission": "hera_utils.environment_of_submission",
    "ExecutionPlatform": "hera_utils.execution_platform",
    "Experiment": "hera_experiment",
    "PERSISTED_VOLUME": "hera_utils.environment_of_execution",
    "UserError": "hera_experiment",
    "argo_server": "hera_utils.server",
    "k8s_cluster": "hera_utils.cluster",
    "parse_arguments": "hera_utils.cli_context",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
