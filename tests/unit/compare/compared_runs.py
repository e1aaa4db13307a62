"""Accounts of runs that never were: a small graph, its files, and its code."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hera_experiment.account.account import Account, OutputFile
from hera_experiment.experiment import Experiment
from hera_experiment.record.code import CodeRecord, CodeStore
from hera_experiment.record.origin import Origin
from hera_experiment.record.run_record import RunRecord, State

SECOND = {"a": 10, "b": 20, "c": 30}
"""When a task begins; each takes five seconds."""


def stamp(second: float) -> str:
    return f"2026-11-26T10:00:{second:06.3f}Z"


def moment(second: float) -> float:
    return datetime(2026, 11, 26, 10, 0, tzinfo=timezone.utc).timestamp() + second


class Maker:
    """Makes runs of the chain a → b → c below ``folder``; ``a`` has a container."""

    def __init__(self, folder: Path) -> None:
        (folder / "experiment.toml").write_text('[experiment]\nname = "T"\nslug = "t"\n')
        (folder / ".gitignore").write_text("/results/\n/.hera/\n")
        self.experiment = Experiment.load(folder)
        self.store = CodeStore(self.experiment)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.experiment.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run(
        self,
        name: str,
        files: Mapping[str, tuple[str, str]],
        *,
        inputs: Mapping[str, Any] | None = None,
        values: Mapping[str, str] | None = None,
        told: str = "1",
        touched: Mapping[str, Mapping[str, list[str]]] | None = None,
        cluster: str = "local",
    ) -> Account:
        """Make a run that left ``files``, each with the task in whose time it was written."""
        folder = self.experiment.results / name
        found = []
        for path, (task, text) in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
            os.utime(folder / path, (moment(SECOND[task] + 3),) * 2)
            data = text.encode()
            found.append(OutputFile(path, len(data), hashlib.sha256(data).hexdigest()))
        nodes: dict[str, Any] = {name: {"id": name, "name": name, "type": "DAG", "children": ["a"]}}
        for task, following in (("a", ["b"]), ("b", ["c"]), ("c", [])):
            nodes[task] = {
                "id": task,
                "name": f"{name}.{task}",
                "type": "Pod",
                "phase": "Succeeded",
                "templateName": task,
                "children": following,
                "startedAt": stamp(SECOND[task]),
                "finishedAt": stamp(SECOND[task] + 5),
                "inputs": {"parameters": [{"name": "x", "value": f"/{name}/{told}"}]},
                "outputs": {
                    "exitCode": "0",
                    "result": (values or {}).get(task, f"{task} of {name}"),
                },
            }
            if touched is not None:
                nodes[task]["files"] = touched.get(task, {})
        templates = [
            {"name": "a", "container": {"image": "localhost/t-a:latest", "command": ["a.py"]}},
            {"name": "b", "script": {"image": "python", "source": "b"}},
            {"name": "c", "script": {"image": "python", "source": "c"}},
        ]
        workflow = {
            "metadata": {"name": name},
            "spec": {"templates": templates},
            "status": {
                "nodes": nodes,
                "phase": "Succeeded",
                "startedAt": stamp(10),
                "finishedAt": stamp(36),
            },
        }
        origin = Origin(self.store.keep(), dict(inputs or {}), {}, "3.11.7", {"hera": "7.1"})
        record = RunRecord(
            name, "ns", cluster, "", f"of-{name}", State.CREATED, stamp(9), {}, "./workflow.py"
        )
        return Account(
            name,
            "ns",
            cluster,
            workflow,
            replace(record, origin=origin.document()),
            folder,
            tuple(sorted(found, key=lambda file: file.path)),
            code_store=self.store,
        )


def without_code(account: Account) -> Account:
    """Return the same run, of which no code was kept."""
    assert account.record is not None
    origin = replace(account.origin, code=CodeRecord(why="there is no git on this machine"))
    return replace(account, record=replace(account.record, origin=origin.document()))
