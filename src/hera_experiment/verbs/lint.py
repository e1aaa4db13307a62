"""Find mistakes in your files, advise on their format, verify the library; change nothing."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from hera_experiment.errors import UserError, report
from hera_experiment.experiment import Experiment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: none."""


def main(args: argparse.Namespace) -> int:
    """Run all checks in the experiment's folder, the later ones even when an earlier one fails.

    Which rules hold is said in pyproject.toml. Another format than ruff's is no mistake, nor is a
    ``hera_utils`` that the laboratory changed; another library than the one that was shipped is.

    Returns 0 when all pass, else 1.
    """
    experiment = Experiment.find(Path.cwd())
    passed = [
        *(_style(experiment.folder) if _is_installed("ruff") else [False]),
        *(_types(experiment) if _is_installed("mypy") else [False]),
        _is_as_shipped(args),
    ]
    return 0 if all(passed) else 1


def _style(folder: Path) -> Iterator[bool]:
    yield _call(folder, ("ruff", "check", "--no-fix"))
    format_check = ("ruff", "format", "--check", "--output-format=concise")
    _call(folder, format_check, " (advice; .venv/bin/ruff format follows it)")


def _types(experiment: Experiment) -> Iterator[bool]:
    """Check the types of the experiment, then of each container, which is a program of its own.

    What a container imports lies beside it, and two may have files of the same name.
    """
    folder = experiment.folder
    containers = experiment.containers.relative_to(folder)
    yield _call(folder, ("mypy", f"--exclude=^{containers}/"))
    for container in sorted(path for path in experiment.containers.glob("*") if path.is_dir()):
        visible = (path.relative_to(container).parts for path in container.rglob("*.py"))
        if any(not part.startswith(".") for parts in visible for part in parts[:1]):
            name = str(container.relative_to(folder))
            yield _call(folder, ("mypy", name), MYPYPATH=name)


def _is_as_shipped(args: argparse.Namespace) -> bool:
    from hera_experiment.verbs import verify

    print("verify:", flush=True)
    return verify.main(args) == 0


def _is_installed(module: str) -> bool:
    if find_spec(module):
        return True
    next_step = f"'make lint' installs it, or: python -m pip install {module}"
    report(UserError(f"{module} is not installed", where=sys.executable, next_step=next_step))
    return False


def _call(folder: Path, words: tuple[str, ...], remark: str = "", **variables: str) -> bool:
    print(f"{' '.join(words)}{remark}:", flush=True)
    command = [sys.executable, "-m", *words]
    return subprocess.call(command, cwd=folder, env={**os.environ, **variables}) == 0
