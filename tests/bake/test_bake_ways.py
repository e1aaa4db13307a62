"""Every way to generate finds the library's sources, and says truly where they come from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stranger import copy_template

from hera_experiment import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HOOK = Path(__file__).resolve().parents[2] / "hooks" / "post_gen_project.py"
NAME = f"hera_experiment-{__version__}-py3-none-any.whl"

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template under git, with a tag and then one commit more."""
    folder = tmp_path_factory.mktemp("published") / "hera-experiment"
    copy_template(folder)
    person = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "1"), ("tag", "v1")):
        git(folder, *person, *words)
    errors = folder / "src" / "hera_experiment" / "errors.py"
    errors.write_text(errors.read_text() + "# Later.\n")
    git(folder, *person, "commit", "-q", "-a", "-m", "2")
    return folder


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls cookiecutter or cruft in an empty folder, for a person with an empty home."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def run(program: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", program, *words]
        options = {"cwd": tmp_path / "here", **options}
        return subprocess.run(command, capture_output=True, text=True, **options)

    return run


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def origin(project: Path) -> dict[str, Any]:
    with (project / "experiment.toml").open("rb") as file:
        table: dict[str, Any] = tomllib.load(file)["template"]
    assert table["version"] == __version__
    assert table["answers"]["project_slug"] == project.name
    return {name: table[name] for name in ("address", "commit")}


def wheel(project: Path) -> str:
    return hashlib.sha256((project / "vendor" / NAME).read_bytes()).hexdigest()


def test_a_path_absolute_or_relative(call: Call, repository: Path, tmp_path: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert call("cookiecutter", "--no-input", str(repository)).returncode == 0
    first = tmp_path / "here" / "lyon-census"
    assert origin(first) == {"address": str(repository), "commit": head}
    assert f"commit {head}\nfrom {repository}" in git(first, "log", "--format=%b")

    # From a folder that neither the output lies in nor PWD names.
    words = ("--no-input", "./hera-experiment", "-o", str(tmp_path / "there"))
    environ = {**os.environ, "PWD": str(tmp_path)}
    done = call("cookiecutter", *words, cwd=repository.parent, env=environ)
    assert done.returncode == 0, done.stderr
    second = tmp_path / "there" / "lyon-census"
    assert origin(second) == origin(first) and wheel(second) == wheel(first)


def test_a_git_address_with_a_tag(call: Call, repository: Path, tmp_path: Path) -> None:
    address = f"git+{repository.as_uri()}"
    done = call("cookiecutter", "--no-input", address, "--checkout", "v1")
    assert done.returncode == 0, done.stderr
    project = tmp_path / "here" / "lyon-census"
    tagged = git(repository, "rev-parse", "v1")
    assert origin(project) == {"address": address, "commit": tagged}

    other = tmp_path / "a path"
    git(tmp_path, "clone", "--quiet", "--branch", "v1", str(repository), str(other))
    git(other, "remote", "set-url", "origin", "https://ada:secret@example.org/t")
    call("cookiecutter", "--no-input", str(other), "project_slug=other")
    (tmp_path / "home" / ".cookiecutters" / "hera-experiment").rename(tmp_path / "gone")
    second = tmp_path / "here" / "other"
    assert origin(second) == {"address": "https://example.org/t", "commit": tagged}
    assert wheel(second) == wheel(project)


def test_a_zip(call: Call, repository: Path, tmp_path: Path) -> None:
    archive = tmp_path / "here" / "t.zip"
    git(repository, "archive", "--prefix=t/", "-o", str(archive), "HEAD")
    done = call("cookiecutter", "--no-input", "./t.zip")
    assert done.returncode == 0, done.stderr
    project = tmp_path / "here" / "lyon-census"
    assert origin(project) == {"address": str(archive), "commit": ""}
    call("cookiecutter", "--no-input", str(repository), "project_slug=other")
    assert wheel(project) == wheel(tmp_path / "here" / "other")


def test_a_replay(call: Call, repository: Path, tmp_path: Path) -> None:
    call("cookiecutter", "--no-input", str(repository), "project_name=Summer")
    first = tmp_path / "here" / "summer"
    before = origin(first)
    first.rename(tmp_path / "before")
    done = call("cookiecutter", "--replay", str(repository))
    assert done.returncode == 0, done.stderr
    assert origin(first) == before and wheel(first) == wheel(tmp_path / "before")


def test_a_template_with_changes_says_so(call: Call, repository: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(repository, copy)
    (copy / "src" / "hera_experiment" / "more.py").write_text("")
    call("cookiecutter", "--no-input", str(copy))
    commit = origin(tmp_path / "here" / "lyon-census")["commit"]
    assert commit == git(repository, "rev-parse", "HEAD") + "-dirty"


def test_cruft_creates_and_updates(call: Call, repository: Path, tmp_path: Path) -> None:
    words = (str(repository), "--no-input", "--checkout", "v1")
    created = call("cruft", "create", *words)
    assert created.returncode == 0, created.stderr
    project = tmp_path / "here" / "lyon-census"
    assert not (project / ".git").exists()
    assert created.stdout.startswith("A new project needs 'git init', ")
    assert created.stdout.count("\n") == 1
    tagged = git(repository, "rev-parse", "v1")
    assert origin(project) == {"address": str(repository), "commit": tagged}

    inputs = project / "inputs.py"
    inputs.write_text(inputs.read_text() + "# Mine.\n")
    for step in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Mine")):
        git(project, *step)
    before = wheel(project)
    updated = call("cruft", "update", "-y", cwd=project)
    assert updated.returncode == 0, updated.stderr
    assert origin(project)["commit"] == git(repository, "rev-parse", "HEAD")
    assert inputs.read_text().endswith("# Mine.\n")
    assert wheel(project) != before
    lock = (project / "requirements" / "library.txt").read_text()
    assert wheel(project) in lock
    call("cookiecutter", "--no-input", str(repository), "project_slug=other")
    assert wheel(project) == wheel(tmp_path / "here" / "other")


def hook(project: Path, told: dict[str, str], prelude: str = "") -> Call:
    """Return a way to run the hook with what it was told, from a folder that is no template."""
    project.mkdir(parents=True)
    (project / "requirements").mkdir()
    told = {"project_slug": project.name, "_template": "./t", "_commit": "", **told}
    text = HOOK.read_text().replace("{{ cookiecutter | tojson }}", json.dumps(told))
    (project.parent / "hook.py").write_text(f"{prelude}\n{text}")

    def run(**environ: str) -> subprocess.CompletedProcess[str]:
        # A shell in between: the hook looks at the folder of the one that called it.
        command = ["sh", "-c", f'cd "{project}" && "{sys.executable}" ../hook.py; exit $?']
        environ = {**os.environ, **environ}
        return subprocess.run(command, capture_output=True, text=True, env=environ)

    return run


def test_sources_that_cannot_be_found_are_refused(tmp_path: Path) -> None:
    done = hook(tmp_path / "p", {"_repo_dir": "./t"})()
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("Nothing was generated: ") and done.stderr.count("\n") == 1
    assert "absolute path" in done.stderr
    assert not (tmp_path / "p" / "vendor").exists()


def test_where_there_is_no_proc_lsof_finds_them(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "bin").mkdir()
    lsof = tmp_path / "bin" / "lsof"
    lsof.write_text(f"#!/bin/sh\nprintf 'p%s\\nfcwd\\nn{repository}\\n' \"$3\"\n")
    lsof.chmod(0o755)
    prelude = "import os\ndef readlink(path): raise FileNotFoundError(path)\nos.readlink = readlink"
    run = hook(tmp_path / "p", {}, prelude)
    done = run(PATH=f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p" / "vendor" / NAME).exists()


def test_a_library_that_cannot_be_written_is_one_sentence(tmp_path: Path, repository: Path) -> None:
    run = hook(tmp_path / "p", {"_repo_dir": str(repository)})
    (tmp_path / "p" / "vendor").write_text("a file in the way")
    done = run()
    assert done.returncode == 1
    assert done.stderr.startswith("Nothing was generated: the library cannot be added: ")
    assert done.stderr.count("\n") == 1


def test_a_cookiecutter_that_does_not_render_is_refused(tmp_path: Path) -> None:
    """What 1.7 does: private variables arrive as they are written."""
    text = HOOK.with_name("pre_gen_project.py").read_text()
    told = {"__year": "{% now 'utc', '%Y' %}"}
    (tmp_path / "hook.py").write_text(text.replace("{{ cookiecutter | tojson }}", json.dumps(told)))
    command = [sys.executable, str(tmp_path / "hook.py")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "install 2.1 or newer: python -m pip install --upgrade cookiecutter" in done.stderr
