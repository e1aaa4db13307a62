"""A run of three tasks that has ended: its account, and its experiment."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hera_experiment.account.account import Account, OutputFile
from hera_experiment.crate.writing import write
from hera_experiment.experiment import Experiment
from hera_experiment.record.code import CodeStore
from hera_experiment.record.origin import Origin
from hera_experiment.record.run_record import RunRecord, State

SETTINGS = """[experiment]
name = "Été à Lyon"
slug = "lyon"
description = "What was counted"
authors = ["Ada Lovelace", "A laboratory"]
orcid = "0000-0002-1825-0097"
[template]
address = "x"
version = "1"
commit = ""
[template.answers]
license = "MIT"
"""
RUN = "lyon-abcde"
FILES = {"a/one & two.csv": b"x,y\n1,2\n", "sum.txt": b"3\n"}
WRITTEN = {"count(0:a b)": "a/one & two.csv", "sum": "sum.txt"}


def experiment_in(folder: Path) -> Experiment:
    files = {
        "experiment.toml": SETTINGS,
        "workflow.py": "print('submits')\n",
        "inputs.py": "",
        "data/table.csv": "1\n",
        "containers/count/Dockerfile": "FROM scratch\n",
        "server.key": "not git-ignored here",
        ".env": "PASSWORD=swordfish",
        "env.tmpl": "PASSWORD=",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Experiment.load(folder)


def manifest() -> dict[str, Any]:
    image = "localhost/lyon-count:latest"
    digest = f"quay.io/team/sum:1.0@sha256:{'a' * 64}"
    return {
        "metadata": {"name": RUN, "generateName": "lyon-", "namespace": "argo"},
        "spec": {
            "entrypoint": "dag",
            "templates": [
                {"name": "dag", "dag": {"tasks": []}},
                {"name": "count", "container": {"image": image}},
                {"name": "sum", "script": {"image": digest, "source": "print(3)"}},
            ],
        },
    }


def _pod(name: str, template: str, phase: str, children: list[str]) -> dict[str, Any]:
    path = WRITTEN.get(name)
    files = {"read": [], "written": [f"claim/results:{RUN}/{path}"] if path else []}
    return {
        "id": f"{RUN}-{name}",
        "name": f"{RUN}.{name}",
        "displayName": name,
        "type": "Pod",
        "templateName": template,
        "phase": phase,
        "message": "" if phase == "Succeeded" else "Error (exit code 7)",
        "startedAt": "2026-11-26T21:00:00Z",
        "finishedAt": "2026-11-26T21:00:02Z",
        "inputs": {"parameters": [{"name": "item", "value": name}]},
        "outputs": {"exitCode": "0" if phase == "Succeeded" else "7"},
        "children": [f"{RUN}-{each}" for each in children],
        "files": files,
        "usage": {
            "queued": "2026-11-26T20:59:59.500Z",
            "began": "2026-11-26T21:00:00.000Z",
            "ended": "2026-11-26T21:00:01.500Z",
            "cpu": 0.25,
            "memory": 1000,
        },
    }


def account_in(experiment: Experiment, *, last: str = "Succeeded") -> Account:
    """Return the account of the run; ``last`` is the phase of its last task."""
    nodes = [
        _pod("count(0:a b)", "count", "Succeeded", ["sum"]),
        _pod("count(1:é/ü)", "count", "Succeeded", ["sum"]),
        _pod("sum", "sum", last, []),
    ]
    root = {"id": RUN, "name": RUN, "type": "DAG", "phase": last}
    root["children"] = [node["id"] for node in nodes[:2]]  # type: ignore[assignment]
    status = {
        "phase": last,
        "startedAt": "2026-11-26T21:00:00Z",
        "finishedAt": "2026-11-26T21:00:02Z",
        "nodes": {RUN: root, **{node["id"]: node for node in nodes}},
    }
    told = {"values": {"n": 3, "share": 0.5, "names": ["a b", "é/ü"], "deep": True}}
    record = RunRecord(
        name=RUN,
        namespace="argo",
        cluster="mine",
        server="https://argo.nowhere.example:2746/",
        submission="0" * 16,
        state=State.CREATED,
        created="2026-11-26T20:59:58Z",
        manifest=manifest(),
        script="./workflow.py",
        inputs="SET=n=3",
        library="hera_experiment 0.5.0 (commit abcdef1)",
        origin=Origin.now(experiment, told).document(),
    )
    folder = experiment.results / RUN
    outputs = []
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        outputs.append(OutputFile(name, len(content), hashlib.sha256(content).hexdigest()))
    return Account(
        RUN,
        "argo",
        "mine",
        {**manifest(), "status": status},
        record,
        folder,
        tuple(outputs),
        (),
        CodeStore(experiment),
    )


def with_manifest(account: Account, changed: dict[str, Any]) -> Account:
    assert account.record is not None
    return replace(account, record=replace(account.record, manifest=changed))


def unpacked(account: Account, experiment: Experiment, folder: Path) -> dict[str, Any]:
    """Write the crate of the run, unpack it in ``folder``; return its entities by identifier."""
    with zipfile.ZipFile(write(account, experiment).path) as crate:
        crate.extractall(folder)
    document = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    return {each["@id"]: each for each in document["@graph"]}
