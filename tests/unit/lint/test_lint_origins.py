"""The line of a script in which Hera's objects were made, on its way to who judges them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hera_experiment.argo.objects import KINDS
from hera_experiment.check.capture import capture
from hera_experiment.endpoint.messages import Request, creation_in
from hera_utils.cli_context import CLIContext

SCRIPT = """\
from hera.workflows import DAG, Container, Steps, Task, Workflow, script
from helper import container


@script(image="python:3.12")
def say(word: str):
    print(word)


with Workflow(generate_name="w-", entrypoint="main") as w:
    made = container()
    with DAG(name="main"):
        for n in range(2):
            Task(
                name=f"t-{n}",
                template=made,
            )
        say(name="said", arguments={"word": "x"})
    with Steps(name="steps") as steps:
        say(name="step", arguments={"word": "y"})
w.create()
"""
HELPER = """\
from hera.workflows import Container


def container():
    return Container(name="c", image="python:3.12")
"""


def test_each_node_has_the_line_that_made_it(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "experiment.toml").write_text('[experiment]\nname = "X"\nslug = "x"\n')
    (tmp_path / "w.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text(HELPER)
    monkeypatch.chdir(tmp_path)
    context = CLIContext.read(None, ["--cluster=local"])
    environ = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    (submitted,) = capture(tmp_path / "w.py", (), context, environ).objects
    places = {name: (Path(file).name, line) for name, (file, line) in submitted.origins.items()}
    assert places == {
        "": ("w.py", 10),
        "main": ("w.py", 12),
        "main/t-0": ("w.py", 14),
        "main/t-1": ("w.py", 14),
        "main/said": ("w.py", 18),
        "steps": ("w.py", 19),
        "steps/step": ("w.py", 20),
        "c": ("helper.py", 5),
        "say": ("w.py", 5),
    }
    assert "origins" not in submitted.manifest


def test_a_body_without_origins_and_one_of_others_stay_what_they_are() -> None:
    code = (
        "from hera_experiment.environment.origins import NodeOrigins\n"
        "for body in ('x', '{}', '[]', '{\"workflow\": 3}', '{\"workflow\": {}}'):\n"
        "    assert NodeOrigins().completed(body) == body, body\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_origins_are_no_part_of_what_is_created() -> None:
    body = {"workflow": {"metadata": {}}, "origins": {"main": ["w.py", 3]}}
    path = f"/api/v1/{KINDS[0].path}/default"
    creation = creation_in(Request("POST", path, body=json.dumps(body).encode()))
    assert creation is not None and creation.plainly
    assert creation.submitted().origins == {"main": ("w.py", 3)}
