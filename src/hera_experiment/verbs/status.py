"""List the runs, those of this folder first, or show one of them with all its tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import tell
from hera_experiment.verbs._options import (
    add_output,
    add_run_arguments,
    add_switch,
    is_on,
    number,
)

if TYPE_CHECKING:
    from hera_experiment.context.context import Context

_LIMIT = "20"


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the run, the output, and where runs are looked for."""
    add_output(parser)
    add_switch(parser, "--all", "list all runs")
    parser.add_argument(
        "--limit",
        default="",
        metavar="N",
        help=f"list so many runs ({_LIMIT}, all in json)",
    )
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Show the runs, or the one that is named; returns 1 when a server does not answer."""
    limit = None
    if args.limit or not (is_on(args.all, "--all") or args.output == "json"):
        limit = number(args.limit or _LIMIT, "--limit")
    context = args.context_told()
    if args.run:
        return _one(context, args.run, args.output)
    return _all(context, args.output, limit)


def _one(context: Context, name: str, output: str) -> int:
    from hera_experiment.argo.tasks import utc_now
    from hera_experiment.follow.display import display_of
    from hera_experiment.follow.status import document_of, lines_of
    from hera_experiment.runs.find import find_run

    with find_run(context, name) as run:
        if output == "json":
            print(json.dumps(document_of(run), indent=2))
        else:
            display = display_of()
            display.output.write(lines_of(run, utc_now(), display.width))
    return 0


def _all(context: Context, output: str, limit: int | None) -> int:
    from hera_experiment.argo.tasks import utc_now
    from hera_experiment.follow.display import display_of
    from hera_experiment.follow.lines import Line
    from hera_experiment.follow.status import document_of_runs, table_of_runs
    from hera_experiment.runs.listing import all_runs

    found = all_runs(context)
    shown = found.runs[:limit]
    if output == "json":
        print(json.dumps(document_of_runs(shown), indent=2))
    else:
        lines = table_of_runs(shown, utc_now())
        if len(shown) < len(found.runs):
            more = f"… and {len(found.runs) - len(shown)} more: make status ALL=1"
            lines.append(Line(more, "dim"))
        if lines:
            lines += [Line(""), Line("make status RUN=NAME shows one of them", "dim")]
        elif not found.remarks:
            lines = [Line("this experiment has no run yet: 'make run' or 'make submit'")]
        display_of().output.write(lines)
    for remark in found.remarks:
        tell(remark)
    return 1 if found.remarks else 0
