"""Submit the experiment to a cluster: checked first, created exactly once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
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
    from collections.abc import Sequence

    from hera_experiment.follow.display import Display
    from hera_experiment.runs.find import Run


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the script, what to do beside creating, and where."""
    add_switch(parser, "--wait", "follow the workflows to their end; the exit status is theirs")
    add_switch(parser, "--resume", "find out what became of submissions that were cut off")
    add_switch(parser, "--dry_run", "print the workflows as YAML; nothing is created")
    parser.add_argument(
        "--run",
        default="",
        metavar="NAME",
        help="with --resume, --from, --only or --cache: that run, by its workflow's name (the "
        "newest)",
    )
    add_part_arguments(parser)
    add_switch(
        parser, "--cache", "keep what an earlier run has done with the same image, inputs and data"
    )
    parser.add_context_arguments()
    add_follow_arguments(parser)
    add_report(parser)
    add_script_arguments(parser)


def main(args: VerbArguments) -> int:
    """Submit what the script creates.

    Returns the script's exit status where that is not 0. Otherwise 0, with ``--wait`` the verdict
    of the workflows, with ``--resume`` 1 when one does not exist or is still not known.
    """
    wait, resume, dry_run, cache = (
        is_on(getattr(args, name), f"--{name}") for name in ("wait", "resume", "dry_run", "cache")
    )
    if resume and dry_run:
        raise UserError("a dry run resumes nothing", "--dry_run", "leave out one of the two")
    advice = (
        "to resume that one add RESUME=1 (--resume 1), to go on with it FROM=TASK, ONLY=TASK or "
        "CACHE=1"
    )
    named = bool(args.begin or args.only)
    if cache and (named or resume):
        what = "CACHE finds what has to run, which is named as well"
        raise UserError(what, "--cache", "leave out one of the two")
    goes_on(args, resume=resume or cache, advice=advice)
    display = display_for(args) if wait else None
    reports = is_on(args.report, "--report")
    context = args.context_told()

    # Late: the help of all verbs imports this module.
    if resume:
        from hera_experiment.submit.resume import resume as resume_all

        return resume_all(context, args.run, display)
    from hera_experiment.submit.outcome import submit_script
    from hera_experiment.submit.part import Part

    script, arguments = script_of(args, context.experiment, "submit")
    inputs = inputs_of(args)
    part = Part(args.begin, args.only, args.run, cache)
    return submit_script(
        context,
        script,
        arguments,
        inputs,
        dry_run=dry_run,
        display=display,
        at_end=_report if reports else None,
        part=part,
    )


def _report(runs: Sequence[Run], display: Display) -> None:
    """Write the report of each run, and name it."""
    from hera_experiment.report.writing import reports_at_end

    reports_at_end(runs, display.output, Path.cwd())
