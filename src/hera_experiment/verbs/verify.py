"""Say whether the library and hera_utils are as they were shipped."""

from __future__ import annotations

import argparse
from pathlib import Path

from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.packaging import integrity


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: none."""


def main(args: argparse.Namespace) -> int:
    """Compare files with their hashes and return 0 where the library is as shipped, else 1.

    A changed ``hera_utils`` is the laboratory's right: its files are named, no more.
    """
    try:
        return 0 if integrity.tell(Experiment.find(Path.cwd())) else 1
    except OSError as error:
        raise UserError(f"a file cannot be compared: {error}") from None
