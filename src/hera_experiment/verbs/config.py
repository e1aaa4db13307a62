"""Print every setting, where it came from, and what it means; secrets masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hera_experiment.context import profiles
from hera_experiment.context.context import Context
from hera_experiment.context.sources import Origin, display
from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.template_record import library
from hera_experiment.verbs._options import add_output

if TYPE_CHECKING:
    from hera_experiment.local.runtimes.isolation import Isolation


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: those of the context, and how they are shown."""
    add_output(parser)
    parser.add_context_arguments()


def main(args: VerbArguments) -> int:
    """Print the context that a script would get with the same options."""
    context = args.context()
    if args.output == "json":
        _print_document(context)
    else:
        _print(context)
    context.tell_notes()
    return 0


def _print_document(context: Context) -> None:
    import json

    experiment = context.experiment
    settings = {
        argument.name: {
            "value": context.shown(argument.name),
            "source": str(context.source(argument.name)),
        }
        for argument in context.ARGUMENTS
    }
    document = {
        "experiment": experiment.name,
        "folder": str(experiment.folder),
        "library": library(experiment.template),
        "clusters": [profiles.LOCAL, *profiles.names(experiment.folder)],
        "isolation": str(isolation(context)),
        "settings": settings,
        "notes": context.notes,
    }
    print(json.dumps(document, indent=2))


def isolation(context: Context) -> Isolation:
    """Return how this machine keeps tasks apart."""
    from hera_experiment.local.runtimes.isolation import ROOTS, find_isolation

    return find_isolation(context.experiment.state / ROOTS)


def _print(context: Context) -> None:
    print(f"experiment {context.experiment.name} ({display(context.experiment.folder)})")
    print(f"library    {library(context.experiment.template)}")
    known = ", ".join([profiles.LOCAL, *profiles.names(context.experiment.folder)])
    print(f"clusters   {known}")
    print(f"isolation  {isolation(context)}\n")
    rows = [(a.name, context.shown(a.name), context.source(a.name)) for a in context.ARGUMENTS]
    width = max(len(name) for name, _, _ in rows)
    value_width = min(40, max(len(value) for _, value, _ in rows))
    for name, value, source in rows:
        unset = source.origin is Origin.DEFAULT and not (value or source.unused)
        line = f"{name.ljust(width)}  {(value or '-').ljust(value_width)}"
        print(line.rstrip() if unset else f"{line}  {source}")
