"""What a new run of a script on this machine goes on with."""

from __future__ import annotations

from hera_experiment.argo.phases import SUCCEEDED
from hera_experiment.argo.tasks import is_finished, parsed, tasks_of
from hera_experiment.context.context import Context
from hera_experiment.endpoint.resumption import Resumption
from hera_experiment.errors import UserError, tell
from hera_experiment.runs.find import Run, find_submission
from hera_experiment.runs.retrying import changed_containers


def resumption_of(context: Context, name: str = "", begin: str = "", only: str = "") -> Resumption:
    """Return what goes on with the run ``name``, else with all of the newest script; say so.

    See :class:`Resumption` for ``begin`` and ``only``. Raises :class:`UserError` when there is no
    such run here, or it has not ended.
    """
    runs = find_submission(context, name)
    with runs[0]:
        for run in runs:
            check_ended(run)
            _say(run, begin, only)
        return Resumption([run.name for run in runs], begin, only)


def check_ended(run: Run) -> None:
    """Raise :class:`UserError` for a run that still goes on."""
    if not is_finished(run.workflow):
        advice = f"'make watch RUN={run.name}' follows it, 'make stop RUN={run.name}' ends it"
        raise UserError(f"{run.name} has not ended: it goes on", next_step=advice)


def _say(run: Run, begin: str, only: str) -> None:
    tasks = tasks_of(run.workflow)
    finished = [task for task in tasks if task.phase == SUCCEEDED]
    if begin:
        what = f"{begin} and what follows it run, and what had not finished"
    elif only:
        what = f"of all its tasks {only} runs"
    else:
        what = f"{len(finished)} of its {len(tasks)} tasks had finished and do not run again"
    tell(f"{run.name} goes on: {what}")
    moment = parsed(run.workflow["metadata"]["creationTimestamp"])
    changed = list(changed_containers(run.server.context.experiment, moment))
    if changed and finished:
        names = ", ".join(f"{each}/" for each in changed)
        tell(f"{names} changed since it began: a new run, make run CACHE=1, would heed that")
