"""Which version of the library it was: said wherever it may matter later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hera_experiment
from hera_experiment.experiment import Experiment
from hera_experiment.record.records import Records

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"
VERSION = f"hera_experiment {hera_experiment.__version__} (commit abcdef1)"
SCRIPT = """
import hera_utils
from hera.workflows import Container, Workflow
args = hera_utils.parse_arguments()
hera_utils.argo_server(hera_utils.k8s_cluster(args), args).define_argo_server_part_of_environment()
with Workflow(generate_name="w-", entrypoint="c") as w:
    Container(name="c", image="python:3.13-slim", command=["true"])
w.create()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "experiment.toml").write_text(
        '[experiment]\nname = "Try"\nslug = "try"\n[template]\naddress = "gh:org/x"\n'
        f'version = "{hera_experiment.__version__}"\ncommit = "{"abcdef1" + "0" * 33}"\n'
        "[template.answers]\n"
    )
    return tmp_path


def typed(folder: Path, *words: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hera_utils", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(TEMPLATE)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stderr
    return done.stdout


def test_it_is_printed(folder: Path) -> None:
    assert typed(folder, "--version") == f"{VERSION}\n"
    assert f"library    {VERSION}\n" in typed(folder, "config")
    (folder / "experiment.toml").unlink()
    assert typed(folder, "--version") == f"{VERSION.partition(' (')[0]}\n"


def test_a_record_and_the_outputs_for_machines_carry_it(folder: Path) -> None:
    (folder / "workflow.py").write_text(SCRIPT)
    typed(folder, "run")
    (record,) = Records.of(Experiment.find(folder)).all()
    assert record.library == VERSION
    (listed,) = json.loads(typed(folder, "status", "-o", "json"))
    shown = json.loads(typed(folder, "status", "-o", "json", "--run", record.name))
    assert listed["library"] == shown["library"] == VERSION
    document = json.loads(
        typed(
            folder,
            "check-cluster",
            "--argo_server=127.0.0.1:9",
            "-o",
            "json",
            "workflow.py",
            status=1,
        )
    )
    assert document["library"] == VERSION
