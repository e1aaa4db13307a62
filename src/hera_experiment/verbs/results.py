"""Copy the files of a run from its claims to results/; only what is new."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import tell
from hera_experiment.signals import discard_output
from hera_experiment.verbs._options import add_run_arguments, add_switch, is_on

if TYPE_CHECKING:
    from hera_experiment.follow.display import Display
    from hera_experiment.runs.find import Run


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the run, whether to wait for its end, and what reads the claim."""
    add_switch(parser, "--wait", "follow the run to its end first; its verdict is the exit status")
    parser.add_argument(
        "--reader_image",
        default="",
        metavar="IMAGE",
        help="what reads the claim on a cluster: any image with a shell (one of the workflow's)",
    )
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Fetch what is there.

    Returns 1 when a file of a run that has ended could not be had, or, after waiting, when the run
    has not succeeded; 130 after Ctrl-C.
    """
    waiting = is_on(args.wait, "--wait")
    context = args.context_told()
    from hera_experiment.argo.tasks import is_finished
    from hera_experiment.follow.display import display_of
    from hera_experiment.follow.lines import Line
    from hera_experiment.follow.summary import where_results_are
    from hera_experiment.results.claim_files import fetch
    from hera_experiment.runs.find import find_run_or_deleted

    with find_run_or_deleted(context, args.run) as run:
        display = display_of()
        verdict = 0
        if waiting:
            verdict = _waited(run, display)
            if verdict not in (0, 1):
                return verdict
        results = fetch(run, _say, image=args.reader_image)
        lines = where_results_are(results, Path.cwd())
        if not run.server.is_local and results.files:
            lines.insert(1, Line(f"new:     {results.new}"))
        display.output.write(lines)
        return verdict or int(results.missing > 0 and is_finished(run.workflow))


def _waited(run: Run, display: Display) -> int:
    """Follow ``run`` unless it has ended; return its verdict, see :func:`follow`."""
    from hera_experiment.argo.phases import FAILURES
    from hera_experiment.argo.tasks import is_finished

    if is_finished(run.workflow):
        return int(run.workflow["status"].get("phase") in FAILURES)
    from hera_experiment.follow.run import follow

    verdict = follow([run], display)
    if verdict in (0, 1):
        run.workflow = run.server.get(run.name)
    return verdict


def _say(line: str) -> None:
    try:
        tell(line)
    except OSError:
        # The terminal has hung up: what is under way is still to be ended in order.
        discard_output(sys.stderr.fileno())
