"""Argo's own program believes the local server."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from local_serve import clean_environment, serving
from polling import until

CLUSTER_ENV = "/var/tmp/hera-experiment-cluster/env"

TALK = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: talk-}
spec:
  entrypoint: main
  templates:
  - name: main
    dag:
      tasks:
      - {name: a, template: say, arguments: {parameters: [{name: text, value: one}]}}
      - {name: b, template: say, depends: a, arguments: {parameters: [{name: text, value: two}]}}
  - name: say
    inputs: {parameters: [{name: text}]}
    script:
      image: python:3.13-slim
      command: [python]
      source: print("saying {{inputs.parameters.text}}")
"""

KEEP = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: keep-}
spec:
  entrypoint: main
  archiveLogs: true
  templates:
  - name: main
    outputs: {artifacts: [{name: out, path: /tmp/out.txt, archive: {none: {}}}]}
    script:
      image: python:3.13-slim
      command: [python]
      source: |
        open("/tmp/out.txt", "w").write("kept")
        print("said")
"""

SLEEP = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: sleep-}
spec:
  entrypoint: main
  templates:
  - name: main
    script:
      image: python:3.13-slim
      command: [python]
      source: |
        import time
        print("asleep", flush=True)
        time.sleep(600)
"""

FAIL = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: fail-}
spec:
  entrypoint: main
  templates:
  - name: main
    script:
      image: python:3.13-slim
      command: [python]
      source: raise SystemExit(3)
"""


LIBRARY = """
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: library}
spec:
  entrypoint: say
  arguments: {parameters: [{name: text, value: template}]}
  templates:
  - name: say
    inputs: {parameters: [{name: text}]}
    script:
      image: python:3.13-slim
      command: [python]
      source: print("saying {{inputs.parameters.text}}")
"""

EVERY = """
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: every}
spec:
  schedules: ['@every 1s']
  concurrencyPolicy: Forbid
  workflowSpec: {workflowTemplateRef: {name: library}}
"""


def find_argo() -> str | None:
    """The program of the test cluster, else one on the path."""
    settings = Path(os.environ.get("HERA_TEST_CLUSTER_ENV", CLUSTER_ENV))
    if settings.is_file():
        for word in shlex.split(settings.read_text(), comments=True):
            name, _, value = word.partition("=")
            if name == "CLUSTER_BIN" and (Path(value) / "argo").is_file():
                return str(Path(value) / "argo")
    return shutil.which("argo")


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("experiment")) as exported:
        yield exported


@pytest.fixture(scope="module")
def program(variables, tmp_path_factory):
    """How to call argo: the command and its environment, in a folder with the workflows."""
    path = find_argo()
    if path is None:
        reason = f"the program 'argo' is not there: neither by {CLUSTER_ENV} nor on the PATH"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("workflows")
    for name, text in (
        *(("talk", TALK), ("keep", KEEP), ("sleep", SLEEP), ("fail", FAIL)),
        *(("library", LIBRARY), ("every", EVERY)),
    ):
        (folder / f"{name}.yaml").write_text(text)
    return path, folder, clean_environment(**variables, HOME=str(folder))


@pytest.fixture
def argo(program):
    path, folder, environ = program

    def call(*words: str, status: int = 0) -> str:
        done = subprocess.run(
            [path, *words],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout if status == 0 else done.stdout + done.stderr

    return call


@pytest.fixture
def running(argo):
    """A workflow that sleeps, begun."""
    name = argo("submit", "sleep.yaml", "-o", "name").strip()
    until(lambda: "asleep" in argo("logs", name, "--no-color"))
    return name


def phase(argo, name):
    return json.loads(argo("get", name, "-o", "json"))["status"].get("phase")


def test_version_and_lint(argo):
    assert "v3.7.18+local" in argo("version")
    assert "no linting errors" in argo("lint", "talk.yaml")
    assert "no linting errors" not in argo("lint", "--strict", "missing.yaml", status=1)


def test_artifacts_are_copied(argo, program):
    _, folder, _ = program
    argo("submit", "keep.yaml", "--wait", "--name", "kept")
    argo("cp", "kept", "copied", "--path", "{artifactName}")
    assert (folder / "copied" / "out" / "out.txt").read_text() == "kept"
    assert (folder / "copied" / "main-logs" / "main.log").read_text() == "said\n"


def test_submit_and_wait(argo):
    out = argo("submit", "talk.yaml", "--wait")
    assert re.search(r"talk-\w{5} Succeeded at ", out)
    out = argo("submit", "fail.yaml", "--wait", status=1)
    assert re.search(r"fail-\w{5} Failed at ", out)


def test_submit_and_watch(argo):
    out = argo("submit", "talk.yaml", "--watch")
    assert re.search(r"Status: +Succeeded", out)
    assert re.search(r"Progress: +2/2", out)
    assert re.search(r"├─.*a +say +talk-\w{5}-say-\d+", out)


def test_submit_and_log(argo):
    out = argo("submit", "talk.yaml", "--log")
    assert out.index("saying one") < out.index("saying two")


def test_parameters_labels_names_and_dry_runs(argo):
    out = argo("submit", "talk.yaml", "--name", "mine", "-l", "team=a", "--wait")
    assert "mine Succeeded" in out
    assert argo("list", "-l", "team=a", "-o", "name").split() == ["mine"]
    assert "already exists" in argo("submit", "talk.yaml", "--name", "mine", status=1)
    name = argo("submit", "talk.yaml", "--server-dry-run", "-o", "name").strip()
    assert re.fullmatch(r"talk-\w{5}", name)
    assert "not found" in argo("get", name, status=1)


def test_get_and_list(argo):
    argo("submit", "talk.yaml", "--wait", "--name", "shown")
    tree = argo("get", "shown", "--no-color")
    assert re.search(r"✔ shown +main", tree)
    assert re.search(r"└─✔ b +say +shown-say-\d+", tree)
    assert "shown" in argo("get", "@latest")
    table = argo("list")
    assert re.search(r"^shown +Succeeded ", table, re.MULTILINE)
    assert "shown" in argo("list", "-A").split()
    assert "shown" in argo("list", "--completed", "-o", "name").split()
    assert "shown" not in argo("list", "--running", "-o", "name").split()
    assert "shown" in argo("list", "--status", "Succeeded", "-o", "name").split()
    assert argo("list", "--prefix", "show", "-o", "name").split() == ["shown"]
    every = argo("list", "-o", "name").split()
    assert sorted(argo("list", "--chunk-size", "1", "-o", "name").split()) == sorted(every)
    assert 'workflows.argoproj.io "missing" not found' in argo("get", "missing", status=1)


def test_logs(argo):
    name = argo("submit", "talk.yaml", "--wait", "-o", "name").split()[0]
    lines = argo("logs", name, "--no-color").splitlines()
    assert [re.sub(r"-\d+: ", ": ", line) for line in lines] == [
        f"{name}-say: saying one",
        f"{name}-say: saying two",
    ]
    assert argo("logs", name, "--no-color", "--follow").splitlines() == lines
    assert argo("logs", name, "--no-color", "--grep", "tw.").splitlines() == lines[1:]
    pod = lines[1].split(":")[0]
    assert argo("logs", name, pod, "--no-color", "--tail", "1").splitlines() == lines[1:]
    assert argo("logs", name, "--since", "1h", "--no-color").splitlines() == lines
    stamped = argo("logs", name, pod, "--no-color", "--timestamps")
    assert re.fullmatch(rf"{pod}: \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z saying two\n", stamped)
    assert "not found" in argo("logs", "missing", status=1)


def test_follow_ends_with_the_workflow(argo, program, running):
    path, folder, environ = program
    following = subprocess.Popen(
        [path, "logs", running, "--follow", "--no-color"],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert following.stdout.readline() == f"{running}: asleep\n"
    argo("terminate", running)
    following.communicate(timeout=30)
    assert following.returncode == 0


def test_watch_and_wait_for_what_runs_and_what_has_ended(argo, program, running):
    path, folder, environ = program
    waiting = [
        subprocess.Popen(
            [path, verb, running],
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for verb in ("wait", "watch")
    ]
    assert all(process.poll() is None for process in waiting)
    argo("terminate", running)
    outputs = [process.communicate(timeout=30)[0] for process in waiting]
    assert f"{running} Failed at" in outputs[0]
    assert re.search(r"Status: +Failed", outputs[1])
    assert waiting[0].returncode == 1
    assert f"{running} Failed at" in argo("wait", running, status=1)
    argo("watch", running)


@pytest.mark.parametrize("verb", ["stop", "terminate"])
def test_stop_and_terminate(argo, running, verb):
    argo(verb, running)
    argo("wait", running, status=1)
    found = json.loads(argo("get", running, "-o", "json"))
    assert found["status"]["phase"] == "Failed"
    assert found["spec"]["shutdown"] == verb.capitalize()
    strategy = verb.capitalize()
    assert found["status"]["message"] == f"Stopped with strategy '{strategy}'"
    assert "cannot shutdown a completed workflow" in argo(verb, running, status=1)


def test_retry(argo):
    name = argo("submit", "fail.yaml", "-o", "name").strip()
    argo("wait", name, status=1)
    argo("retry", name)
    argo("wait", name, status=1)
    argo("submit", "talk.yaml", "--name", "fine", "--wait")
    argo("retry", "fine", status=1)


def test_delete(argo, running):
    argo("delete", running)
    assert "not found" in argo("get", running, status=1)
    argo("submit", "talk.yaml", "--name", "bygone", "--wait")
    assert "'bygone' deleted" in argo("delete", "--completed")
    assert "bygone" not in argo("list", "-o", "name").split()


@pytest.mark.parametrize("words", [("archive", "list")])
def test_what_is_not_there_is_said(argo, words):
    assert "does not speak" in argo(*words, status=1)


def test_templates_and_schedules(argo):
    assert "library" in argo("template", "create", "library.yaml")
    assert "no linting errors" in argo("template", "lint", "library.yaml")
    assert argo("template", "list", "-o", "name").split() == ["library"]
    assert "already exists" in argo("template", "create", "library.yaml", status=1)
    argo("template", "update", "library.yaml")
    out = argo("submit", "--from", "workflowtemplate/library", "-p", "text=mine", "--log")
    assert "saying mine" in out
    argo("cron", "create", "every.yaml")

    def made() -> list[str]:
        return argo("list", "-l", "workflows.argoproj.io/cron-workflow=every", "-o", "name").split()

    until(made)
    argo("cron", "suspend", "every")
    assert "true" in argo("cron", "list").splitlines()[1]
    name = argo("submit", "--from", "cronwf/every", "-o", "name").strip()
    assert "Succeeded" in argo("wait", name)
    argo("cron", "delete", "every")
    argo("template", "delete", "library")
    assert "not found" in argo("template", "get", "library", status=1)
