"""Waiting: asking again and again until something is so, and pauses that grow meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def poll(
    condition: Callable[[], T],
    seconds: float,
    every: float,
    *,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Return what ``condition`` returns once it is true, or at the first try after ``seconds``.

    It is asked once at least; what it raises ends the waiting.
    """
    end = clock() + seconds
    while not (found := condition()) and clock() <= end:
        sleep(every)
    return found


class Backoff:
    """Pauses that double from ``first`` to ``longest`` seconds; ``count`` is how many there were.

    ``waited`` is the seconds that they came to.
    """

    def __init__(
        self, first: float, longest: float, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._first = first
        self._longest = longest
        self._sleep = sleep
        self.reset()

    def reset(self) -> None:
        """Begin again: what was waited for has come nearer."""
        self.count = 0
        self.waited = 0.0
        self.next = self._first

    def pause(self, at_least: float = 0.0) -> None:
        """Sleep for ``next`` seconds, or longer if so wished; twice as long the next time."""
        seconds = max(at_least, self.next)
        self._sleep(seconds)
        self.count += 1
        self.waited += seconds
        self.next = min(2 * self.next, self._longest)
