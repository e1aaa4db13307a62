"""The limit of a container's memory, kept by looking: a user alone has no control groups.

The largest process is ended by force, as Linux does when a control group has no memory left. What
is allocated and given back between two looks is not seen, and memory that forked processes share is
counted in each of them.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hera_experiment.local.runtimes.children import Children

_PAUSE = 0.01
_PAGE = os.sysconf("SC_PAGE_SIZE")


class MemoryLimit:
    """While it is entered, what ``children`` run has no more than ``limit`` bytes; 0 is no limit.

    ``exceeded`` tells whether it had.
    """

    def __init__(self, children: Children, limit: int) -> None:
        self.exceeded = False
        self._children = children
        self._limit = limit
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="limit of memory", daemon=True)

    def __enter__(self) -> MemoryLimit:
        """Begin to look."""
        if self._limit:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._over.set()
        if self._limit:
            self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_PAUSE):
            number = self._children.number
            if number is None:
                continue
            sizes = {each: _private(each) for each in _with_those_below(number)}
            if sum(sizes.values()) > self._limit:
                self.exceeded = True
                with suppress(ProcessLookupError):
                    os.kill(max(sizes, key=lambda each: sizes[each]), signal.SIGKILL)


def _with_those_below(number: int) -> Iterator[int]:
    """Yield a process and all that it has started, as far as they are there."""
    yield number
    for thread in Path(f"/proc/{number}/task").glob("*"):
        with suppress(OSError):
            for child in (thread / "children").read_text("ascii").split():
                yield from _with_those_below(int(child))


def _private(number: int) -> int:
    """Return the bytes that a process has in memory and that are of no file; 0 if it has ended."""
    with suppress(OSError, ValueError, IndexError):
        _, resident, shared = Path(f"/proc/{number}/statm").read_text("ascii").split()[:3]
        return (int(resident) - int(shared)) * _PAGE
    return 0
