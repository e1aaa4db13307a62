"""Volumes in memory: what a task left there is read after they have gone with its namespace."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hera_experiment.local.runtimes.volumes import Mount, mount_of

_PATIENCE = 10.0
_PAUSE = 0.001


class MemoryVolumes:
    """Keeps hold of those volumes in memory among ``mounts`` that one of ``paths`` lies in.

    A folder that is open stays, whatever happens to its mount. So that it can be opened in time,
    the sandbox waits for a word in ``descriptor``; None where there is nothing to keep.
    """

    def __init__(self, mounts: Sequence[Mount], paths: Sequence[str]) -> None:
        self.mounts = list(mounts)
        found = (mount_of(path, mounts) for path in paths)
        self._kept = [mount for mount in {*found} if mount is not None and mount.memory]
        self._opened: list[int] = []
        self.descriptor: int | None = None

    def __enter__(self) -> MemoryVolumes:
        """Make the pipe that the sandbox waits at."""
        if self._kept:
            self.descriptor, self._word = os.pipe2(os.O_CLOEXEC)
            self._opened += (self.descriptor, self._word)
        return self

    def __exit__(self, *_: Any) -> None:
        """Let the volumes go."""
        for descriptor in self._opened:
            os.close(descriptor)

    @property
    def descriptors(self) -> Sequence[int]:
        """What the sandbox has open as well."""
        return () if self.descriptor is None else (self.descriptor,)

    def hold(self, first: Callable[[], int | None]) -> None:
        """Open the volumes once they are mounted; ``first`` finds the sandbox's first process."""
        if self.descriptor is None:
            return
        end = time.monotonic() + _PATIENCE
        with suppress(ProcessLookupError):
            while time.monotonic() < end:
                number = first()
                if number is not None and self._are_mounted(number):
                    for mount in self._kept:
                        self._hold(mount, number)
                    break
                time.sleep(_PAUSE)
        os.write(self._word, b"\n")

    def _are_mounted(self, number: int) -> bool:
        try:
            lines = Path(f"/proc/{number}/mountinfo").read_text("utf-8", "surrogateescape")
        except OSError:
            return False
        points = {line.split(" ")[4] for line in lines.splitlines()}
        # Until all is mounted, they are seen below the folder that becomes the root.
        return all(_escaped(mount.path) in points for mount in self._kept)

    def _hold(self, mount: Mount, number: int) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        descriptor = os.open(f"/proc/{number}/root{mount.path}", flags)
        self._opened.append(descriptor)
        held = replace(mount, source=Path(f"/proc/self/fd/{descriptor}"), memory=False)
        self.mounts[self.mounts.index(mount)] = held


def _escaped(path: str) -> str:
    """Return ``path`` as the kernel writes it in a list of mounts."""
    for character in "\\ \t\n":
        path = path.replace(character, f"\\{ord(character):03o}")
    return path
