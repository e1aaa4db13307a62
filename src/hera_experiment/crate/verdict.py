"""Runs a record again, and says of each output whether it is the same: the end of reproduce.py.

``python -m hera_experiment.crate.verdict CRATE`` is called in the folder that the record's code was
copied to, with the unpacked CRATE. It ends with 0 when all outputs are the same or equal within the
tolerance, with 1 when one is not, with 2 when that cannot be told.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hera_experiment.account.account import Account, account_of
from hera_experiment.argo.tasks import nodes_of
from hera_experiment.argo.workflows import claims_of
from hera_experiment.compare.changes import CHANGED
from hera_experiment.compare.differences import Differences, differences
from hera_experiment.compare.files import EQUAL, FileDifference
from hera_experiment.compare.tasks import tasks_by_name
from hera_experiment.context.context import Context
from hera_experiment.crate import places
from hera_experiment.environment.inputs import InputChoice
from hera_experiment.errors import EXIT_STATUS, UserError, report, tell
from hera_experiment.experiment import Experiment
from hera_experiment.follow.task_log import TaskLogs
from hera_experiment.platform import state_folder
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord, counterpart
from hera_experiment.runs.find import Run, find_run
from hera_experiment.submission.document_names import is_document

TOLERANCES = "TOLERANCES"
"""What layout.py may define: how much numbers may differ, by pattern of path."""

VERDICT_FILE = "verdict.json"
CANNOT_TELL = 2


@dataclass(frozen=True)
class Verdict:
    """What came out: ``said`` are tasks whose outputs are the same, but not what they printed."""

    found: Differences
    said: tuple[str, ...]
    origin: Mapping[str, str]
    phases: tuple[str, str]

    @property
    def first(self) -> str:
        """The first task that differs in its outputs, else in what it printed; empty for none."""
        if self.found.first is not None:
            return self.found.first.name
        return "" if not self.found.same_outputs else next(iter(self.said), "")

    def document(self) -> dict[str, Any]:
        """Return it as an object of JSON."""
        files = {
            file.path: {"verdict": file.kind, "what": file.what, "from": self.origin[file.path]}
            for file in self.found.files
        }
        return {
            "record": self.found.one,
            "again": self.found.other,
            "same": self.found.same_outputs,
            "phases": self.phases,
            "first": self.first,
            "tasks": [task.name for task in self.found.tasks],
            "printed": list(self.said),
            "files": files,
        }

    def lines(self) -> Iterator[str]:
        """Yield what a person reads."""
        for file in self.found.files:
            yield f"{_word(file):10} {file.path}{self._remark(file)}"
        if self.phases[0] != self.phases[1]:
            yield f"the run ended as {self.phases[1]}, the recorded one as {self.phases[0]}"
        # Packages for checks may be there or not, which is nothing to a run.
        packages = [each for each in self.found.packages if each.kind == CHANGED]
        told = (*self.found.inputs, *self.found.arguments)
        for change in (*told, *self.found.images, *packages):
            yield f"not as recorded: {change}"
        first = self.found.first
        if first is not None:
            yield f"the first task that differs: {first.name} ({_why(first)})"
        elif self.said:
            yield f"all outputs are the same, but {self.said[0]} printed something else"
        count = len(self.found.changed_files)
        if self.found.same_outputs:
            equal = sum(file.kind == EQUAL for file in self.found.files)
            equals = f", {equal} of them within the tolerance" if equal else ""
            yield f"the run is reproduced: {len(self.found.files)} outputs{equals}"
        else:
            yield f"the run is not reproduced: {count} of {len(self.found.files)} outputs differ"

    def _remark(self, file: FileDifference) -> str:
        parts = [file.what] if file.what else []
        if file.differs and self.origin[file.path]:
            parts.append(f"from {self.origin[file.path]} on")
        return f"  ({'; '.join(parts)})" if parts else ""


def main(arguments: list[str]) -> int:
    """Run again, compare, print the verdict and keep it as JSON beside this."""
    try:
        crate = Path(arguments[0]).absolute()
        recorded = places.account_in(crate)
        sys.path.insert(0, str(Path.cwd()))
        context = import_module("hera_utils").CLIContext.read(None, ["--cluster=local"])
        with _again(context, recorded, crate) as run:
            verdict = judged(recorded, run, crate, tolerances_of(context.experiment))
    except UserError as error:
        report(error)
        return CANNOT_TELL
    for line in verdict.lines():
        print(line)
    text = json.dumps(verdict.document(), indent=1) + "\n"
    Path(VERDICT_FILE).write_text(text, encoding="utf-8")
    return 0 if verdict.found.same_outputs else EXIT_STATUS


def judged(recorded: Account, run: Run, crate: Path, tolerances: Mapping[str, float]) -> Verdict:
    """Return what differs from the ``recorded`` run, which is unpacked in ``crate``, to ``run``."""
    again = account_of(run)
    found = differences(recorded, again, tolerances)
    differing = {task.name for task in found.tasks}
    said = tuple(
        name
        for name, task in tasks_by_name(again).items()
        if name not in differing
        and (log := _text(crate / places.log_file(name))) is not None
        and log.replace(recorded.name, again.name)
        != _joined(TaskLogs.of(run.server).end_of(again.workflow, task, len(log) + 1).lines)
    )
    return Verdict(found, said, origins(found, again, recorded), (recorded.phase, again.phase))


def origins(found: Differences, *accounts: Account) -> dict[str, str]:
    """Return by path the first task that differs above what wrote a file; empty for none."""
    above = _Above(*accounts)
    return {
        file.path: above.first(file.tasks, found) if file.differs else "" for file in found.files
    }


def tolerances_of(experiment: Experiment) -> dict[str, float]:
    """Return the tolerances that the experiment's ``layout.py`` defines; nothing for none.

    Raises :class:`UserError` when they are not numbers by pattern.
    """
    path = experiment.folder / "layout.py"
    if not path.is_file():
        return {}
    try:
        found = getattr(import_module("layout"), TOLERANCES, {})
        return {str(pattern): float(value) for pattern, value in found.items()}
    except Exception as error:
        raise UserError(
            f"the tolerances cannot be read: {error}",
            str(path),
            f'write {TOLERANCES} = {{"*.csv": 1e-9}}',
        ) from None


class _Above:
    """What lies above a task in the graph of either run."""

    def __init__(self, *accounts: Account) -> None:
        self._above: dict[str, set[str]] = {}
        for account in accounts:
            nodes = nodes_of(account.workflow)
            parents: dict[str, set[str]] = {}
            for identifier, node in nodes.items():
                for child in node.get("children") or ():
                    parents.setdefault(child, set()).add(identifier)
            names = {str(task.node["id"]): name for name, task in tasks_by_name(account).items()}
            for identifier, name in names.items():
                seen, waiting = {identifier}, [identifier]
                while waiting:
                    for parent in parents.get(waiting.pop(), ()):
                        if parent not in seen:
                            seen.add(parent)
                            waiting.append(parent)
                self._above.setdefault(name, set()).update(
                    names[each] for each in seen if each in names
                )

    def first(self, tasks: tuple[str, ...], found: Differences) -> str:
        """Return the first task that differs and that one of ``tasks`` may have had it from."""
        above = set().union(*(self._above.get(task, {task}) for task in tasks))
        return next((task.name for task in found.tasks if task.name in above), "")


def _again(context: Context, recorded: Account, crate: Path) -> Run:
    """Run the script of the record as it was run, and return the run that came of it."""
    record = recorded.record
    assert record is not None
    records = Records.of(context.experiment)
    before = {each.submission for each in records.all()}
    # On the cluster they were there; a script does not make them here.
    for claim in claims_of(recorded.workflow):
        folder = state_folder.prepare(context.experiment.state) / "claims" / claim
        folder.mkdir(parents=True, exist_ok=True)
    # So that each task's reads and writes are looked at; what an earlier time did, is done again.
    shutil.rmtree(context.experiment.state / "cache", ignore_errors=True)
    command = [sys.executable, "-m", "hera_utils", "run", "--cache=1", "--quiet=1"]
    if withheld := recorded.origin.withheld:
        tell(f"left out, since a record keeps no secret: {', '.join(withheld)}")
    status = subprocess.call([*command, *_choice(recorded, record, context.experiment)])
    new = [each for each in records.all() if each.submission not in before]
    same = counterpart(record, places.beside_in(crate), new[::-1])
    if same is None:
        raise UserError(
            f"nothing was submitted, the script ended with {status}",
            record.script,
            "what it printed says why; the run is not reproduced",
        )
    return find_run(context, same.name)


def _choice(recorded: Account, record: RunRecord, experiment: Experiment) -> list[str]:
    """Return the options of ``run`` for what was run then."""
    script = record.script
    if not (experiment.folder / script).is_file():
        raise UserError(
            f"the script '{script}' is not in the record",
            next_step="it was outside of the experiment, and cannot be run again",
        )
    words = [f"--script={script}"]
    if is_document(script):
        spec = record.manifest.get("spec") or {}
        for each in (spec.get("arguments") or {}).get("parameters") or ():
            words += ["-p", f"{each['name']}={each.get('value', '')}"]
        return [script, *words[1:]]
    if given := recorded.origin.arguments:
        words.append(f"--args={shlex.join(given)}")
    choice = InputChoice.read(record.inputs)
    return [*words, f"--inputs={choice.named}", f"--set={choice.changes}"]


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def _word(file: FileDifference) -> str:
    return file.kind if not file.differs else {"changed": "different"}.get(file.kind, file.kind)


def _why(task: Any) -> str:
    if task.kind != "changed":
        return "it is not there" if task.kind == "removed" else "it is new"
    parts = [f"{change}" for change in (*task.arguments, *task.values)]
    parts += [file.path for file in task.files]
    return ", ".join(parts[:3]) + (", …" if len(parts) > 3 else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
