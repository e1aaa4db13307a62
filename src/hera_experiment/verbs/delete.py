"""Delete a run: its workflow, its logs and its record; with FILES=1 its results as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import tell
from hera_experiment.verbs._options import (
    add_reader_image,
    add_run_arguments,
    add_switch,
    is_agreed,
    is_on,
)

if TYPE_CHECKING:
    from hera_experiment.context.context import Context
    from hera_experiment.runs.find import NoSuchRun, Run


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: consent, what goes, the run, and where it is looked for."""
    add_switch(parser, "--yes", "delete without asking")
    add_switch(parser, "--files", "its results too, on the claim and in results/")
    add_reader_image(parser)
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Say what goes, ask, and delete the run; returns 1 when it was not agreed to."""
    yes, files = is_on(args.yes, "--yes"), is_on(args.files, "--files")
    context = args.context_told()
    from hera_experiment.runs import changes
    from hera_experiment.runs.find import NoSuchRun, find_run

    try:
        found = find_run(context, args.run)
    except NoSuchRun as missing:
        return _forget(context, missing, args.reader_image, yes=yes, files=files)
    with found as run:
        print("\n".join(changes.what_delete_means(run, files=files)))
        if not is_agreed(yes, "delete"):
            return 1
        freed = _remove_files(run, args.reader_image) if files else ""
        changes.delete(run)
        print(f"{run.name} is deleted" + (freed or "; its files on the claim are still there"))
    return 0


def _forget(context: Context, missing: NoSuchRun, image: str, *, yes: bool, files: bool) -> int:
    """Delete what is left of a run whose workflow is not there."""
    if not missing.records:
        raise missing
    from hera_experiment.runs import changes
    from hera_experiment.runs.find import deleted_run

    state = missing.records[0].state.value
    print(f"{missing.what}; its record here ({state}) will be deleted")
    run = deleted_run(context, missing.records) if files else None
    if run is not None:
        print("its results go as well: on the claim, and in results/ what was fetched")
    elif files:
        print("its results on the claim stay: they cannot be reached")
    if not is_agreed(yes, "delete"):
        return 1
    if run is not None:
        with run:
            print(f"its files are removed{_remove_files(run, image)}")
    print("\n".join(changes.forget_records(context, missing.records)))
    return 0


def _remove_files(run: Run, image: str) -> str:
    from hera_experiment.printing import size
    from hera_experiment.results.claim_files import remove_files

    freed = remove_files([run], tell, image=image)
    return f", {size(freed)} freed" if freed else ", and its files"
