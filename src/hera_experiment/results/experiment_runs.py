"""The runs of an experiment as Python and notebooks have them: their tasks, outputs and files."""

from __future__ import annotations

import argparse
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hera_experiment.argo.tasks import Task, elapsed, parsed, tasks_of, utc_now
from hera_experiment.context.context import Context
from hera_experiment.errors import UserError, tell
from hera_experiment.experiment import Experiment
from hera_experiment.record.origin import Origin
from hera_experiment.results.claim_files import fetch
from hera_experiment.runs.find import Run, ServerAnswer, ask, last_seen
from hera_experiment.runs.listing import Listed, listing_of
from hera_experiment.runs.locations import run_locations


@dataclass(frozen=True)
class RunTask:
    """One task of a run, as it was when it was asked for.

    ``inputs`` and ``outputs`` are its parameters by name, texts as Argo keeps them; ``started`` and
    ``finished`` are None until then; ``exit_code`` is None where there is none.
    """

    name: str
    phase: str
    message: str
    started: datetime | None
    finished: datetime | None
    exit_code: int | None
    attempts: int
    inputs: dict[str, str]
    outputs: dict[str, str]


class ExperimentRun:
    """One run, on this machine or on a cluster.

    ``name``, ``cluster`` (``local``, a profile's name, or empty for the server of the settings),
    ``phase`` (Argo's, or what ``make status`` says), ``created`` and ``is_mine`` (whether it was
    submitted from this folder) are those of the moment it was listed. What else there is to know
    is asked for when it is used, once.
    """

    def __init__(self, listed: Listed, answer: ServerAnswer, experiment: Experiment) -> None:
        self.name = listed.name
        self.cluster = listed.label
        self.phase = listed.phase
        self.created = parsed(listed.created or None)
        self.is_mine = listed.is_mine
        self.folder = experiment.results / listed.name
        self._experiment = experiment
        self._listed = listed
        self._answer = answer
        self._whole: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<run {self.name}: {self.phase}>"

    @property
    def workflow(self) -> dict[str, Any]:
        """The workflow, as Argo's API has it; as it was submitted when it is there no more.

        Raises ``UserError`` when its server does not answer.
        """
        if self._whole is None:
            record = self._listed.record
            if self._listed.workflow is None and record is not None:
                self._whole = last_seen(self._experiment, record)
            else:
                self._whole = self._run().server.get(self.name)
        return self._whole

    @property
    def origin(self) -> Origin:
        """What it was made of: code, inputs, packages, machine; empty where that was not noted."""
        record = self._listed.record
        return Origin.of(record.origin if record is not None else {})

    @property
    def inputs(self) -> dict[str, Any]:
        """Its inputs by their dotted names, of JSON's types."""
        return dict(self.origin.inputs)

    @property
    def arguments(self) -> list[str]:
        """The words after its script, without those that held a secret."""
        return list(self.origin.arguments or ())

    @property
    def note(self) -> str:
        """What ``make note`` has kept of it."""
        return self._listed.record.note if self._listed.record is not None else ""

    @property
    def duration(self) -> float | None:
        """Seconds that it took, or takes until now; None before it began."""
        head = self._listed.workflow
        status = (self.workflow if head is None else head).get("status") or {}
        return elapsed(status.get("startedAt"), status.get("finishedAt"), utc_now())

    @property
    def message(self) -> str:
        """Why it is in its phase; often empty."""
        status = (self._listed.workflow or {}).get("status") or {}
        return str(status.get("message") or self._listed.remark)

    @property
    def parameters(self) -> dict[str, str]:
        """The arguments of the workflow by name."""
        return _parameters((self.workflow.get("spec") or {}).get("arguments"))

    @property
    def outputs(self) -> dict[str, str]:
        """The output parameters of the workflow as a whole, by name."""
        return _parameters((self.workflow.get("status") or {}).get("outputs"))

    @property
    def tasks(self) -> list[RunTask]:
        """Its tasks, in the order in which they began."""
        return [_task(each) for each in tasks_of(self.workflow)]

    @property
    def files(self) -> list[Path]:
        """What was brought home of its results, sorted; see :meth:`fetch`."""
        return sorted(path for path in self.folder.rglob("*") if not path.is_dir())

    def fetch(self, say: Callable[[str], None] = tell) -> list[Path]:
        """Bring its results home, what is new of them; return their files.

        Raises ``UserError`` when they cannot be had.
        """
        results = fetch(self._run(self.workflow), say)
        for remark in results.remarks:
            say(remark)
        return list(results.files)

    def _run(self, workflow: dict[str, Any] | None = None) -> Run:
        if self._answer.server is None:
            raise self._answer.error or UserError(f"the server of {self.name} does not answer")
        return Run(self._answer.server, workflow or {"metadata": {"name": self.name}})


class ExperimentRuns(Sequence[ExperimentRun]):
    """The runs, newest first, those of this folder before those of others.

    ``remarks`` says which servers do not answer. The servers are let go with it.
    """

    def __init__(self, runs: Sequence[ExperimentRun], remarks: Sequence[str]) -> None:
        self._runs = list(runs)
        self.remarks = list(remarks)

    def __getitem__(self, which: Any) -> Any:
        """Return one by its number or its name, or several by a slice."""
        if isinstance(which, str):
            found = [run for run in self._runs if run.name == which]
            if not found:
                raise KeyError(which)
            return found[0]
        return self._runs[which]

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return repr(self._runs)


def experiment_runs(
    kind: type[Context],
    cluster: str = "",
    *,
    everyone: bool = False,
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ExperimentRuns:
    """Return the runs of the experiment in ``folder``, the current one unless given.

    ``kind`` is the context module's class. Those on ``cluster``, else everywhere; those that were
    submitted from this folder, with ``everyone`` those of others too.

    Raises
    ------
    UserError
        When the settings are wrong.
    """
    from hera_experiment.record.records import Records

    typed = argparse.Namespace(cluster=cluster) if cluster else argparse.Namespace()
    context = kind.resolve(typed, Experiment.find(folder or Path.cwd()), environ)
    records = Records.of(context.experiment).all()
    answers = ask(run_locations(context, records, environ))
    by_label = {answer.place.label: answer for answer in answers}
    listing = listing_of(answers, records)
    runs = [
        ExperimentRun(each, by_label[each.label], context.experiment)
        for each in listing.runs
        if everyone or each.is_mine
    ]
    for answer in answers:
        mine = [run for run in runs if run._answer is answer]
        if answer.server is None:
            continue
        # Each run may outlive the list: the server goes with the last that needs it.
        _close_with(answer, mine)
    return ExperimentRuns(runs, listing.remarks)


def _close_with(answer: ServerAnswer, runs: Sequence[ExperimentRun]) -> None:
    left = len(runs)
    server = answer.server
    assert server is not None

    def one_less() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            server.close()

    for run in runs:
        weakref.finalize(run, one_less)
    if not runs:
        server.close()


def _task(task: Task) -> RunTask:
    node = task.node
    return RunTask(
        name=task.name,
        phase=task.phase,
        message=task.message,
        started=parsed(node.get("startedAt")),
        finished=parsed(node.get("finishedAt")),
        exit_code=int(task.exit_code) if task.exit_code.isdigit() else None,
        attempts=task.attempts,
        inputs=_parameters(node.get("inputs")),
        outputs=_parameters(node.get("outputs")),
    )


def _parameters(holder: Mapping[str, Any] | None) -> dict[str, str]:
    given = (holder or {}).get("parameters") or ()
    return {str(each["name"]): str(each.get("value", "")) for each in given}
