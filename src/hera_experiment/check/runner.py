"""Checks as data, and the one runner: side by side, each as soon as those it needs came out."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from time import monotonic

from hera_experiment.check.outcome import CannotTell, Outcome, Status, unknown
from hera_experiment.check.target import CheckTarget
from hera_experiment.errors import UserError

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
    failure or warning that gives none of its own; ``CLUSTER=NAME`` in it stands for the person's.
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


_GOOD = (Status.OK, Status.WARNING)


def run(
    checks: Sequence[Check],
    target: CheckTarget,
    *,
    limit: float,
    clock: Callable[[], float] = monotonic,
) -> Iterator[Result]:
    """Yield the result of each check as it comes out, in whatever order.

    A check that has not ended after ``limit`` seconds is unknown; its thread is left behind and
    does not keep the process alive.
    """
    begin = clock()
    waiting = list(checks)
    results: dict[str, Result] = {}
    ended: SimpleQueue[Result] = SimpleQueue()
    running: dict[str, tuple[Check, float]] = {}

    def work(check: Check, started: float) -> None:
        outcome, because = _answer(check, target)
        ended.put(Result(check, outcome, started, clock() - begin - started, because))

    while waiting or running:
        ready = [each for each in waiting if all(code in results for code in each.earlier)]
        if not ready and not running:
            raise ValueError(f"checks wait for each other: {[each.code for each in waiting]}")
        for check in ready:
            waiting.remove(check)
            because = _obstacle(check, results)
            now = clock() - begin
            if because:
                result = Result(check, _blocked(results[because]), now, 0.0, because)
                results[check.code] = result
                yield result
            else:
                running[check.code] = check, now
                threading.Thread(
                    target=work, args=(check, now), name=check.code, daemon=True
                ).start()
        if ready and not running:
            continue
        try:
            oldest = min((started for _, started in running.values()), default=0.0)
            result = ended.get(timeout=max(0.0, oldest + limit - (clock() - begin)))
        except Empty:
            check, started = min(running.values(), key=lambda each: each[1])
            result = Result(check, unknown(f"no answer within {limit:g} s"), started, limit)
        if running.pop(result.check.code, None):
            results[result.check.code] = result
            yield result


def _obstacle(check: Check, results: dict[str, Result]) -> str:
    """Return the code that keeps ``check`` from running, the first cause of it; or nothing."""
    for code in check.earlier:
        result = results[code]
        bad = result.outcome.status not in _GOOD
        if result.outcome.status is Status.FAILURE or (bad and code in check.needs):
            return result.because or code
    return ""


def _blocked(cause: Result) -> Outcome:
    failed = cause.outcome.status is Status.FAILURE
    return unknown(f"not checked: {cause.check.code} {'failed' if failed else 'is unknown'}")


def outcome_of(check: Check, target: CheckTarget) -> Outcome:
    """Return what comes of ``check``; what it raises is unknown, but for interruptions."""
    return _answer(check, target)[0]


def _answer(check: Check, target: CheckTarget) -> tuple[Outcome, str]:
    """Return what comes of ``check``, and the code of another check that is about the reason."""
    try:
        return check.run(target), ""
    except CannotTell as reason:
        if reason.because and reason.because != check.code:
            return unknown(f"not checked: {reason.because} is unknown"), reason.because
        return unknown(str(reason)), ""
    except UserError as error:
        # The next step goes with it, but not the place: checks name their own.
        return unknown(error.what, error.next_step), ""
    except Exception as error:  # a fault in one check must not hide the others
        # Only the kind: the text of an unforeseen error may hold a whole request.
        text = f"the check itself failed ({type(error).__name__}); please report it"
        return unknown(text), ""
