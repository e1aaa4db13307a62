"""Write the report of a run: one page that holds all there is to know, results/RUN.html."""

from __future__ import annotations

import json

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError, tell
from hera_experiment.verbs._options import add_output, add_run_arguments


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the run, another to compare it with, and what is printed."""
    parser.add_argument(
        "--vs",
        default="",
        metavar="RUN",
        help="another run: the page also shows what differs from that one to this",
    )
    add_output(parser)
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Bring home what is new of the run's files, then write the page, or print its data."""
    context = args.context_told()
    from hera_experiment.account.account import account_of
    from hera_experiment.argo.tasks import utc_now
    from hera_experiment.context.sources import display
    from hera_experiment.report.writing import report_document, write_report
    from hera_experiment.runs.find import find_run_or_deleted

    with find_run_or_deleted(context, args.run) as run:
        if args.vs == run.name:
            raise UserError(f"{run.name} differs in nothing from itself", "--vs", "name another")
        account = account_of(run, tell)
        versus = None
        if args.vs:
            from hera_experiment.report.versus import versus_of

            with find_run_or_deleted(context, args.vs) as other:
                versus = versus_of(account_of(other, tell), account)
        if args.output == "json":
            document = report_document(run, account, utc_now())
            if versus is not None:
                document["versus"] = versus
            print(json.dumps(document, indent=2))
        else:
            print(f"report: {display(write_report(run, account, utc_now(), versus))}")
    return 0
