"""What a verb looks at without running it: what a script submits, or what files hold."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.errors import UserError, tell
from hera_experiment.submission.document_names import is_document
from hera_experiment.verbs._script import inputs_of, script_of

if TYPE_CHECKING:
    from hera_experiment.context.verb_arguments import VerbArguments
    from hera_experiment.experiment import Experiment
    from hera_experiment.lint.sources import Source
    from hera_experiment.lint.subject import Version


def sources_of(
    args: VerbArguments, experiment: Experiment, verb: str, done: str, version: Version
) -> tuple[list[Source], list[UserError]]:
    """Return the objects, and why some files have none.

    ``verb`` and what is ``done`` by it are for sentences: lint, judged. Says so, and returns
    nothing, where the script submits nothing. Raises :class:`UserError`.
    """
    from hera_experiment.lint.sources import of_files

    if files := named_files(args):
        return of_files(files, version)
    return _submitted(args, experiment, verb, done, version), []


def named_files(args: VerbArguments) -> list[Path]:
    """Return files and folders of YAML that are named, none where a script is."""
    words = [*shlex.split(args.script or ""), *(word for word in args.words if word != "--")]
    paths = list(map(Path, words))
    if not paths or not (is_document(paths[0]) or paths[0].is_dir()):
        return []
    if option := next((word for word in words if word.startswith("-")), ""):
        raise UserError(f"'{option}' stands behind a file", "on the command line", "put it before")
    return paths


def _submitted(
    args: VerbArguments, experiment: Experiment, verb: str, done: str, version: Version
) -> list[Source]:
    from hera_experiment.check.capture import capture
    from hera_experiment.check.outcome import CannotTell
    from hera_experiment.lint.sources import of_captured

    context = args.kind.read(None, ["--cluster=local"])
    script, arguments = script_of(args, experiment, verb)
    environ = {**os.environ, **inputs_of(args).variables()}
    try:
        captured = capture(script, tuple(arguments), context, environ)
    except CannotTell as reason:
        tell(f"{reason}: nothing can be {done}")
        return []
    if captured.remark:
        tell(f"{captured.remark}; what it submits then is not {done}")
    return of_captured(captured, version)
