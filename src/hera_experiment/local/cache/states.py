"""What a file, a folder or nothing at a path is, in a form that can be compared and kept."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ABSENT, FOLDER, FILE, LINK, OTHER = "absent", "folder", "file", "link", "other"

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Area:
    """A part of a task's file system: what it sees at ``path`` lies in ``source``.

    ``name``, without a colon, is the same for all that see the same; what is written to a
    ``private`` one goes with the task.
    """

    name: str
    path: str
    source: Path
    private: bool = False

    def place(self, path: str) -> str | None:
        """Return where ``path``, normal and absolute, lies below the area; None if it does not."""
        if path == self.path:
            return ""
        begin = self.path if self.path.endswith("/") else f"{self.path}/"
        return path[len(begin) :] if path.startswith(begin) else None


@dataclass(frozen=True)
class Place:
    """A path within an area."""

    area: Area
    below: str

    @property
    def path(self) -> Path:
        """Where it lies on this machine."""
        return self.area.source / self.below if self.below else self.area.source

    @property
    def name(self) -> str:
        """What it is called wherever the area lies."""
        return f"{self.area.name}:{self.below}"


class Areas:
    """All areas of one task; the deepest that has a path is the one that the task sees."""

    def __init__(self, areas: Iterable[Area]) -> None:
        self._areas = sorted(areas, key=lambda area: len(area.path), reverse=True)

    def find(self, path: str) -> Place | None:
        """Return the place of a normal, absolute path of the task; None outside of all areas."""
        for area in self._areas:
            below = area.place(path)
            if below is not None:
                return Place(area, below)
        return None

    def named(self, name: str) -> Place | None:
        """Return the place that :attr:`Place.name` named, None if there is no such area."""
        area, _, below = name.partition(":")
        found = next((each for each in self._areas if each.name == area), None)
        return None if found is None else Place(found, below)


def kind_of(path: Path) -> str:
    """Return what is at ``path``, a link not followed: one of the five words, a link's target too.

    For a link that is ``link`` and, after a space, where it leads.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return ABSENT
    if stat.S_ISDIR(mode):
        return FOLDER
    if stat.S_ISREG(mode):
        return FILE
    return f"{LINK} {os.readlink(path)}" if stat.S_ISLNK(mode) else OTHER


def signature(path: Path) -> str:
    """Return what changes with the content of a file; empty when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def names_in(path: Path) -> list[str]:
    """Return the names in a folder, sorted; none when it cannot be read."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


class Digests:
    """Digests of files; one that has not changed since is read once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, path: Path) -> str:
        """Return the SHA-256 of a file, empty when it cannot be read, or changes meanwhile."""
        before = signature(path)
        if before in self._known:
            return self._known[before]
        digest = hashlib.sha256()
        try:
            with open(path, "rb") as file:
                while block := file.read(_CHUNK):
                    digest.update(block)
        except OSError:
            return ""
        if not before or signature(path) != before:
            return ""
        self._known[before] = digest.hexdigest()
        return self._known[before]
