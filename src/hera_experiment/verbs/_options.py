"""Options that several verbs share: the run, the output, how it is followed, switches."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from hera_experiment.context.verb_arguments import VerbParser
from hera_experiment.errors import UserError

if TYPE_CHECKING:
    from hera_experiment.follow.display import Display

Document = dict[str, Any]
"""What a verb tells machines."""

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


def put_out(output: str, action: Callable[[Document], int]) -> int:
    """Return the exit status of ``action``, which prints for people and fills in a document.

    For ``output`` json the document alone is printed, and what is for people goes to standard
    error.
    """
    document: Document = {}
    if output != "json":
        return action(document)
    import json

    with redirect_stdout(sys.stderr):
        status = action(document)
    print(json.dumps(document, indent=2))
    return status


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


def add_part_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--from`` and ``--only``: which part of a workflow runs."""
    parser.add_argument(
        "--from",
        dest="begin",
        default="",
        metavar="TASK",
        help="go on with a run, from this task on: it and what follows run again",
    )
    parser.add_argument(
        "--only", default="", metavar="TASK", help="go on with a run: of all tasks just this runs"
    )


def goes_on(args: argparse.Namespace, *, resume: bool, advice: str) -> bool:
    """Tell whether an earlier run goes on.

    Raises ``UserError`` for half of a wish: with ``advice`` for a run that is named for nothing.
    """
    if args.begin and args.only:
        what = "FROM runs what follows a task, ONLY leaves it out"
        raise UserError(what, "--from, --only", "leave out one of the two")
    if args.run and not (resume or args.begin or args.only):
        raise UserError("a new run has no name yet", "--run", advice)
    return resume or bool(args.begin or args.only)


def add_follow_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``QUIET`` and ``NOTIFY``, which may be variables of the shell as well."""
    add_switch(parser, "--quiet", "leave out what tasks printed that went well")
    parser.add_argument(
        "--notify",
        default="",
        metavar="COMMAND",
        help="run this at the end: HERA_RUN, HERA_PHASE and HERA_MESSAGE are set",
    )


def add_report(parser: argparse.ArgumentParser) -> None:
    """Declare ``--report``, which is on unless it is refused."""
    parser.add_argument(
        "--report",
        default="1",
        metavar="0",
        help="0: write no report, results/RUN.html, when a run has ended that was followed",
    )


def display_for(args: argparse.Namespace) -> Display:
    """Return the display that these arguments, or else the shell's variables, ask for."""
    from hera_experiment.follow.display import display_of

    return display_of(quiet=is_on(args.quiet, "--quiet"), notify=args.notify)


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
