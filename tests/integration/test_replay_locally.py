"""``replay``: a task that failed on this machine fails again, also in a debugger, until a mend.

That a cluster's tasks do is shown by ``tests/cluster/test_replay.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from polling import until
from script_place import HEAD, Place

SOURCE = f"""{HEAD}
MOUNT = [VolumeMount(name="data", mount_path="/data")]

@script(image="python:3.11", volume_mounts=MOUNT)
def write(run):
    import os
    os.makedirs(f"/data/{{run}}")
    with open(f"/data/{{run}}/cells.csv", "w") as file:
        file.write("4,n/a")

@script(image="python:3.11", volume_mounts=MOUNT)
def read(run, index):
    with open(f"/data/{{run}}/cells.csv", "a+") as file:
        file.seek(0)
        cells = file.read().split(",")
        file.write(",seen")
    print(CELL)

volume = ExistingVolume(name="data", claim_name="numbers", mount_path="/data")
with Workflow(generate_name="cells-", entrypoint="d", volumes=[volume]) as w:
    with DAG(name="d"):
        run = "{{{{workflow.name}}}}"
        first = write(arguments={{"run": run}})
        first >> read(arguments={{"run": run, "index": "{{{{item}}}}"}}, with_items=[0, 1])
w.create()
"""
BROKEN, MENDED = "int(cells[int(index)])", "cells[int(index)]"


def replay(
    place: Place, *options: str, typed: str = "", status: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "hera_utils", "replay", *options],
        cwd=place.folder,
        env=place.environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_a_failure_of_this_machine_stands_again(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / ".hera" / "claims" / "numbers").mkdir(parents=True)
    assert place.run(SOURCE.replace("CELL", BROKEN)).returncode == 1
    until(place.server_has_gone, 30)
    (run,) = (path.name for path in tmp_path.glob(".hera/runs/*"))
    cells = tmp_path / ".hera" / "claims" / "numbers" / run / "cells.csv"
    before = cells.read_text()

    found = json.loads(replay(place, "--output=json").stdout)

    assert found["task"] == "read(1:1)" and found["same"], found
    assert found["here"]["exit_code"] == "1" and "'n/a'" in found["here"]["last_line"]
    assert cells.read_text() == before, "nothing of this machine's own runs is touched"

    done = replay(place, "--debug=1", typed="p cells\nq\n")
    assert "'n/a'" in done.stdout and "(Pdb)" in done.stdout
    assert "the same failure here" in done.stdout
    assert f"make run FROM=read RUN={run}" in done.stdout

    (tmp_path / "script.py").write_text(SOURCE.replace("CELL", MENDED))
    done = replay(place, "--code=now", f"--run={run}", "--task=read(1:1)")
    assert "it succeeds here" in done.stdout and "n/a" in done.stdout

    done = replay(place, "--task=nobody", status=1)
    assert f"no task of {run}" in done.stderr and "make status" in done.stderr
    done = replay(place, "--limit=much", status=1)
    assert "'much' is no size" in done.stderr


CHANGED = f"""{HEAD}
MOUNT = [VolumeMount(name="data", mount_path="/data")]

@script(image="python:3.11", volume_mounts=MOUNT)
def look(run):
    import os, time
    os.makedirs(f"/data/{{run}}", exist_ok=True)
    open(f"/data/{{run}}/cells.csv", "a").close()
    time.sleep(1.2)
    with open(f"/data/{{run}}/seen", "w") as file:
        file.write("looked")

@script(image="python:3.11", volume_mounts=MOUNT)
def change(run):
    import time
    time.sleep(1.2)
    with open(f"/data/{{run}}/cells.csv", "a") as file:
        file.write("later")

volume = ExistingVolume(name="data", claim_name="numbers", mount_path="/data")
with Workflow(generate_name="cells-", entrypoint="d", volumes=[volume]) as w:
    with DAG(name="d"):
        run = "{{{{workflow.name}}}}"
        look(arguments={{"run": run}}) >> change(arguments={{"run": run}})
w.create()
"""


def test_a_file_that_changed_later_is_named_and_not_what_the_task_wrote(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / ".hera" / "claims" / "numbers").mkdir(parents=True)
    done = place.run(CHANGED)
    assert done.returncode == 0, done.stdout + done.stderr
    done = replay(place, "--task=look")
    assert "1 file changed after it had begun there" in done.stdout + done.stderr


ARTIFACTS = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: cells-}
spec:
  entrypoint: main
  templates:
  - name: main
    dag:
      tasks:
      - {name: make, template: make}
      - name: use
        template: use
        depends: make
        arguments:
          artifacts:
          - {name: file, from: "{{tasks.make.outputs.artifacts.file}}"}
          - {name: tree, from: "{{tasks.make.outputs.artifacts.tree}}"}
  - name: make
    script:
      image: python:3.11
      command: [sh]
      source: "mkdir -p /tmp/tree/in; echo n/a > /tmp/tree/in/cell; echo 41 > /tmp/file"
    outputs:
      artifacts:
      - {name: file, path: /tmp/file}
      - {name: tree, path: /tmp/tree, archive: {none: {}}}
  - name: use
    inputs: {artifacts: [{name: file, path: /tmp/x}, {name: tree, path: /tmp/y}]}
    script:
      image: python:3.11
      command: [python]
      source: "print(int(open('/tmp/x').read()) + int(open('/tmp/y/in/cell').read()))"
"""


def test_input_artifacts_come_along(tmp_path: Path) -> None:
    place = Place(tmp_path)
    command = place.command(ARTIFACTS, script="cells.yaml")
    done = subprocess.run(
        command, cwd=tmp_path, env=place.environment, capture_output=True, timeout=90
    )
    assert done.returncode == 1, done.stderr
    until(place.server_has_gone, 30)

    found = json.loads(replay(place, "--output=json").stdout)

    assert found["same"] and found["task"] == "use", found
    assert "'n/a" in found["here"]["last_line"]
