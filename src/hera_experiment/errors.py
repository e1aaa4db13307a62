"""What a person did that cannot work, and the one place that says so."""

from __future__ import annotations

import sys
from types import TracebackType

from hera_experiment.printing import printable


class UserError(Exception):
    """A mistake that its author can mend: shown as one sentence, never as a traceback.

    Parameters
    ----------
    what:
        What is wrong, without a full stop, for example ``no volume claim is named 'result'``.
    where:
        Where the wrong value came from, for example ``KUBEVOLUMECLAIMNAME from ./hera.config,
        line 4``; empty when it came from nowhere in particular.
    next_step:
        What to type or whom to ask; empty when ``what`` says it already.

    No field may hold a secret: all three are printed.
    """

    def __init__(self, what: str, where: str = "", next_step: str = "") -> None:
        super().__init__(what, where, next_step)
        self.what = what
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        sentence = f"{self.what} ({self.where})" if self.where else self.what
        return f"{sentence}: {self.next_step}" if self.next_step else sentence


EXIT_STATUS = 1
"""The exit status of a command that ended in a :class:`UserError`."""


def tell(sentence: object) -> None:
    """Tell the person something on standard error, at once."""
    print(printable(f"hera_utils: {sentence}"), file=sys.stderr, flush=True)


def report(error: UserError) -> int:
    """Print ``error`` on standard error as one sentence and return the exit status to use."""
    tell(error)
    return EXIT_STATUS


def install_excepthook() -> None:
    """Make an uncaught :class:`UserError` of this process one sentence; others keep their hook."""
    previous = sys.excepthook

    def hook(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, UserError):
            report(error)
        else:
            previous(kind, error, traceback)

    sys.excepthook = hook
