"""Where things lie in a crate, and how it is read again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from hera_experiment.account.account import Account, OutputFile
from hera_experiment.errors import UserError
from hera_experiment.record.run_record import RunRecord

METADATA = "ro-crate-metadata.json"
CODE, RESULTS, LOGS, RECORD = "code", "results", "logs", "record"
RUN_FILE = f"{RECORD}/run.json"
"""What was written down when the run was submitted, without addresses of servers."""
MANIFEST_FILE = f"{RECORD}/manifest.json"
"""The workflow as it was submitted."""
WORKFLOW_FILE = f"{RECORD}/workflow.json"
"""The workflow as it ended, with Argo's status."""
BESIDE_FILE = f"{RECORD}/beside.json"
"""The names of what the same run of the script made, in order."""
REPRODUCE = "reproduce.py"
README = "README.md"

_ESCAPED = re.compile(r"^\.+|[^\w.,()+= -]")


def log_file(task: str) -> str:
    """Return where the log of a task lies."""
    name = _ESCAPED.sub(lambda match: quote(match[0], safe="").replace(".", "%2E"), task)
    return f"{LOGS}/{name[:200]}.txt"


def account_in(folder: Path) -> Account:
    """Return the account of the run whose crate is unpacked in ``folder``.

    Raises :class:`UserError` where it cannot be read.
    """
    try:
        record = RunRecord.from_json((folder / RUN_FILE).read_bytes())
        record = replace(record, manifest=_object(folder / MANIFEST_FILE))
        workflow = _object(folder / WORKFLOW_FILE)
        found = [file for file in _files(folder) if file.path.startswith(f"{RESULTS}/")]
    except (OSError, ValueError) as error:
        raise UserError(
            f"the record cannot be read: {error}", str(folder), "unpack its zip once more"
        ) from None
    cut = len(RESULTS) + 1
    outputs = tuple(OutputFile(each.path[cut:], each.size, each.sha256) for each in found)
    return Account(
        record.name,
        record.namespace,
        record.cluster,
        workflow,
        record,
        folder / RESULTS,
        outputs,
    )


def beside_in(folder: Path) -> list[RunRecord]:
    """Return what the script of an unpacked crate made beside it; nothing in an older one."""
    try:
        found = json.loads((folder / BESIDE_FILE).read_bytes())
        return [RunRecord.from_json(json.dumps(each).encode()) for each in found]
    except (OSError, ValueError, TypeError):
        return []


def _files(folder: Path) -> list[OutputFile]:
    """Return the files that the metadata of a crate names, sorted by path."""
    graph = _object(folder / METADATA)["@graph"]
    found = [
        OutputFile(unquote(each["@id"]), int(each["contentSize"]), each["sha256"])
        for each in graph
        if "sha256" in each and "contentSize" in each
    ]
    return sorted(found, key=lambda file: file.path)


def _object(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no object")
    return found
