"""``python -m hera_utils submit`` against the local server, as a person meets it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from polling import until

TEMPLATE = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}"
PATIENCE = 120.0

# In the manner of Nebari's users: a server and a token of its own.
PLAIN = """
import sys
from hera.shared import global_config
from hera.workflows import Workflow, script
global_config.host = "https://nebari.invalid/argo"
global_config.token = "nobody-is-to-see-this"

@script(image="python:3.11")
def say(seconds):
    import sys, time
    time.sleep(float(seconds))
    sys.exit(int({status}))

def make(prefix, seconds="0"):
    with Workflow(generate_name=prefix, entrypoint="say",
                  arguments={{"seconds": seconds}}) as w:
        say()
    return w
"""
OURS = """
import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()
"""


class Place:
    """An experiment's folder, and what is submitted there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "experiment.toml").write_text('[experiment]\nname = "Try"\nslug = "try"\n')
        strange = ("ARGO", "GLOBAL_CONFIG", "HERA", "KUBE", "CLUSTER", "RUNTIME", "REGISTRY")
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith(strange)}
        self.environ |= {"PYTHONPATH": str(TEMPLATE), "HOME": str(folder)}

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "hera_utils", *words]

    def type(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert "nobody-is-to-see-this" not in done.stdout + done.stderr
        return done

    def submit(self, source: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Submit a script to the laptop; ``words`` come before its name."""
        script = self.write("script.py", source)
        return self.type("submit", "--cluster", "local", *words, script, **environ)

    @property
    def records(self) -> list[dict[str, Any]]:
        paths = (self.folder / ".hera" / "submissions").glob("*.json")
        return [json.loads(path.read_text()) for path in paths]

    @property
    def runs(self) -> set[str]:
        return {path.name for path in (self.folder / ".hera" / "runs").glob("*")}

    def server_has_gone(self) -> bool:
        return not (self.folder / ".hera" / "server.json").exists()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    # What was submitted runs on without us; then the server ends by itself.
    until(place.server_has_gone)


def test_a_script_of_anyone_is_submitted_and_runs_on(place: Place) -> None:
    make = "w = make('plain-', '3')\nw.create()\nprint('script:', w.name)"
    done = place.submit(PLAIN.format(status=0) + make)
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    found = re.fullmatch(r"created (plain-\w{5})", first)
    assert found is not None, "the laptop has no page to link to"
    assert second == f"script: {found[1]}"
    assert third == "follow it: make watch; its files: make results"
    assert done.stderr == (
        "hera_utils: the script names the Argo server https://nebari.invalid/argo; "
        "the local one takes its place\n"
    )
    (record,) = place.records
    assert (record["name"], record["state"], record["cluster"]) == (found[1], "created", "local")
    assert record["session"].startswith("submit-") and record["script"].endswith("script.py")
    assert not place.server_has_gone(), "it runs on"
    assert place.runs == {found[1]}


def test_waiting_ends_with_the_verdict_of_all(place: Place) -> None:
    both = "make('a-').create()\nmake('b-').create()"
    done = place.submit(PLAIN.format(status=0) + both, "--wait", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^workflow [ab]-\w{5}: Succeeded", done.stdout, re.MULTILINE)) == 2
    assert "follow it" not in done.stdout
    done = place.submit(PLAIN.format(status=3) + "make('c-').create()", "--wait=1")
    assert done.returncode == 1
    assert re.search(r"^workflow c-\w{5}: Failed", done.stdout, re.MULTILINE)


def test_the_status_of_a_script_is_kept_and_what_it_left_is_named(place: Place) -> None:
    done = place.submit(PLAIN.format(status=0) + "make('x-').create()\nsys.exit(7)", "--wait", "1")
    assert done.returncode == 7
    assert re.search(r"^hera_utils: x-\w{5} was created and goes on$", done.stderr, re.MULTILINE)
    assert done.stderr.endswith("hera_utils: script.py ended with exit status 7\n")
    done = place.submit("raise ValueError('mine')")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback") and done.stderr.endswith("ValueError: mine\n")
    assert 'File "script.py", line 1, in <module>' in done.stderr.splitlines()[1]
    done = place.submit("print('nothing')")
    assert (done.returncode, done.stdout) == (1, "nothing\n")
    said = "hera_utils: script.py created no workflow: it has to call w.create()\n"
    assert done.stderr == said


def test_what_lint_finds_is_told_before_anything_is_sent(place: Place) -> None:
    source = PLAIN.format(status=0) + "w = make('odd-')\nw.entrypoint = 'absent'\nw.create()"
    done = place.submit(source)
    assert done.returncode == 1
    assert "error HE101 template name 'absent' undefined" in done.stderr
    assert "nothing was submitted: odd-… has 1 error" in done.stderr
    assert "Traceback" not in done.stderr
    assert place.records == []
    assert place.runs == set()


def test_what_the_server_refuses_is_one_sentence_and_recorded(place: Place) -> None:
    source = PLAIN.format(status=0) + "w = make('odd-')\nw.entrypoint = 'absent'\nw.create()"
    place.write("pyproject.toml", '[tool.hera_experiment.lint]\nignore = ["HE1"]\n')
    done = place.submit(source)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1].startswith("hera_utils: "), done.stderr
    assert "absent" in done.stderr and "Traceback" not in done.stderr
    assert [record["state"] for record in place.records] == ["refused"]
    assert place.runs == set()


@pytest.mark.parametrize("where", [["--cluster", "local"], []])
def test_a_dry_run_prints_yaml_alone(place: Place, where: list[str]) -> None:
    script = place.write(
        "script.py",
        PLAIN.format(status=0)
        + "print('the script speaks')\nmake('one-').create(wait=True, poll_interval=0)\n"
        + "w = make('two-')\nw.create()\nprint(w.name)\n",
    )
    done = place.type("submit", *where, "--dry_run", "1", script)
    assert done.returncode == 0, done.stderr
    assert "the script speaks" in done.stderr
    documents = list(yaml.safe_load_all(done.stdout))
    assert [each["metadata"]["generateName"] for each in documents] == ["one-", "two-"]
    assert all("name" not in each["metadata"] for each in documents)
    namespaces = {each["metadata"].get("namespace") for each in documents}
    assert namespaces == {where[1] if where else None}
    assert "hera-experiment/submission" not in done.stdout
    assert "import sys, time\n" in documents[0]["spec"]["templates"][0]["script"]["source"]
    assert re.search(r"^ +source: \|", done.stdout, re.MULTILINE), "scripts are blocks"
    assert done.stderr.count("the local server accepts it; nothing was created") == len(where)
    assert place.records == [] and place.runs == set()


def test_a_dry_run_of_what_the_server_refuses_shows_it_and_fails(place: Place) -> None:
    source = PLAIN.format(status=0) + "w = make('odd-')\nw.entrypoint = 'absent'\nw.create()"
    done = place.submit(source, "--dry_run", "1")
    assert done.returncode == 1
    assert yaml.safe_load(done.stdout)["spec"]["entrypoint"] == "absent"
    assert "absent" in done.stderr and "Traceback" not in done.stderr
    assert place.records == []


def test_a_dry_run_changes_nothing_else_either(place: Place) -> None:
    source = (
        OURS
        + """
from hera.workflows import Container, WorkflowTemplate
with WorkflowTemplate(name="kept", entrypoint="c") as t:
    Container(name="c", image="i")
t.create()
t.workflows_service.delete_workflow_template("kept")
"""
    )
    for where in (["--cluster", "local"], []):
        script = place.write("script.py", source)
        done = place.type("submit", *where, "--dry_run", "1", script)
        assert done.returncode == 1
        assert yaml.safe_load(done.stdout)["kind"] == "WorkflowTemplate"
        assert "a dry run changes nothing, and the script asks for DELETE" in done.stderr


def test_other_inputs_for_submit_and_run(place: Place) -> None:
    place.write("inputs.py", "class Inputs: pass\ninputs = 'usual'\n")
    place.write("small.py", "from inputs import inputs as usual\ninputs = f'less than {usual}'\n")
    source = "from inputs import Inputs, inputs\nprint('inputs:', inputs)\n"
    source += PLAIN.format(status=0) + "make('x-').create()"
    for named in ("small", "./small.py"):
        done = place.submit(source, "--inputs", named)
        assert done.returncode == 0, done.stderr
        assert "inputs: less than usual" in done.stdout
        assert named in [record["inputs"] for record in place.records]
    done = place.type("run", "--inputs", "small", "script.py")
    assert done.returncode == 0 and "inputs: less than usual" in done.stdout, done.stderr
    for verb in (["submit", "--cluster", "local"], ["run"]):
        done = place.type(*verb, "--inputs", "absent", "script.py")
        assert done.returncode == 1
        assert "there is no module 'absent' (--inputs)" in done.stderr


def test_a_fault_in_other_inputs_shows_their_own_frames_alone(place: Place) -> None:
    place.write("broken.py", "def f():\n    raise ValueError('theirs')\nf()\n")
    done = place.submit("print('never')", "--inputs", "broken")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.endswith("ValueError: theirs\n")
    assert "broken.py" in done.stderr.splitlines()[1]
    assert "hera_utils/" not in done.stderr and "importlib" not in done.stderr


def test_an_interruption_leaves_what_was_created_and_names_it(place: Place) -> None:
    source = PLAIN.format(status=0) + "make('x-').create()\nimport time\ntime.sleep(600)"
    command = place.command("submit", "--cluster", "local", place.write("script.py", source))
    with subprocess.Popen(
        command,
        cwd=place.folder,
        env=place.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        created = process.stdout.readline().split()[1]
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(PATIENCE) == 130
        said = process.stderr.read()
    assert f"hera_utils: {created} was created and goes on\n" in said
    assert "Traceback" not in said
    until(lambda: place.runs == {created})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["script.py"], "no execution platform is chosen"),
        (["--cluster", "absent"], "no cluster is named 'absent'"),
        (["--cluster", "local", "absent.py"], "there is no script 'absent.py'"),
        (["--resume", "1", "--dry_run", "1"], "a dry run resumes nothing"),
        (["--run", "x"], "a new run has no name yet (--run)"),
        (["--resume", "1", "--run", "x"], "there is no record of a submission 'x' (--run)"),
        (["--wait", "perhaps"], "'perhaps' is neither yes nor no (--wait)"),
    ],
)
def test_what_cannot_be_is_one_sentence(place: Place, words: list[str], says: str) -> None:
    place.write("script.py", "print('never')")
    done = place.type("submit", *words)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"hera_utils: {says}") and done.stderr.count("\n") == 1
    assert not (place.folder / ".hera").exists()


def test_a_submission_that_was_cut_off_is_resumed(place: Place) -> None:
    done = place.type("submit", "--resume", "1")
    assert (done.returncode, done.stdout) == (0, "nothing to resume\n")

    done = place.submit(PLAIN.format(status=0) + "make('x-').create()", "--wait", "1")
    assert done.returncode == 0, done.stderr
    (path,) = (place.folder / ".hera" / "submissions").glob("*.json")
    record = json.loads(path.read_text())
    # As a crash right after the answer leaves it, and as one right before the request does.
    path.write_text(json.dumps({**record, "state": "unsure", "uid": ""}))
    other = json.loads(json.dumps(record).replace(record["name"], "y-other"))
    other |= {"state": "unsure", "uid": "", "submission": "0123456789abcdef"}
    labels = other["manifest"]["metadata"]["labels"]
    labels["hera-experiment/submission"] = other["submission"]
    path.with_name(f"y-other.{other['submission']}.json").write_text(json.dumps(other))

    done = place.type("submit", "--resume", "1", "--run", "y-other", "--wait", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("created y-other\n")
    assert "workflow y-other: Succeeded" in done.stdout
    done = place.type("submit", "--resume", "1", "--cluster", "local")
    assert (done.returncode, done.stdout) == (0, f"created {record['name']}\n"), done.stderr
    assert {each["state"] for each in place.records} == {"created"}
    assert place.runs == {record["name"], "y-other"}
    done = place.type("submit", "--resume", "1", "--run", "y-other")
    assert done.returncode == 0 and "what became of y-other is known" in done.stderr
