"""The folder of one task at a time in which its root is written to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hera_experiment.local.runtimes.bubblewrap import Overlay
from hera_experiment.local.runtimes.scratch import remove_folder, write_file
from hera_experiment.local.runtimes.tree import above
from hera_experiment.local.runtimes.volumes import VOLUMES, Mount

_MODE = 0o755


class TaskRoot:
    """The folder ``path``, with two folders for each of the overlays of a root in ``upper``.

    See :class:`~.bubblewrap.Sandbox` for them. ``places`` are where things are mounted in the
    root, by the path that leads there, of links perhaps: bubblewrap makes what is missing there,
    and it stays for the next task.
    """

    def __init__(self, path: str, overlays: Sequence[Overlay], places: Mapping[str, str]) -> None:
        self.path = path
        self.places = places
        self._overlays = overlays
        self._points = {path for point in places.values() for path in (point, *above(point))}
        self.upper = [(f"{path}/{at}", f"{path}/{at}.work") for at in range(len(overlays))]
        os.mkdir(path, 0o700)
        for folders in self.upper:
            for folder in folders:
                os.mkdir(folder)
                os.chmod(folder, _MODE)

    def write(self, files: Mapping[str, tuple[str, int]]) -> list[Mount]:
        """Write text, with this mode, for each path and return how it is mounted there."""
        mounts = []
        for number, (path, (text, mode)) in enumerate(files.items()):
            source = f"{self.path}/file-{number}"
            write_file(source, text.encode("utf-8", "surrogateescape"), mode)
            mounts.append(Mount(path, Path(source), ""))
        return mounts

    def forget(self, paths: Sequence[str]) -> None:
        """Remove what was made to mount something at ``paths``: the next may be of another kind."""
        for path in paths:
            place = self.places[path]
            for overlay, (upper, _) in zip(self._overlays, self.upper, strict=True):
                inner = upper + place.removeprefix(overlay.path.rstrip("/"))
                with suppress(OSError):
                    (os.rmdir if os.path.isdir(inner) else os.unlink)(inner)

    def restore(self) -> bool:
        """Tell whether the next task can have this folder: the one before wrote nothing."""
        try:
            if os.path.exists(volumes := f"{self.path}/{VOLUMES}"):
                remove_folder(volumes)
            return all(map(self._untouched, self._overlays, self.upper))
        except OSError:
            return False

    def _untouched(self, overlay: Overlay, folders: tuple[str, str], inner: str = "") -> bool:
        """Tell whether all below ``inner`` of an overlay was made to mount something there."""
        upper = folders[0] + inner
        before = _mode(overlay, inner) if inner else _MODE
        if before is not None and os.stat(upper).st_mode & 0o7777 != before:
            return False
        with os.scandir(upper) as entries:
            for entry in entries:
                below = f"{inner}/{entry.name}"
                if overlay.path.rstrip("/") + below not in self._points:
                    return False
                if entry.is_dir(follow_symlinks=False):
                    if not self._untouched(overlay, folders, below):
                        return False
                elif not entry.is_file(follow_symlinks=False) or entry.stat().st_size:
                    return False
        return True


def _mode(overlay: Overlay, inner: str) -> int | None:
    """Return the mode of a folder before anything is written; None where there is none."""
    for lower in reversed(overlay.lower):
        if os.path.isdir(lower + inner):
            return os.stat(lower + inner).st_mode & 0o7777
    return None
