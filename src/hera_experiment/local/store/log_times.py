"""When each line of a log was written.

A task writes its log without the server in between, which is the fastest there is, so no line
carries a time as it does on a cluster. Instead the sizes of the logs that grow are noted now and
then; a line is as old as the first note that covers it, and what no note covers is as old as the
last change of the file. The times are late by at most :data:`SAMPLING_SECONDS`.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from hera_experiment.local.store.run import TIMES_SUFFIX, Run

SAMPLING_SECONDS = 0.5

_NOTE = re.compile(rb"^(\d{1,18}) (\d{1,12}\.\d{3})$", re.MULTILINE)


class LogSampler:
    """Notes the growth of the logs of running tasks. ``now`` returns seconds since the epoch."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._sizes: dict[Path, int] = {}

    def sample(self, runs: list[Run]) -> None:
        """Note the sizes of the logs of these runs' running tasks that have grown."""
        seen: dict[Path, int] = {}
        for run in runs:
            for pod in run.pods():
                if pod.get("phase") != "Running":
                    continue
                log = run.log_path(str(pod["id"]))
                try:
                    size = log.stat().st_size
                except OSError:
                    continue
                # A log is noted from its second sight on: a short task needs no second file.
                if log in self._sizes and size > self._sizes[log]:
                    _note(log, size, self._now())
                seen[log] = size
        self._sizes = seen


class LogTimes:
    """The times of one log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._sizes: list[int] = []
        self._times: list[float] = []
        notes = b""
        with suppress(OSError):
            notes = log.with_suffix(TIMES_SUFFIX).read_bytes()
        # What is damaged counts for nothing, and the lines are as old as the next note says.
        for size, when in _NOTE.findall(notes):
            if not self._sizes or int(size) > self._sizes[-1]:
                self._sizes.append(int(size))
                self._times.append(float(when))

    def parts(self, offset: int, block: bytes) -> Iterator[tuple[float, bytes]]:
        """Yield the lines of ``block``, which begins at ``offset``, with when they were written.

        A part is the lines of one time, in seconds since the epoch.
        """
        index, done = bisect_left(self._sizes, offset + 1), 0
        while done < len(block) and index < len(self._sizes):
            # A line is as old as the first note that covers its end.
            covered = self._sizes[index] - offset
            end = len(block) if covered >= len(block) else block.rfind(b"\n", done, covered) + 1
            if end > done:
                yield self._times[index], block[done:end]
                done = end
            index += 1
        if done < len(block):
            yield self._last_change(), block[done:]

    def _last_change(self) -> float:
        try:
            return self._log.stat().st_mtime
        except OSError:
            return 0.0


def _note(log: Path, size: int, now: float) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    # The workflow may have been deleted meanwhile, and the disk may be full.
    with suppress(OSError):
        descriptor = os.open(log.with_suffix(TIMES_SUFFIX), flags, 0o600)
        try:
            os.write(descriptor, f"{size} {now:.3f}\n".encode("ascii"))
        finally:
            os.close(descriptor)
