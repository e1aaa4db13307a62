from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hera_utils
from environment import numerical_experiment_environment
from hera_utils.cluster import RecordingCluster
from inputs import inputs
from layout import experiment_layout

PROJECT = Path(__file__).resolve().parent.parent
CENSUS = PROJECT / "containers" / "collect" / "census_lyon.csv"


@pytest.fixture
def environment() -> numerical_experiment_environment:
    """The environment on a cluster that has whatever it is asked for: none is needed here."""
    args = hera_utils.parse_arguments(argv=["--cluster=local"], folder=PROJECT)
    return numerical_experiment_environment(RecordingCluster(args), args)


@pytest.fixture
def layout() -> experiment_layout:
    return experiment_layout(inputs.constants)


Census = dict[str, dict[str, str]]


@pytest.fixture
def census() -> Census:
    """The rows of the census by borough, whichever of them the inputs ask for."""
    with CENSUS.open(newline="", encoding="utf-8") as file:
        return {row["borough"]: row for row in csv.DictReader(file)}


Collect = Callable[[int, str, Path], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def collect() -> Collect:
    """Runs the program of containers/collect as its image does."""

    def run(vintage: int, borough: str, results: Path) -> subprocess.CompletedProcess[str]:
        arguments = (f"--vintage={vintage}", f"--borough={borough}", f"--results_dir={results}")
        return subprocess.run(
            [sys.executable, "collect.py", *arguments],
            cwd=PROJECT / "containers" / "collect",
            capture_output=True,
            text=True,
        )

    return run
