"""List every target with one line."""

from __future__ import annotations

import argparse

from hera_experiment.verbs import as_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: none."""


def main(args: argparse.Namespace) -> int:
    """Print the targets."""
    print("make TARGET [VARIABLE=value …]\n")
    print(as_text())
    print("\nA variable V=x is the option --v x; see: python -m hera_utils TARGET --help")
    return 0
