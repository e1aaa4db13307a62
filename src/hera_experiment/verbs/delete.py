"""Delete a run: its workflow, its logs and its record; with FILES=1 its results as well."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import tell
from hera_experiment.verbs._options import (
    Document,
    add_output,
    add_reader_image,
    add_run_arguments,
    add_switch,
    is_agreed,
    is_on,
    put_out,
)

if TYPE_CHECKING:
    from hera_experiment.context.context import Context
    from hera_experiment.runs.find import NoSuchRun, Run


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: consent, what goes, the output, the run and where it is."""
    add_switch(parser, "--yes", "delete without asking")
    add_switch(parser, "--files", "its results too, on the claim and in results/")
    add_reader_image(parser)
    add_output(parser)
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Say what goes, ask, and delete the run; returns 1 when it was not agreed to."""
    yes, files = is_on(args.yes, "--yes"), is_on(args.files, "--files")
    context = args.context_told()
    deleted = partial(_delete, context, args.run, args.reader_image, yes=yes, files=files)
    return put_out(args.output, deleted)


def _delete(
    context: Context, name: str, image: str, document: Document, *, yes: bool, files: bool
) -> int:
    from hera_experiment.runs import changes
    from hera_experiment.runs.find import NoSuchRun, find_run

    document["deleted"] = False
    try:
        found = find_run(context, name)
    except NoSuchRun as missing:
        return _forget(context, missing, image, document, yes=yes, files=files)
    with found as run:
        document.update(name=run.name, cluster=run.server.label)
        print("\n".join(changes.what_delete_means(run, files=files)))
        if not is_agreed(yes, "delete"):
            return 1
        freed = _remove_files(run, image, document) if files else ""
        changes.delete(run)
        document["deleted"] = True
        print(f"{run.name} is deleted" + (freed or "; its files on the claim are still there"))
    return 0


def _forget(
    context: Context,
    missing: NoSuchRun,
    image: str,
    document: Document,
    *,
    yes: bool,
    files: bool,
) -> int:
    """Delete what is left of a run whose workflow is not there."""
    if not missing.records:
        raise missing
    from hera_experiment.runs import changes
    from hera_experiment.runs.find import deleted_run

    record = missing.records[0]
    document.update(name=record.name, cluster=record.cluster)
    state = record.state.value
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
            print(f"its files are removed{_remove_files(run, image, document)}")
    print("\n".join(changes.forget_records(context, missing.records)))
    document["deleted"] = True
    return 0


def _remove_files(run: Run, image: str, document: Document) -> str:
    from hera_experiment.printing import size
    from hera_experiment.results.claim_files import remove_files

    freed = remove_files([run], tell, image=image)
    document["freed"] = freed
    return f", {size(freed)} freed" if freed else ", and its files"
