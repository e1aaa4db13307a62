"""Run a script on the laptop and follow its workflows to the end."""

from __future__ import annotations

import argparse
import os
import shlex
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hera_utils.argo.names import LABEL_CREATOR
from hera_utils.errors import UserError

if TYPE_CHECKING:
    from hera_utils.experiment import Experiment
    from hera_utils.follow.source import WorkflowClient
    from hera_utils.platform.local_server import Lease

SCRIPT = "workflow.py"
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
    parser.add_argument("--script", metavar="PATH", help=f"a Hera script ({SCRIPT})")
    parser.add_argument("--args", default="", help="its arguments, quoted as for a shell")
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT [ARGS ...]",
        help="the same, as words: everything after the script is the script's",
    )


def main(args: argparse.Namespace) -> int:
    """Run the script; return its verdict, see :class:`ExecutionEngine`."""
    if args.cluster != LOCAL:
        raise UserError(
            f"run is for the laptop, not for the cluster '{args.cluster}'",
            where="--cluster",
            next_step=f"leave it out, or submit with: python {SCRIPT} --cluster {args.cluster}",
        )
    # Late: the help of all verbs imports this module.
    from secrets import token_hex

    from hera_utils.context.cli_context import parse_arguments
    from hera_utils.execution_engine import ExecutionEngine
    from hera_utils.follow.display import display_of
    from hera_utils.platform.local_server import acquire

    runtime = [] if args.runtime is None else ["--runtime", args.runtime]
    context = parse_arguments(argv=["--cluster", LOCAL, *runtime])
    script, arguments = _script(args, context.experiment)
    with acquire(context.experiment) as lease:
        laptop = Laptop(lease, f"run-{token_hex(4)}", context.runtime)
        return ExecutionEngine(context, laptop, display_of()).run(script, arguments)


class Laptop:
    """The local server as the platform of one run, told from others by the ``session``."""

    def __init__(self, lease: Lease, session: str, runtime: str) -> None:
        self._lease = lease
        self._session = session
        self._runtime = runtime
        self._client: WorkflowClient | None = None
        self._lock = threading.Lock()

    @property
    def labels(self) -> str:
        """The label selector of this run's workflows."""
        return f"{LABEL_CREATOR}={self._session}"

    def script_environment(self) -> Mapping[str, str]:
        """Return the environment that leads any Hera script to the local server."""
        environment = self._lease.server.script_environment(self._session, self._runtime)
        package = str(Path(__file__).resolve().parents[2])
        path = environment.get("PYTHONPATH", "")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, path]))
        # What the script prints must not wait for its end when it goes to a file or a pipe.
        environment.setdefault("PYTHONUNBUFFERED", "1")
        return environment

    def client(self) -> WorkflowClient:
        """Return the client of the local server, the same one for each thread."""
        with self._lock:
            if self._client is None:
                from hera_utils.platform.argo_client import ArgoClient

                self._client = ArgoClient.for_local(self._lease, self._session, self._runtime)
            return self._client


def _script(args: argparse.Namespace, experiment: Experiment) -> tuple[Path, list[str]]:
    """Return the script, and its arguments; raises :class:`UserError` if it cannot be read."""
    words = list(args.words)
    if words[:1] == ["--"]:
        del words[0]
    try:
        arguments = shlex.split(args.args)
    except ValueError as error:
        raise UserError(f"the arguments {args.args!r} have {error}", "--args") from None
    named = args.script or (words.pop(0) if words else "")
    path = Path(named) if named else experiment.folder / SCRIPT
    why = "" if named else "the script that runs unless another is named"
    advice = "name a Hera script: python -m hera_utils run SCRIPT"
    if path.is_dir():
        raise UserError(f"'{path}' is a folder, not a script", why, advice)
    if not path.exists():
        raise UserError(f"there is no script '{path}'", why, advice)
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"the script '{path}' cannot be read: {error.strerror}", why) from None
    return path, [*arguments, *words]
