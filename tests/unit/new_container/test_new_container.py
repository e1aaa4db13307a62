"""A container is made whole and under a name that fits, or not at all and with one sentence."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from hera_experiment.errors import UserError
from hera_experiment.verbs import new_container

REPOSITORY = Path(__file__).resolve().parents[3]

WORKFLOW = """\
def print_script():
    pass

w = Workflow(name="dag"), Task(name='print-results')
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment with one container, seen from one of its folders."""
    (tmp_path / "experiment.toml").write_text('[experiment]\nname = "Lyon"\nslug = "lyon"\n')
    (tmp_path / "workflow.py").write_text(WORKFLOW)
    (tmp_path / "containers" / "chart").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_layout.py").write_text("")
    monkeypatch.chdir(tmp_path / "tests")
    return tmp_path


def make(name: str) -> int:
    parser = argparse.ArgumentParser()
    new_container.add_arguments(parser)
    return new_container.main(parser.parse_args([f"--name={name}"]))


def files_of(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


def folders_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_dir()}


def test_the_files_and_the_lines_have_the_name_with_dashes_or_underscores(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(folder)
    assert make("growth-rate") == 0
    after = files_of(folder)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {
        "containers/growth-rate/Dockerfile",
        "containers/growth-rate/.dockerignore",
        "containers/growth-rate/requirements.txt",
        "containers/growth-rate/growth_rate.py",
        "tests/test_growth_rate.py",
    }
    assert 'ENTRYPOINT ["python", "growth_rate.py"]' in after["containers/growth-rate/Dockerfile"]
    printed = capsys.readouterr().out
    for line in (
        'image=environment.image("growth-rate"),',
        'command=["python", "growth_rate.py"],',
    ):
        assert line in printed
    for text in (printed, *(after[name] for name in set(after) - set(before))):
        assert "new-container" not in text and "new_container" not in text


def test_the_test_that_is_made_passes(folder: Path) -> None:
    make("growth")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_growth.py"]
    done = subprocess.run(command, cwd=folder / "tests", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.parametrize("name", ["a", "d3", "a" * 63, "new-container", "my-new-container"])
def test_names_that_fit(folder: Path, name: str) -> None:
    make(name)
    module = name.replace("-", "_")
    assert f'"{module}.py"' in (folder / "tests" / f"test_{module}.py").read_text()
    assert (folder / "containers" / name / f"{module}.py").is_file()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "a container needs a name (--name): for example make new-container NAME=growth"),
        ("Growth Rate", "for example growth-rate"),
        ("growth_rate", "for example growth-rate"),
        ("3d", "for example d"),
        ("growth-", "for example growth"),
        ("été", "for example t"),
        ("数", "for example growth"),
        ("../growth", "for example growth"),
        ("a.b", "for example a-b"),
        ("growth\n", "for example growth"),
        ("a" * 64, "at most 63 characters"),
        ("a" * 10_000, f"'{'a' * 80}…' cannot name a container"),
        ("class", "the program would be class.py, which is a word of Python's own"),
        ("json", "json.py, which would hide a module of Python's own (--name): for example json-"),
        ("chart", "containers/chart is there already: take another name"),
        ("layout", "test_layout.py is there already: take another name"),
        ("dag", "a template or a task is called dag already"),
        ("print-results", "workflow.py, line 4): take another name"),
        ("print-script", "workflow.py, line 1): take another name"),
    ],
)
def test_other_names_are_refused_in_one_sentence_and_nothing_is_made(
    folder: Path, name: str, said: str
) -> None:
    before = files_of(folder), folders_of(folder)
    with pytest.raises(UserError) as refused:
        make(name)
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert (files_of(folder), folders_of(folder)) == before


def test_a_link_that_leads_nowhere_is_not_followed(folder: Path) -> None:
    (folder / "containers" / "growth").symlink_to(folder / "elsewhere")
    with pytest.raises(UserError, match="containers/growth is there already"):
        make("growth")
    assert not (folder / "elsewhere").exists()


def test_what_cannot_be_written_whole_is_not_left_in_part(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A folder has come where the last of the new files should be.
    (folder / "tests" / "test_growth.py").mkdir()
    monkeypatch.setattr(new_container._NewContainer, "refuse_taken_name", lambda self: None)
    with pytest.raises(UserError, match="cannot make the container: File exists"):
        make("growth")
    assert not (folder / "containers" / "growth").exists()


def test_outside_an_experiment_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="type this in an experiment's folder"):
        make("growth")
    assert not list(tmp_path.iterdir())


def test_the_image_is_made_like_those_that_come_with_an_experiment(folder: Path) -> None:
    make("collect")
    (theirs,) = REPOSITORY.glob("*cookiecutter*/containers/collect")
    for name in ("Dockerfile", ".dockerignore"):
        made = folder / "containers" / "collect" / name
        assert made.read_text() == (theirs / name).read_text()
