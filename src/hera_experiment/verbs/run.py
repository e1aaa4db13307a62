"""Run a script on the laptop and follow its workflows to the end."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hera_experiment.argo.names import LABEL_CREATOR
from hera_experiment.context.verb_arguments import VerbArguments
from hera_experiment.errors import UserError
from hera_experiment.verbs._script import add_script_arguments, script_of

if TYPE_CHECKING:
    from hera_experiment.context.context import Context
    from hera_experiment.environment.script_process import WaitingScript
    from hera_experiment.follow.watch import WorkflowClient
    from hera_experiment.platform.local_server import Lease

LOCAL = "local"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--cluster",
        default=LOCAL,
        metavar="NAME",
        help=f"where to run: run is for the laptop, so '{LOCAL}' is the only answer",
    )
    parser.add_argument(
        "--runtime",
        metavar="NAME",
        help="how containers run: process (unless RUNTIME says otherwise), docker or podman",
    )
    add_script_arguments(parser)


def main(args: VerbArguments) -> int:
    """Run the script; return its verdict, see :class:`ExecutionEngine`."""
    if args.cluster != LOCAL:
        raise UserError(
            f"run is for the laptop, not for the cluster '{args.cluster}'",
            where="--cluster",
            next_step=f"leave it out, or type: make submit CLUSTER={args.cluster}",
        )
    # Late: the help of all verbs imports this module. The script's process comes first: importing
    # Hera is most of what a run takes to begin.
    from hera_experiment.environment.script_process import WaitingScript, for_python, is_live

    environment = for_python(os.environ, args.kind.module_folder())
    waiting = WaitingScript(environment, terminal=is_live(sys.stdout, os.environ))
    try:
        return _run(args, waiting)
    finally:
        waiting.close()


def _run(args: VerbArguments, waiting: WaitingScript) -> int:
    from secrets import token_hex

    from hera_experiment.execution_engine import ExecutionEngine
    from hera_experiment.follow.display import display_of
    from hera_experiment.platform.local_server import acquire

    runtime = [] if args.runtime is None else ["--runtime", args.runtime]
    context = args.kind.read(None, ["--cluster", LOCAL, *runtime])
    script, arguments = script_of(args, context.experiment, "run")
    with acquire(context.experiment) as lease:
        laptop = Laptop(lease, context, f"run-{token_hex(4)}", args.inputs)
        engine = ExecutionEngine(context, laptop, display_of(), waiting=waiting)
        return engine.run(script, arguments)


class Laptop:
    """The local server as the platform of one run, told from others by the ``session``."""

    def __init__(self, lease: Lease, context: Context, session: str, inputs: str = "") -> None:
        self._lease = lease
        self._session = session
        self._context = context
        self._inputs = inputs
        self._client: WorkflowClient | None = None
        self._lock = threading.Lock()

    @property
    def labels(self) -> str:
        """The label selector of this run's workflows."""
        return f"{LABEL_CREATOR}={self._session}"

    def script_environment(self) -> Mapping[str, str]:
        """Return the environment that leads any Hera script to the local server."""
        runtime = self._context.runtime
        environment = self._lease.server.script_environment(self._session, runtime)
        from hera_experiment.environment.interpreter import environment_of

        return environment_of(environment, self._context, self._inputs)

    def client(self) -> WorkflowClient:
        """Return the client of the local server, the same one for each thread."""
        with self._lock:
            if self._client is None:
                from hera_experiment.platform.argo_client import ArgoClient

                self._client = ArgoClient.for_local(
                    self._lease, self._session, self._context.runtime
                )
            return self._client
