"""Copies of build contexts, one per content: what an image is to a container.

A task sees the program as it was when its workflow began, and what it writes never reaches the
experiment's own files.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.images.context import DOCKERFILE, content_hash, context_entries

_KEPT = 3


@dataclass(frozen=True)
class Snapshot:
    """A copy of a build context: its folder, and the ``entries`` that COPY can see."""

    folder: Path
    entries: tuple[str, ...]


class Snapshots:
    """The copies below ``root``, named ``<container>@<hash>``; the newest few are kept."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._pruned: set[str] = set()

    def take(self, folder: Path) -> Snapshot:
        """Return a copy of the build context ``folder`` as it is now.

        Raises :class:`OSError` when a file cannot be read.
        """
        with self._lock:
            visible = tuple(context_entries(folder))
            entries = [*visible, *(() if DOCKERFILE in visible else (DOCKERFILE,))]
            digest = content_hash(folder, entries, {})
            target = self._root / f"{folder.name}@{digest[:32]}"
            snapshot = Snapshot(target, visible)
            if target.is_dir():
                if _same(folder, target, entries):
                    os.utime(target)
                    return snapshot
                shutil.rmtree(target)
            self._prune(folder.name)
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            unfinished = self._root / f".{target.name}.unfinished"
            if unfinished.exists():
                shutil.rmtree(unfinished)
            _copy(folder, entries, unfinished)
            unfinished.rename(target)
            return snapshot

    def _prune(self, container: str) -> None:
        # Once in the life of a server: later its workflows may still use older copies.
        if container in self._pruned:
            return
        self._pruned.add(container)
        if not self._root.is_dir():
            return
        copies = [p for p in self._root.iterdir() if p.name.startswith(f"{container}@")]
        copies.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for old in copies[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


def _same(folder: Path, copy: Path, entries: list[str]) -> bool:
    """Tell whether ``copy`` still holds what ``folder`` does; RUN chmod may have changed modes."""
    try:
        one, two = (content_hash(f, entries, {}, execute_bits=False) for f in (folder, copy))
    except OSError:
        return False
    return one == two


def _copy(folder: Path, entries: list[str], target: Path) -> None:
    target.mkdir()
    for entry in entries:
        source, copy = folder / entry, target / entry
        copy.parent.mkdir(parents=True, exist_ok=True)
        mode = source.lstat().st_mode
        if stat.S_ISLNK(mode):
            copy.symlink_to(os.readlink(source))
        elif stat.S_ISDIR(mode):
            copy.mkdir(exist_ok=True)
        elif stat.S_ISREG(mode):
            shutil.copyfile(source, copy)
            # Read-only: tasks share these files, and one must not change them under another.
            copy.chmod(0o555 if mode & stat.S_IXUSR else 0o444)
