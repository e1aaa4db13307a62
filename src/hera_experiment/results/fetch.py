"""Fetches the results of one run that are new, though its workflow may be deleted already."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from hera_experiment.argo.tasks import is_finished
from hera_experiment.context.context import Context
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import NOT_FOUND, ArgoRefusal
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import State
from hera_experiment.results.outcome import Results
from hera_experiment.results.transport import TransferRequest, exclusive_lock
from hera_experiment.results.transports import transport_of
from hera_experiment.results.workflows import claims_of
from hera_experiment.runs.find import Run, find_run
from hera_experiment.runs.locations import run_locations


def fetch(run: Run, destination: Path, say: Callable[[str], None], *, image: str = "") -> Results:
    """Copy the files of ``run`` on its claims into ``destination``, those that are new.

    ``image`` is what reads the claim on a cluster, one of the workflow's own unless it is given.
    What has arrived half waits beside ``destination`` and is gone on with the next time.

    Raises
    ------
    UserError
        When they cannot be had; what to ask for has been said then.
    """
    if not claims_of(run.workflow):
        return Results(destination, remarks=("no results: the workflow uses no volume claim",))
    with ExitStack() as stack:
        label = ""
        if not run.server.is_local:
            doing = f"the results of {run.name} are being fetched"
            lock = exclusive_lock(run.server.context.experiment, f"results-{run.name}", doing)
            label = stack.enter_context(lock)
        request = TransferRequest(run.server, run.workflow, say, image, label)
        results = transport_of(request).download(destination)
    if not is_finished(run.workflow):
        remark = f"{run.name} has not ended: this is what is there now"
        results = replace(results, remarks=(*results.remarks, remark))
    return results


def find_run_or_deleted(
    context: Context, name: str, environ: Mapping[str, str] = os.environ
) -> Run:
    """Return the run, as :func:`find_run`; one that was deleted as it was submitted from here.

    A workflow is removed by its own time to live, or by a person; the record says what it mounted,
    and its files are on the claim still.
    """
    try:
        return find_run(context, name, environ)
    except UserError as error:
        found = _deleted_run(context, name, environ)
        if found is None:
            raise error from None
        return found


def _deleted_run(context: Context, name: str, environ: Mapping[str, str]) -> Run | None:
    records = Records.of(context.experiment).all()
    record = next((each for each in records if each.name == name), None)
    if record is None or record.state is not State.CREATED:
        return None
    for place in run_locations(context, records, environ):
        if place.label != record.cluster:
            continue
        try:
            server = place.open()
        except UserError:
            return None
        try:
            server.get(name)
        except ArgoRefusal as error:
            if error.status == NOT_FOUND:
                # It has ended, as far as anyone can tell.
                over = {"status": {"finishedAt": record.created}}
                return Run(server, {**record.manifest, **over}, record)
        except UserError:
            pass
        server.close()
    return None
