"""Several targets in one invocation of make: each gets all variables, and takes those it knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"


def typed(folder: Path, goals: str, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TEMPLATE), "HERA_UTILS_GOALS": goals}
    return subprocess.run(
        [sys.executable, "-m", "hera_utils", *words],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
    )


def test_a_variable_of_another_target_is_left_to_it(tmp_path: Path) -> None:
    done = typed(tmp_path, "help run", "help", "--runtime=docker", "--args=-k 'a b'")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("goals", ["help run", "help", ""])
def test_a_variable_that_no_target_knows_is_refused(tmp_path: Path, goals: str) -> None:
    done = typed(tmp_path, goals, "help", "--nonsense=1")
    assert done.returncode == 1
    assert "there is no option '--nonsense'" in done.stderr


def test_alone_a_target_takes_only_its_own(tmp_path: Path) -> None:
    assert "'--runtime'" in typed(tmp_path, "help", "help", "--runtime=docker").stderr


def test_what_both_know_reaches_both(tmp_path: Path) -> None:
    done = typed(tmp_path, "config run", "config", "--runtime=wrong")
    assert done.returncode == 1
    assert "'wrong'" in done.stderr


@pytest.mark.parametrize("goals", ["build push submit results", "submit results", "submit"])
def test_results_waits_in_place_of_submit(tmp_path: Path, goals: str) -> None:
    # So that what a run has made comes home although it failed, which would end make.
    done = typed(tmp_path, goals, "submit", "--wait=wrong", "--run=x")
    refused = "'wrong' is neither yes nor no" if goals == "submit" else "a new run has no name yet"
    assert done.returncode == 1 and refused in done.stderr
