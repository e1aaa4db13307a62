"""Check style, format and types of the experiment's Python; change nothing."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from hera_experiment.errors import UserError, report
from hera_experiment.experiment import Experiment

CHECKS = (
    ("ruff", "check", "--no-fix"),
    ("ruff", "format", "--check"),
    ("mypy",),
)
"""Module and arguments of each check; what they look at and which rules hold is said in
pyproject.toml."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: none."""


def main(args: argparse.Namespace) -> int:
    """Run all checks in the experiment's folder, the later ones even when an earlier one fails.

    Returns 0 when all pass, else 1.
    """
    folder = Experiment.find(Path.cwd()).folder
    return 0 if all([_passes(check, folder) for check in CHECKS]) else 1


def _passes(check: tuple[str, ...], folder: Path) -> bool:
    command = " ".join(check)
    if find_spec(check[0]) is None:
        report(
            UserError(
                f"{check[0]} is not installed",
                where=sys.executable,
                next_step=f"'make lint' installs it, or: python -m pip install {check[0]}",
            )
        )
        return False
    print(f"{command}:", flush=True)
    return subprocess.call([sys.executable, "-m", *check], cwd=folder) == 0
