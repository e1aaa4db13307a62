"""The code of each run is kept in a repository of its own, and can be compared and written out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hera_experiment.experiment import Experiment
from hera_experiment.record.code import LARGEST, Change, CodeNotKept, CodeStore


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "experiment.toml").write_text('[experiment]\nname = "A"\nslug = "a"\n')
    (folder / ".gitignore").write_text("*.env\n/results/\n")
    (folder / "workflow.py").write_text("print(1)\n")
    return Experiment.load(folder)


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def test_what_git_ignores_is_not_kept(experiment: Experiment, tmp_path: Path) -> None:
    (experiment.folder / "secret.env").write_text("TOKEN=x")
    (experiment.folder / "a b\n'ü'.txt").write_text("odd")
    (experiment.folder / "data.bin").write_bytes(bytes(LARGEST + 1))
    store = CodeStore(experiment)
    kept = store.keep()
    names = ["a b\n'ü'.txt", ".gitignore", "experiment.toml", "workflow.py"]
    assert sorted(path for path, _ in store.files(kept.tree)) == sorted(names)
    assert kept.left_out == ("data.bin",)
    assert (kept.commit, kept.why) == ("", "")
    store.export(kept.tree, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == sorted(names)
    assert not (experiment.folder / ".git").exists()


def test_results_are_no_code(experiment: Experiment) -> None:
    (experiment.folder / ".gitignore").unlink()
    (experiment.folder / "results" / "run").mkdir(parents=True)
    (experiment.folder / "results" / "run" / "a.csv").write_text("1")
    store = CodeStore(experiment)
    names = [path for path, _ in store.files(store.keep().tree)]
    assert names == ["experiment.toml", "workflow.py"]


def test_trees_are_compared(experiment: Experiment) -> None:
    store = CodeStore(experiment)
    one = store.keep().tree
    assert store.keep().tree == one
    (experiment.folder / "workflow.py").write_text("print(2)\n")
    (experiment.folder / "new.py").write_text("")
    (experiment.folder / ".gitignore").unlink()
    other = store.keep().tree
    assert store.changes(one, other) == [
        Change(".gitignore", "removed"),
        Change("new.py", "added"),
        Change("workflow.py", "changed"),
    ]
    patch = store.difference(one, other, "workflow.py")
    assert "-print(1)" in patch and "+print(2)" in patch and "new.py" not in patch
    assert store.read(one, "workflow.py") == "print(1)"


def test_the_persons_own_repository_is_told_of_and_left_alone(experiment: Experiment) -> None:
    git(experiment.folder, "init", "-q", "-b", "main")
    git(experiment.folder, "remote", "add", "origin", "https://me:secret@example.org/a.git")
    git(experiment.folder, "add", ".gitignore", "workflow.py")
    git(experiment.folder, "commit", "-qm", "first")
    (experiment.folder / "workflow.py").write_text("print(3)\n")
    kept = CodeStore(experiment).keep()
    assert len(kept.commit) == 40 and kept.branch == "main"
    assert kept.remote == "https://********@example.org/a.git"
    assert kept.changed == ("experiment.toml", "workflow.py")
    status = ["git", "status", "--porcelain"]
    said = subprocess.run(status, cwd=experiment.folder, capture_output=True, check=True).stdout
    assert said == b" M workflow.py\n?? experiment.toml\n"


def test_code_of_runs_that_are_gone_goes(experiment: Experiment) -> None:
    store = CodeStore(experiment)
    one = store.keep().tree
    (experiment.folder / "workflow.py").write_text("print(4)\n")
    other = store.keep().tree
    folder = experiment.state / "code.git"
    for path in folder.glob("objects/??/*"):
        os.utime(path, (0, 0))
    store.collect([other])
    assert store.read(other, "workflow.py") == "print(4)"
    with pytest.raises(CodeNotKept):
        list(store.files(one))


def test_any_folder_is_not_an_experiment(tmp_path: Path) -> None:
    (tmp_path / "private.txt").write_text("x")
    kept = CodeStore(Experiment.find(tmp_path)).keep()
    assert kept.tree == "" and "neither experiment.toml nor a git repository" in kept.why


def test_what_was_not_committed_is_a_patch(experiment: Experiment) -> None:
    store = CodeStore(experiment)
    assert store.uncommitted(store.keep()) == ""
    above = experiment.folder.parent
    git(above, "init", "-q", "-b", "main")
    git(above, "add", ".")
    git(above, "commit", "-qm", "first")
    assert store.uncommitted(store.keep()) == ""
    (experiment.folder / "workflow.py").write_text("print(4)\n")
    (experiment.folder / "new.py").write_text("fresh\n")
    (experiment.folder / "secret.env").write_text("TOKEN=x")
    kept = store.keep()
    # It is of the run, whatever was done since.
    (experiment.folder / "workflow.py").write_text("print(5)\n")
    patch = store.uncommitted(kept)
    assert "-print(1)" in patch and "+print(4)" in patch and "+fresh" in patch
    assert "TOKEN" not in patch and "print(5)" not in patch
