"""What a person sees at the end: the tree of tasks, what they said, the verdict, the results."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hera_experiment.argo.phases import FAILURES, SUCCEEDED
from hera_experiment.argo.tasks import (
    Task,
    Workflow,
    duration,
    elapsed,
    name_of,
    phase_of,
    tasks_of,
    utc_now,
)
from hera_experiment.argo.workflows import claims_of
from hera_experiment.errors import tell
from hera_experiment.experiment import Experiment
from hera_experiment.follow.count import Plan
from hera_experiment.follow.display import Display
from hera_experiment.follow.failure import Reporter
from hera_experiment.follow.lines import STYLES, Line, shown
from hera_experiment.follow.rows import tree_lines
from hera_experiment.follow.source_paths import SourcePaths
from hera_experiment.follow.task_log import TaskLogs, log_file
from hera_experiment.follow.tree import Branch, tree_of
from hera_experiment.follow.watch import WorkflowSource
from hera_experiment.printing import printable
from hera_experiment.results.artifact_files import fetch_artifacts, own_artifacts
from hera_experiment.results.folder_transport import FolderTransport
from hera_experiment.results.outcome import Results, joined

_NOTIFY_TIMEOUT = 60.0


def verdict(workflow: Workflow, now: datetime) -> Line:
    """Return the sentence about ``workflow`` as a whole."""
    status = workflow.get("status") or {}
    phase = phase_of(workflow)
    ran = duration(elapsed(status.get("startedAt"), status.get("finishedAt"), now))
    text = f"workflow {name_of(workflow)}: {phase}" + (f" after {ran}" if ran else "")
    count = Plan(workflow).count(tasks_of(workflow))
    # Tasks that were ended because someone stopped the workflow did not fail by themselves.
    stopped = bool((workflow.get("spec") or {}).get("shutdown"))
    if phase in FAILURES and count.failed and not stopped:
        of = "" if count.total is None else f" of {count.total}"
        text += f", {count.failed}{of} tasks failed"
    elif phase in FAILURES and status.get("message"):
        text += f": {status['message']}"
    return Line(text, f"bold {STYLES.get(phase, '')}".strip())


def where_results_are(results: Results, start: Path, *, says_new: bool = False) -> list[Line]:
    """Return the lines that say what is amiss, name the folder of results, last each picture in it.

    ``says_new`` adds how many files were not there before. Paths are relative to ``start`` when
    they lie below it.
    """
    lines = [Line(sentence, "yellow") for sentence in results.remarks]
    if results.files:
        count = f"{len(results.files)} file{'s' if len(results.files) > 1 else ''}"
        lines.append(Line(f"results: {shown(results.folder, start)}{os.sep} ({count})"))
        if says_new:
            lines.append(Line(f"new:     {results.new}"))
        pictures = [path for path in results.files if path.suffix.lower() == ".png"]
        lines.extend(Line(f"chart:   {shown(path, start)}") for path in pictures)
    return lines


def ending(
    reporter: Reporter, workflow: Workflow, now: datetime, width: int, *, quiet: bool = False
) -> list[Line]:
    """Return the tree of tasks, what those outside loops printed, why some failed, the verdict.

    ``quiet`` leaves out what tasks printed that went well.
    """
    branches = tree_of(workflow)
    lines = tree_lines(workflow, now, width, branches=branches)
    if not quiet:
        well = [each for each in _outside_loops(branches) if each.phase == SUCCEEDED and each.pod]
        lines += reporter.printed(well)
    if phase_of(workflow) in FAILURES:
        lines += reporter.failures(now)
    return [*lines, Line(""), verdict(workflow, now)]


def where_to_fetch(workflow: Workflow) -> list[Line]:
    """Return the line that says how to get the files of ``workflow``; none when it has none."""
    if not claims_of(workflow) and not own_artifacts(workflow):
        return []
    return [Line(f"its files: make results RUN={name_of(workflow)}")]


def notify(command: str, workflow: Workflow, environ: Mapping[str, str] = os.environ) -> None:
    """Run a person's ``command`` about the end of ``workflow``; whatever comes of it, go on.

    What a server says reaches it in variables alone, never as a part of the command.
    """
    if not command:
        return
    about = {
        "HERA_RUN": name_of(workflow),
        "HERA_PHASE": phase_of(workflow),
        "HERA_MESSAGE": verdict(workflow, utc_now()).text,
    }
    clean = {name: printable(value).replace("\n", " ") for name, value in about.items()}
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env={**environ, **clean},
            stdin=subprocess.DEVNULL,
            timeout=_NOTIFY_TIMEOUT,
        )
        trouble = f"ended with exit status {done.returncode}" if done.returncode else ""
    except subprocess.TimeoutExpired:
        trouble = f"did not end within {_NOTIFY_TIMEOUT:.0f} seconds"
    except OSError as error:
        trouble = f"cannot be run: {error.strerror}"
    if trouble:
        tell(f"the command of NOTIFY {trouble}")


def _outside_loops(branches: Sequence[Branch]) -> Iterator[Task]:
    for branch in branches:
        if branch.task is not None:
            yield branch.task
        elif not branch.is_fan_out:
            yield from _outside_loops(branch.branches)


@dataclass(frozen=True)
class Conclusion:
    """Shows each workflow of a run on the laptop when it is over, and fetches its results.

    Paths are shown as from ``start``.
    """

    display: Display
    experiment: Experiment
    start: Path
    now: Callable[[], datetime] = utc_now

    def __call__(self, workflows: Sequence[Workflow], source: WorkflowSource) -> list[Results]:
        """Show ``workflows``, and return what each has left.

        ``source`` is asked for what tasks said and left.
        """
        found = []
        for workflow in workflows:
            lines, results = self._about(workflow, source)
            self.display.output.write([Line(""), *lines])
            notify(self.display.notify, workflow)
            found.append(results)
        return found

    def _about(self, workflow: Workflow, source: WorkflowSource) -> tuple[list[Line], Results]:
        name = name_of(workflow)

        def whole_log(task: Task) -> str:
            return shown(log_file(self.experiment, name, task.pod or task.node), self.start)

        paths = SourcePaths(self.experiment, workflow)
        reporter = Reporter(workflow, TaskLogs(source), whole_log, paths)
        width, quiet = self.display.width, self.display.quiet
        lines = ending(reporter, workflow, self.now(), width, quiet=quiet)
        claims, folder = self.experiment.state / "claims", self.experiment.results / name
        results = FolderTransport(workflow, claims).download(folder)
        if artifacts := own_artifacts(workflow):
            results = joined(results, fetch_artifacts(workflow, artifacts, source, folder))
        return lines + where_results_are(results, self.start), results
