"""From make to ``python -m hera_utils``: what is typed arrives as it was typed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hera_experiment import verbs
from hera_experiment.packaging import vendored

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"

Make = Callable[..., "subprocess.CompletedProcess[str]"]

SHOW = """
import json, os, sys
make = sorted(name for name in os.environ if "MAKE" in name or "MFLAGS" in name)
json.dump({"arguments": sys.argv[1:], "make": make, "V": os.environ.get("V")}, sys.stdout)
"""


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Runs make in a project whose ``hera_utils`` shows what it is called with.

    The verb that is tried is ``help``, which needs the library alone.
    """
    folder = tmp_path / "a project's $folder"
    (folder / "hera_utils").mkdir(parents=True)
    shutil.copy(TEMPLATE / "Makefile", folder)
    shutil.copy(TEMPLATE / "hera_utils" / "bootstrap.py", folder / "hera_utils")
    (folder / "hera_utils" / "__init__.py").touch()
    (folder / "requirements").mkdir()
    vendored.write(str(folder), "library.whl", b"nothing that is looked at")
    (folder / "hera_utils" / "__main__.py").write_text(SHOW)

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], **variables}
        command = ["make", f"PYTHON={sys.executable}", *words]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)

    return run


VALUES = [
    "",
    "two words",
    "blanks\tand tabs  ",  # those in front are dropped by make itself
    'it\'s "quoted"',
    "back\\slash \\ and \\\\ at the end\\",
    "$HOME $$ $(shell touch pwned) ${HOME} $(touch pwned) `touch pwned`",
    "a=b c=d V=e",
    "-- --option",
    "-n",
    "#comment",
    "%.c * ? [a-z] ~ ! & | ; < >",
    "été 🎉",
    "one\nline\n\nafter another",
    "$(MAKEOVERRIDES)",
    "x" * 10_000,
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_variable_is_an_option_with_the_value_that_was_typed(
    make: Make, value: str, tmp_path: Path
) -> None:
    done = make("help", f"V={value}", "SOME_NAME=1")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["arguments"][0] == "help"
    assert sorted(shown["arguments"][1:]) == sorted([f"--v={value}", "--some_name=1"])
    assert shown["V"] is None
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("assignment", ["V=a b", "V:=a b", "V::=a b", "V?=a b", "V+=a b"])
def test_all_ways_to_assign(make: Make, assignment: str) -> None:
    assert json.loads(make("help", assignment).stdout)["arguments"] == ["help", "--v=a b"]


@pytest.mark.parametrize("flags", [["-j4"], ["-k", "-s"], ["--no-print-directory"], ["-j", "-B"]])
def test_flags_of_make_are_no_options(make: Make, flags: list[str]) -> None:
    shown = json.loads(make(*flags, "help", "V=1").stdout)
    assert shown["arguments"] == ["help", "--v=1"]
    assert shown["make"] == []


def test_a_variable_of_the_environment_stays_there(make: Make) -> None:
    shown = json.loads(make("help", V="$HOME kept").stdout)
    assert shown == {"arguments": ["help"], "make": [], "V": "$HOME kept"}


def test_make_alone_helps(make: Make) -> None:
    assert json.loads(make().stdout)["arguments"] == ["help"]


def test_a_dry_run_runs_nothing(make: Make) -> None:
    done = make("-n", "help", "V=1")
    assert done.stdout == f"'{sys.executable}' -IS hera_utils/bootstrap.py help\n"


@pytest.mark.parametrize("word", ["1V=x", "A.B=x", "é=x"])
def test_a_variable_that_cannot_be_an_option_is_refused(make: Make, word: str) -> None:
    done = make("help", word)
    assert done.returncode != 0 and not done.stdout
    name = word.partition("=")[0]
    assert done.stderr.startswith(f"hera_utils: '{name}' cannot be an option")


def test_make_that_hides_the_variables_is_refused(make: Make) -> None:
    done = make("-e", "help", "V=1")
    assert done.returncode != 0 and not done.stdout
    assert "leave -e out" in done.stderr


PROGRAMS = [
    line.strip()
    for line in """
    x"; touch pwned; "
    x'; touch pwned; '
    $(touch pwned)
    $(shell touch pwned)
    `touch pwned`
    x; touch pwned #
    """.strip().splitlines()
]


@pytest.mark.parametrize("python", PROGRAMS)
def test_python_is_one_word_for_the_shell_of_the_template_s_own_checks(
    python: str, tmp_path: Path
) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "test.txt").touch()
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(TEMPLATE.parent / file, tmp_path)
    command = ["make", "test", f"PYTHON={python}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0 and "Error 127" in done.stderr
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("python", PROGRAMS)
def test_python_is_one_word_for_the_shell(make: Make, python: str, tmp_path: Path) -> None:
    done = make("help", f"PYTHON={python}")
    assert done.returncode != 0 and "Error 127" in done.stderr
    assert not list(tmp_path.rglob("pwned"))


def test_the_targets_are_the_verbs() -> None:
    done = subprocess.run(["make", "-pn"], cwd=TEMPLATE, capture_output=True, text=True)
    (targets,) = (x for x in done.stdout.splitlines() if x.startswith(".PHONY: "))
    assert sorted(targets.split()[1:]) == sorted(verbs.table())


def test_an_unknown_target_is_makes_own_affair(make: Make) -> None:
    done = make("halp")
    assert done.returncode != 0
    assert "No rule to make target 'halp'" in done.stderr
