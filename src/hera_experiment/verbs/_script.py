"""The script that a verb runs: ``workflow.py`` unless a person names another Hera script.

In its place a file of YAML or JSON may stand that holds Argo's objects.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.submission.document_names import is_document

if TYPE_CHECKING:
    from hera_experiment.environment.inputs import InputChoice

SCRIPT = "workflow.py"


def add_script_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how the script, its arguments and other inputs are named."""
    parser.add_argument(
        "--script",
        "--workflow",
        metavar="PATH",
        help=f"a Hera script, or a workflow as YAML or JSON ({SCRIPT})",
    )
    parser.add_argument(
        "--args",
        default="",
        help='its arguments, quoted as for a shell; those of a workflow: "-p NAME=VALUE"',
    )
    parser.add_argument(
        "--inputs",
        default="",
        metavar="MODULE",
        help="what the script imports as 'inputs': a module next to it, or a file x.py (inputs.py)",
    )
    parser.add_argument(
        "--set",
        default="",
        metavar="VALUES",
        help='other values of the inputs: "vintages=[2016] constants.city_boroughs=9"',
    )
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT [ARGS ...]",
        help="the script and its arguments as words: everything after it is the script's",
    )


def script_of(
    args: argparse.Namespace, experiment: Experiment, verb: str
) -> tuple[Path, list[str]]:
    """Return the script, and its arguments; raises :class:`UserError` if it cannot be read."""
    words = list(args.words)
    if words[:1] == ["--"]:
        del words[0]
    try:
        arguments = shlex.split(args.args)
    except ValueError as error:
        raise UserError(f"the arguments {args.args!r} have {error}", "--args") from None
    named = args.script or (words.pop(0) if words else "")
    path = Path(named) if named else experiment.folder / SCRIPT
    why = "" if named else "the script that runs unless another is named"
    advice = f"name a Hera script: make {verb} SCRIPT=FILE"
    if path.is_dir():
        raise UserError(f"'{path}' is a folder, not a script", why, advice)
    if not path.exists():
        raise UserError(f"there is no script '{path}'", why, advice)
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"the script '{path}' cannot be read: {error.strerror}", why) from None
    if is_document(path) and (args.inputs or args.set):
        advice = 'give the workflow its arguments: ARGS="-p NAME=VALUE"'
        raise UserError(f"'{path}' takes no inputs, it is no script", "--inputs, --set", advice)
    return path, [*arguments, *words]


def inputs_of(args: argparse.Namespace) -> InputChoice:
    """Return the inputs that the arguments choose."""
    from hera_experiment.environment.inputs import InputChoice

    return InputChoice(args.inputs, args.set)
