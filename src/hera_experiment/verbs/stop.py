"""Stop a run: nothing more starts, what runs is ended, its exit handler runs."""

from __future__ import annotations

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.verbs._change import add_change_arguments, change


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the output, the run, and where it is looked for."""
    add_change_arguments(parser)


def main(args: VerbArguments) -> int:
    """Stop the run and say what happens next."""
    from hera_experiment.runs import changes

    return change(args, changes.stop)
