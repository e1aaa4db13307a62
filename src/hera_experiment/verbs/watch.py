"""Follow a run to its end; the exit status is its verdict."""

from __future__ import annotations

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.verbs._options import add_follow_arguments, add_run_arguments, display_for


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the run, where it is looked for, how it is shown."""
    add_follow_arguments(parser)
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Show the run until it has ended; returns 0 when it has succeeded, 130 after Ctrl-C."""
    context = args.context_told()
    from hera_experiment.follow.run import follow
    from hera_experiment.runs.find import find_run

    with find_run(context, args.run) as run:
        return follow([run], display_for(args), says_files=True)
