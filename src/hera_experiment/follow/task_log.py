"""The log of one task, wherever it is left: with its pod, in the archive, or nowhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from hera_experiment.argo.tasks import Node, Task, Workflow, name_of
from hera_experiment.experiment import Experiment
from hera_experiment.follow.lines import shown
from hera_experiment.follow.pending import NoFacts, PodFacts, facts_of
from hera_experiment.follow.watch import WorkflowSource
from hera_experiment.platform.argo_logs import ARCHIVED_LOG, Executor, archived_log
from hera_experiment.runs.find import Run
from hera_experiment.runs.server import Server

Archive = Callable[[str, str, str], Iterator[str]]
"""Yields the lines of an archived log, by namespace, workflow and node."""


class Origin(Enum):
    """Where the log of a task that has ended is left."""

    POD = "its pod is still there"
    ARCHIVE = "its pod is gone, its log was archived"
    GONE = "its pod is gone and its log was not archived: only this message remains"
    UNKNOWN = "it printed nothing, or its pod is gone: only this message remains"


@dataclass(frozen=True)
class TaskLog:
    """The last lines of a task, and where they come from."""

    lines: list[str]
    origin: Origin


class TaskLogs:
    """Reads the logs of tasks from ``source``; ``facts`` and ``archive`` help when it has none."""

    def __init__(
        self,
        source: WorkflowSource,
        facts: PodFacts | None = None,
        archive: Archive | None = None,
    ) -> None:
        self._source = source
        self._facts = NoFacts() if facts is None else facts
        self._archive = archive

    @classmethod
    def of(cls, server: Server) -> TaskLogs:
        """Return the logs that ``server`` gives."""
        archive = None if server.is_local else partial(archived_log, server.client)
        return cls(server.client, facts_of(server)[0], archive)

    def end_of(self, workflow: Workflow, task: Task, count: int) -> TaskLog:
        """Return the last ``count`` lines of the pod of ``task``.

        Raises ``OSError`` or :class:`UserError` when they cannot be read.
        """
        namespace = str(workflow["metadata"].get("namespace", ""))
        name, pod = name_of(workflow), task.pod_name(workflow)
        found = list(self._source.workflow_logs(namespace, name, pod=pod, tail_lines=count))
        if found:
            executor = Executor()
            lines = [line for line in found if not executor.wrote(line)]
            return TaskLog(lines, Origin.POD)
        if self._archive is not None and task.pod is not None and is_archived(task.pod):
            archived = deque(self._archive(namespace, name, str(task.pod["id"])), maxlen=count)
            return TaskLog(list(archived), Origin.ARCHIVE)
        exists = self._facts.exists(namespace, pod)
        if exists is None:
            return TaskLog([], Origin.UNKNOWN)
        return TaskLog([], Origin.POD if exists else Origin.GONE)


def is_archived(node: Node) -> bool:
    """Tell whether the log of a pod was archived."""
    artifacts = (node.get("outputs") or {}).get("artifacts") or ()
    return any(artifact.get("name") == ARCHIVED_LOG for artifact in artifacts)


def log_file(experiment: Experiment, workflow: str, node: Node) -> Path:
    """Return the file that the laptop's server keeps a task's log in."""
    return experiment.state / "runs" / workflow / "logs" / f"{node['id']}.log"


def whole_log(run: Run, task: Task) -> str:
    """Return where the whole log of ``task`` lies, or what to type to see it."""
    if run.server.is_local and task.pod is not None:
        return shown(log_file(run.server.context.experiment, run.name, task.pod), Path.cwd())
    return f"make logs RUN={run.name} TASK='{task.name}'"
