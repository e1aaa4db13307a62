"""All runs of an experiment, wherever they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hera_experiment.context.context import Context
from hera_experiment.runs.find import ServerAnswer, ask, record_of
from hera_experiment.runs.locations import run_locations

if TYPE_CHECKING:
    from hera_experiment.record.run_record import RunRecord

UNSURE = "Unsure"
"""The request went out and no answer came: the workflow may exist."""
REFUSED = "Refused"
"""The server said no: there is no workflow."""
GONE = "Gone"
"""The workflow was there and was deleted."""
UNKNOWN = "Unknown"
"""Its server does not answer."""


@dataclass(frozen=True)
class Listed:
    """One run: the label of its server, its phase or one of the words above, and when it began.

    ``workflow`` is its head (no nodes), None where there is no workflow, or none can be seen.
    """

    label: str
    name: str
    phase: str
    created: str
    workflow: dict[str, Any] | None
    record: RunRecord | None
    remark: str = ""


@dataclass(frozen=True)
class Listing:
    """All runs, newest first, and a sentence for each server that does not answer."""

    runs: list[Listed]
    remarks: list[str]


def all_runs(context: Context, environ: Mapping[str, str] = os.environ) -> Listing:
    """Return the runs on the platform that ``CLUSTER`` designates, otherwise everywhere.

    What was submitted and is not to be found is listed too, by its record.
    """
    from hera_experiment.record.records import Records

    records = Records.of(context.experiment).all()
    answers = ask(run_locations(context, records, environ))
    try:
        found = [listed for answer in answers for listed in _of(answer, records)]
    finally:
        for answer in answers:
            answer.close()
    newest = max((each.created for each in found if each.workflow), default="")
    # An old refusal is of no interest once another submission went well.
    found = [each for each in found if each.phase != REFUSED or each.created >= newest]
    found.sort(key=lambda each: each.created, reverse=True)
    remarks = [
        f"{answer.place.label or 'the cluster of the settings'}: {answer.error}"
        for answer in answers
        if answer.error
    ]
    return Listing(found, remarks)


def _of(answer: ServerAnswer, records: list[RunRecord]) -> list[Listed]:
    label = answer.place.label
    runs = [
        Listed(
            label,
            str(head["metadata"]["name"]),
            str((head.get("status") or {}).get("phase") or "Pending"),
            str(head["metadata"].get("creationTimestamp") or ""),
            head,
            record_of(head, label, records),
        )
        for head in answer.heads
    ]
    there = [run.record for run in runs]
    for record in records:
        if record.cluster == label and record not in there:
            phase, remark = _without_workflow(record, reached=answer.error is None)
            runs.append(Listed(label, record.name, phase, record.created, None, record, remark))
    return runs


def _without_workflow(record: RunRecord, *, reached: bool) -> tuple[str, str]:
    if record.state.value == "refused":
        return REFUSED, record.reason
    if record.state.value == "unsure":
        return UNSURE, "no answer came when it was created; 'make submit RESUME=1' finds out"
    if reached:
        return GONE, "it was deleted on the server"
    return UNKNOWN, "its server does not answer"
