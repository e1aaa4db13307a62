"""What happens in a workflow next: events of other threads, its own calls, timers."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

Event = Callable[[], None]

_BATCH = 256
"""So many events are taken before what they changed is written down."""

_LONGEST_WAIT = 3600.0
"""Seconds after which it looks at its timers once more: a queue cannot wait for centuries."""


class Events:
    """The events of one workflow.

    :meth:`put` and :meth:`ring` are for any thread, :meth:`wait` is for the operator's own, the
    rest for who has the operator's turn. ``now`` is monotonic: timers heed no clock that is set.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waiting: deque[Event] = deque()
        # Locked until somebody rings.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._later: deque[Event] = deque()
        self._timers: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self.put = self._waiting.append
        self.later = self._later.append

    def at(self, when: float, event: Event) -> None:
        """Let ``event`` happen at that time."""
        heapq.heappush(self._timers, (when, next(self._order), event))
        if self._timers[0][0] == when:
            self.ring()

    def ring(self) -> None:
        """Wake who waits; somebody who comes to wait later does not."""
        # Another thread may have rung a moment before.
        with suppress(RuntimeError):
            self._bell.release()

    def wait(self) -> None:
        """Wait until somebody rings or a timer comes due, unless an event is there."""
        if self._waiting:
            return
        timeout = -1.0
        if self._timers:
            timeout = min(max(self._timers[0][0] - self._now(), 0.0), _LONGEST_WAIT)
        self._bell.acquire(timeout=timeout)

    def take(self, settle: Event) -> None:
        """Take what has happened, and the timers that are due; ``settle`` in between."""
        for taken in range(_BATCH):
            if not self._waiting:
                break
            if taken:
                settle()
            self._waiting.popleft()()
        while self._timers and self._timers[0][0] <= self._now():
            heapq.heappop(self._timers)[2]()

    def run_later(self) -> None:
        """Make all calls that were put off, and those that they put off."""
        while self._later:
            self._later.popleft()()

    @property
    def pending(self) -> bool:
        """True when something has happened that nobody took."""
        return bool(self._waiting)

    @property
    def idle(self) -> bool:
        """True when no call is put off."""
        return not self._later

    def fire_timers(self) -> None:
        """Let all timers come due now."""
        timers, self._timers = self._timers, []
        for _, _, event in sorted(timers, key=lambda timer: timer[:2]):
            event()
