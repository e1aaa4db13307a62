"""Files of a task's own root, read on this machine once the task has ended and the root is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.contained_files import (
    Found,
    NotReadable,
    Tree,
    path_in_trees,
    read_in_trees,
    walk_in_trees,
)
from hera_experiment.local.runtimes.volumes import Mount


@dataclass(frozen=True)
class Layers:
    """One overlay, mounted at ``path``; ``folders`` are its layers, the top (upper) one first."""

    path: str
    folders: tuple[str, ...]


def read_from_root(
    path: str, overlays: Sequence[Layers], mounts: Sequence[Mount], limit: int
) -> bytes | None:
    """Return the content of the file at the container's absolute ``path``, None without one.

    ``path`` leads where it led inside, links included, except that no link leads out of a mount,
    as Argo has it: it reads a volume from another container. One of ``overlays`` is the root's. A
    volume in memory is empty by now.

    Raises
    ------
    NotReadable
        When a link leads out of its mount, or ``path`` is no regular file, has more than
        ``limit`` bytes or may not be read.
    """
    try:
        return read_in_trees(_trees(overlays, mounts), path, limit)
    except PermissionError:
        raise NotReadable("may not be read") from None
    except (OSError, ValueError):  # a path that no file can have
        return None


def walk_root(path: str, overlays: Sequence[Layers], mounts: Sequence[Mount]) -> Iterator[Found]:
    """Yield what is at the container's absolute ``path`` and below it; see :func:`read_from_root`.

    Raises :class:`NotReadable` and ``OSError``.
    """
    return walk_in_trees(_trees(overlays, mounts), path)


def real_path(path: str, overlays: Sequence[Layers], mounts: Sequence[Mount]) -> str:
    """Return the container's absolute ``path`` free of links, as far as it is there.

    Raises :class:`NotReadable` when a link leads out of its mount.
    """
    return _real(_trees(overlays, mounts), path)


def _trees(overlays: Sequence[Layers], mounts: Sequence[Mount]) -> list[Tree]:
    trees: list[Tree] = []
    # What lies above is mounted first, and what it has for links leads to where the next one is.
    parts: list[Layers | Mount] = [*overlays, *mounts]
    for part in sorted(parts, key=lambda each: len(_names(each.path))):
        path = _real(trees, part.path) if trees else "/"
        if isinstance(part, Layers):
            tree = Tree(path.rstrip("/"), tuple(map(Path, part.folders)))
        else:
            tree = Tree(path.rstrip("/"), () if part.memory else (part.source,), (part.path,))
        trees.append(tree)
    return trees


def _real(trees: Sequence[Tree], path: str) -> str:
    try:
        return path_in_trees(trees, path)
    except OSError:
        *above, last = _names(path)
        return f"{_real(trees, '/' + '/'.join(above)).rstrip('/')}/{last}"


def _names(path: str) -> list[str]:
    return list(filter(None, path.split("/")))
