"""The account of a run: Argo's status, what was submitted, what it was made of, what it left."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hera_experiment.argo.tasks import Task, is_finished, phase_of, tasks_of
from hera_experiment.argo.usage import with_samples
from hera_experiment.errors import UserError
from hera_experiment.record.code import CodeStore
from hera_experiment.record.origin import Origin, path_within
from hera_experiment.record.records import Records
from hera_experiment.results.claim_files import fetch, results_folder
from hera_experiment.results.outcome import Results
from hera_experiment.results.store import checksum

if TYPE_CHECKING:
    from hera_experiment.record.run_record import RunRecord
    from hera_experiment.runs.find import Run


@dataclass(frozen=True)
class OutputFile:
    """A file that a run left: its path below the run's folder, bytes, and SHA-256 in hex.

    That is empty where it was not computed.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Account:
    """All that is known of one run.

    ``cluster`` is ``local``, a profile's name, or empty for the server of the settings.
    ``workflow`` is Argo's object as it was last seen; where the server has it no more, as it was
    kept, else as it was submitted. ``record`` is None for a run that was not submitted from here.
    ``folder`` is where its files are on this machine, ``files`` what lies there, sorted.
    ``remarks`` say what could not be had. ``code_store`` is where its code is kept.
    """

    name: str
    namespace: str
    cluster: str
    workflow: dict[str, Any]
    record: RunRecord | None
    folder: Path
    files: tuple[OutputFile, ...] = ()
    remarks: tuple[str, ...] = ()
    code_store: CodeStore | None = None

    @cached_property
    def origin(self) -> Origin:
        """What it was made of; empty where that was not noted."""
        return Origin.of(self.record.origin if self.record else {})

    @property
    def script(self) -> str:
        """What was run, by its path in the experiment if it is there; empty if it is not known."""
        typed = self.record.script if self.record else ""
        if self.origin.script or not typed or self.code_store is None:
            return self.origin.script or typed
        return path_within(self.code_store.experiment, Path(typed)) or typed

    @cached_property
    def tasks(self) -> list[Task]:
        """Its tasks, in the order in which they began."""
        return tasks_of(self.workflow)

    @property
    def phase(self) -> str:
        """Argo's phase."""
        return phase_of(self.workflow)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return is_finished(self.workflow)


def account_of(
    run: Run,
    say: Callable[[str], None] = lambda line: None,
    *,
    files: bool = True,
    results: Results | None = None,
    checked: float = math.inf,
) -> Account:
    """Return the account of ``run``.

    With ``files`` its results are brought home first, those that are new, unless ``results`` are
    those; what of them cannot be had is one of the account's remarks. The checksums are of no more
    than ``checked`` bytes, the small files first.
    """
    remarks: tuple[str, ...] = ()
    found: tuple[OutputFile, ...] = ()
    folder = results_folder(run)
    if files:
        try:
            results = results or fetch(run, say)
        except UserError as error:
            remarks = (str(error),)
            paths = [path for path in folder.rglob("*") if path.is_file()]
        else:
            remarks, paths = results.remarks, list(results.files)
        found = _outputs(folder, [path for path in paths if path.is_file()], checked)
    experiment = run.server.context.experiment
    workflow = run.workflow
    if run.record is not None and (samples := Records.of(experiment).samples(run.record)):
        workflow = with_samples(workflow, samples)
    return Account(
        run.name,
        run.namespace,
        run.server.label,
        workflow,
        run.record,
        folder,
        found,
        remarks,
        CodeStore(experiment),
    )


def _outputs(folder: Path, paths: Iterable[Path], checked: float) -> tuple[OutputFile, ...]:
    found = []
    for size, path in sorted((path.stat().st_size, path) for path in paths):
        checked -= size
        digest = ""
        if checked >= 0:
            with path.open("rb") as file:
                digest = checksum(file)
        found.append((path, OutputFile(path.relative_to(folder).as_posix(), size, digest)))
    return tuple(file for _, file in sorted(found, key=lambda each: each[0]))
