"""A container that is made and pasted as ``make new-container`` says belongs to the experiment."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared_environments import SharedEnvironments
from stranger import Shell, copy_template

ABOVE = "def experiment_workflow("
END_OF_DAG = "    return w\n\n\ndef define_hera_workflow("


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A project with two more containers, whose lines were pasted where it was said."""
    folder = tmp_path_factory.mktemp("container")
    copy_template(folder / "template")
    command = f'"{sys.executable}" -m cookiecutter --no-input ./template project_slug=lyon'
    done = Shell(folder)(command)
    assert done.returncode == 0, done.stderr
    shell = Shell(folder / "lyon")
    environments = SharedEnvironments.of(tmp_path_factory)
    environments.lend_venv(shell)
    for name in ("growth", "mean-size"):
        made = shell(f"make new-container NAME={name}")
        assert made.returncode == 0, made.stderr
        paste(shell.folder / "workflow.py", made.stdout)
    with environments.lend_containers(shell.folder):
        yield shell


def paste(workflow: Path, printed: str) -> None:
    found = re.search(
        r"workflow.py, above 'def experiment_workflow':\n\n(def .+?\n)\n"
        r"and in experiment_workflow, at the end of its DAG:\n\n(        .+?\n)\n",
        printed,
        re.DOTALL,
    )
    assert found, printed
    text = workflow.read_text()
    assert text.count(ABOVE) == text.count(END_OF_DAG) == 1
    text = text.replace(ABOVE, f"{found[1]}\n\n{ABOVE}")
    workflow.write_text(text.replace(END_OF_DAG, f"\n{found[2]}{END_OF_DAG}"))


def test_the_experiments_tests_pass_the_new_ones_with_them(shell: Shell) -> None:
    done = shell("make test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests/test_growth.py .." in done.stdout
    assert "tests/test_mean_size.py .." in done.stdout


def test_nothing_is_found_fault_with(shell: Shell) -> None:
    done = shell("make lint")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "would be reformatted" not in done.stdout


def test_the_new_tasks_run_on_what_was_collected(shell: Shell) -> None:
    done = shell("make run")
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = filter(Path.is_dir, (shell.folder / "results").iterdir())
    for name in ("growth", "mean-size"):
        assert re.search(rf"^[├└]─ ✔ {name}  ", done.stdout, re.MULTILINE)
        result = json.loads((run / f"{name}.json").read_text())
        assert result["population"]["count"] == 27
        assert (
            result["area_ha"]["least"] < result["area_ha"]["mean"] < result["area_ha"]["greatest"]
        )
    assert (run / "population.png").is_file()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "a container needs a name"),
        ("'Growth Rate'", "'Growth Rate' cannot name a container"),
        ("growth", "./containers/growth is there already"),
        ("json", "the program would be json.py, which would hide a module of Python's own"),
    ],
)
def test_a_name_that_does_not_fit_is_one_sentence(shell: Shell, name: str, said: str) -> None:
    before = shell("git status --porcelain").stdout
    done = shell(f"make new-container NAME={name}")
    assert done.returncode != 0
    sentence, *rest = done.stderr.splitlines()
    assert sentence.startswith(f"hera_utils: {said}")
    assert all(line.startswith("make: ***") for line in rest)
    assert shell("git status --porcelain").stdout == before
