"""A copy of the experiment as it was for a run, in which it runs again.

It lies below ``.hera/why`` and goes through ``make run CACHE=1``: what is not concerned by a change
is taken over from the first run there, so only the tasks behind it run again.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.account.account import Account, account_of
from hera_experiment.argo.tasks import Task
from hera_experiment.argo.workflows import claims_of
from hera_experiment.compare.causes import ARGUMENT, Cause, Comparison, swapped_inputs
from hera_experiment.compare.differences import SCRIPT
from hera_experiment.context.profiles import LOCAL
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.git import clean_environ
from hera_experiment.platform import state_folder
from hera_experiment.platform.local_server import acquire
from hera_experiment.record.arguments import swapped
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import counterpart
from hera_experiment.runs.find import find_run

if TYPE_CHECKING:
    from hera_experiment.context.context import Context
    from hera_experiment.record.run_record import RunRecord

FOLDER = "why"
_SHARED = ("venvs", "layers")
"""What is made for containers and kept by its content: the copies use the experiment's own."""

_LAST_LINES = 4


def is_taken_over(task: Task) -> bool:
    """Tell whether a task did not run, since an earlier one had done just so."""
    return bool(((task.pod or task.node).get("memoizationStatus") or {}).get("hit"))


@dataclass
class TrialRuns:
    """The copy of the experiment in which trials run; ``said`` is why the last one did not."""

    folder: Path
    other_folder: Path
    comparison: Comparison
    context: Context
    runtime: str
    said: str = ""
    _swapped: set[str] = field(default_factory=set)

    def run(self, causes: Sequence[Cause], *, fresh: bool = False) -> Account | None:
        """Run the experiment with ``causes`` of the other run; None where nothing was submitted.

        With ``fresh`` nothing is taken over.
        """
        script, words = self._options(causes)
        files = {cause.name for cause in causes if self._is_file(cause)}
        if self._is_new(script):
            files.add(script)
        self._lay_out(files)
        experiment = Experiment.load(self.folder)
        before = {each.submission for each in Records.of(experiment).all()}
        command = [
            sys.executable,
            "-m",
            "hera_utils",
            "run",
            "--quiet=1",
            "--report=0",
            *words,
        ]
        if not fresh:
            command.append("--cache=1")
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_LAST_LINES:]
        self.said = "; ".join(line.strip() for line in lines)
        records = [each for each in Records.of(experiment).all() if each.submission not in before]
        record = self._like_the_first(records)
        if record is None:
            return None
        typed = argparse.Namespace(cluster=LOCAL)
        with find_run(type(self.context).resolve(typed, experiment), record.name) as run:
            return account_of(run)

    def _like_the_first(self, records: Sequence[RunRecord]) -> RunRecord | None:
        """Return the record of the workflow like the first run's; a script may make several."""
        own = self.comparison.one.record
        made = [each for each in records[::-1] if each.state.value == "created"]
        if own is None:
            return next(iter(made), None)
        beside = Records.of(self.context.experiment).beside(own)
        return counterpart(own, beside, made)

    def _options(self, causes: Sequence[Cause]) -> tuple[str, list[str]]:
        """Return the script with ``causes``, and the options of ``run`` for it."""
        one, other = self.comparison.one, self.comparison.other
        record = one.record
        wanted = {cause.name for cause in causes if cause.kind == ARGUMENT}
        script = other.script if SCRIPT in wanted else one.script
        words = [f"--script={script}"] if script else []
        given = swapped(one.origin.arguments or (), other.origin.arguments or (), wanted)
        if given:
            words.append(f"--args={shlex.join(given)}")
        if self.runtime:
            words.append(f"--runtime={self.runtime}")
        elif record is not None and record.runtime:
            words.append(f"--runtime={record.runtime}")
        inputs = swapped_inputs(causes, one.origin.inputs, other.origin.inputs)
        for name in one.origin.defaults:
            inputs.setdefault(name, one.origin.inputs.get(name))
        text = " ".join(f"{name}={json.dumps(value)}" for name, value in inputs.items())
        return script, [*words, f"--set={text}"] if text else words

    def _is_file(self, cause: Cause) -> bool:
        trees = self.comparison.trees
        if cause.kind == ARGUMENT or trees is None:
            return False
        return any(cause.name in tree.hashes for tree in trees)

    def _is_new(self, script: str) -> bool:
        """Tell whether the other run alone has a script."""
        trees = self.comparison.trees
        return trees is not None and script in trees[1].hashes and script not in trees[0].hashes

    def _lay_out(self, wanted: set[str]) -> None:
        """Let the files ``wanted`` be those of the other run, all others those of the first."""
        assert self.comparison.trees is not None
        one, other = self.comparison.trees
        originals = self.other_folder.with_name("one")
        for path in self._swapped - wanted:
            _put(originals / path if path in one.hashes else None, self.folder / path)
        for path in wanted - self._swapped:
            _put(self.other_folder / path if path in other.hashes else None, self.folder / path)
        self._swapped = set(wanted)


def _put(source: Path | None, target: Path) -> None:
    with suppress(FileNotFoundError):
        target.unlink()
    if source is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target, follow_symlinks=False)


def _environment() -> dict[str, str]:
    """Return this environment without what make and the experiment's own folder put there."""
    left_out = ("PYTHONSAFEPATH", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "HERA_INPUTS")
    return {
        name: value
        for name, value in clean_environ().items()
        if name not in left_out and not name.startswith("HERA_UTILS_")
    }


@contextmanager
def open_trials(context: Context, comparison: Comparison, runtime: str) -> Iterator[TrialRuns]:
    """Make the copy for the first of two runs; it goes in the end.

    Raises :class:`UserError` when another one is at work.
    """
    experiment = context.experiment
    state = state_folder.prepare(experiment.state)
    lock = state_folder.open_lock(state / f"{FOLDER}.lock")
    place = state / FOLDER
    try:
        if not state_folder.try_lock(lock, state_folder.EXCLUSIVE):
            raise UserError("another proof is at work in this folder", "PROVE=1", "wait for it")
        shutil.rmtree(place, ignore_errors=True)
        assert comparison.trees is not None
        folders = [place / name for name in ("one", "other", "experiment")]
        for folder, tree in zip(folders, (*comparison.trees, comparison.trees[0]), strict=True):
            tree.store.export(tree.tree, folder)
        copy = folders[2]
        _bring_what_is_not_kept(experiment, comparison, copy)
        own = state_folder.prepare(copy / experiment.state.name)
        _make_claims(experiment, comparison, own)
        for name in _SHARED:
            (state / name).mkdir(mode=0o700, exist_ok=True)
            (own / name).symlink_to(state / name, target_is_directory=True)
        # One server for all trials; it leaves with this.
        with acquire(Experiment.load(copy)):
            yield TrialRuns(copy, folders[1], comparison, context, runtime)
        _wait_for_the_end(own)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


def _bring_what_is_not_kept(experiment: Experiment, comparison: Comparison, copy: Path) -> None:
    """Link what no record holds, for it is too large or git ignores it, as it is now."""
    names = {*comparison.one.origin.code.left_out, "data"}
    for name in names:
        source, target = experiment.folder / name, copy / name
        if source.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)
            else:
                _link(str(source), str(target))


def _make_claims(experiment: Experiment, comparison: Comparison, state: Path) -> None:
    """Make the claims that the run mounts, with what no run of this experiment left there."""
    runs = {record.name for record in Records.of(experiment).all()}

    def left_out(folder: str, names: list[str]) -> list[str]:
        top = Path(folder).parent == experiment.state / "claims"
        return [name for name in names if top and name in runs]

    for claim in claims_of(comparison.one.workflow):
        source, target = experiment.state / "claims" / claim, state / "claims" / claim
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=left_out)
        else:
            target.mkdir(parents=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _wait_for_the_end(state: Path, patience: float = 10.0) -> None:
    """Wait until the server of the copy has left: it writes there until then."""
    lock = state_folder.open_lock(state / "server.lock")
    try:
        end = time.monotonic() + patience
        while not state_folder.try_lock(lock, state_folder.EXCLUSIVE) and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        os.close(lock)
