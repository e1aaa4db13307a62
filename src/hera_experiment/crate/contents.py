"""What goes into the crate of a run, and what stays out: nothing that may hold a secret goes in."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hera_experiment.account.account import Account
from hera_experiment.argo.objects import WORKFLOW
from hera_experiment.compare.tasks import tasks_by_name
from hera_experiment.context.masking import holds_key
from hera_experiment.crate import places
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.follow.task_log import TaskLogs
from hera_experiment.images.context import Ignore
from hera_experiment.lint.catalogue import selected
from hera_experiment.lint.settings import choice_of
from hera_experiment.lint.subject import Subject
from hera_experiment.printing import size
from hera_experiment.record.code import CodeNotKept
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord

LINES = 100_000
"""Lines of the longest log that is kept; of a longer one they are the last."""

_RULE = "HE701"
_SECRET_NAMES = Path(__file__).parent.parent / "new_container" / "dockerignore"
_LOOKED_INTO = 1 << 20
# Results of other runs, where git does not ignore them.
_OTHERS = "results/"


@dataclass(frozen=True)
class Contents:
    """The files of a crate, by their paths in it, and what a person should know of them.

    ``manifest`` and ``record`` are as they go in.
    """

    account: Account
    record: RunRecord
    files: dict[str, Path]
    remarks: tuple[str, ...] = ()

    def text(self, path: str) -> str:
        """Return the text of a file, empty where there is none."""
        file = self.files.get(path)
        return "" if file is None else file.read_text("utf-8", "replace")


def recorded(account: Account) -> RunRecord:
    """Return the record of a run that a crate can be made of.

    Raises :class:`UserError` when it has not ended, or its code was not kept.
    """
    if not account.has_ended:
        what = f"{account.name} has not ended"
        raise UserError(what, "--run", f"make watch RUN={account.name} waits for its end")
    record, code = account.record, account.origin.code
    if record is None or not code.tree:
        why = "it was not submitted from here" if record is None else code.why
        why = why or "an older version of the library submitted it"
        raise UserError(f"the code of {account.name} was not kept: {why}", "--run", "run it again")
    return record


def gathered(
    account: Account, experiment: Experiment, scratch: Path, logs: TaskLogs | None
) -> Contents:
    """Collect below ``scratch`` what goes into the crate of a run that has ended.

    ``experiment`` is what it was submitted from, ``logs`` what reads the tasks' logs.

    Raises
    ------
    UserError
        When its code was not kept, or a secret stands in what would go in.
    """
    record = recorded(account)
    if account.code_store is None:
        raise CodeNotKept(f"the code of {account.name} was not kept", "--run", "run it again")
    _refuse_secrets(record.manifest, experiment)
    code = scratch / places.CODE
    account.code_store.export(account.origin.code.tree, code)
    remarks = list(account.remarks)
    for path in account.origin.code.left_out:
        remarks.append(_take_large(path, experiment.folder, code))
    files = {}
    ignore = Ignore(_SECRET_NAMES.read_text("utf-8") + "!**/*.tmpl\n")
    for file in sorted(path for path in code.rglob("*") if path.is_file()):
        name = file.relative_to(code).as_posix()
        if name.startswith(_OTHERS):
            continue
        if file.is_symlink() and not file.resolve().is_relative_to(code.resolve()):
            remarks.append(f"{name} is left out: it is a link that leads out of the experiment")
        elif ignore.ignores(name):
            remarks.append(f"{name} is left out: a file of that name may hold a secret")
        else:
            files[f"{places.CODE}/{name}"] = file
    for output in account.files:
        files[f"{places.RESULTS}/{output.path}"] = account.folder / output.path
    if logs is not None:
        remarks += _take_logs(account, logs, scratch, files)
    # Whose cluster it was is nobody's business.
    record = replace(record, server="", session="", script=account.script)
    # Not all that unpacks a zip keeps who may run a file.
    programs = [path for path, file in files.items() if file.stat().st_mode & stat.S_IXUSR]
    noted = json.loads(replace(record, manifest={}).as_json())
    beside = Records.of(experiment).beside(account.record or record)
    others = [each.name for each in beside if each.submission != record.submission]
    if others:
        remarks.append(
            f"{record.script} made {len(beside)} workflows: this is the record of {account.name}"
            f" alone, 'make record RUN={others[0]}' makes that of another"
            + (f" (also {', '.join(others[1:])})" if len(others) > 1 else "")
        )
    documents: dict[str, Any] = {
        places.RUN_FILE: {**noted, "programs": programs},
        places.BESIDE_FILE: [json.loads(_head(each).as_json()) for each in beside],
        places.MANIFEST_FILE: record.manifest,
        places.WORKFLOW_FILE: account.workflow,
    }
    for path, document in documents.items():
        files[path] = _written(scratch / path, json.dumps(document, indent=1) + "\n")
    for path, file in files.items():
        if not path.startswith(f"{places.RESULTS}/"):
            _refuse_keys(path, file)
    reproduce = Path(__file__).with_name(places.REPRODUCE)
    files[places.REPRODUCE] = Path(shutil.copy(reproduce, scratch / places.REPRODUCE))
    return Contents(account, record, files, tuple(remarks))


def _head(record: RunRecord) -> RunRecord:
    """Return what tells a workflow from others of its script, and nothing of its cluster."""
    metadata = record.manifest.get("metadata") or {}
    names = {name: metadata[name] for name in ("name", "generateName") if name in metadata}
    return replace(record, manifest={"metadata": names}, server="", session="", origin={}, note="")


def _take_large(path: str, folder: Path, code: Path) -> str:
    """Copy a file that was too large to be kept; return what to say of it."""
    source = folder / path
    if not source.is_file():
        return f"{path} is left out: it was too large to be kept with the code"
    (code / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, code / path)
    amount = size(source.stat().st_size)
    return f"{path} ({amount}) was too large to be kept with the code: it goes in as it is now"


def _take_logs(
    account: Account, logs: TaskLogs, scratch: Path, files: dict[str, Path]
) -> list[str]:
    missing = []
    for name, task in tasks_by_name(account).items():
        try:
            lines = logs.end_of(account.workflow, task, LINES).lines
        except (OSError, UserError):
            missing.append(name)
            continue
        if lines:
            path = places.log_file(name)
            files[path] = _written(scratch / path, "\n".join(lines) + "\n")
    if not missing:
        return []
    return [f"the logs of {len(missing)} tasks could not be read, that of {missing[0]} first"]


def _refuse_secrets(manifest: dict[str, Any], experiment: Experiment) -> None:
    choice = choice_of(experiment.folder)
    rules = [rule for rule in selected((), choice.ignore, choice.where) if rule.code == _RULE]
    for rule in rules:
        for finding in rule.find(Subject(manifest, WORKFLOW)):
            raise UserError(
                f"{finding.message} of the workflow, and a record is for everybody",
                "",
                f"'make lint EXPLAIN={_RULE}' says what to do; then run it again",
            )


def _refuse_keys(path: str, file: Path) -> None:
    with file.open("rb") as opened:
        text = opened.read(_LOOKED_INTO).decode("utf-8", "replace")
    if holds_key(text):
        raise UserError(
            "something in it has the shape of a secret key, and a record is for everybody",
            path,
            "keep it in a Secret or in a file that git ignores, then run it again",
        )


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
