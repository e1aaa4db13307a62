"""A run whose workflow the cluster has removed: its files are on the claim still."""

from __future__ import annotations

import os
from collections.abc import Mapping

from hera_experiment.context.context import Context
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import NOT_FOUND, ArgoRefusal
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import State
from hera_experiment.runs.find import Run, find_run
from hera_experiment.runs.places import places


def find_run_or_record(context: Context, name: str, environ: Mapping[str, str] = os.environ) -> Run:
    """Return the run, as :func:`find_run`; one that is gone as it was submitted from here.

    A workflow is removed by its own time to live, or by a person; the record says what it mounted.
    """
    try:
        return find_run(context, name, environ)
    except UserError as error:
        found = _recorded(context, name, environ)
        if found is None:
            raise error from None
        return found


def _recorded(context: Context, name: str, environ: Mapping[str, str]) -> Run | None:
    records = Records.of(context.experiment).all()
    record = next((each for each in records if each.name == name), None)
    if record is None or record.state is not State.CREATED:
        return None
    for place in places(context, records, environ):
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
