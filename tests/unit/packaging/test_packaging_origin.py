"""Where a project comes from: the commit as git knows it, an address without secrets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hera_experiment.packaging import origin

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    folder = tmp_path / "template"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "one.py").touch()
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    return origin.Repository(str(folder), os.environ).commit()


def test_the_commit_is_the_full_one_and_says_when_the_templates_files_differ(
    repository: Path,
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert len(head) == 40 and commit(repository) == head
    (repository / "notes.txt").write_text("not the template's")
    assert commit(repository) == head
    (repository / "src" / "one.py").write_text("changed = True\n")
    assert commit(repository) == f"{head}-dirty"
    git(repository, "checkout", "--quiet", "src")
    (repository / "src" / "new.py").touch()
    assert commit(repository) == f"{head}-dirty"


def test_the_callers_own_repository_is_not_asked(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert len(commit(repository)) == 40


def test_what_is_no_repository_of_its_own_has_no_commit(repository: Path, tmp_path: Path) -> None:
    assert commit(tmp_path) == ""
    assert commit(repository / "src") == ""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / ".git").write_text("nonsense")
    assert commit(tmp_path / "broken") == ""
    assert origin.Repository(str(repository), {"PATH": str(tmp_path)}).remote() == ""


def test_without_git_there_is_no_commit(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = origin.Repository(str(repository), os.environ)
    assert (asked.commit(), asked.remote()) == ("", "")


ADDRESSES = {
    ("gh:org/hera-experiment", ""): "gh:org/hera-experiment",
    ("https://host/org/t.git", ""): "https://host/org/t.git",
    ("https://ada:secret@host:8443/org/t", ""): "https://host:8443/org/t",
    ("https://secret@host/org/t", ""): "https://host/org/t",
    ("https://oauth2:se@cret@host/org/t", ""): "https://host/org/t",
    ("git+https://ada:secret@host/t", ""): "git+https://host/t",
    ("https://host/t.zip?private_token=secret#x", ""): "https://host/t.zip",
    ("ssh://git@host/org/t", ""): "ssh://git@host/org/t",
    ("ssh://git:secret@host/org/t", ""): "ssh://git@host/org/t",
    ("ssh://secret@host/org/t", ""): "ssh://host/org/t",
    ("git@host:org/t", ""): "git@host:org/t",
    ("secret@host:org/t", ""): "host:org/t",
    ("file:///srv/t", ""): "file:///srv/t",
    ("/home/ada/t", ""): "/clone",
    ("/home/ada/t", "https://ada:secret@host/org/t"): "https://host/org/t",
    ("/home/ada/t", "git@host:org/t"): "git@host:org/t",
    ("/home/ada/t@1:2", ""): "/clone",
    ("hera-experiment", "https://host/org/t"): "https://host/org/t",
    ("/home/ada/t.zip", ""): "/home/ada/t.zip",
}


@pytest.mark.parametrize(("said", "expected"), ADDRESSES.items(), ids=map(str, ADDRESSES))
def test_the_address_holds_no_secret(said: tuple[str, str], expected: str) -> None:
    typed, remote = said
    address = origin.address(typed, "/clone", remote)
    assert address == expected
    assert "secret" not in address and "cret" not in address


def test_the_table_gives_back_what_was_put_in() -> None:
    answers = {"name": 'L\'été \\ "n°1" 🎉 \x7f\t', "empty": "", "quotes": "'''\"\"\""}
    text = origin.table("/a\udcff b", "0.2.0", "", answers)
    document = tomllib.loads(text)["template"]
    assert document["answers"] == answers
    assert {**document, "answers": None} == {
        "address": "/a? b",
        "version": "0.2.0",
        "commit": "",
        "answers": None,
    }
