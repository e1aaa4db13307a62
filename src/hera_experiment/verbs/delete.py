"""Delete a run: its workflow, its logs and its record; its results stay."""

from __future__ import annotations

import sys

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.verbs._options import add_run_arguments, add_switch, is_on


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: consent, the run, and where it is looked for."""
    add_switch(parser, "--yes", "delete without asking")
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Say what goes, ask, and delete the run; returns 1 when it was not agreed to."""
    yes = is_on(args.yes, "--yes")
    context = args.context_told()
    from hera_experiment.runs import changes
    from hera_experiment.runs.find import NoSuchRun, find_run

    try:
        found = find_run(context, args.run)
    except NoSuchRun as missing:
        if not missing.records:
            raise
        state = missing.records[0].state.value
        print(f"{missing.what}; what is written down about it here ({state}) goes")
        if not (yes or _agreed()):
            return 1
        print("\n".join(changes.forget_records(context, missing.records)))
        return 0
    with found as run:
        print("\n".join(changes.what_delete_means(run)))
        if not (yes or _agreed()):
            return 1
        print("\n".join(changes.delete(run)))
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        print("nothing was deleted: YES=1 (--yes 1) deletes it")
        return False
    if input("Delete it? [y/N] ").strip().lower() in ("y", "yes"):
        return True
    print("nothing was deleted")
    return False
