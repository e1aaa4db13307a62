"""Every example of the page on volumes and containers, on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from local_serve import TEMPLATE, clean_environment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from documented import PRINTED, TABLE, TOKEN, sections, type_at_terminal, write_project

BASE = "python:3.13-slim"
UTILS = [sys.executable, "-m", "hera_utils"]


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """An experiment as the page makes it, its Secret typed in and its claim filled."""
    write_project(tmp_path, "fast")
    environ = clean_environment()
    command = [*UTILS, "provision", "--cluster=local"]
    status, seen = type_at_terminal(
        command, tmp_path, environ, {"TOKEN of the Secret 'archive' (not shown): ": TOKEN}
    )
    assert status == 0, seen
    assert TOKEN not in seen
    secret = tmp_path / ".hera" / "secrets" / "archive" / "TOKEN"
    assert secret.read_text() == TOKEN
    assert secret.stat().st_mode & 0o777 == 0o600
    claim = tmp_path / ".hera" / "claims" / "reference-data"
    claim.mkdir(parents=True)
    (claim / "table.csv").write_text(TABLE)
    return tmp_path


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*UTILS, "run", *options, "documented.py"],
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def printed(folder: Path, runtime: str) -> dict[str, str]:
    """Return the logs of the one run, by the tasks' names; it went through ``runtime``."""
    (place,) = [path for path in (folder / ".hera" / "runs").iterdir() if path.is_dir()]
    nodes = {}
    lines = (place / "journal.jsonl").read_text().splitlines()
    annotations = json.loads(lines[0])["manifest"]["metadata"]["annotations"]
    assert runtime in annotations.values(), annotations
    for line in lines:
        nodes |= json.loads(line).get("nodes", {})
    logs = {}
    for key, node in nodes.items():
        if node["type"] == "Pod":
            logs[node["displayName"]] = (place / "logs" / f"{key}.log").read_text()
    return logs


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_every_example_runs_here(experiment: Path, runtime: str) -> None:
    if runtime == "docker":
        image = ["docker", "image", "inspect", BASE]
        if not shutil.which("docker") or subprocess.run(image, capture_output=True).returncode:
            what = f"docker does not answer or lacks the image {BASE}"
            pytest.fail(what) if os.environ.get("CI") else pytest.skip(what)
    done = run(experiment, "--runtime", runtime)
    assert done.returncode == 0, done.stdout + done.stderr
    logs = {name: text.strip() for name, text in printed(experiment, runtime).items()}
    assert logs == {name: text.strip() for name, text in PRINTED.items()}
    claims = {path.name for path in (experiment / ".hera" / "claims").iterdir()}
    assert claims == {"reference-data", "documented-results"}, "the one of the workflow has gone"
    answer = experiment / ".hera" / "claims" / "documented-results" / "answer"
    assert answer.read_text() == "42"
    assert TOKEN not in done.stdout + done.stderr


def test_a_secret_that_is_missing_is_named_before_anything_runs(tmp_path: Path) -> None:
    write_project(tmp_path, "fast")
    done = run(tmp_path)
    assert done.returncode == 1
    assert "the laptop has no Secret 'archive' with TOKEN" in done.stderr
    assert "make provision CLUSTER=local, which asks for the values" in done.stderr
    assert not list((tmp_path / ".hera" / "runs").glob("documented-*"))


def test_without_a_terminal_the_files_are_named(tmp_path: Path) -> None:
    write_project(tmp_path, "fast")
    done = subprocess.run(
        [*UTILS, "provision", "--cluster=local"],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert ".hera/secrets/archive/TOKEN" in done.stderr


def test_a_changed_entry_of_a_configmap_is_said_and_applied(experiment: Path) -> None:
    source = experiment / "environment.py"
    source.write_text(source.read_text().replace('{"steps": 3}', '{"steps": 4}'))
    done = run(experiment)
    assert "'model-settings' has another model.json than environment.py declares" in done.stderr
    environ = clean_environment()
    command = [*UTILS, "provision", "--cluster=local"]
    status, seen = type_at_terminal(command, experiment, environ, {})
    assert (status, "'model-settings': now has model.json" in seen) == (0, True), seen
    kept = experiment / ".hera" / "configmaps" / "model-settings" / "model.json"
    assert kept.read_text() == '{"steps": 4}'


def test_the_page_belongs_to_the_template() -> None:
    assert len(sections()) == len({section.title for section in sections()}) == 11
    assert "docs/volumes_and_containers.md" in (TEMPLATE / "environment.py").read_text()
