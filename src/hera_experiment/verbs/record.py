"""Write a run as a Workflow Run RO-Crate: to be cited, deposited and run again."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError, tell
from hera_experiment.verbs._options import add_output, add_run_arguments

if TYPE_CHECKING:
    from hera_experiment.crate.writing import Written


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the run, and how the result is told."""
    add_output(parser)
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Write the crate of a run that has ended; return 0, or 1 when something of it is left out."""
    if find_spec("rocrate") is None:
        raise UserError(
            "rocrate is not installed",
            sys.executable,
            "'make record' installs it, or: python -m pip install rocrate",
        )
    context = args.context_told()
    from hera_experiment.account.account import account_of
    from hera_experiment.crate.contents import recorded
    from hera_experiment.crate.writing import write
    from hera_experiment.follow.task_log import TaskLogs
    from hera_experiment.runs.find import find_run_or_deleted

    with find_run_or_deleted(context, args.run) as run:
        # What cannot be recorded is refused before its files are fetched.
        recorded(account_of(run, files=False))
        account = account_of(run, tell)
        written = write(account, context.experiment, TaskLogs.of(run.server))
    if args.output == "json":
        document = {**vars(written), "path": str(written.path.absolute()), "run": account.name}
        print(json.dumps(document, indent=2))
        return 0
    for line in _lines(account.name, written):
        print(line)
    return 0


def _lines(name: str, written: Written) -> list[str]:
    from hera_experiment.context.sources import display
    from hera_experiment.printing import size
    from hera_experiment.results.outcome import files

    path = display(Path(written.path))
    contents = f"code {files(written.code)}, results {files(written.results)}, logs {written.logs}"
    return [
        *written.remarks,
        f"record:  {path} ({size(written.size)}: {contents})",
        f"licence: {written.licence}",
        f"again:   python3 -m zipfile -e {path} {name}; python3 {name}/{_REPRODUCE}",
        "cite:    deposit it (Zenodo, HAL, Software Heritage; see docs/record.md), then put its DOI"
        " into CITATION.cff",
    ]


_REPRODUCE = "reproduce.py"
