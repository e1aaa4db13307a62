"""Run the experiment's own tests."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment

_NO_TESTS_COLLECTED = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: all but --args go to pytest."""
    # Otherwise argparse takes "-k" for an option of its own, and refuses it.
    parser.prefix_chars = ""
    parser.set_defaults(show_help=parser.print_help)
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="ARGS",
        help="arguments for pytest, for example: -k layout -x; or in one: --args '-k layout -x'",
    )


def main(args: argparse.Namespace) -> int:
    """Run pytest in the experiment's folder and return its exit status."""
    words = list(args.words)
    if words[:1] in (["-h"], ["--help"]):
        args.show_help()
        return 0
    if find_spec("pytest") is None:
        raise UserError(
            "pytest is not installed",
            where=sys.executable,
            next_step="'make test' installs it, or: python -m pip install pytest",
        )
    folder = Experiment.find(Path.cwd()).folder
    status = subprocess.call([sys.executable, "-m", "pytest", *_arguments(words)], cwd=folder)
    if status == _NO_TESTS_COLLECTED:
        raise UserError(
            "pytest found no test", where=str(folder), next_step="write one below tests/"
        )
    return status if status >= 0 else 128 - status


def _arguments(words: list[str]) -> list[str]:
    first, equals, value = words[0].partition("=") if words else ("", "", "")
    if first == "--":
        return words[1:]
    if first != "--args":
        return words
    rest = words[1:]
    if not equals:
        value = rest.pop(0) if rest else ""
    try:
        return [*shlex.split(value), *rest]
    except ValueError as error:
        raise UserError(f"the arguments {value!r} have {error}", "--args") from None
