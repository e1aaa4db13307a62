"""Run a script on the laptop and follow its workflows to the end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment import garbage
from hera_experiment.argo.names import ANNOTATION_CACHE, LABEL_CREATOR, SESSION_LABEL
from hera_experiment.closable import Closable
from hera_experiment.context.verb_arguments import VerbArguments
from hera_experiment.errors import UserError
from hera_experiment.verbs._options import (
    add_follow_arguments,
    add_part_arguments,
    add_report,
    add_switch,
    display_for,
    goes_on,
    is_on,
)
from hera_experiment.verbs._script import add_script_arguments, inputs_of, script_of

if TYPE_CHECKING:
    from hera_experiment.context.context import Context
    from hera_experiment.endpoint.resumption import Resumption
    from hera_experiment.environment.inputs import InputChoice
    from hera_experiment.environment.script_process import WaitingScript
    from hera_experiment.execution_engine import ExecutionEngine
    from hera_experiment.follow.display import Display
    from hera_experiment.platform.argo_client import ArgoClient
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
        help="how containers run: bubblewrap, process, docker or podman (the first that can)",
    )
    parser.add_argument(
        "--image",
        metavar="NAME",
        help="the experiment's images: dockerfile (made here; unless HERA_IMAGE says otherwise) or "
        "built (those that were pushed, by digest, as a cluster runs them)",
    )
    add_switch(parser, "--resume", "go on with the newest run, or RUN: what finished is kept")
    parser.add_argument("--run", default="", metavar="NAME", help="the run to go on with")
    add_part_arguments(parser)
    add_switch(
        parser, "--cache", "take over what an earlier run has done with the same image and files"
    )
    add_switch(parser, "--detach", "submit and return; make watch and make results follow")
    add_switch(parser, "--dry_run", "print the workflows as YAML, and their tasks; nothing runs")
    add_follow_arguments(parser)
    add_report(parser)
    add_script_arguments(parser)


def main(args: VerbArguments) -> int:
    """Run the script; return its verdict, see :class:`ExecutionEngine`."""
    if args.cluster != LOCAL:
        raise UserError(
            f"run is for the laptop, not for the cluster '{args.cluster}'",
            where="--cluster",
            next_step=f"leave it out, or type: make submit CLUSTER={args.cluster}",
        )
    detach, dry_run = (is_on(getattr(args, n), f"--{n}") for n in ("detach", "dry_run"))
    goes_on = _goes_on(args)
    if detach or dry_run:
        if goes_on or is_on(args.cache, "--cache"):
            option = "--detach" if detach else "--dry_run"
            what = "a run that takes over what was done before is followed to its end"
            raise UserError(what, option, "leave it out")
        return _submit(args, dry_run=dry_run)
    # Late: the help of all verbs imports this module. The script's process comes first: importing
    # Hera is most of what a run takes to begin.
    from hera_experiment.environment.script_process import WaitingScript, for_python, is_live

    environment = for_python(os.environ, args.kind.module_folder())
    waiting = WaitingScript(environment, terminal=is_live(sys.stdout, os.environ))
    try:
        return _run(args, waiting)
    finally:
        waiting.close()


def _submit(args: VerbArguments, *, dry_run: bool) -> int:
    from hera_experiment.submit.outcome import submit_script

    context = _context(args)
    script, arguments = script_of(args, context.experiment, "run")
    return submit_script(context, script, arguments, inputs_of(args), dry_run=dry_run)


def _context(args: VerbArguments) -> Context:
    given = {"--cluster": LOCAL, "--runtime": args.runtime, "--image": args.image}
    words = [f"{option}={value}" for option, value in given.items() if value is not None]
    return args.kind.read(None, words)


def _run(args: VerbArguments, waiting: WaitingScript) -> int:
    from hera_experiment.platform.local_server import acquire

    context = _context(args)
    script, arguments = script_of(args, context.experiment, "run")
    reports = is_on(args.report, "--report")
    with acquire(context.experiment, runtime=context.runtime or "auto") as lease:
        # The server begins meanwhile.
        garbage.give_back_large()
        from secrets import token_hex

        from hera_experiment.execution_engine import ExecutionEngine

        with Laptop(
            lease,
            context,
            f"run-{token_hex(4)}",
            script,
            arguments,
            inputs_of(args),
            resumption=_resumption(args, context),
            cache=is_on(args.cache, "--cache"),
        ) as laptop:
            display = display_for(args)
            engine = ExecutionEngine(context, laptop, display, waiting=waiting)
            status = engine.run(script, arguments)
            if reports and engine.ended:
                _report(engine, laptop, lease, display)
            return status


def _report(engine: ExecutionEngine, laptop: Laptop, lease: Lease, display: Display) -> None:
    """Write the report of each workflow that has ended, and name it."""
    from hera_experiment.platform.laptop_access import LaptopAccess
    from hera_experiment.record.records import Records
    from hera_experiment.report.writing import harmless, report_at_end
    from hera_experiment.runs.find import RecordIndex, Run
    from hera_experiment.runs.server import Server

    context = engine.context
    with harmless():
        cluster = LaptopAccess(context, lease=lease)
        server = Server(LOCAL, context, laptop.client(), context.argo_namespace, cluster)
        records = RecordIndex(Records.of(context.experiment).all())
        for workflow, results in engine.ended:
            run = Run(server, dict(workflow), records.of(workflow))
            report_at_end(run, display.output, Path.cwd(), results)


def _goes_on(args: VerbArguments) -> bool:
    """Tell whether an earlier run goes on; raises :class:`UserError` for half of a wish."""
    advice = "to go on with that one add RESUME=1 (--resume 1), FROM=TASK or ONLY=TASK"
    return goes_on(args, resume=is_on(args.resume, "--resume"), advice=advice)


def _resumption(args: VerbArguments, context: Context) -> Resumption | None:
    if not _goes_on(args):
        return None
    from hera_experiment.runs.resumption import resumption_of

    return resumption_of(context, args.run, args.begin, args.only)


class Laptop(Closable):
    """The local server as the platform of one run, told from others by the ``session``.

    The script submits to an endpoint in front of it, which is open until this is closed. With a
    ``resumption`` its workflows go on with runs that have ended; with ``cache`` they take over what
    an earlier run has done just so.
    """

    def __init__(
        self,
        lease: Lease,
        context: Context,
        session: str,
        script: Path,
        arguments: Sequence[str],
        inputs: InputChoice,
        *,
        resumption: Resumption | None = None,
        cache: bool = False,
    ) -> None:
        from hera_experiment.endpoint.defaults import Defaults
        from hera_experiment.endpoint.server import Endpoint
        from hera_experiment.endpoint.submission import Submission
        from hera_experiment.environment.submissions import (
            arguments_of,
            experiment_labels,
            submitter_of,
        )
        from hera_experiment.lint.gate import Gate
        from hera_experiment.platform.argo_client import ArgoClient

        self._session = session
        self._context = context
        self._inputs = inputs
        self._client = ArgoClient.for_local(lease, session, context.runtime)
        labels = {**experiment_labels(context.experiment), SESSION_LABEL: session}
        submitter = submitter_of(
            context.experiment,
            self._client,
            LOCAL,
            script=script,
            arguments=arguments_of(context, arguments),
            inputs=str(inputs),
            session=session,
        )
        annotations = {ANNOTATION_CACHE: "1"} if cache else {}
        defaults = Defaults(labels, annotations=annotations, resumption=resumption)
        judge = Gate(context.experiment.folder)
        self._submission = Submission(submitter, defaults=defaults, judge=judge)
        self._endpoint = Endpoint(self._submission)

    @property
    def labels(self) -> str:
        """The label selector of this run's workflows."""
        return f"{LABEL_CREATOR}={self._session}"

    def script_environment(self) -> Mapping[str, str]:
        """Return the environment that leads any Hera script to the endpoint."""
        from hera_experiment.context.endpoint_address import EndpointAddress
        from hera_experiment.environment.script_process import script_environment

        address = EndpointAddress(
            self._endpoint.url,
            self._endpoint.token,
            server=self._client.url,
            namespace=self._context.argo_namespace,
            account="the token of the local server",
            stand_in="the local one",
        )
        return script_environment(self._context, address, self._inputs, fixed=False)

    def client(self) -> ArgoClient:
        """Return the client of the local server, the same one for each thread."""
        return self._client

    def close(self) -> None:
        """Create nothing more, and close the endpoint."""
        self._submission.close()
        self._endpoint.close()
