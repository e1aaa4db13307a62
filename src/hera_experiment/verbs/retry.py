"""Run the failed tasks of a run again, and what waited for them."""

from __future__ import annotations

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.verbs._options import add_run_arguments


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the run, and where it is looked for."""
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Retry the run and say what happens next."""
    context = args.context_told()
    from hera_experiment.runs import changes
    from hera_experiment.runs.find import find_run

    with find_run(context, args.run) as run:
        print("\n".join(changes.retry(run)))
    return 0
