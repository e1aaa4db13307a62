"""What one task has read and written of what outlives it, as it was when it did so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hera_experiment.local.cache.states import (
    ABSENT,
    FILE,
    FOLDER,
    LINK,
    OTHER,
    Areas,
    Digests,
    Place,
    kind_of,
    names_in,
    signature,
)

CONTENT, NAMES, KIND = "content", "names", "kind"
"""What a task has seen: what is in a file, which names are in a folder, what is at a path."""


@dataclass(frozen=True)
class Seen:
    """What a task saw at a place: ``how`` is one of the three words, ``value`` what it saw."""

    how: str
    value: str | list[str]


@dataclass(frozen=True)
class Trace:
    """What a task read and wrote, by :attr:`~.states.Place.name`.

    ``reads`` are in the order in which they were; ``writes`` say what is there now: the kind of
    what it is, and a file's digest. ``problems`` are why it cannot be known what the task does
    another time.
    """

    reads: Mapping[str, Seen] = field(default_factory=dict)
    writes: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class Accesses:
    """Takes down what one task does; each method is called before the kernel does it.

    ``path`` is absolute and normal, as the task sees it.
    """

    def __init__(self, areas: Areas, digests: Digests) -> None:
        self._areas = areas
        self._digests = digests
        self._reads: dict[str, Seen] = {}
        # Files whose digest is taken at the end: most tasks begin with many reads.
        self._open: dict[str, tuple[Place, str]] = {}
        self._writes: dict[str, Place] = {}
        self._folders: set[str] = set()
        self._problems: dict[str, None] = {}

    def problem(self, text: str) -> None:
        """Take down why it cannot be known what the task does another time."""
        self._problems[text] = None

    def is_there(self, path: str) -> bool:
        """Tell whether there is something at ``path``, as far as that matters."""
        place = self._areas.find(path)
        return place is not None and kind_of(place.path) != ABSENT

    def looked(self, path: str) -> None:
        """The task asks what is at ``path``."""
        if (place := self._outside(path)) is not None:
            self._see(place, KIND, kind_of(place.path))

    def read(self, path: str) -> None:
        """The task opens ``path`` for reading."""
        place = self._outside(path)
        if place is None:
            return
        kind = kind_of(place.path)
        if kind.startswith(LINK):
            self._follow(place, kind)
        elif kind == FOLDER:
            own = {name for name in self._writes if self._is_in(name, place.name)}
            names = [name for name in names_in(place.path) if _joined(place.name, name) not in own]
            self._see(place, NAMES, names)
        elif kind == FILE:
            if f"{CONTENT} {place.name}" not in self._reads and place.name not in self._open:
                self._open[place.name] = (place, signature(place.path))
        else:
            self._see(place, KIND, kind)
            if kind == OTHER:
                self.problem(f"it reads {path}, which is no file")

    def wrote(self, path: str, *, keeps: bool = False, exclusive: bool = False) -> None:
        """The task opens ``path`` for writing; ``keeps`` if what is there stays, or some of it.

        With ``exclusive`` there must be nothing.
        """
        place = self._areas.find(path)
        if place is None:
            return
        kind = kind_of(place.path)
        if kind.startswith(LINK):
            self.problem(f"it writes through the link {path}")
        elif exclusive:
            self.looked(path)
        elif keeps and kind == FILE:
            self.read(path)
        self._close(place)
        self._writes[place.name] = place

    def removed(self, path: str) -> None:
        """The task removes ``path``."""
        self.looked(path)
        self._written(path)

    def made_folder(self, path: str) -> None:
        """The task makes the folder ``path``, or tries to."""
        if (place := self._written(path)) is not None:
            self._folders.add(place.name)

    def made_link(self, path: str) -> None:
        """The task makes a link at ``path``."""
        self._written(path)

    def moved(self, old: str, new: str) -> None:
        """The task gives ``old`` the path ``new``."""
        source = self._areas.find(old)
        if source is not None and kind_of(source.path) == FOLDER:
            self.problem(f"it moves the folder {old}")
        self.read(old)
        if source is not None:
            self._close(source)
        self._written(old)
        self._written(new)

    def finish(self) -> Trace:
        """Return what was taken down, the task having ended."""
        for place, _ in list(self._open.values()):
            self._close(place)
        writes: dict[str, str] = {}
        for name, place in self._writes.items():
            if place.area.private:
                continue
            kind = kind_of(place.path)
            if kind == FILE:
                kind = f"{FILE} {self._digests.of(place.path)}"
            elif kind == OTHER:
                self.problem(f"it makes {place.path.name}, which is no file")
            was = self._reads.get(f"{KIND} {name}")
            if kind != ABSENT or (was is not None and was.value != ABSENT):
                writes[name] = kind
        # A folder that a task makes unless it is there is the same to it in either case.
        both = (f"{KIND} {name}" for name in self._folders)
        dropped = {
            key for key in both if self._reads.get(key, Seen("", "")).value in (ABSENT, FOLDER)
        }
        reads = {key: seen for key, seen in self._reads.items() if key not in dropped}
        return Trace(reads, writes, tuple(self._problems))

    def _outside(self, path: str) -> Place | None:
        """Return the place of ``path``, None outside of all areas or if the task wrote there."""
        place = self._areas.find(path)
        return None if place is None or place.name in self._writes else place

    def _written(self, path: str) -> Place | None:
        place = self._areas.find(path)
        if place is not None:
            self._close(place)
            self._writes[place.name] = place
        return place

    def _see(self, place: Place, how: str, value: str | list[str]) -> None:
        self._reads.setdefault(f"{how} {place.name}", Seen(how, value))

    def _close(self, place: Place) -> None:
        """Take the digest of a file that was read, before it changes."""
        found = self._open.pop(place.name, None)
        if found is None:
            return
        digest = self._digests.of(place.path)
        if not digest or signature(place.path) != found[1]:
            self.problem(f"{place.below or place.area.path} changed while the task read it")
        self._see(place, CONTENT, digest)

    def _follow(self, place: Place, kind: str) -> None:
        self._see(place, KIND, kind)
        target = Path(kind[len(LINK) + 1 :])
        if target.is_absolute():
            self.problem(f"it reads through the link {place.below}, which leads to a whole path")
            return
        below = _normal(place.below, str(target))
        if below is None:
            self.problem(f"it reads through the link {place.below}, which leads out of its volume")
        elif below != place.below:
            inner = Place(place.area, below)
            found = kind_of(inner.path)
            if found.startswith(LINK):
                self.problem(f"it reads through links of links ({place.below})")
            elif found == FILE and inner.name not in self._writes:
                self._open.setdefault(inner.name, (inner, signature(inner.path)))
            elif found == FOLDER:
                self._see(inner, NAMES, names_in(inner.path))

    @staticmethod
    def _is_in(name: str, folder: str) -> bool:
        return name.rpartition("/")[0] == folder or (
            folder.endswith(":") and name.startswith(folder) and "/" not in name[len(folder) :]
        )


def seen_now(place: Place, how: str, digests: Digests) -> str | list[str]:
    """Return what a task would see at a place now."""
    if how == NAMES:
        return names_in(place.path)
    return digests.of(place.path) if how == CONTENT else kind_of(place.path)


def _joined(folder: str, name: str) -> str:
    return f"{folder}{name}" if folder.endswith(":") else f"{folder}/{name}"


def _normal(below: str, target: str) -> str | None:
    parts = below.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
