"""Say whether the next submission to the cluster can work, and what to do if not."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from hera_experiment.context.context import Context
from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError, report, tell
from hera_experiment.experiment import Experiment
from hera_experiment.template_record import library

if TYPE_CHECKING:
    from hera_experiment.check.definition import Result

SCRIPT = "workflow.py"
TIMEOUT = 5.0
_COULD_NOT_CHECK = 2
_PAUSE = 2.0
_LONGEST_CHECK = 4
"""A check that has not ended after so many time-outs is given up."""


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: output, patience, the script, and how the cluster is reached."""
    parser.add_argument(
        "-o",
        "--output",
        default="text",
        choices=("text", "json"),
        help="lines for people (text), or one document for machines",
    )
    parser.add_argument(
        "--wait",
        default="0",
        metavar="SECONDS",
        help="try again until all is well, at most so long (0)",
    )
    parser.add_argument(
        "--timeout",
        default=str(TIMEOUT),
        metavar="SECONDS",
        help=f"the time-out of each request ({TIMEOUT:g})",
    )
    parser.add_context_arguments()
    parser.add_argument(
        "script",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT [ARGS ...]",
        help=f"the script whose workflow is checked, and its arguments ({SCRIPT})",
    )


def main(args: VerbArguments) -> int:
    """Run the checks and show them.

    Returns 0 when all is well (warnings too), 1 when one failed, 2 when it could not be checked
    whether a submission can work; settings that cannot be read are that case too.
    """
    try:
        timeout, wait = _seconds(args.timeout, "--timeout"), _seconds(args.wait, "--wait")
        if not timeout:
            raise UserError("no request ends in 0 s", "--timeout", "give a number of seconds")
        context = args.context()
        if context.is_local:
            raise UserError(
                "this machine needs no check",
                context.where("cluster"),
                "choose a cluster with CLUSTER=NAME, or run with: python -m hera_utils run",
            )
        context.tell_notes()
        script, arguments = _script(list(args.script), context.experiment)
    except UserError as error:
        report(error)
        return _COULD_NOT_CHECK
    return check_cluster(
        context, script, arguments, as_json=args.output == "json", timeout=timeout, wait=wait
    )


def check_cluster(
    context: Context,
    script: Path | None,
    arguments: tuple[str, ...] = (),
    *,
    as_json: bool = False,
    timeout: float = TIMEOUT,
    wait: float = 0.0,
    environ: Mapping[str, str] = os.environ,
    out: TextIO | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Check what ``context`` designates, until it is well or ``wait`` seconds are over."""
    from hera_experiment.check import report as reports
    from hera_experiment.check.capture import capture
    from hera_experiment.check.catalogue import CATALOGUE
    from hera_experiment.check.own_checks import own_checks
    from hera_experiment.check.runner import run
    from hera_experiment.check.target import CheckTarget

    out = out or sys.stdout
    end = clock() + wait
    checks = (*CATALOGUE, *own_checks(context))
    while True:
        find = partial(capture, script, arguments, context, environ)
        target = CheckTarget(context, find, timeout=timeout, environ=environ)
        text = reports.TextReport(checks, out, colour=_in_colour(out, environ))
        streaming = not as_json and not wait
        found: dict[str, Result] = {}
        for result in run(checks, target, limit=_LONGEST_CHECK * timeout):
            found[result.check.code] = result
            if streaming:
                text.add(result)
        results = [found[each.code] for each in checks]
        status = reports.exit_status(results)
        remaining = end - clock()
        if status and remaining > 0:
            tell(reports.first_step(results))
            sleep(min(_PAUSE, remaining))
            continue
        if as_json:
            made_by = library(context.experiment.template)
            print(reports.as_json(results, made_by), file=out, flush=True)
        else:
            for result in [] if streaming else results:
                text.add(result)
            text.close()
        return status


def _in_colour(out: TextIO, environ: Mapping[str, str]) -> bool:
    return out.isatty() and "NO_COLOR" not in environ and environ.get("TERM") != "dumb"


def _seconds(text: str, option: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise UserError(f"'{text}' is no number of seconds", option, "give one such as 30")
    return number


def _script(words: list[str], experiment: Experiment) -> tuple[Path | None, tuple[str, ...]]:
    if words[:1] == ["--"]:
        del words[0]
    if not words:
        script = experiment.folder / SCRIPT
        return (script if script.is_file() else None), ()
    path = Path(words[0])
    if not path.is_file():
        raise UserError(f"there is no script '{path}'", "on the command line", "correct its name")
    return path, tuple(words[1:])
