"""``record`` of a run on the laptop: others find it valid and read it, and it runs again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from polling import until
from script_place import HEAD, Place

from hera_experiment.crate.places import account_in

JUDGE = Path(__file__).with_name("judge_record.py")
SCRIPT = f"""{HEAD}
import sys

@script(image="python:3.11", volume_mounts=[VolumeMount(name="data", mount_path="/data")])
def write(folder, name):
    import os
    os.makedirs(folder, exist_ok=True)
    total = 3
    with open(f"{{folder}}/{{name}}.txt", "w") as file:
        file.write(f"{{name}} {{total}}\\n")
    print("wrote", name)

with Workflow(
    generate_name="two-",
    entrypoint="d",
    volumes=[ExistingVolume(name="data", claim_name="numbers", mount_path="/data")],
) as w:
    with DAG(name="d"):
        folder = "/data/{{{{workflow.name}}}}"
        one = write(name="one", arguments={{"folder": folder, "name": "one"}})
        two = write(name="two", arguments={{"folder": folder, "name": sys.argv[2]}})
        one >> two
w.create()
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    (tmp_path / ".hera" / "claims" / "numbers").mkdir(parents=True)
    (tmp_path / ".gitignore").write_text("/results/\n/.hera/\n__pycache__/\n")
    yield place
    until(place.server_has_gone, 30)


def record(place: Place, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hera_utils", "record", *options]
    return subprocess.run(
        command, cwd=place.folder, env=place.environment, capture_output=True, text=True
    )


def crate_of(place: Place, folder: Path) -> Path:
    """Run the script, record the run, and unpack its crate."""
    ran = place.run(SCRIPT, "--second", "two", "--token=geheim", options=["--cache=1"])
    assert ran.returncode == 0, ran.stdout + ran.stderr
    done = record(place, "-o", "json")
    assert done.returncode == 0, done.stderr
    written = json.loads(done.stdout)
    assert (written["results"], written["logs"]) == (2, 2) and written["path"].endswith(".zip")
    with zipfile.ZipFile(written["path"]) as crate:
        crate.extractall(folder)
    return folder


def test_valid_for_the_validator_and_read_by_runcrate(
    place: Place, judges: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    crate = crate_of(place, tmp_path_factory.mktemp("crate"))
    # A profile includes those that it builds on: Workflow Run, Process Run, Workflow, RO-Crate 1.1.
    judged = subprocess.run(
        [str(judges), str(JUDGE), str(crate), "provenance-run-crate-0.5"],
        capture_output=True,
        text=True,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert json.loads(judged.stdout) == []
    command = [str(judges.with_name("runcrate")), "report", str(crate)]
    report = subprocess.run(command, capture_output=True, text=True)
    assert report.returncode == 0, report.stderr
    account = account_in(crate)
    document = json.loads((crate / "ro-crate-metadata.json").read_text())
    graph = {each["@id"]: each for each in document["@graph"]}
    assert graph["#value/--second"]["value"] == "two"
    assert b"geheim" not in (crate / "record" / "run.json").read_bytes()
    assert report.stdout.startswith(f"action: #run/{account.name}\n")
    assert report.stdout.count("  step: ") == 2
    assert "results/one.txt" in report.stdout.partition("#task/one")[2].partition("#task/two")[0]


def test_runs_again_elsewhere_and_says_what_differs(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    crate = crate_of(place, tmp_path_factory.mktemp("un été"))
    command = [sys.executable, "-m", "hera_experiment.crate.verdict", str(crate)]
    found = []
    for changed in ("total = 3", "total = 3  # as before", "total = 4"):
        again = tmp_path_factory.mktemp("again")
        shutil.copytree(crate / "code", again, dirs_exist_ok=True)
        script = again / "script.py"
        script.write_text(script.read_text().replace("total = 3", changed))
        done = subprocess.run(
            command,
            cwd=again,
            env=place.environment | {"TZ": "Asia/Kolkata"},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "left out, since a record keeps no secret: --token" in done.stderr
        verdict = json.loads((again / "verdict.json").read_text())
        found.append((done.returncode, verdict["first"]))
        until(lambda again=again: not (again / ".hera" / "server.json").exists(), 30)
    assert found == [(0, ""), (0, ""), (1, "one")]


def test_a_run_whose_code_was_not_kept_is_refused_with_one_sentence(place: Place) -> None:
    environment = {"PATH": os.path.dirname(sys.executable)}
    place.environment |= environment
    ran = place.run(SCRIPT, "--second", "two")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    done = record(place)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "was not kept: there is no git on this machine" in done.stderr
