"""Hostile answers: each yields files that all parse, or is refused before a file exists."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from bakery import Bake, project
from cookiecutter.exceptions import FailedHookException
from pytest_cookies.plugin import Result
from test_bake_files import assert_all_parse

ANYTHING = {
    "single quotes": "it's '''quoted'''",
    "double quotes": 'say """hello"""',
    "backslashes": "C:\\new\\table\\",
    "a trailing backslash": "one\\",
    "jinja": "{{ '{{' }} cookiecutter.project_slug }}",
    "a shell": "$(touch pwned) `touch pwned` ; touch pwned & ${HOME}",
    "make": "$(shell touch pwned) $@ $$ # %",
    "emoji": "🎉 l'été 👩‍🔬",
    "right to left": "\u202eabc",
    "html": "<script>alert(1)</script> & <b>",
    "markdown": "# [a](b) ![c](d) *e* _f_ | - 1.",
    "toml": '" ]\n[experiment]\nslug = "x'.replace("\n", " "),
    "a comment": '--> */ """ # -- ; //',
    "a raw string's end": '\\""" + __import__("os").system("touch pwned") + r"""',
}

UNFIT = {
    "a line end": "one\ntwo",
    "a carriage return": "one\rtwo",
    "NUL": "one\x00two",
    "an escape sequence": "one\x1b[31mtwo",
    "DEL": "one\x7ftwo",
    "a next line": "one\x85two",
    "a line separator": "one\u2028two",
    "half a character": "one\ud83dtwo",
    "too much": "x" * 301,
}

SLUGS = {
    "a path upwards": "../outside",
    "a path": "a/b",
    "an absolute path": "/tmp/hera-experiment-absolute",
    "a leading hyphen": "-rf",
    "a trailing hyphen": "lyon-",
    "upper case": "Lyon",
    "an underscore": "lyon_census",
    "a dot": "lyon.census",
    "a space": "lyon census",
    "58 characters": "a" * 58,
    "300 characters": "a" * 300,
    "NUL": "lyon\x00census",
    "a path of folders that are not there": "one/two/three",
    "a look-alike": "ly\u043en",  # a Cyrillic o
    "full-width digits": "lyon-\uff11",
    "a line end": "lyon\n",
    "a shell": "$(touch pwned)",
    "an emoji": "🎉",
    "a quote": "lyon'",
}


TEXTS = ("project_name", "description", "author_name")


@pytest.mark.parametrize("answer", ANYTHING.values(), ids=ANYTHING)
def test_any_line_of_text_yields_files_that_parse(
    bake: Bake, answer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = project(bake(**dict.fromkeys(TEXTS, answer), project_slug="lyon"))
    assert_all_parse(folder)
    assert not list(folder.rglob("pwned")) and not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("answer", UNFIT.values(), ids=UNFIT)
def test_what_is_no_line_of_text_is_refused(
    bake: Bake, answer: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result = bake(**dict.fromkeys(TEXTS, answer), project_slug="lyon")
    assert_refused(result, TEXTS, capfd)


@pytest.mark.parametrize("slug", SLUGS.values(), ids=SLUGS)
def test_a_slug_that_kubernetes_would_not_take_is_refused(
    bake: Bake, slug: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result = bake(project_slug=slug)
    assert_refused(result, ["project_slug"], capfd)
    assert not Path("/tmp/hera-experiment-absolute").exists()


@pytest.mark.parametrize("slug", ["one/two/three", "../outside/one", "a" * 300, "lyon\x00"])
def test_a_refused_slug_leaves_no_folder_anywhere(
    template: Path, tmp_path: Path, slug: str
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "answers").write_text(f"default_context: {{project_slug: {json.dumps(slug)}}}\n")
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--config-file", "../answers"]
    done = subprocess.run(
        [*command, str(template)], cwd=tmp_path / "here", capture_output=True, text=True
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "  project_slug: " in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["answers", "here"]


@pytest.mark.parametrize("slug", ["", ".", ".."])
def test_a_slug_that_names_no_new_folder_is_refused(bake: Bake, slug: str) -> None:
    result = bake(project_slug=slug)
    assert result.exception is not None
    assert "directory" in str(result.exception)


@pytest.mark.parametrize("orcid", ["0000-0002-1825-0098", "0000000218250097", "Ada"])
def test_what_is_no_orcid_is_refused(
    bake: Bake, orcid: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert_refused(bake(orcid=orcid), ["orcid"], capfd)


def test_a_licence_that_is_not_offered_is_refused(bake: Bake) -> None:
    result = bake(license="WTFPL")
    assert result.exception is not None
    assert "license" in str(result.exception)


@pytest.mark.parametrize("name", ["{{ 7 * 7", "{% if %}", "{{ nothing.at.all }}"])
def test_an_answer_that_cookiecutter_cannot_render_leaves_no_file(bake: Bake, name: str) -> None:
    result = bake(project_name=name, project_slug="lyon")
    assert result.exception is not None
    assert result.project_path is None


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Lyon census", "lyon-census"),
        ("L'été à Lyon", "l-ete-a-lyon"),
        ("東京", "dong-jing"),
        ("🎉", "experiment"),
        ("a" * 56 + " b", "a" * 56),
        ("x" * 80, "x" * 57),
    ],
)
def test_the_slug_is_derived_from_the_name(bake: Bake, name: str, slug: str) -> None:
    assert project(bake(project_name=name)).name == slug


def assert_refused(
    result: Result, questions: Sequence[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Each question is named with a right answer, on one line, and nothing was written."""
    assert isinstance(result.exception, FailedHookException)
    assert result.project_path is None
    error = capfd.readouterr().err
    for question in questions:
        lines = [line for line in error.split("\n") if line.startswith(f"  {question}: ")]
        assert len(lines) == 1, error
        assert "; a right answer: " in lines[0]
        assert not set(lines[0]) & set("\r\x00\x1b\x7f\x85\u2028")
