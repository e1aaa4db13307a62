"""``make update`` over this repository's own history, and over commits that are made on top."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stranger import REPOSITORY, copy_template

from hera_experiment.errors import UserError, report
from hera_experiment.experiment import Experiment
from hera_experiment.verbs import update

SLUG = "{{cookiecutter.project_slug}}"
FILES = ("workflow.py", "inputs.py", "layout.py", "environment.py")
MOVE = "The library moves to src/hera_experiment"
RECORD = "src/hera_experiment/template_record.py"
ANSWERS = ("project_name=Lake", 'description=Depth of "it"', "license=BSD-3-Clause")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository with all its history; what is not committed is one commit more."""
    folder = tmp_path_factory.mktemp("history") / "hera-experiment"
    assert git(REPOSITORY, "rev-parse", "--is-shallow-repository") == "false", (
        "these tests need the whole history: git fetch --unshallow"
    )
    git(REPOSITORY, "clone", "--quiet", "--no-local", str(REPOSITORY), str(folder))
    kept = folder.with_name("git")
    shutil.move(folder / ".git", kept)
    shutil.rmtree(folder)
    copy_template(folder)
    shutil.copy(REPOSITORY / "CHANGELOG.md", folder)
    shutil.move(kept, folder / ".git")
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@example.org")
    git(folder, "checkout", "--quiet", "-B", "main")
    # Else projects are recorded as made from where it is cloned from.
    git(folder, "remote", "remove", "origin")
    commit(folder, "As it stands")
    return folder


@pytest.fixture
def clone(history: Path, tmp_path: Path) -> Path:
    shutil.copytree(history, tmp_path / "template", symlinks=True)
    return tmp_path / "template"


def generate(template: Path, version: str, into: Path) -> Path:
    """Return a project made from a path, at ``version``."""
    git(template, "checkout", "--quiet", "--detach", version)
    into.mkdir()
    words = ["--no-input", str(template), *ANSWERS]
    subprocess.run([sys.executable, "-m", "cookiecutter", *words], cwd=into, check=True)
    git(template, "checkout", "--quiet", "main")
    return into / "lake"


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(place.relative_to(folder)): (place.stat().st_mode, place.read_bytes())
        for place in folder.rglob("*")
        if place.is_file() and ".git" not in place.parts
    }


def updated(project: Path, *options: str) -> int:
    parser = argparse.ArgumentParser()
    update.add_arguments(parser)
    before = os.getcwd()
    os.chdir(project)
    try:
        return update.main(parser.parse_args(list(options)))
    except UserError as error:
        return report(error)
    finally:
        os.chdir(before)


def test_from_the_first_version_with_a_record_to_the_newest(clone: Path, tmp_path: Path) -> None:
    first = git(clone, "log", "--reverse", "--format=%H", "--", RECORD).splitlines()[0]
    project = generate(clone, first, tmp_path / "old")
    record = Experiment.load(project).template
    assert record is not None and record.commit == first
    newest = generate(clone, "main", tmp_path / "new")
    assert updated(project) == 0
    assert files(project) == files(newest)
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "rev-list", "--count", "HEAD") == "2"


def test_from_the_last_version_whose_projects_held_the_library(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = git(clone, "log", "--format=%H^", f"--grep=^{MOVE}", "main")
    project = generate(clone, base, tmp_path / "old")
    assert len(list(project.glob("hera_utils/**/*.py"))) > 300
    (project / "containers" / "own").mkdir()
    (project / "containers" / "own" / "Dockerfile").write_text("FROM scratch\n")
    inputs = project / "inputs.py"
    inputs.write_text(inputs.read_text() + "\nDEPTH = 3\n")
    commit(project, "My work")
    before = files(project)
    assert updated(project) == 1
    assert "make update BASE=commit FROM=address-or-path" in capsys.readouterr().err
    assert files(project) == before

    base = git(clone, "rev-parse", base)
    assert updated(project, "--from", str(clone), "--base", base) == 0

    newest = files(generate(clone, "main", tmp_path / "new"))
    after = files(project)
    assert after.pop("containers/own/Dockerfile")[1] == b"FROM scratch\n"
    mode, text = newest["inputs.py"]
    assert after == {**newest, "inputs.py": (mode, text + b"\nDEPTH = 3\n")}
    assert git(project, "status", "--porcelain") == ""
    capsys.readouterr()
    assert updated(project) == 0
    assert "nothing to do" in capsys.readouterr().out


def change_first_line(path: Path, text: str) -> None:
    _, _, rest = path.read_text().partition("\n")
    path.write_text(f'"""{text}."""\n{rest}' if rest.strip() else text)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("conflict", [False, True])
def test_changes_on_both_sides(
    clone: Path, tmp_path: Path, name: str, conflict: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    project = generate(clone, "main", tmp_path / "old")
    change_first_line(clone / SLUG / name, "Theirs")
    changelog = clone / "CHANGELOG.md"
    text = changelog.read_text()
    changelog.write_text(text.replace("### Added\n", "### Added\n\n- A line of news.\n", 1))
    new = commit(clone, "A change")
    own = project / name
    if conflict:
        change_first_line(own, "Mine")
    else:
        own.write_text(own.read_text() + "\n# Mine.\n")
    head = commit(project, "My work")
    before = own.read_text()
    capsys.readouterr()

    assert updated(project, "--dry_run") == 0
    said = capsys.readouterr().out
    assert f"{'conflict' if conflict else 'changed':13}  {name}" in said
    assert said.rstrip().endswith("### Added\n\n- A line of news.")
    assert own.read_text() == before and git(project, "status", "--porcelain") == ""

    assert updated(project) == int(conflict)
    merged = own.read_text()
    if conflict:
        assert '<<<<<<< yours\n"""Mine."""\n=======\n"""Theirs."""\n>>>>>>> template\n' in merged
        assert f"UU {name}" in git(project, "status", "--porcelain")
        assert git(project, "rev-parse", "HEAD") == head
        own.write_text(merged.split(">>>>>>> template\n")[1])
        git(project, "add", "--all")
        git(project, "commit", "--no-edit")
    else:
        assert merged.startswith('"""Theirs."""\n') and merged.endswith("\n# Mine.\n")
    assert git(project, "status", "--porcelain") == ""
    record = Experiment.load(project).template
    assert record is not None
    assert record.commit == new and record.address == str(clone)
    assert dict(record.answers)["description"] == 'Depth of "it"'
    assert json.dumps(new) in (project / "experiment.toml").read_text()
