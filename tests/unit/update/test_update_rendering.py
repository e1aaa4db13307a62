"""Answers, questions, addresses and versions."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from made_template import PROGRAM, QUESTIONS, SLUG, Project, Template, git, lines


def ask_more(template: Template, **more: object) -> None:
    questions = json.loads(dedent(QUESTIONS))
    del questions["author_name"]
    template.write("cookiecutter.json", json.dumps({**questions, **more}))
    settings = template.folder / SLUG / "experiment.toml"
    text = settings.read_text().replace("{{ cookiecutter.author_name }}", "all")
    for name in more:
        text += f'{name} = "{{{{ cookiecutter.{name} }}}}"\n'
    settings.write_text(text)
    template.release("0.3.0")


def test_new_questions_take_their_defaults_and_old_answers_are_dropped(
    template: Template, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    ask_more(template, place="near the {{ cookiecutter.project_slug }}", kind=["a", "b"])
    assert project.update() == 0
    assert "question 'place' takes its default answer" in capsys.readouterr().err
    text = project.read("experiment.toml")
    assert text.count('place = "near the lake"') == text.count('kind = "a"') == 2
    assert "author_name" not in text and 'authors = ["all"]' in text


def test_new_questions_are_asked_on_a_terminal(template: Template, project: Project) -> None:
    ask_more(template, place="near the {{ cookiecutter.project_slug }}", kind=["a", "b"])
    leader, follower = pty.openpty()
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": path},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    os.write(leader, b"far away\n2\n")
    said = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        said += chunk
    assert process.wait(60) == 0, said
    assert b"near the lake" in said and b"project_name" not in said
    text = project.read("experiment.toml")
    assert text.count('place = "far away"') == text.count('kind = "b"') == 2


def test_a_choice_that_is_offered_no_more(
    template: Template, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    ask_more(template, license=["Apache", "BSD"])
    assert project.update() == 0
    assert "question 'license' takes its default answer" in capsys.readouterr().err
    assert 'license = "Apache"' in project.read("experiment.toml")


def test_answers_are_never_templates(template: Template, made: Path, tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    folder = template.generate(place, "description=a {% raw %}{{ b }}{% endraw %} é")
    project = Project(folder)
    assert 'description = "a {{ b }} é"' in project.read("experiment.toml")
    template.write(f"{SLUG}/workflow.py", lines("w", line3="new"))
    template.release("0.3.0")
    assert project.update() == 0
    assert project.read("experiment.toml").count('description = "a {{ b }} é"') == 1
    assert project.read("workflow.py") == lines("w", line3="new")


def test_a_tag_a_branch_and_a_commit(template: Template, project: Project) -> None:
    template.write(f"{SLUG}/workflow.py", lines("w", line3="tag"))
    template.release("0.3.0")
    git(template.folder, "checkout", "-q", "-b", "feature/x")
    template.write(f"{SLUG}/workflow.py", lines("w", line3="branch"))
    branch = template.commit()
    git(template.folder, "checkout", "-q", "main")
    template.write(f"{SLUG}/workflow.py", lines("w", line3="newest"))
    template.release("0.4.0")
    for name, expected in (
        ("v0.3.0", "tag"), ("feature/x", "branch"), ("v0.2.0", "w = 3"), (branch[:9], "branch"),
        ("main", "newest"), (branch, "branch"), ("", "newest"),
    ):  # fmt: skip
        assert project.update("--to", name) == 0
        assert project.read("workflow.py") == lines("w", line3=expected)


def test_a_path_is_for_once_and_an_address_is_kept(
    template: Template, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "clone", "-q", "--no-local", str(template.folder), "copy")
    copy = Template(tmp_path / "copy")
    for version, source, recorded in (
        ("0.3.0", "../copy", template.folder),
        ("0.4.0", f"file://{copy.folder}", f"file://{copy.folder}"),
    ):
        copy.write(f"{SLUG}/workflow.py", lines("w", line3=version))
        copy.release(version)
        assert project.update("--from", str(source)) == 0
        assert project.read("workflow.py") == lines("w", line3=version)
        assert f'address = "{recorded}"' in project.read("experiment.toml")


def test_nothing_of_the_person_or_the_machine_is_touched(
    template: Template, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".cookiecutterrc").write_text('default_context:\n  place: "at home"\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    ask_more(template, place="here")
    assert project.update() == 0
    assert 'place = "here"' in project.read("experiment.toml")
    assert [each.name for each in home.iterdir()] == [".cookiecutterrc"]
    assert list((tmp_path / "scratch").iterdir()) == []
    assert git(template.folder, "status", "--porcelain") == ""
