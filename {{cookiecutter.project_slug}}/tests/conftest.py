from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import pytest

import hera_utils
from environment import numerical_experiment_environment
from inputs import inputs
from layout import experiment_layout

PROJECT = Path(__file__).resolve().parent.parent


class Anywhere:
    """A cluster that has whatever it is asked for: no test of this folder needs a real one."""

    def provide_volume_claim(self, name: str) -> bool:
        return True

    def provide_configmap(self, name: str, data: Mapping[str, str]) -> bool:
        return True


@pytest.fixture
def environment() -> numerical_experiment_environment:
    args = hera_utils.parse_arguments(argv=["--cluster=local"], folder=PROJECT)
    cluster = cast(hera_utils.k8s_cluster, Anywhere())
    return numerical_experiment_environment(cluster, args)


@pytest.fixture
def layout() -> experiment_layout:
    return experiment_layout(inputs.constants)


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
