"""Planted faults end on this machine as they did on the cluster: exit code and last line.

A handful is planted here; ``REPLAY_FAULTS=all`` plants all of them, and prints the verdict of each.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from both_sides import WORKFLOWS
from polling import until
from real_cluster import Done, Project, RealCluster

IMAGE = "python:3.13-slim"
CONFIGMAP, CLAIM = "replay-rows", "replay-files"
HANDFUL = ("bad-cell", "missing-module", "exit-code", "of-a-configmap", "time-out", "retried")
FEW_OF_MANY, TOO_LARGE = "opens-few-of-many", "opens-a-large-file"
FAULTS: dict[str, dict[str, Any]] = yaml.safe_load((WORKFLOWS / "replay_faults.yml").read_text())
PREPARE = """
import gzip, os, pathlib
folder = pathlib.Path("/results/{{workflow.name}}")
folder.mkdir()
(folder / "cells.csv").write_text("name,count\\nBron,41\\nVaulx,n/a\\n")
(folder / "broken.json").write_text('{"rows": [1, 2,\\n')
(folder / "latin.txt").write_bytes("Vénissieux".encode("latin-1"))
(folder / "cut.gz").write_bytes(gzip.compress(os.urandom(5000))[:-900])
(folder / "rows").mkdir()
for number in range(300):
    (folder / "rows" / f"{number}.csv").write_text(f"Bron,{number}\\n")
(folder / "large.bin").write_bytes(bytes(3_000_000))
(folder / "link.csv").symlink_to("rows/7.csv")
"""
OBJECTS = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: {configmap}, namespace: {namespace}}}
data: {{rows: "many"}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {namespace}-{claim}}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteMany]
  storageClassName: {namespace}
  claimRef: {{namespace: {namespace}, name: {claim}}}
  hostPath: {{path: {path}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {claim}, namespace: {namespace}}}
spec:
  accessModes: [ReadWriteMany]
  storageClassName: {namespace}
  resources: {{requests: {{storage: 1Gi}}}}
"""


def template(name: str, fault: dict[str, Any]) -> dict[str, Any]:
    """Return the template of a fault; see the head of the file that has them."""
    own = {key: value for key, value in fault.items() if key.upper() != key}
    program = "python" if "PYTHON" in fault else "sh"
    script: dict[str, Any] = {
        "image": IMAGE,
        "command": [program],
        "source": fault.get("PYTHON") or fault["SHELL"],
        "env": fault.get("ENV", []),
        "volumeMounts": fault.get("MOUNTS", []),
    }
    if "/results" in script["source"]:
        script["volumeMounts"] = [{"name": "results", "mountPath": "/results"}]
    if "MEMORY" in fault:
        script["resources"] = {"limits": {"memory": fault["MEMORY"]}}
    text = json.dumps({"name": name, "script": script, **own})
    found: dict[str, Any] = json.loads(text.replace('"CONFIGMAP"', f'"{CONFIGMAP}"'))
    return found


def workflow(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the workflow that plants the faults ``names``, each in a task of its own."""
    prepare = {"PYTHON": PREPARE}
    tasks = [{"name": "prepare", "template": "prepare"}]
    tasks += [{"name": name, "template": name, "depends": "prepare"} for name in names]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "replay-"},
        "spec": {
            "entrypoint": "all",
            "parallelism": 8,
            "volumes": [{"name": "results", "persistentVolumeClaim": {"claimName": CLAIM}}],
            "templates": [
                {"name": "all", "failFast": False, "dag": {"tasks": tasks, "failFast": False}},
                template("prepare", prepare),
                *(template(name, FAULTS[name]) for name in names),
            ],
        },
    }


class Person:
    """Somebody with an experiment, and a kubeconfig that leads to the cluster."""

    def __init__(self, project: Project, cluster: RealCluster, namespace: str) -> None:
        self.project = project
        self.namespace = namespace
        names = ("KUBECONFIG", "ARGO_SERVER", "ARGO_SECURE")
        where = {"ARGO_NAMESPACE": namespace, "ARGO_SERVICE_ACCOUNT": "argo-user"}
        self.settings = {name: cluster[name] for name in names} | where

    def types(self, *words: str) -> Done:
        return self.project.run("hera_utils", *words, timeout=180, **self.settings)

    def replays(self, run: str, task: str, *options: str) -> tuple[dict[str, Any], str]:
        """Return what ``make replay`` tells of a task, and what it says; that may be a trace."""
        words = ("replay", f"--run={run}", f"--task={task}", "--output=json", *options)
        done = subprocess.run(
            self.project.command("hera_utils", *words),
            cwd=self.project.folder,
            env={**self.project.environ, **self.settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found, done.stderr


@pytest.fixture(scope="module")
def place(
    cluster: RealCluster, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A namespace with a claim and a ConfigMap."""
    volume = tmp_path_factory.mktemp("replay")
    volume.chmod(0o777)
    objects = OBJECTS.format(configmap=CONFIGMAP, namespace=namespace, claim=CLAIM, path=volume)
    cluster.apply(objects)
    cluster.wait_until_bound(CLAIM, namespace)
    yield namespace
    cluster.kubectl("delete", "pv", f"{namespace}-{CLAIM}", "--wait=false")


@pytest.fixture
def person(project: Project, cluster: RealCluster, place: str) -> Person:
    return Person(project, cluster, place)


def submitted(person: Person, cluster: RealCluster, names: tuple[str, ...]) -> str:
    """Return the name of the run, which has ended on the cluster."""
    person.project.write("faults.yaml", yaml.safe_dump(workflow(names)))
    done = person.types("submit", "--script=faults.yaml")
    assert done.status == 0, done.all
    (record,) = Path(person.project.folder, ".hera", "submissions").glob("*.json")
    run = str(json.loads(record.read_text())["name"])
    where = ("-n", person.namespace, "-o", "jsonpath={.status.phase}")
    over = ("Failed", "Error", "Succeeded")
    until(lambda: cluster.kubectl("get", "workflow", run, *where) in over, 1500, 2.0)
    return run


def test_faults_of_a_cluster_stand_here(person: Person, cluster: RealCluster) -> None:
    every = os.environ.get("REPLAY_FAULTS") == "all"
    names = tuple(FAULTS) if every else (*HANDFUL, FEW_OF_MANY, TOO_LARGE)
    run = submitted(person, cluster, names)
    other = {}
    for name in names:
        found, said = person.replays(run, name)
        if name == FEW_OF_MANY:
            came = re.search(r"(\d+) of (\d+) files .* were fetched", said)
            assert came and int(came[1]) < 30 and int(came[2]) > 300, said
        print(name, "ends alike" if found["same"] else found, flush=True)
        if not found["same"]:
            other[name] = found["differs"]
    assert len(other) <= (2 if every else 0), other

    found, said = person.replays(run, TOO_LARGE, "--limit=1Mi", "--fetch=1")
    assert any("Input/output error" in line for line in found["here"]["lines"]), found
    assert any("large.bin" in each and "LIMIT=3Mi" in each for each in found["remarks"]), found
    there = subprocess.run(["find", found["folder"], "-name", "large.bin"], stdout=subprocess.PIPE)
    assert there.stdout == b"", "a file that did not come is not left as zeros"
