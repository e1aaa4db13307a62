from __future__ import annotations

import pytest

from hera_experiment.waiting import Backoff, poll


class Time:
    """A clock that only a pause moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def test_a_poll_ends_with_what_is_true_or_after_its_time() -> None:
    time = Time()
    asked: list[float] = []

    def look() -> str:
        asked.append(time.now)
        return "there" if time.now >= 103 else ""

    assert poll(look, 60, 1.0, sleep=time.sleep, clock=time) == "there"
    assert asked == [100, 101, 102, 103]
    asked.clear()
    assert poll(lambda: look() and "", 2, 1.0, sleep=time.sleep, clock=time) == ""
    assert asked == [103, 104, 105, 106]
    assert poll(look, -1, 1.0, sleep=time.sleep, clock=time) == "there"
    with pytest.raises(OSError, match="lost"):
        poll(fail, 60, 1.0, sleep=time.sleep, clock=time)


def fail() -> bool:
    raise OSError("lost")


def test_pauses_double_until_something_arrives() -> None:
    pauses: list[float] = []
    backoff = Backoff(0.5, 3.0, pauses.append)
    for _ in range(5):
        backoff.pause()
    assert pauses == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert (backoff.count, backoff.waited) == (5, 9.5)
    backoff.reset()
    backoff.pause(at_least=7)
    backoff.pause()
    assert pauses[5:] == [7, 1.0] and backoff.count == 2
