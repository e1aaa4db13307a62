"""Checks run side by side, each as soon as those it needs came out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from hera_experiment.check.outcome import (
    CannotTell,
    Outcome,
    Status,
    failure,
    ok,
    unknown,
)
from hera_experiment.check.runner import Check, Result, run
from hera_experiment.errors import UserError


def make(code: str, function: Callable[[Any], Outcome], **options: Any) -> Check:
    return Check(code, "category", "title", function, **options)


def results_of(*checks: Check, limit: float = 10) -> dict[str, Result]:
    return {each.check.code: each for each in run(checks, None, limit=limit)}  # type: ignore[arg-type]


def well(_: Any) -> Outcome:
    return ok("well")


def test_independent_checks_run_at_once() -> None:
    meeting = threading.Barrier(3, timeout=5)

    def meet(_: Any) -> Outcome:
        meeting.wait()
        return ok("met")

    found = results_of(*(make(code, meet) for code in "ABC"))
    assert [each.outcome.message for each in found.values()] == ["met"] * 3


def test_a_check_starts_after_those_it_needs() -> None:
    order: list[str] = []

    def note(code: str) -> Callable[[Any], Outcome]:
        def function(_: Any) -> Outcome:
            order.append(code)
            return ok("")

        return function

    results_of(
        make("C", note("C"), needs=("B",), unless_failed=("A",)),
        make("B", note("B"), needs=("A",)),
        make("A", note("A")),
    )
    assert order == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("outcome", "needing", "unless"),
    [
        (ok(""), Status.OK, Status.OK),
        (Outcome(Status.WARNING, ""), Status.OK, Status.OK),
        (failure("", "", ""), Status.UNKNOWN, Status.UNKNOWN),
        (unknown(""), Status.UNKNOWN, Status.OK),
    ],
)
def test_what_keeps_a_check_from_running(outcome: Outcome, needing: Status, unless: Status) -> None:
    found = results_of(
        make("A", lambda _: outcome),
        make("NEEDING", well, needs=("A",)),
        make("UNLESS", well, unless_failed=("A",)),
    )
    assert found["NEEDING"].outcome.status is needing
    assert found["UNLESS"].outcome.status is unless


def test_the_first_cause_is_named_all_along_the_way() -> None:
    found = results_of(
        make("A", lambda _: failure("", "", "")),
        make("B", well, needs=("A",)),
        make("C", well, needs=("B",)),
    )
    assert found["C"].because == found["B"].because == "A"
    assert found["C"].outcome.message == "not checked: A failed"


@pytest.mark.parametrize(
    ("error", "message", "advice"),
    [
        (CannotTell("you may not"), "you may not", ""),
        (UserError("it is wrong", "where", "mend it"), "it is wrong", "mend it"),
        (KeyError("token-s3cret"), "the check itself failed (KeyError); please report it", ""),
    ],
)
def test_an_error_is_an_unknown(error: Exception, message: str, advice: str) -> None:
    def fail(_: Any) -> Outcome:
        raise error

    outcome = results_of(make("A", fail))["A"].outcome
    assert outcome == unknown(message, advice)


def test_a_check_that_does_not_end_is_given_up_and_the_others_go_on() -> None:
    release = threading.Event()

    def hang(_: Any) -> Outcome:
        release.wait(10)
        return ok("too late")

    begin = time.monotonic()
    found = results_of(
        make("HANGS", hang), make("WELL", well), make("AFTER", well, needs=("HANGS",)), limit=0.2
    )
    assert time.monotonic() - begin < 3
    release.set()
    assert found["HANGS"].outcome == unknown("no answer within 0.2 s")
    assert found["WELL"].outcome.status is Status.OK
    assert found["AFTER"].because == "HANGS"


def test_checks_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="wait for each other"):
        results_of(make("A", well, needs=("B",)), make("B", well, needs=("A",)))
