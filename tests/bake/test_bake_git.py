"""The first commit, and what happens where git or its user is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bakery import Bake, project

from hera_experiment import __version__


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def said(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return capfd.readouterr().out.splitlines()


def test_a_repository_with_everything_in_its_first_commit(
    bake: Bake, template: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = project(bake())
    assert git(folder, "log", "--format=%an %s") == "Ada Generate the experiment\n"
    body = f"hera_experiment {__version__}\ncommit unknown\nfrom {template}\n\n"
    assert git(folder, "log", "--format=%b") == body
    assert git(folder, "branch", "--show-current") == "main\n"
    assert git(folder, "status", "--porcelain", "--ignored") == ""
    assert {"workflow.py", "hera_utils/bootstrap.py"} < set(git(folder, "ls-files").split())
    assert said(capfd)[0] == "Next:"


def test_the_settings_of_a_person_do_not_get_in_the_way(
    bake: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    settings = (
        "[user]\n\tname = Ada\n\temail = ada@example.org\n"
        "[init]\n\tdefaultBranch = trunk\n[commit]\n\tgpgSign = true\n"
        f"[core]\n\thooksPath = {hooks}\n\tautocrlf = true\n\texcludesFile = {tmp_path}/ignored\n"
    )
    (tmp_path / "ignored").write_text("*.whl\nvendor\n")
    (tmp_path / "config").write_text(settings)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    # As in a hook of the repository that the caller is at work in.
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    folder = project(bake())
    monkeypatch.delenv("GIT_DIR")
    assert git(folder, "branch", "--show-current") == "main\n"
    assert git(folder, "rev-list", "--count", "HEAD") == "1\n"
    assert git(folder, "ls-files", "vendor").count("\n") == 2
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("where", ["excludesFile", "templateDir"])
def test_what_a_person_ignores_elsewhere_is_in_the_first_commit(
    bake: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    ignored = "results/\nruns/\nlocal/\n*.txt\n*.toml\nMakefile\nvendor/\n.gitignore\n"
    (tmp_path / "git" / "info").mkdir(parents=True)
    (tmp_path / "git" / "info" / "exclude").write_text(ignored)
    settings = {
        "excludesFile": f"[core]\n\texcludesFile = {tmp_path}/git/info/exclude\n",
        "templateDir": f"[init]\n\ttemplateDir = {tmp_path}/git\n",
    }
    (tmp_path / "config").write_text("[user]\n\tname = Ada\n\temail = a@b\n" + settings[where])
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    folder = project(bake())
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    committed = git(folder, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert {*committed} == {path for path in there if not path.startswith(".git/")}
    if where == "templateDir":
        assert (folder / ".git" / "info" / "exclude").read_text() == ignored
        assert not (folder / ".git" / "info" / "exclude.aside").exists()


def test_no_hook_of_a_person_is_called(
    bake: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    names = "prepare-commit-msg post-commit post-index-change reference-transaction".split()
    for name in ["fsmonitor", *names]:
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/called\nexit 1\n")
        (hooks / name).chmod(0o755)
    (tmp_path / "config").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n"
        f"[core]\n\thooksPath = {hooks}\n\tfsmonitor = {hooks}/fsmonitor\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    folder = project(bake())
    assert not (tmp_path / "called").exists()
    assert git(folder, "rev-list", "--count", "HEAD") == "1\n"


@pytest.mark.parametrize("closed", ["1>&-", "1>&- 2>&-", "0<&- 1>&-", "1>/dev/full"])
def test_no_standard_output_is_no_failure(template: Path, tmp_path: Path, closed: str) -> None:
    command = f'"{sys.executable}" -m cookiecutter --no-input "{template}" {closed}'
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert git(tmp_path / "lyon-census", "rev-list", "--count", "HEAD") == "1\n"
    assert git(tmp_path / "lyon-census", "status", "--porcelain") == ""


def test_without_an_identity_there_is_no_repository_and_one_line_says_so(
    bake: Bake, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    folder = project(bake())
    assert not (folder / ".git").exists()
    lines = said(capfd)
    assert lines[0].startswith("No git repository was made: git does not know you (git config ")
    assert lines[1] == "Next:"


def test_without_git_there_is_no_repository_and_one_line_says_so(
    bake: Bake,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = project(bake())
    assert not (folder / ".git").exists()
    assert said(capfd)[:2] == ["No git repository was made: git is not installed.", "Next:"]


def test_a_git_that_fails_does_not_undo_the_generation(
    bake: Bake,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    fake = tmp_path / "git"
    fake.write_text('#!/bin/sh\ncase "$*" in *GIT_AUTHOR_IDENT) exit 0;; esac\n'
                    'echo "fatal: no space left." >&2\nexit 128\n')  # fmt: skip
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    folder = project(bake())
    assert (folder / "workflow.py").exists() and not (folder / ".git").exists()
    assert said(capfd)[0] == "No git repository was made: git said: fatal: no space left."


@pytest.fixture
def around(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("around")
    git(folder, "init", "--quiet")
    return folder


def generate(template: Path, into: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cookiecutter", "--no-input", *options, str(template)],
        cwd=into,
        capture_output=True,
        text=True,
        env={**os.environ, "PWD": str(into)},
        check=True,
    )
    return done.stdout


def test_inside_another_repository_none_is_made(template: Path, around: Path) -> None:
    lines = generate(template, around).splitlines()
    assert lines[0] == f"No git repository was made: this folder is part of the one at {around}."
    assert not (around / "lyon-census" / ".git").exists()
    assert git(around, "status", "--porcelain") == "?? lyon-census/\n"


def test_in_a_folder_that_the_other_repository_ignores_one_is_made(
    template: Path, around: Path
) -> None:
    (around / ".gitignore").write_text("/work/\n")
    (around / "work").mkdir()
    assert generate(template, around / "work").startswith("Next:\n")
    assert (around / "work" / "lyon-census" / ".git").is_dir()


def test_overwriting_a_project_touches_neither_its_history_nor_its_runs(
    template: Path, tmp_path: Path
) -> None:
    generate(template, tmp_path)
    folder = tmp_path / "lyon-census"
    before = git(folder, "rev-parse", "HEAD")
    for name in ("results", ".hera", ".venv"):
        (folder / name).mkdir()
        (folder / name / "precious").touch()
    lines = generate(template, tmp_path, "--overwrite-if-exists").splitlines()
    assert lines[0].startswith("No git repository was made: this folder is part of the one at ")
    assert git(folder, "rev-parse", "HEAD") == before
    assert all((folder / name / "precious").exists() for name in ("results", ".hera", ".venv"))
