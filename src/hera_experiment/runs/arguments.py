"""How a person names a run: the arguments of every verb that is about one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hera_experiment.context.arguments import add_arguments as add_context_arguments
from hera_experiment.context.cli_context import CLIContext, resolve
from hera_experiment.experiment import Experiment


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--run``, and the arguments that say where it is looked for."""
    parser.add_argument(
        "--run", default="", metavar="NAME", help="the run, by its workflow's name (the newest)"
    )
    add_context_arguments(parser)


def context_of(args: argparse.Namespace) -> CLIContext:
    """Return the context of a verb's ``args``, and tell of what a person should know about it."""
    context = resolve(args, Experiment.find(Path.cwd()))
    for note in context.notes:
        print(f"hera_utils: {note}", file=sys.stderr)
    return context
