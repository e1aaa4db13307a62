"""Options that several verbs share: the run, the output, switches (``YES=1``) and numbers."""

from __future__ import annotations

import argparse
import sys

from hera_experiment.context.verb_arguments import VerbParser
from hera_experiment.errors import UserError

_ON, _OFF = ("1", "true", "yes", "y"), ("", "0", "false", "no", "n")


def add_run_arguments(parser: VerbParser) -> None:
    """Declare ``--run``, and the arguments that say where it is looked for."""
    parser.add_argument(
        "--run",
        default="",
        metavar="NAME",
        help="the run, by its workflow's name (the newest that was submitted from this folder)",
    )
    parser.add_context_arguments()


def add_output(parser: argparse.ArgumentParser) -> None:
    """Declare ``--output``, which is ``text`` or ``json``."""
    parser.add_argument(
        "-o",
        "--output",
        default="text",
        choices=("text", "json"),
        help="lines for people (text), or one document for machines",
    )


def add_switch(parser: argparse.ArgumentParser, option: str, text: str) -> None:
    """Declare ``option``, which is off unless it is given."""
    parser.add_argument(option, nargs="?", const="1", default="", metavar="1", help=text)


def is_on(value: str, option: str) -> bool:
    """Say whether the ``value`` of ``option`` is on; raises ``UserError`` for anything else."""
    if value.lower() in _ON:
        return True
    if value.lower() in _OFF:
        return False
    raise UserError(f"'{value}' is neither yes nor no", option, "write 1 or leave it out")


def number(value: str, option: str) -> int:
    """Return the ``value`` of ``option``; raises ``UserError`` when it is no number from 0 on."""
    if value.isascii() and value.isdigit():
        return int(value)
    raise UserError(f"'{value}' is not a whole number", option, "write one from 0 on")


def add_reader_image(parser: argparse.ArgumentParser) -> None:
    """Declare ``--reader_image``."""
    parser.add_argument(
        "--reader_image",
        default="",
        metavar="IMAGE",
        help="what reads the claim on a cluster: any image with a shell (one of the workflow's)",
    )


def is_agreed(yes: bool, verb: str) -> bool:
    """Ask the person at the terminal, unless ``yes`` says it already; tell when it is refused."""
    if yes:
        return True
    if not sys.stdin.isatty():
        print(f"nothing was {verb}d: YES=1 (--yes 1) {verb}s it")
        return False
    if input(f"{verb.capitalize()} it? [y/N] ").strip().lower() in ("y", "yes"):
        return True
    print(f"nothing was {verb}d")
    return False
