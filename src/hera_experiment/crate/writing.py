"""Writes the crate of a run as one zip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hera_experiment.account.account import Account
from hera_experiment.crate import places
from hera_experiment.crate.about import About, about
from hera_experiment.crate.contents import Contents, gathered
from hera_experiment.experiment import Experiment
from hera_experiment.follow.task_log import TaskLogs

SUFFIX = ".crate.zip"


@dataclass(frozen=True)
class Written:
    """A crate that was written: its zip, bytes, and how many files of which kind it holds."""

    path: Path
    size: int
    code: int
    results: int
    logs: int
    licence: str
    remarks: tuple[str, ...] = ()


def write(account: Account, experiment: Experiment, logs: TaskLogs | None = None) -> Written:
    """Write the crate of a run that has ended beside its results.

    Raises :class:`~hera_experiment.errors.UserError` when it cannot be made, see
    :func:`~hera_experiment.crate.contents.gathered`.
    """
    target = account.folder.with_name(account.folder.name + SUFFIX)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".crate-", dir=target.parent) as folder:
        scratch = Path(folder)
        contents = gathered(account, experiment, scratch, logs)
        own = about(scratch / places.CODE, experiment.name, experiment.slug)
        readme = scratch / places.README
        readme.write_text(_readme(contents, own), encoding="utf-8")
        contents.files[places.README] = readme
        from hera_experiment.crate.metadata import describe

        draft = scratch / "crate.zip"
        describe(contents, own).write_zip(draft)
        draft.replace(target)
    kinds = [path.partition("/")[0] for path in contents.files]
    return Written(
        target,
        target.stat().st_size,
        kinds.count(places.CODE),
        kinds.count(places.RESULTS),
        kinds.count(places.LOGS),
        own.licence,
        contents.remarks,
    )


def _readme(contents: Contents, own: About) -> str:
    account = contents.account
    return f"""# {own.name}: run {account.name}

{own.description}

This is a Workflow Run RO-Crate, the record of one run, which ended as {account.phase}:

- `code/`: the experiment as it was when the run was submitted
- `results/`: what the run left; `logs/`: what its tasks printed
- `record/`: the workflow as it was submitted and as it ended, inputs, packages and machine
- `ro-crate-metadata.json`: all of it for machines, with the checksum of each file

Run it again, and compare (Python 3.10 or newer, and a package index or a cache of one):

```bash
python3 reproduce.py
```

It works in the new folder `again/` and changes nothing else.
"""
