"""How far the logs of pods have been read: reading one again repeats no line and loses none.

A cluster gives each line the time at which it was written, for ever, and can leave out what is
older than a given second: so the lines of the last two seconds are remembered. The laptop's times
are estimates that change, so there the lines are counted, and a log is read again from its start.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import NamedTuple, Protocol

from hera_experiment.argo.phases import PENDING
from hera_experiment.argo.tasks import Node
from hera_experiment.platform.argo_logs import Executor

Fresh = Callable[[str, str], bool]
"""Tells, for each line (stamp and text) of one reading in turn, whether it is new."""


class Position(Protocol):
    """How far the log of one pod has been read."""

    count: int

    def add(self, stamp: str, text: str) -> None:
        """Note one more line that was read."""

    @property
    def since(self) -> str:
        """From when on it has to be read again; empty for from the start."""

    def again(self) -> Fresh:
        """Begin another reading, from ``since`` or any time before."""


class ByTime:
    """For logs whose lines keep their time, though not in strict order: two streams are merged."""

    def __init__(self) -> None:
        self.count = 0
        self._recent: deque[tuple[str, tuple[str, str]]] = deque()
        self._last = ""
        self._since = ""

    def add(self, stamp: str, text: str) -> None:
        """Note a line; what goes on a very long one has no ``stamp``."""
        self.count += 1
        second = stamp[:19] or self._last
        if second > self._last:
            self._last = second
            self._since = _second_before(second)
            while self._recent and self._recent[0][0] < self._since[:19]:
                self._recent.popleft()
        self._recent.append((second, (stamp, text)))

    @property
    def since(self) -> str:
        """The second before that of the latest line."""
        return self._since

    def again(self) -> Fresh:
        """Begin another reading: what is remembered comes again, each line as often as it came."""
        seen = Counter(line for _, line in self._recent)
        since = self._since[:19]

        def fresh(stamp: str, text: str) -> bool:
            if seen[stamp, text] > 0:
                seen[stamp, text] -= 1
                return False
            return not stamp or stamp[:19] >= since

        return fresh


class ByCount:
    """For logs that are read from their start each time."""

    since = ""

    def __init__(self) -> None:
        self.count = 0

    def add(self, stamp: str, text: str) -> None:
        """Note a line."""
        self.count += 1

    def again(self) -> Fresh:
        """Begin another reading."""
        known = self.count
        read = 0

        def fresh(stamp: str, text: str) -> bool:
            nonlocal read
            read += 1
            return read > known

        return fresh


def _second_before(second: str) -> str:
    moment = datetime.fromisoformat(f"{second}+00:00") - timedelta(seconds=1)
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class TaskLine(NamedTuple):
    """One line of a task's log."""

    task: str
    text: str


@dataclass
class Pod:
    """A pod of the run: the ``task`` it belongs to, and how far its log has been read."""

    name: str
    task: str
    node: Node
    position: Position
    closed: bool = False
    """Whether all of its log has been read."""
    executor: Executor = field(default_factory=Executor)

    @property
    def phase(self) -> str:
        """Argo's phase of its node."""
        return str(self.node.get("phase") or PENDING)


@dataclass
class Reading:
    """One stream of lines, of one pod or of many, from wherever it began."""

    fresh: dict[str, Fresh] = field(default_factory=dict)


def is_of(task: str, name: str) -> bool:
    """Tell whether ``task`` is the one called ``name``, or one of its loop, attempts or tasks."""
    return task == name or task.startswith((f"{name}(", f"{name}."))
