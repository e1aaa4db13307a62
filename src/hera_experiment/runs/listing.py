"""All runs of an experiment, wherever they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hera_experiment.argo.names import LABEL_CREATOR
from hera_experiment.context.context import Context
from hera_experiment.context.profiles import LOCAL
from hera_experiment.runs.find import RecordIndex, ServerAnswer, ask
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

    ``workflow`` is its head (no nodes), None where there is no workflow, or none can be seen;
    ``is_mine`` tells that it was submitted from this folder.
    """

    label: str
    name: str
    phase: str
    created: str
    workflow: dict[str, Any] | None
    record: RunRecord | None
    remark: str = ""

    @property
    def is_mine(self) -> bool:
        """Whether it was submitted from this folder."""
        return self.label == LOCAL or self.record is not None


@dataclass(frozen=True)
class Listing:
    """All runs, and a sentence for each server that does not answer.

    Those of this folder come first, then those of others, each newest first.
    """

    runs: list[Listed]
    remarks: list[str]


def run_before(run: Listed, runs: Sequence[Listed]) -> Listed | None:
    """Return the newest of ``runs`` that is older than ``run`` and came of the same script."""

    def script(listed: Listed) -> str:
        return listed.record.script if listed.record is not None else ""

    older = [each for each in runs if each.is_mine and each.created <= run.created]
    return next(
        (
            each
            for each in older
            if each.name != run.name and each.phase != REFUSED and script(each) == script(run)
        ),
        None,
    )


def all_runs(context: Context, environ: Mapping[str, str] = os.environ) -> Listing:
    """Return the runs on the platform that ``CLUSTER`` designates, otherwise everywhere.

    What was submitted and is not to be found is listed too, by its record; what two profiles lead
    to is listed once.
    """
    from hera_experiment.record.records import Records

    records = Records.of(context.experiment).all()
    answers = ask(run_locations(context, records, environ))
    try:
        return listing_of(answers, records)
    finally:
        for answer in answers:
            answer.close()


def listing_of(answers: list[ServerAnswer], records: list[RunRecord]) -> Listing:
    """Return what the servers have answered, and what the records say beyond that."""
    found = _found(answers, records)
    newest = max((each.created for each in found if each.workflow), default="")
    # An old refusal is of no interest once another submission went well.
    found = [each for each in found if each.phase != REFUSED or each.created >= newest]
    found.sort(key=lambda each: (each.is_mine, each.created), reverse=True)
    remarks = [
        f"{answer.place.label or 'the cluster of the settings'}: {answer.error}"
        for answer in answers
        if answer.error and not answer.place.is_forgotten
    ]
    return Listing(found, remarks)


def _found(answers: list[ServerAnswer], records: list[RunRecord]) -> list[Listed]:
    runs: dict[Any, Listed] = {}
    index = RecordIndex(records)
    for answer in answers:
        label = answer.place.label
        for head in answer.heads:
            metadata, record = head["metadata"], index.of(head)
            key = metadata.get("uid") or (label, metadata["name"])
            if key in runs and not (record and record.cluster == label):
                continue
            phase = str((head.get("status") or {}).get("phase") or "Pending")
            created = str(metadata.get("creationTimestamp") or "")
            by = "" if record or label == LOCAL else _creator(metadata.get("labels") or {})
            runs[key] = Listed(label, str(metadata["name"]), phase, created, head, record, by)
    found = list(runs.values())
    there = {id(run.record) for run in found}
    by_label = {answer.place.label: answer for answer in answers}
    for record in records:
        if record.cluster in by_label and id(record) not in there:
            phase, remark = _without_workflow(record, by_label[record.cluster])
            found.append(
                Listed(record.cluster, record.name, phase, record.created, None, record, remark)
            )
    return found


def _creator(labels: Mapping[str, str]) -> str:
    """Return who created a workflow, as far as Argo's server has noted it."""
    for kind in ("-preferred-username", "-email", ""):
        if named := labels.get(f"{LABEL_CREATOR}{kind}"):
            return f"by {named}"
    return ""


def _without_workflow(record: RunRecord, answer: ServerAnswer) -> tuple[str, str]:
    if record.state.value == "refused":
        return REFUSED, record.reason
    if record.state.value == "unsure":
        return UNSURE, "no answer came when it was created; 'make submit RESUME=1' finds out"
    if answer.error is None:
        return GONE, "it was deleted on the server"
    if answer.place.is_forgotten:
        what = f"its profile clusters/{record.cluster}.config" if record.cluster else "ARGO_SERVER"
        return UNKNOWN, f"{what} is gone; 'make delete RUN={record.name}' forgets the run"
    return UNKNOWN, "its server does not answer"
