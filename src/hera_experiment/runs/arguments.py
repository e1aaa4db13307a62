"""How a person names a run: the arguments of every verb that is about one."""

from __future__ import annotations

from hera_experiment.context.verb_arguments import VerbParser


def add_run_arguments(parser: VerbParser) -> None:
    """Declare ``--run``, and the arguments that say where it is looked for."""
    parser.add_argument(
        "--run", default="", metavar="NAME", help="the run, by its workflow's name (the newest)"
    )
    parser.add_context_arguments()
