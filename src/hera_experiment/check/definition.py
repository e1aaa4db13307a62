"""What a check is: data that names it and what it needs, and the function that finds out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace

from hera_experiment.check.model import Outcome, Status
from hera_experiment.check.target import CheckTarget

PAGE = "docs/check_cluster.md"
"""The page of a project that says what each check is about."""
OWN = "OWN"
"""How the codes begin of the checks that a laboratory adds; the page has one paragraph for all."""


@dataclass(frozen=True)
class Check:
    """One question about the way of the next submission.

    ``code`` is stable. The check runs when those named in ``needs`` came out well (or with a
    warning) and none in ``unless_failed`` failed: otherwise it is unknown, so that one fault turns
    one code into a failure. It takes what those in ``informed_by`` find into account, but runs
    without it. Without the answer to an ``essential`` check nothing can be said about
    the next submission. ``hint`` says how a failure is mended in general; it is the advice of a
    failure or warning that gives none of its own.
    """

    code: str
    category: str
    title: str
    function: Callable[[CheckTarget], Outcome]
    hint: str = ""
    needs: tuple[str, ...] = ()
    unless_failed: tuple[str, ...] = ()
    informed_by: tuple[str, ...] = ()
    essential: bool = False

    @property
    def documentation(self) -> str:
        """The docstring of the check."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @property
    def anchor(self) -> str:
        """The name of its paragraph on the page of the documentation."""
        return (OWN if self.code.startswith(f"{OWN}-") else self.code).lower()

    @property
    def address(self) -> str:
        """Where its paragraph stands in a project."""
        return f"{PAGE}#{self.anchor}"

    @property
    def earlier(self) -> tuple[str, ...]:
        """The codes that must have come out before this check starts."""
        return self.needs + self.unless_failed

    def run(self, target: CheckTarget) -> Outcome:
        """Find the answer; raises :class:`CannotTell` and ``UserError`` where there is none."""
        outcome = self.function(target)
        if outcome.advice or outcome.status not in (Status.FAILURE, Status.WARNING):
            return outcome
        return replace(outcome, advice=self.hint)


@dataclass(frozen=True)
class Result:
    """A check that came out: ``started`` and ``seconds`` count from the run's beginning."""

    check: Check
    outcome: Outcome
    started: float = 0.0
    seconds: float = 0.0
    because: str = ""
    """The code of the first check that kept this one from running; empty when it ran."""
