"""Copies the files of ``data/`` to ``<claim>/data/`` when they have changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hera_experiment.errors import UserError
from hera_experiment.results.alone import alone
from hera_experiment.results.data_files import DataFile, data_files
from hera_experiment.results.errand import Errand, NoPods
from hera_experiment.results.outcome import files, size
from hera_experiment.results.store import checksum

if TYPE_CHECKING:
    from hera_experiment.results.listing import Listing
    from hera_experiment.runs.server import Server

FOLDER = "data"
"""Where the files are on the claim."""


def upload_data(
    server: Server,
    folder: Path,
    claim: str,
    say: Callable[[str], None],
    workflow: Mapping[str, Any] | None = None,
    *,
    image: str = "",
) -> None:
    """Make sure that the files of ``folder`` are on ``claim``, in its folder :data:`FOLDER`.

    Only what differs by its checksum is copied, and nothing is removed there. ``workflow`` is the
    one that will use them: a pod that writes them is like its pods, and has one of its images
    unless ``image`` is given.

    Raises
    ------
    UserError
        When they are not all there in the end, so that nothing runs on old data.
    """
    here = data_files(folder)
    if not here:
        return
    experiment = server.context.experiment
    with alone(experiment, f"data-{claim}", f"the files of {folder.name}/ are being copied") as own:
        if server.is_local:
            _copy(here, experiment.state / "claims" / claim / FOLDER, claim, say)
            return
        like = dict(workflow or {"metadata": {}})
        like["metadata"] = {**(like.get("metadata") or {}), "name": f"{experiment.slug}-data"}
        errand = Errand(server, like, folder, say, image, own)
        try:
            _by_pod(errand, here, claim)
        except NoPods as why:
            _assert_unchanged(errand, here, claim, str(why))


def _copy(here: Sequence[DataFile], target: Path, claim: str, say: Callable[[str], None]) -> None:
    new = []
    for each in here:
        path = target / os.fsdecode(each.path)
        try:
            with path.open("rb") as file:
                if path.stat().st_size == each.size and checksum(file) == each.sum:
                    continue
        except OSError:
            pass
        new.append((each, path))
    _announce([each for each, _ in new], claim, say)
    try:
        for each, path in new:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{each.sum}.part")
            shutil.copyfile(each.file, draft)
            shutil.copymode(each.file, draft)
            draft.replace(path)
    except OSError as error:
        raise UserError(f"cannot write: {error.strerror}", str(error.filename)) from None


def _by_pod(errand: Errand, here: Sequence[DataFile], claim: str) -> None:
    from hera_experiment.results.bring import FromPod
    from hera_experiment.results.by_pod import entered, with_access
    from hera_experiment.results.claims import claim_of
    from hera_experiment.results.into_pod import IntoPod
    from hera_experiment.results.reader_manifest import MOUNT, likenesses
    from hera_experiment.results.reader_pod import ReaderPod

    cluster = with_access(errand.server.cluster)
    with ExitStack() as stack:
        pod = ReaderPod(
            cluster,
            claim_of(cluster, claim),
            likenesses(errand.workflow, errand.image),
            errand.name,
            errand.label,
            errand.say,
            account=errand.account,
            writable=True,
        )
        shell = entered(stack, pod)
        there = FromPod(shell, f"{MOUNT}/{FOLDER}", errand.say).list()
        new = _new(here, there)
        _announce(new, claim, errand.say)
        if new:
            IntoPod(shell, f"{MOUNT}/{FOLDER}", errand.say).take(new)


def _assert_unchanged(errand: Errand, here: Sequence[DataFile], claim: str, why: str) -> None:
    """Look at the claim by a workflow; raises ``UserError`` unless all files are there."""
    from hera_experiment.platform.argo_answers import ArgoRefusal
    from hera_experiment.results.by_workflow import ask_for, readers
    from hera_experiment.results.from_workflow import FromWorkflow
    from hera_experiment.results.reader_workflow import NoArtifacts

    errand.say(f"no pod can copy {FOLDER}/ to the claim, a workflow looks what is there: {why}")
    try:
        there = FromWorkflow(readers(errand, claim), FOLDER, errand.say).list()
    except (NoArtifacts, ArgoRefusal) as error:
        ask_for(errand, error)
        raise UserError(
            f"whether {FOLDER}/ on the claim '{claim}' is up to date cannot be seen: by a pod, "
            f"since {why}; by a workflow, since {error}",
            next_step="ask the administrator for the rights shown above, or to copy the files",
        ) from None
    new = _new(here, there)
    if new:
        raise UserError(
            f"{files(len(new))} of {FOLDER}/ changed and cannot be copied to the claim '{claim}', "
            f"since {why}",
            next_step=f"ask whoever can write to the claim to copy {FOLDER}/ there",
        )
    _announce([], claim, errand.say)


def _new(here: Sequence[DataFile], there: Listing | None) -> list[DataFile]:
    known = {each.path: each.sum for each in there.files} if there is not None else {}
    return [each for each in here if known.get(each.path) != each.sum]


def _announce(new: Sequence[DataFile], claim: str, say: Callable[[str], None]) -> None:
    if new:
        amount = size(sum(each.size for each in new))
        say(f"{files(len(new))} of {FOLDER}/ to copy to the claim '{claim}', {amount}")
    else:
        say(f"{FOLDER}/ on the claim '{claim}' is up to date")
