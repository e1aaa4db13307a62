"""Copy the files of a run from its claims to results/; only what is new."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import tell
from hera_experiment.signals import discard_output
from hera_experiment.verbs._options import (
    add_output,
    add_reader_image,
    add_report,
    add_run_arguments,
    add_switch,
    is_on,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hera_experiment.follow.display import Display
    from hera_experiment.results.outcome import Results
    from hera_experiment.runs.find import Run


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the run, whether to wait for its end, and what reads the claim."""
    add_switch(parser, "--wait", "follow the run to its end first; its verdict is the exit status")
    add_output(parser)
    add_reader_image(parser)
    add_report(parser)
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Fetch what is there: of the run, or of all that the newest script created.

    Returns 1 when a file of a run that has ended could not be had, or, after waiting, when a run
    has not succeeded; 130 after Ctrl-C.
    """
    waiting = is_on(args.wait, "--wait")
    reports = waiting and is_on(args.report, "--report")
    context = args.context_told()
    from hera_experiment.argo.tasks import is_finished
    from hera_experiment.follow.display import LogDisplay, display_of
    from hera_experiment.follow.summary import where_results_are
    from hera_experiment.results.claim_files import fetch
    from hera_experiment.runs.find import find_submission

    with ExitStack() as stack:
        runs = find_submission(context, args.run)
        stack.callback(runs[0].close)
        as_json = args.output == "json"
        display = LogDisplay(sys.stderr) if as_json else display_of()
        verdict = _waited(runs, display) if waiting else 0
        if verdict not in (0, 1):
            return verdict
        found = []
        for run in runs:
            results = fetch(run, _say, image=args.reader_image)
            new = not run.server.is_local
            lines = where_results_are(results, Path.cwd(), says_new=new)
            if not as_json:
                display.output.write(lines)
            if reports and is_finished(run.workflow):
                from hera_experiment.report.writing import report_at_end

                report_at_end(run, display.output, Path.cwd(), results)
            found.append(_document(run, results))
            verdict = verdict or int(results.missing > 0 and is_finished(run.workflow))
        if as_json:
            print(json.dumps(found, indent=2))
        return verdict


def _waited(runs: Sequence[Run], display: Display) -> int:
    """Follow those of ``runs`` that have not ended; return the verdict of all, see follow."""
    from hera_experiment.argo.phases import FAILURES
    from hera_experiment.argo.tasks import is_finished

    going = [run for run in runs if not is_finished(run.workflow)]
    ended = [run for run in runs if run not in going]
    verdict = int(any(run.workflow["status"].get("phase") in FAILURES for run in ended))
    if not going:
        return verdict
    from hera_experiment.follow.run import follow

    followed = follow(going, display)
    if followed not in (0, 1):
        return followed
    for run in going:
        run.workflow = run.server.get(run.name)
    return verdict or followed


def _document(run: Run, results: Results) -> dict[str, Any]:
    """Return what was brought home, for machines; paths are whole."""
    from hera_experiment.argo.tasks import is_finished, phase_of
    from hera_experiment.runs.listing import GONE

    known = (run.workflow.get("status") or {}).get("phase") or not is_finished(run.workflow)
    return {
        "name": run.name,
        "cluster": run.server.label,
        "phase": phase_of(run.workflow) if known else GONE,
        "folder": str(results.folder.absolute()),
        "files": [str(path.absolute()) for path in results.files],
        "new": results.new,
        "missing": results.missing,
        "remarks": list(results.remarks),
    }


def _say(line: str) -> None:
    try:
        tell(line)
    except OSError:
        # The terminal has hung up: what is under way is still to be ended in order.
        discard_output(sys.stderr.fileno())
