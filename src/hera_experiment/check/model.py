"""What a check is, and what may come of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hera_experiment.check.subject import Subject


class Status(Enum):
    """How a check came out; the value is the word that machines read."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"

    @property
    def symbol(self) -> str:
        """The sign that people read."""
        return {"ok": "√", "warning": "‼", "failure": "×", "unknown": "?"}[self.value]


class CannotTell(Exception):
    """A check cannot be decided here; the text says why, and neither passes nor fails."""


@dataclass(frozen=True)
class Outcome:
    """What came of a check.

    ``message`` is what was seen, in a few words ("bound, ReadWriteMany"); ``cause`` one sentence
    of what is wrong; ``advice`` one line of what to type or whom to ask; ``paste`` a block of YAML
    that the advice speaks of, ready to be applied. None holds a secret.
    """

    status: Status
    message: str
    cause: str = ""
    advice: str = ""
    paste: str = ""


def ok(message: str) -> Outcome:
    """Say that all is well."""
    return Outcome(Status.OK, message)


def warning(message: str, cause: str, advice: str) -> Outcome:
    """Say that it may work, but that a person should know something."""
    return Outcome(Status.WARNING, message, cause, advice)


def failure(message: str, cause: str, advice: str, paste: str = "") -> Outcome:
    """Say that the next submission cannot work."""
    return Outcome(Status.FAILURE, message, cause, advice, paste)


def unknown(message: str, advice: str = "") -> Outcome:
    """Say that it could not be found out."""
    return Outcome(Status.UNKNOWN, message, "", advice)


@dataclass(frozen=True)
class Check:
    """One question about the way of the next submission.

    ``code`` is stable. The check runs when those named in ``needs`` came out well (or with a
    warning) and none in ``unless_failed`` failed: otherwise it is unknown, so that one fault turns
    one code into a failure. Without the answer to an ``essential`` check nothing can be said about
    the next submission.
    """

    code: str
    category: str
    title: str
    function: Callable[[Subject], Outcome]
    needs: tuple[str, ...] = ()
    unless_failed: tuple[str, ...] = ()
    essential: bool = False

    @property
    def documentation(self) -> str:
        """The docstring of the check."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @property
    def earlier(self) -> tuple[str, ...]:
        """The codes that must have come out before this check starts."""
        return self.needs + self.unless_failed

    def run(self, subject: Subject) -> Outcome:
        """Find the answer; raises :class:`CannotTell` and ``UserError`` where there is none."""
        return self.function(subject)


def check(
    *,
    code: str,
    category: str,
    title: str,
    needs: tuple[str, ...] = (),
    unless_failed: tuple[str, ...] = (),
    essential: bool = False,
) -> Callable[[Callable[[Subject], Outcome]], Check]:
    """Make a check of a function; its docstring is the check's documentation."""

    def decorate(function: Callable[[Subject], Outcome]) -> Check:
        return Check(code, category, title, function, needs, unless_failed, essential)

    return decorate


@dataclass(frozen=True)
class Result:
    """A check that came out: ``started`` and ``seconds`` count from the run's beginning."""

    check: Check
    outcome: Outcome
    started: float = 0.0
    seconds: float = 0.0
    because: str = ""
    """The code of the first check that kept this one from running; empty when it ran."""
