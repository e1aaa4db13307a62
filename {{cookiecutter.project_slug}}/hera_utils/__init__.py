"""Runs one numerical experiment, written with Hera, on this machine or on any Argo cluster.

The names below are imported when they are first used, so that nothing waits for Hera or Kubernetes
that does not need them.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hera_utils.context.cli_context import CLIContext as CLIContext
    from hera_utils.context.cli_context import parse_arguments as parse_arguments
    from hera_utils.environment.execution import PERSISTED_VOLUME as PERSISTED_VOLUME
    from hera_utils.environment.execution import EnvironmentOfExecution as EnvironmentOfExecution
    from hera_utils.environment.submission import EnvironmentOfSubmission as EnvironmentOfSubmission
    from hera_utils.environment.submission import argo_server as argo_server
    from hera_utils.errors import UserError as UserError
    from hera_utils.experiment import Experiment as Experiment
    from hera_utils.platform.cluster import k8s_cluster as k8s_cluster
    from hera_utils.platform.execution_platform import ExecutionPlatform as ExecutionPlatform

_HOME = {
    "CLIContext": "context.cli_context",
    "EnvironmentOfExecution": "environment.execution",
    "EnvironmentOfSubmission": "environment.submission",
    "ExecutionPlatform": "platform.execution_platform",
    "Experiment": "experiment",
    "PERSISTED_VOLUME": "environment.execution",
    "UserError": "errors",
    "argo_server": "environment.submission",
    "k8s_cluster": "platform.cluster",
    "parse_arguments": "context.cli_context",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
