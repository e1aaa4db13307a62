"""What cannot work is one sentence that says what to type, and nothing has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from made_template import SLUG, Project, Template, git, lines


@pytest.fixture
def refused(project: Project, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Calls the verb, which must refuse in one line and leave all as it was; returns the line."""

    def call(*options: str) -> str:
        before = project.state() if (project.folder / ".git").exists() else None
        assert project.update(*options) == 1
        said = capsys.readouterr().err.removeprefix("hera_utils: ")
        assert said.count("\n") == 1 and "Traceback" not in said, said
        if before is not None:
            assert project.state() == before
        return said

    return call


def test_a_work_tree_that_is_not_clean(template, project, refused) -> None:  # type: ignore[no-untyped-def]
    template.release("0.3.0")
    project.write("notes.txt", "mine\n")
    assert "not committed, such as notes.txt" in refused()
    project.git("add", "--all")
    assert "type the same again" in refused()


def test_what_is_ignored_and_in_the_way(template, project, refused) -> None:  # type: ignore[no-untyped-def]
    template.write(f"{SLUG}/.gitignore", "__pycache__/\n")
    template.write(f"{SLUG}/results/table.csv", "theirs\n")
    template.release("0.3.0")
    project.write("results/table.csv", "mine\n")
    assert "results/table.csv is in the way" in refused()
    assert project.read("results/table.csv") == "mine\n"


def test_no_repository_no_commit_and_nobody(  # type: ignore[no-untyped-def]
    template, project, refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    template.release("0.3.0")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    assert "git config --global user.name NAME" in refused()
    assert project.update("--dry_run") == 0
    shutil.rmtree(project.folder / ".git")
    assert "git init && git add --all" in refused()
    subprocess.run(["git", "init", "-q"], cwd=project.folder, check=True)
    assert project.update() == 1


def test_a_folder_that_is_no_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Project(tmp_path).update() == 1
    assert "there is no experiment.toml" in capsys.readouterr().err


def test_a_git_that_is_missing_or_too_old(  # type: ignore[no-untyped-def]
    template, project, refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho git version 2.34.1\n")
    fake.chmod(0o755)
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{path}")
    shutil.rmtree(project.folder / ".git")
    assert "git 2.34.1 is too old: install git 2.38 or newer" in refused()
    fake.unlink()
    monkeypatch.setenv("PATH", str(fake.parent))
    assert "git is not installed" in refused()


def test_a_template_that_cannot_be_read(project, refused, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "missing", tmp_path / "empty"):
        assert "make update FROM=address-or-path" in refused("--from", str(place))
    said = refused("--from", "https://ada:secret@localhost:1/template")
    assert "cannot read the template" in said and "secret" not in said
    git(tmp_path / "empty", "init", "-q")
    assert "cannot read the template" in refused("--from", str(tmp_path / "empty"))


def test_a_commit_that_the_template_does_not_have(  # type: ignore[no-untyped-def]
    template, project, refused, tmp_path: Path
) -> None:
    other = Template.make(tmp_path / "other")
    assert "has no commit" in refused("--from", str(other.folder))
    template.release("0.3.0")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{template.folder}", "shallow")
    assert "it is shallow: git fetch --unshallow" in refused("--from", str(tmp_path / "shallow"))
    assert "has no tag, branch or commit 'v9' " in (said := refused("--to", "v9"))
    assert "(v0.3.0, v0.2.0)" in said or "(v0.2.0, v0.3.0)" in said
    for name in ("--help", "v0.2.0..v0.3.0", "'", "--upload-pack=x"):
        assert "has no tag" in refused(f"--to={name}")


def test_a_template_that_does_not_render(template, project, refused) -> None:  # type: ignore[no-untyped-def]
    template.write(f"{SLUG}/new.py", "{{ cookiecutter.unknown }}\n")
    template.release("0.3.0")
    assert "does not render: Unable to create file 'new.py'" in (said := refused())
    assert "has no attribute 'unknown'" in said and "make update TO=tag" in said
    template.write(f"{SLUG}/new.py", "fine\n")
    template.write("hooks/pre_gen_project.py", "import sys\nsys.exit('No: too small')\n")
    template.release("0.4.0")
    assert "does not render: No: too small Hook script failed" in refused()
    template.write("cookiecutter.json", "no JSON")
    template.release("0.5.0")
    assert "it has no valid cookiecutter.json" in refused()
    (template.folder / "cookiecutter.json").unlink()
    template.release("0.6.0")
    assert "it has no valid cookiecutter.json" in refused()


def test_a_project_without_a_record(template, project, refused) -> None:  # type: ignore[no-untyped-def]
    text = project.read("experiment.toml")
    project.write("experiment.toml", text[: text.index("# Where it is from")])
    project.commit()
    assert "make update BASE=commit FROM=address-or-path" in refused()
    assert "make update BASE=commit\n" in refused("--from", str(template.folder))
    template.write(f"{SLUG}/workflow.py", lines("w", line3="new"))
    new = template.release("0.3.0")
    assert project.update("--from", str(template.folder), "--base", "v0.2.0") == 0
    assert project.read("workflow.py") == lines("w", line3="new")
    assert f'address = "{template.folder}"' in project.read("experiment.toml")
    assert f'commit = "{new}"' in project.read("experiment.toml")
    assert project.update() == 0


def test_a_project_that_was_made_from_changed_files(  # type: ignore[no-untyped-def]
    template, project, capsys: pytest.CaptureFixture[str]
) -> None:
    old = git(template.folder, "rev-parse", "HEAD").strip()
    project.write("experiment.toml", project.read("experiment.toml").replace(old, f"{old}-dirty"))
    project.commit()
    template.write(f"{SLUG}/workflow.py", lines("w", line3="new"))
    new = template.release("0.3.0")
    template.write(f"{SLUG}/workflow.py", lines("w", line3="newer"))
    assert project.update() == 0
    said = capsys.readouterr().err
    assert f"with changes of its own: compared with {old[:10]}" in said
    assert "has changes that are not committed: they are left out" in said
    assert f'commit = "{new}"' in project.read("experiment.toml")
    assert project.read("workflow.py") == lines("w", line3="new")


def test_another_update_at_work(template, project, refused) -> None:  # type: ignore[no-untyped-def]
    import fcntl

    template.release("0.3.0")
    with (project.folder / ".git" / "hera_update.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another 'make update' is at work here" in refused()


def test_a_git_at_work_is_not_disturbed(template, project, refused) -> None:  # type: ignore[no-untyped-def]
    template.release("0.3.0")
    lock = project.folder / ".git" / "index.lock"
    lock.write_bytes(b"")
    assert "index.lock" in refused()
    assert lock.exists()
    lock.unlink()
    assert project.update() == 0
