"""Print every setting, where it came from, and what it means; secrets masked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hera_experiment.context import profiles
from hera_experiment.context.arguments import ARGUMENTS, add_arguments
from hera_experiment.context.cli_context import CLIContext, resolve
from hera_experiment.context.sources import Origin, display
from hera_experiment.experiment import Experiment

__all__ = ["add_arguments", "main"]


def main(args: argparse.Namespace) -> int:
    """Print the context that a script would get with the same options."""
    context = resolve(args, Experiment.find(Path.cwd()))
    _print(context)
    for note in context.notes:
        print(f"hera_utils: {note}", file=sys.stderr)
    return 0


def _print(context: CLIContext) -> None:
    print(f"experiment {context.experiment.name} ({display(context.experiment.folder)})")
    known = ", ".join([profiles.LOCAL, *profiles.names(context.experiment.folder)])
    print(f"clusters   {known}\n")
    rows = [(a.name, context.shown(a.name), context.source(a.name)) for a in ARGUMENTS]
    width = max(len(name) for name, _, _ in rows)
    value_width = min(40, max(len(value) for _, value, _ in rows))
    for name, value, source in rows:
        unset = source.origin is Origin.DEFAULT and not (value or source.unused)
        line = f"{name.ljust(width)}  {(value or '-').ljust(value_width)}"
        print(line.rstrip() if unset else f"{line}  {source}")
