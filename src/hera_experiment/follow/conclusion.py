"""The last words about a run on the laptop: tasks, failures, verdict, results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hera_experiment.argo.tasks import Task, Workflow, name_of, utc_now
from hera_experiment.follow.ending import ending
from hera_experiment.follow.lines import Line, Output
from hera_experiment.follow.source import WorkflowSource
from hera_experiment.follow.summary import shown, where_results_are
from hera_experiment.follow.task_log import TaskLogs
from hera_experiment.results.folder_transport import FolderTransport


@dataclass(frozen=True)
class Conclusion:
    """Shows each workflow of a run on the laptop when it is over, and fetches its results.

    ``claims`` is the folder of the claims; ``log_file`` tells where the log of a pod (by workflow
    and node) lies; ``results`` is the folder that receives one folder per workflow; ``width`` the
    columns of the table; paths are shown as from ``start``.
    """

    output: Output
    claims: Path
    log_file: Callable[[str, str], Path]
    results: Path
    start: Path
    width: int
    now: Callable[[], datetime] = utc_now

    def __call__(self, workflows: Sequence[Workflow], source: WorkflowSource) -> None:
        """Show ``workflows``; ``source`` is asked for the logs of tasks that failed."""
        for workflow in workflows:
            self.output.write([Line(""), *self._about(workflow, TaskLogs(source))])

    def _about(self, workflow: Workflow, logs: TaskLogs) -> list[Line]:
        name = name_of(workflow)

        def whole_log(task: Task) -> str:
            return shown(self.log_file(name, str((task.pod or task.node)["id"])), self.start)

        lines = ending(workflow, logs, self.now(), self.width, whole_log)
        results = FolderTransport(workflow, self.claims).download(self.results / name)
        return lines + where_results_are(results, self.start)
