"""What can be done to a run: stop, terminate, retry and delete it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hera_experiment.argo.phases import FAILURES, SUCCEEDED
from hera_experiment.argo.tasks import is_finished
from hera_experiment.context.context import Context
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import NOT_FOUND, ArgoRefusal
from hera_experiment.runs.find import Run
from hera_experiment.runs.retrying import what_retry_runs

if TYPE_CHECKING:
    from hera_experiment.record.run_record import RunRecord


def stop(run: Run) -> list[str]:
    """Let what runs end, start no more, run the exit handlers; return what to tell."""
    _refuse_ended(run, "stop")
    run.server.client.stop_workflow(run.namespace, run.name)
    return [
        f"{run.name} is being stopped: nothing more of it starts, what runs is ended, then its "
        "exit handler runs",
        f"'make watch RUN={run.name}' shows how it ends",
    ]


def terminate(run: Run) -> list[str]:
    """End a run at once, without its exit handlers; return what to tell."""
    _refuse_ended(run, "terminate")
    run.server.client.terminate_workflow(run.namespace, run.name)
    return [f"{run.name} is being ended at once, without its exit handler"]


def retry(run: Run) -> list[str]:
    """Run again what failed; return what to tell."""
    phase = _phase(run)
    if phase == SUCCEEDED:
        raise UserError(f"{run.name} has succeeded: there is nothing to retry")
    if phase not in FAILURES or not is_finished(run.workflow):
        raise UserError(
            f"{run.name} has not ended yet: there is nothing to retry",
            next_step=f"'make stop RUN={run.name}' ends it",
        )
    told = what_retry_runs(run)
    run.server.client.retry_workflow(run.namespace, run.name)
    return [
        f"{run.name} goes on: its failed tasks run again, and what waited for them; what has "
        "succeeded is kept",
        *told,
        f"'make watch RUN={run.name}' follows it",
    ]


def delete(run: Run) -> None:
    """Remove the workflow, if it is there, and what was written down about it."""
    try:
        run.server.client.delete_workflow(run.namespace, run.name)
    except ArgoRefusal as error:
        if error.status != NOT_FOUND:
            raise
    forget(run)


def forget(run: Run) -> None:
    """Remove the record of the submission, if there is one."""
    from hera_experiment.record.records import Records

    if run.record is not None:
        records = Records.of(run.server.context.experiment)
        records.remove(run.name, run.record.submission)


def forget_records(context: Context, records: Sequence[RunRecord]) -> list[str]:
    """Remove ``records`` of submissions whose workflows are not there; return what to tell."""
    from hera_experiment.record.records import Records

    kept = Records.of(context.experiment)
    for record in records:
        kept.remove(record.name, record.submission)
    return [f"the record of {records[0].name} is deleted"]


def what_delete_means(run: Run, *, files: bool = False) -> list[str]:
    """Return what a person should know before it is deleted, its ``files`` too or not.

    Raises :class:`UserError` when its tasks may still write files.
    """
    if files and not is_finished(run.workflow):
        raise UserError(
            f"{run.name} has not ended: its tasks would go on writing files",
            next_step=f"'make terminate RUN={run.name}' first",
        )
    where = "this machine" if run.server.is_local else run.server.name
    lines = [f"{run.name} on {where} ({_phase(run)}): its record and its logs go for good"]
    if not is_finished(run.workflow):
        lines.append("it has not ended: what runs of it is ended at once")
    if files:
        lines.append("its results go as well: on the claim, and in results/ what was fetched")
    else:
        lines.append("its results stay, on the claim and in results/ (FILES=1 removes them)")
    return lines


def _refuse_ended(run: Run, what: str) -> None:
    if is_finished(run.workflow):
        raise UserError(f"{run.name} has ended ({_phase(run)}): there is nothing to {what}")


def _phase(run: Run) -> str:
    return str((run.workflow.get("status") or {}).get("phase") or "Pending")
