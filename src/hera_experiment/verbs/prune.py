"""Delete all but the newest runs of this folder (KEEP=10, FILES=1: results too), or images."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError, report, tell
from hera_experiment.verbs._options import (
    Document,
    add_output,
    add_reader_image,
    add_switch,
    is_agreed,
    is_on,
    number,
    put_out,
)

if TYPE_CHECKING:
    from hera_experiment.context.context import Context
    from hera_experiment.experiment import Experiment
    from hera_experiment.images.store import ImageStore
    from hera_experiment.runs.listing import Listed
    from hera_experiment.runs.locations import RunLocation


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: what stays, what goes, consent, and where runs are looked for."""
    parser.add_argument("--keep", default="", metavar="N", help="so many runs stay, the newest")
    add_switch(parser, "--files", "their results too, on the claims and in results/")
    parser.add_argument(
        "--images",
        default="",
        metavar="DAYS",
        help="instead of runs: images of registries that no task used for so many days, 0 for all",
    )
    add_switch(parser, "--yes", "delete without asking")
    add_reader_image(parser)
    add_output(parser)
    parser.add_context_arguments()


def main(args: VerbArguments) -> int:
    """Say how much room is taken, and what goes; ask, and delete it.

    Only runs that have ended go, and only those that were submitted from this folder; of images
    those that nothing runs now. Returns 1 when it was not agreed to, or a run could not be deleted.
    """
    yes, files = is_on(args.yes, "--yes"), is_on(args.files, "--files")
    keep = number(args.keep, "--keep") if args.keep else None
    if args.images:
        if keep is not None:
            raise UserError(
                "runs and images are deleted apart", "--images", "leave out one of both"
            )
        delete_images = partial(_delete_images, number(args.images, "--images"), yes=yes)
        return put_out(args.output, delete_images)
    context = args.context_told()
    prune = partial(_prune, context, keep, args.reader_image, yes=yes, files=files)
    return put_out(args.output, prune)


def _prune(
    context: Context, keep: int | None, image: str, document: Document, *, yes: bool, files: bool
) -> int:
    from hera_experiment.argo.phases import FAILURES, SUCCEEDED
    from hera_experiment.argo.tasks import utc_now
    from hera_experiment.follow.display import display_of
    from hera_experiment.follow.status import table_of_runs
    from hera_experiment.runs.listing import GONE, REFUSED, all_runs

    found = all_runs(context)
    document.update(deleted=[], remarks=list(found.remarks))
    for remark in found.remarks:
        tell(remark)
    print(_room(context.experiment))
    if images := _room_of_images():
        print(images)
    mine = [run for run in found.runs if run.is_mine]
    document.update(runs=len(mine), **_bytes(context.experiment))
    if keep is None:
        print(
            f"{_runs(len(mine))} of this folder; KEEP=10 (--keep 10) deletes all but the newest 10"
        )
        return 0
    over = {*FAILURES, SUCCEEDED, GONE, REFUSED}
    going = [run for run in mine[keep:] if run.phase in over]
    if not going:
        print(f"nothing to delete: {_runs(len(mine))} of this folder")
        return 0
    display_of(sys.stdout).output.write(table_of_runs(going, utc_now()))
    what = "their results too, on the claims and in results/" if files else "their results stay"
    print(f"{_runs(len(going))} will be deleted, records and logs included; {what}")
    if not is_agreed(yes, "delete"):
        return 1
    gone = _delete(context, going, image, files=files)
    _forget_old_refusals(context, mine)
    _forget_old_code(context)
    print(_room(context.experiment))
    deleted = [{"name": run.name, "cluster": run.label} for run in gone]
    document.update(deleted=deleted, runs=len(mine) - len(gone), **_bytes(context.experiment))
    return int(len(gone) < len(going))


def _store() -> ImageStore:
    from hera_experiment.images.store import ImageStore, images_folder

    return ImageStore(images_folder(os.environ), os.environ)


def _room_of_images() -> str:
    """Return how much room the images of registries take, which all projects share."""
    from hera_experiment.printing import size

    store = _store()
    kept = store.kept()
    if not kept:
        return ""
    return (
        f"images of registries, of all projects: {size(store.size())} in {store.folder}; IMAGES=30 "
        "(--images 30) deletes those that were not used for 30 days"
    )


def _delete_images(days: int, document: Document, *, yes: bool) -> int:
    from hera_experiment.printing import size

    store = _store()
    kept = store.kept()
    latest = time.time() - days * 86_400
    going = [image for image in kept if image.used <= latest]
    before = store.size()
    document.update(deleted=[], images=len(kept), image_bytes=before)
    if not going:
        print(f"nothing to delete: {_images(len(kept))}, {size(before)} in {store.folder}")
        return 0
    for image in going:
        used = time.strftime("%Y-%m-%d", time.localtime(image.used))
        print(f"{image.name}  {size(image.size)}  last used {used}")
    print(f"{_images(len(going))} of {len(kept)} will be deleted, of all projects")
    if not is_agreed(yes, "delete"):
        return 1
    gone = store.remove(going)
    after = store.size()
    names = [each.name for each in gone]
    document.update(deleted=names, images=len(kept) - len(gone), image_bytes=after)
    print(f"deleted: {_images(len(gone))}, {size(before - after)} freed")
    for image in going:
        if image not in gone:
            print(f"in use: {image.name}")
    return 0


def _images(number: int) -> str:
    """Return "1 image", "7 images"."""
    return f"{number} image{'' if number == 1 else 's'}"


def _runs(number: int) -> str:
    """Return "1 run", "7 runs"."""
    return f"{number} run{'' if number == 1 else 's'}"


def _forget_old_refusals(context: Context, mine: Sequence[Listed]) -> None:
    """Forget submissions that were refused and are listed no more, since another one went well."""
    from hera_experiment.record.records import Records

    records = Records.of(context.experiment)
    listed = [run.record for run in mine]
    for record in records.all():
        if record.state.value == "refused" and record not in listed:
            records.remove(record.name, record.submission)


def _forget_old_code(context: Context) -> None:
    """Let the code of runs go that are gone."""
    from hera_experiment.record.code import CodeStore
    from hera_experiment.record.origin import Origin
    from hera_experiment.record.records import Records

    records = Records.of(context.experiment).all()
    trees = (Origin.of(record.origin).code.tree for record in records)
    CodeStore(context.experiment).collect(filter(None, trees))


def _delete(context: Context, going: Sequence[Listed], image: str, *, files: bool) -> list[Listed]:
    """Delete the runs and return those that are gone; say why others are not."""
    from hera_experiment.runs import changes
    from hera_experiment.runs.locations import run_locations

    records = [run.record for run in going if run.record is not None]
    places = {place.label: place for place in run_locations(context, records)}
    gone: list[Listed] = []
    for label in dict.fromkeys(run.label for run in going):
        there = [run for run in going if run.label == label]
        with_files = [run for run in there if run.workflow or (files and run.phase != "Refused")]
        try:
            if with_files:
                _delete_on(places[label], with_files, image, files=files)
        except UserError as error:
            report(error)
            continue
        left = [run.record for run in there if run not in with_files and run.record is not None]
        for record in left:
            changes.forget_records(context, [record])
        gone += there
        print(f"deleted: {_runs(len(there))} on {label or 'the server of the settings'}")
    return gone


def _delete_on(place: RunLocation, there: Sequence[Listed], image: str, *, files: bool) -> None:
    from hera_experiment.printing import size
    from hera_experiment.results.claim_files import remove_files
    from hera_experiment.runs import changes
    from hera_experiment.runs.find import Run, last_seen

    with place.open() as server:
        runs = []
        for listed in there:
            workflow = listed.workflow
            if workflow is None:
                assert listed.record is not None
                workflow = last_seen(server.context.experiment, listed.record)
            elif files:
                workflow = server.get(listed.name)
            runs.append(Run(server, workflow, listed.record))
        if files:
            freed = remove_files(runs, tell, image=image)
            print("their files are removed" + (f", {size(freed)} freed" if freed else ""))
        for run in runs:
            changes.delete(run)


def _bytes(experiment: Experiment) -> dict[str, int]:
    """Return how many bytes the state and the results have on this machine."""
    from hera_experiment.results.folder_transport import tree_size

    return {
        "state_bytes": tree_size(experiment.state),
        "result_bytes": tree_size(experiment.results),
    }


def _room(experiment: Experiment) -> str:
    """Return how much room the state and the results take on this machine."""
    from hera_experiment.printing import size
    from hera_experiment.results.folder_transport import tree_size

    inside = sorted(
        ((tree_size(path), path.name) for path in experiment.state.glob("*") if path.is_dir()),
        reverse=True,
    )
    parts = ", ".join(f"{name} {size(number)}" for number, name in inside if number)
    of_results = size(tree_size(experiment.results))
    whole = f"{experiment.state.name}: {size(tree_size(experiment.state))}"
    return f"{whole}{f' ({parts})' if parts else ''}; {experiment.results.name}/: {of_results}"
