"""Submissions that were cut off: found on the server, or made up for, by their records alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hera_experiment.context.context import Context
from hera_experiment.errors import UserError, report, tell
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord, State
from hera_experiment.runs.find import Run
from hera_experiment.runs.locations import RunLocation, run_locations
from hera_experiment.submission import once
from hera_experiment.submit.messages import created

if TYPE_CHECKING:
    from hera_experiment.follow.display import Display


def resume(
    context: Context,
    name: str = "",
    display: Display | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Make each submission whose outcome is not known one that is there, or is known not to be.

    Those of the designated platform, else of every platform that a record names; only the one
    called ``name`` where it is given. No script is run: the records hold what was to be sent. With
    a ``display`` the workflows are followed there to their end.

    Returns 0 when all of them are there, or their verdict; 1 when one is not.

    Raises
    ------
    UserError
        When there is no record called ``name``.
    """
    records = Records.of(context.experiment)
    unsure = _unsure(records, name)
    where = run_locations(context, unsure, environ)
    labels = {place.label for place in where}
    elsewhere = sorted({each.cluster for each in unsure} - labels)
    unsure = [each for each in unsure if each.cluster in labels]
    if not unsure:
        more = f" there; some are on {', '.join(elsewhere)}" if elsewhere else ""
        print(f"nothing to resume{more}")
        tell("what failed of a run 'make retry' runs again, 'make submit CACHE=1' as it is now")
        return 0
    runs: list[Run] = []
    try:
        for place in where:
            runs += _resumed(
                place, [each for each in unsure if each.cluster == place.label], records
            )
        if len(runs) < len(unsure):
            return 1
        if display is None:
            return 0
        from hera_experiment.follow.run import follow

        return follow(runs, display)
    finally:
        for run in runs:
            run.close()


def _unsure(records: Records, name: str) -> list[RunRecord]:
    if not name:
        return [each for each in records.all() if each.state is State.UNSURE]
    record = records.read(name)
    if record is None:
        raise UserError(
            f"there is no record of a submission '{name}'", "--run", "'make status' lists the runs"
        )
    if record.state is State.UNSURE:
        return [record]
    known = "it was created" if record.state is State.CREATED else f"refused: {record.reason}"
    tell(f"what became of {name} is known: {known}")
    return []


def _resumed(place: RunLocation, unsure: Sequence[RunRecord], records: Records) -> list[Run]:
    """Return the runs that are there now; say of the others why they are not."""
    if not unsure:
        return []
    try:
        server = place.open()
    except UserError as error:
        report(error)
        return []
    runs = []
    for record in unsure:
        try:
            workflow = once.resume(record, server.client, records)
        except UserError as error:
            report(error)
            continue
        print(created(server.client.url, record.namespace, record.name, is_local=server.is_local))
        runs.append(Run(server, workflow, record))
    if not runs:
        server.close()
    return runs
