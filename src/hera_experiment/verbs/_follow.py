"""What verbs that follow a run have in common: how much is shown, and what is run at its end."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hera_experiment.verbs._options import add_switch, is_on

if TYPE_CHECKING:
    from hera_experiment.follow.display import Display


def add_follow_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``QUIET`` and ``NOTIFY``, which may be variables of the shell as well."""
    add_switch(parser, "--quiet", "leave out what tasks printed that went well")
    parser.add_argument(
        "--notify",
        default="",
        metavar="COMMAND",
        help="a command of yours for the end of the run: HERA_RUN, HERA_PHASE and HERA_MESSAGE "
        "are set",
    )


def display_for(args: argparse.Namespace) -> Display:
    """Return the display that the arguments, or else the shell's variables, ask for."""
    from hera_experiment.follow.display import display_of

    return display_of(quiet=is_on(args.quiet, "--quiet"), notify=args.notify)
