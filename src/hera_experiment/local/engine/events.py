"""What the thread of a workflow does next: events of other threads, its own calls, timers."""

from __future__ import annotations

import heapq
import itertools
import queue
from collections import deque
from collections.abc import Callable
from contextlib import suppress

Event = Callable[[], None]

_BATCH = 256
"""So many events are taken before what they changed is written down."""

_LONGEST_WAIT = 3600.0
"""Seconds after which it looks at its timers once more: a queue cannot wait for centuries."""


class Events:
    """The events of one workflow; :meth:`put` is for any thread, the rest for its own.

    ``now`` is monotonic: timers heed no clock that is set.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._later: deque[Event] = deque()
        self._timers: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self.put = self._queue.put
        self.later = self._later.append

    def at(self, when: float, event: Event) -> None:
        """Let ``event`` happen at that time."""
        heapq.heappush(self._timers, (when, next(self._order), event))

    def take(self, settle: Event) -> None:
        """Wait for an event or a timer, then take what else has happened; ``settle`` in between."""
        timeout = None
        if self._timers:
            timeout = min(max(self._timers[0][0] - self._now(), 0.0), _LONGEST_WAIT)
        with suppress(queue.Empty):
            self._queue.get(timeout=timeout)()
            for _ in range(_BATCH):
                settle()
                self._queue.get_nowait()()
        while self._timers and self._timers[0][0] <= self._now():
            heapq.heappop(self._timers)[2]()

    def run_later(self) -> None:
        """Make all calls that were put off, and those that they put off."""
        while self._later:
            self._later.popleft()()

    @property
    def idle(self) -> bool:
        """True when no call is put off."""
        return not self._later

    def fire_timers(self) -> None:
        """Let all timers come due now."""
        timers, self._timers = self._timers, []
        for _, _, event in sorted(timers, key=lambda timer: timer[:2]):
            event()
