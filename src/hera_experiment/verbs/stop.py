"""Stop a run: nothing more starts, what runs is ended, its exit handler runs."""

from __future__ import annotations

import argparse

from hera_experiment.runs.arguments import add_run_arguments, context_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: the run, and where it is looked for."""
    add_run_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Stop the run and say what happens next."""
    context = context_of(args)
    from hera_experiment.runs import changes
    from hera_experiment.runs.find import find_run

    with find_run(context, args.run) as run:
        changes.refuse_foreign(run, args.run)
        print("\n".join(changes.stop(run)))
    return 0
