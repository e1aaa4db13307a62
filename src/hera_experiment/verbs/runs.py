"""List what each run was made of and how it ended: inputs, code, images, and your notes."""

from __future__ import annotations

import json

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import tell
from hera_experiment.verbs._options import add_output, add_switch, is_on, number

_LIMIT = "20"


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: which runs, which columns, the output."""
    add_switch(parser, "--changed", "show the columns that are not the same for all runs")
    add_switch(parser, "--all", "list all runs, those of others too")
    parser.add_argument(
        "--limit",
        default="",
        metavar="N",
        help=f"list so many runs ({_LIMIT}, all in json)",
    )
    add_output(parser)
    parser.add_context_arguments()


def main(args: VerbArguments) -> int:
    """Show the runs; returns 1 when a server does not answer."""
    changed, everyone = is_on(args.changed, "--changed"), is_on(args.all, "--all")
    limit = None
    if args.limit or not (everyone or args.output == "json"):
        limit = number(args.limit or _LIMIT, "--limit")
    context = args.context_told()
    from hera_experiment.argo.tasks import utc_now
    from hera_experiment.compare.history import history_of, lines_of, varying_lines
    from hera_experiment.follow.display import display_of
    from hera_experiment.follow.lines import Line
    from hera_experiment.record.code import CodeStore
    from hera_experiment.runs.listing import all_runs, run_before

    listing = all_runs(context)
    listed = [run for run in listing.runs if everyone or run.is_mine]
    runs = history_of(CodeStore(context.experiment), listed)[:limit]
    now = utc_now()
    if args.output == "json":
        print(json.dumps([run.document(now) for run in runs], indent=2, default=str))
    else:
        display = display_of()
        lines = [Line("no run was submitted from this folder yet: 'make run' or 'make submit'")]
        if runs:
            lines = (varying_lines if changed else lines_of)(runs, now, display.width)
            if len(runs) < len(listed):
                more = f"… and {len(listed) - len(runs)} more: make runs ALL=1"
                lines.append(Line(more, "dim"))
            pairs = ((run.listed, run_before(run.listed, listed)) for run in runs)
            later, earlier = next((pair for pair in pairs if pair[1] is not None), (None, None))
            if later is not None and earlier is not None:
                hint = f"make why A={earlier.name} B={later.name}"
                lines += [Line(""), Line(f"{hint} says why two of them differ", "dim")]
        display.output.write(lines)
    for remark in listing.remarks:
        tell(remark)
    return 1 if listing.remarks else 0
