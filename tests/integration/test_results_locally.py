"""``make results`` on this machine, as a person meets it, and ``data/`` on a claim of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}"

SCRIPT = """
from hera.workflows import DAG, ExistingVolume, Workflow, script
from hera.workflows.models import VolumeMount

import hera_utils

args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()
cluster.provide_volume_claim("claim")

@script(image="python:3.11", volume_mounts=[VolumeMount(name="v", mount_path="/v")])
def write(folder):
    from pathlib import Path

    Path("/v", folder).mkdir()
    Path("/v", folder, "found.txt").write_text("1")

volume = ExistingVolume(name="v", claim_name="claim", mount_path="/v")
with Workflow(generate_name="w-", entrypoint="d", volumes=[volume]) as w:
    with DAG(name="d"):
        write(name="a", arguments={"folder": "{{workflow.name}}"})
w.create()
"""

ARTIFACTS = """
from hera.workflows import Artifact, Container, Steps, Workflow, NoneArchiveStrategy

import hera_utils

args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()

plain = NoneArchiveStrategy()
make = "mkdir -p /out/a/b; echo 1 > /out/a/b/one; echo 2 > '/out/two words'; echo 3 > /three"
with Workflow(generate_name="w-", entrypoint="s") as w:
    write = Container(
        name="write",
        image="python:3.11",
        command=["sh", "-c", make],
        outputs=[
            Artifact(name="folder", path="/out", archive=plain),
            Artifact(name="packed", path="/out"),
            Artifact(name="inner", path="/three", archive=plain, global_name="three"),
            Artifact(name="hidden", path="/three"),
        ],
    )
    with Steps(
        name="s",
        outputs=[
            Artifact(name=name, from_="{{steps.make.outputs.artifacts.%s}}" % name)
            for name in ("folder", "packed")
        ],
    ):
        write(name="make")
w.create()
"""

UPLOAD = """
from pathlib import Path

import hera_utils
from hera_experiment.results.claim_files import upload_data
from hera_experiment.results.data_files import data_files
from hera_experiment.runs.server import open_server

with open_server(hera_utils.parse_arguments()) as server:
    upload_data(server, data_files(Path("data")), "claim", print)
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "experiment.toml").write_text('[experiment]\nname = "Try"\nslug = "try"\n')
    (tmp_path / "workflow.py").write_text(SCRIPT)
    (tmp_path / "upload.py").write_text(UPLOAD)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    environ = {
        key: value
        for key, value in os.environ.items()
        if not re.match("ARGO|KUBE|CLUSTER|HERA_|GLOBAL_CONFIG|RUNTIME", key)
    }
    environ |= {"PYTHONPATH": str(TEMPLATE), "HOME": str(folder)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_the_results_of_a_run_are_copied_again(folder: Path, run: Run) -> None:
    done = run("-m", "hera_utils", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    (copy,) = (folder / "results").glob("*/found.txt")
    copy.unlink()
    done = run("-m", "hera_utils", "results", "--wait", "1")
    assert done.returncode == 0, done.stderr
    assert f"results: results/{copy.parent.name}/ (1 file)" in done.stdout
    assert copy.read_text() == "1"
    done = run("-m", "hera_utils", "results", "--run=w-there-is-none")
    assert done.returncode == 1 and "there is no run 'w-there-is-none'" in done.stderr
    assert "Traceback" not in done.stderr


def test_artifacts_of_the_workflow_are_results_too(folder: Path, run: Run) -> None:
    (folder / "workflow.py").write_text(ARTIFACTS)
    done = run("-m", "hera_utils", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    (top,) = (folder / "results").glob("*/artifacts")
    assert {str(p.relative_to(top)) for p in top.rglob("*") if p.is_file()} == {
        "folder/a/b/one",
        "folder/two words",
        "packed/packed.tgz",
        "three/three",
    }
    assert (top / "folder/a/b/one").read_text() == "1\n"
    (top / "three/three").write_text("changed")
    done = run("-m", "hera_utils", "results", "--output=json")
    (found,) = json.loads(done.stdout)
    assert (found["new"], found["missing"], len(found["files"])) == (1, 0, 4)
    assert (top / "three/three").read_text() == "3\n"
    for kept in (folder / ".hera" / "artifacts").glob("*/*/three"):
        kept.unlink()
    done = run("-m", "hera_utils", "results")
    assert done.returncode == 1
    assert "the artifact 'three' cannot be had" in done.stdout
    done = run("-m", "hera_utils", "prune", "--keep=0", "--files=1", "--yes=1")
    assert done.returncode == 0, done.stderr
    assert list((folder / ".hera" / "artifacts").iterdir()) == []


def test_data_is_copied_to_the_claim_when_it_changed(folder: Path, run: Run) -> None:
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "data" / "deep" / "a").write_text("1")
    upload = ("upload.py", "--cluster", "local")
    done = run(*upload)
    assert done.returncode == 0, done.stderr
    assert "1 file of data/ to copy to the claim 'claim', 1 B" in done.stdout
    there = folder / ".hera" / "claims" / "claim" / "data" / "deep" / "a"
    assert there.read_text() == "1"
    assert "data/ on the claim 'claim' is up to date" in run(*upload).stdout
    (folder / "data" / "deep" / "a").write_text("2")
    assert "1 file of data/" in run(*upload).stdout
    assert there.read_text() == "2"
    (folder / "data" / "deep" / "a").unlink()
    assert run(*upload).stdout == ""
    assert there.read_text() == "2"


def test_results_are_told_to_machines_and_removed_with_their_run(folder: Path, run: Run) -> None:
    assert run("-m", "hera_utils", "run").returncode == 0
    (copy,) = (folder / "results").glob("*/found.txt")
    (found,) = json.loads(run("-m", "hera_utils", "results", "--output=json", "--wait=1").stdout)
    assert (found["name"], found["phase"]) == (copy.parent.name, "Succeeded")
    assert found["files"] == [str(copy)] and found["folder"] == str(copy.parent)
    there = folder / ".hera" / "claims" / "claim" / copy.parent.name
    assert there.is_dir()
    done = run("-m", "hera_utils", "prune", "--keep=0", "--files=1", "--yes=1")
    assert done.returncode == 0, done.stderr
    assert "1 run will be deleted" in done.stdout and " freed" in done.stdout
    assert not there.exists() and not copy.parent.exists()
    assert "no run yet" in run("-m", "hera_utils", "status").stdout
