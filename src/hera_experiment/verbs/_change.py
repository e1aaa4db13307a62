"""What the verbs share that change one run: stop, terminate, retry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.verbs._options import Document, add_output, add_run_arguments, put_out

if TYPE_CHECKING:
    from hera_experiment.runs.find import Run


def add_change_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the output, the run, and where it is looked for."""
    add_output(parser)
    add_run_arguments(parser)


def change(args: VerbArguments, made: Callable[[Run], list[str]]) -> int:
    """Make the change to the run and say what happens next; raises ``UserError``."""
    context = args.context_told()
    from hera_experiment.runs.find import find_run

    def changed(document: Document) -> int:
        with find_run(context, args.run) as run:
            told = made(run)
            document.update(name=run.name, cluster=run.server.label, remarks=told)
            print("\n".join(told))
        return 0

    return put_out(args.output, changed)
