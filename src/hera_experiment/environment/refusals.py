"""What Argo's server refused a script, as one sentence in place of a traceback."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from hera_experiment.context.sources import display
from hera_experiment.errors import UserError, report


def refusal(error: BaseException, server: str, place: str = "") -> UserError | None:
    """Return the sentence for an exception that Hera made of a refusal; None for any other.

    ``server`` begins the sentence, ``place`` is the script's line.
    """
    exceptions = sys.modules.get("hera.exceptions")
    if exceptions is None or not isinstance(error, exceptions.HeraException):
        return None
    said = str(error).partition("with message: `")[2].removesuffix("`") or str(error)
    return UserError(f"{server} answers: {said}", place)


def line_of(traceback: TracebackType | None, path: str) -> str:
    """Return "PATH, line N" for the first frame of ``path`` in the traceback, else ``path``."""
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == path:
            return f"{display(Path(path))}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return path


def say_refusals() -> None:
    """Make an uncaught refusal of this process one sentence; installing it twice is well."""
    previous = sys.excepthook
    if getattr(previous, "says_refusals", False):
        return

    def hook(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        script = getattr(sys.modules.get("__main__"), "__file__", None) or ""
        sentence = refusal(error, "Argo's server", line_of(traceback, script))
        if sentence is None:
            previous(kind, error, traceback)
        else:
            report(sentence)

    hook.says_refusals = True  # type: ignore[attr-defined]
    sys.excepthook = hook
