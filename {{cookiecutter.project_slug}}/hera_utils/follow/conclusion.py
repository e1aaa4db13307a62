"""The last words about a run: tasks, failures, verdict, results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hera_utils.argo.phases import FAILURES
from hera_utils.follow.failure import report
from hera_utils.follow.lines import Line, Output
from hera_utils.follow.results import copy_results
from hera_utils.follow.source import WorkflowSource
from hera_utils.follow.summary import shown, table, verdict, where_results_are
from hera_utils.follow.tasks import (
    Workflow,
    name_of,
    phase_of,
    utc_now,
)


@dataclass(frozen=True)
class Conclusion:
    """Shows each workflow of a run on the laptop when it is over, and fetches its results.

    ``claim_folder`` and ``log_file`` tell where a claim and the log of a pod (by workflow and
    node) lie; ``results`` is the folder that receives one folder per workflow; ``width`` the
    columns of the table; paths are shown as from ``start``.
    """

    output: Output
    claim_folder: Callable[[str], Path]
    log_file: Callable[[str, str], Path]
    results: Path
    start: Path
    width: int
    now: Callable[[], datetime] = utc_now

    def __call__(self, workflows: Sequence[Workflow], source: WorkflowSource) -> None:
        """Show ``workflows``; ``source`` is asked for the logs of tasks that failed."""
        for workflow in workflows:
            self.output.write([Line(""), *self._about(workflow, source)])

    def _about(self, workflow: Workflow, source: WorkflowSource) -> list[Line]:
        name = name_of(workflow)
        now = self.now()
        lines = table(workflow, now, self.width)
        if phase_of(workflow) in FAILURES:
            lines += report(
                workflow, source, now, lambda node: shown(self.log_file(name, node), self.start)
            )
        results = copy_results(workflow, self.claim_folder, self.results / name)
        lines += [Line(""), verdict(workflow, now)]
        return lines + where_results_are(results, self.start)
