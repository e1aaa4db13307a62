"""Brings home what a run left on its claims, and takes ``data/`` there: one way in, one way out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hera_experiment.argo.tasks import is_finished
from hera_experiment.argo.workflows import claims_of, files_name
from hera_experiment.errors import UserError
from hera_experiment.results.artifact_files import FOLDER as ARTIFACTS
from hera_experiment.results.artifact_files import fetch_artifacts, own_artifacts
from hera_experiment.results.data_files import FOLDER, DataFile
from hera_experiment.results.folder_transport import FolderTransport, remove_tree
from hera_experiment.results.listing import is_safe
from hera_experiment.results.outcome import Results, joined, nothing_written, printable
from hera_experiment.results.transport import (
    TransferRequest,
    Transport,
    TransportUnavailable,
    exclusive_lock,
)

if TYPE_CHECKING:
    from hera_experiment.runs.find import Run
    from hera_experiment.runs.server import Server

T = TypeVar("T")

REPLAYS = "replays"
"""The folder of the state with what ``make replay`` fetched and made, ``RUN.TASK`` each."""


def results_folder(run: Run) -> Path:
    """Return the folder here that receives the files of ``run``.

    Raises :class:`~hera_experiment.errors.UserError` when the server calls it what is no name.
    """
    if "/" in run.name or not is_safe(os.fsencode(run.name)):
        raise UserError(f"the server names a run '{printable(run.name)}'", run.server.name)
    return run.server.context.experiment.results / run.name


def report_file(run: Run) -> Path:
    """Return the file of the report of ``run``: beside its :func:`results_folder`, not in it."""
    folder = results_folder(run)
    return folder.with_name(f"{folder.name}.html")


def fetch(run: Run, say: Callable[[str], None], *, image: str = "") -> Results:
    """Copy the files of ``run`` into its :func:`results_folder`, those that are new.

    They are those on its claims, and its own output artifacts in the folder ``artifacts``.

    ``image`` is what reads the claim on a cluster, one of the workflow's own unless it is given.
    What has arrived half waits beside it and is gone on with the next time. Those of a run that
    works in the files of another go to the other's folder.

    Raises
    ------
    UserError
        When they cannot be had; what to ask for has been said then.
    """
    files = files_name(run.workflow)
    if files != run.name and claims_of(run.workflow):
        say(f"{run.name} works in the files of {files}")
        metadata = {**run.workflow["metadata"], "name": files}
        run = replace(run, workflow={**run.workflow, "metadata": metadata})
    destination = results_folder(run)
    artifacts = own_artifacts(run.workflow)
    if not claims_of(run.workflow) and not artifacts:
        return Results(destination, remarks=("no results: the workflow uses no volume claim",))
    results = Results(destination)
    if artifacts:
        results = fetch_artifacts(run.workflow, artifacts, run.server.client, destination)
    if claims_of(run.workflow):
        results = joined(results, _from_claims(run, destination, say, image))
    if not is_finished(run.workflow):
        remark = f"{run.name} has not ended: this is what is there now"
        results = replace(results, remarks=(*results.remarks, remark))
    return results


def _from_claims(run: Run, destination: Path, say: Callable[[str], None], image: str) -> Results:
    with _reading(run, say, image) as request:
        return transport_of(request).download(destination)


@contextmanager
def _reading(run: Run, say: Callable[[str], None], image: str) -> Iterator[TransferRequest]:
    """Be the only process of this folder that reads the claims of ``run`` on a cluster."""
    with ExitStack() as stack:
        label = ""
        if not run.server.is_local:
            doing = f"the results of {run.name} are being fetched"
            lock = exclusive_lock(run.server.context.experiment, f"results-{run.name}", doing)
            label = stack.enter_context(lock)
        yield TransferRequest(run.server, run.workflow, say, image, label)


def bring_folders(
    run: Run,
    folders: Mapping[str, Sequence[str]],
    destination: Path,
    most: int,
    say: Callable[[str], None],
    *,
    image: str = "",
) -> Results:
    """Copy ``folders`` of the claims that ``run`` mounts, ``most`` bytes of each claim.

    See :meth:`~hera_experiment.results.transport.Transport.bring`; ``image`` is what reads a claim
    on a cluster, one of the workflow's own unless it is given.

    Raises
    ------
    UserError
        When they cannot be had; what to ask for has been said then.
    """
    with _reading(run, say, image) as request:
        return transport_of(request).bring(folders, destination, most)


def upload_data(
    server: Server,
    here: Sequence[DataFile],
    claim: str,
    say: Callable[[str], None],
    workflow: Mapping[str, Any] | None = None,
    *,
    image: str = "",
) -> None:
    """Make sure that the files ``here`` are on ``claim``, in its folder ``data``.

    ``workflow`` is the one that will use them: a pod that writes them is like its pods, and has one
    of its images unless ``image`` is given.

    Raises
    ------
    UserError
        When they are not all there in the end, so that nothing runs on old data.
    """
    if not here:
        return
    experiment = server.context.experiment
    doing = f"the files of {FOLDER}/ are being copied"
    with exclusive_lock(experiment, f"data-{claim}", doing) as label:
        like = dict(workflow or {"metadata": {}})
        like["metadata"] = {**(like.get("metadata") or {}), "name": f"{experiment.slug}-data"}
        request = TransferRequest(server, like, say, image, label)
        transport_of(request).upload(claim, here)


def remove_files(runs: Sequence[Run], say: Callable[[str], None], *, image: str = "") -> int:
    """Remove what ``runs`` left on their claims, and what was fetched of it; return bytes freed.

    On the laptop their artifacts go as well.

    ``image`` is what changes a claim on a cluster, one of the workflow's own unless it is given.

    Raises
    ------
    UserError
        When that is impossible; what is here stays then.
    """
    folders: dict[int, dict[str, list[str]]] = {}
    first: dict[int, Run] = {}
    for run in runs:
        results_folder(run)
        if run.name == FOLDER:
            say(f"the files of {run.name} stay: {FOLDER}/ of a claim is what runs find there")
            continue
        for claim in claims_of(run.workflow):
            first.setdefault(id(run.server), run)
            of_server = folders.setdefault(id(run.server), {})
            of_server.setdefault(claim, []).append(run.name)
    freed = 0
    for key, run in first.items():
        with exclusive_lock(run.server.context.experiment, "remove", "files are removed") as label:
            request = TransferRequest(run.server, run.workflow, say, image, label)
            freed += transport_of(request).remove(folders[key])
    for run in runs:
        folder = results_folder(run)
        freed += remove_tree(folder) + remove_tree(folder.parent / ".parts" / folder.name)
        replays = run.server.context.experiment.state / REPLAYS
        freed += sum(map(remove_tree, replays.glob(f"{run.name}.*")))
        freed += remove_tree(report_file(run))
        if run.server.is_local:
            # On a cluster the repository's own rules, or artifactGC, remove them.
            freed += remove_tree(run.server.context.experiment.state / ARTIFACTS / run.name)
    return freed


def transport_of(request: TransferRequest) -> Transport:
    """Return the way to the claims of the workflow."""
    if request.server.is_local:
        claims = request.server.context.experiment.state / "claims"
        return FolderTransport(request.workflow, claims, request.say)
    return ClusterTransport(request)


class ClusterTransport:
    """A pod, and a workflow where pods may not be made or entered."""

    def __init__(self, request: TransferRequest) -> None:
        self._request = request

    def download(self, destination: Path) -> Results:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        results = self._first_possible(lambda transport: transport.download(destination))
        if results.files or results.remarks:
            return results
        workflow = self._request.workflow
        return replace(results, remarks=(nothing_written(self._request.name, claims_of(workflow)),))

    def bring(self, folders: Mapping[str, Sequence[str]], destination: Path, most: int) -> Results:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        return self._first_possible(lambda transport: transport.bring(folders, destination, most))

    def upload(self, claim: str, files: Sequence[DataFile]) -> None:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        self._first_possible(lambda transport: transport.upload(claim, files))

    def remove(self, folders: Mapping[str, Sequence[str]]) -> int:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        return self._first_possible(lambda transport: transport.remove(folders))

    def _first_possible(self, action: Callable[[Transport], T]) -> T:
        from hera_experiment.results.pod_transport import PodTransport
        from hera_experiment.results.workflow_transport import WorkflowTransport

        try:
            return action(PodTransport(self._request))
        except TransportUnavailable as error:
            why = str(error)
        return action(WorkflowTransport(self._request, why))
