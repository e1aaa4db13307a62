"""How tests wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hera_experiment.waiting import poll

T = TypeVar("T")


def until(
    condition: Callable[[], T],
    seconds: float = 120.0,
    every: float = 0.05,
    seen: Callable[[], object] = lambda: "it did not happen in time",
) -> T:
    """Return what ``condition`` returns once it is true; else fail, showing what is ``seen``."""
    found = poll(condition, seconds, every)
    assert found, seen()
    return found
