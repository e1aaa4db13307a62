"""Fetches the results of one run: on the laptop a copy, on a cluster by a pod or a workflow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.results.alone import alone
from hera_experiment.results.errand import Errand, NoPods
from hera_experiment.results.local import copy_results
from hera_experiment.results.outcome import Results
from hera_experiment.results.workflows import claims_of, is_over

if TYPE_CHECKING:
    from hera_experiment.runs.find import Run


def fetch(run: Run, destination: Path, say: Callable[[str], None], *, image: str = "") -> Results:
    """Copy the files of ``run`` on its claims into ``destination``, those that are new.

    ``image`` is what reads the claim on a cluster, one of the workflow's own unless it is given.
    What has arrived half waits beside ``destination`` and is gone on with the next time.

    Raises
    ------
    UserError
        When they cannot be had; what to ask for has been said then.
    """
    claims = claims_of(run.workflow)
    experiment = run.server.context.experiment
    if not claims:
        results = Results(destination, remarks=("no results: the workflow uses no volume claim",))
    elif run.server.is_local:
        results = copy_results(run.workflow, (experiment.state / "claims").joinpath, destination)
    else:
        doing = f"the results of {run.name} are being fetched"
        with alone(experiment, f"results-{run.name}", doing) as label:
            errand = Errand(run.server, run.workflow, destination, say, image, label)
            results = _from_cluster(errand)
        if not results.files and not results.remarks:
            listed = "', '".join(claims)
            remark = f"no results: nothing was written below {run.name}/ of the claim '{listed}'"
            results = replace(results, remarks=(remark,))
    if claims and not is_over(run.workflow):
        remark = f"{run.name} has not ended: this is what is there now"
        results = replace(results, remarks=(*results.remarks, remark))
    return results


def _from_cluster(errand: Errand) -> Results:
    from hera_experiment.results.by_pod import fetch_by_pods
    from hera_experiment.results.by_workflow import fetch_by_workflows

    try:
        try:
            return fetch_by_pods(errand)
        except NoPods as error:
            why = str(error)
        errand.say(f"no pod can read the claim, a workflow tries: {why}")
        return fetch_by_workflows(errand, why)
    finally:
        # What is left in them waits for the next time.
        with suppress(OSError):
            errand.drafts.rmdir()
            errand.drafts.parent.rmdir()
