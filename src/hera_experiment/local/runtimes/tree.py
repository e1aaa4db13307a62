"""The file system of an image as a process sees it: folders, and links to files elsewhere."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

LINKED_WHOLE = 64
"""A folder with more files than this is linked as one, instead of file by file."""

Node: TypeAlias = "str | dict[str, Node]"


@dataclass(frozen=True)
class Layout:
    """What to make below an empty root: ``folders`` in order, then ``links`` (path, target)."""

    folders: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


class Tree:
    """Absolute container paths: a folder is a dictionary, a file the path it comes from."""

    def __init__(self) -> None:
        self._root: dict[str, Node] = {}

    def add_folder(self, path: str) -> None:
        """Make ``path`` and what is missing above it; a file in its way gives way."""
        self._folder(_parts(path))

    def add_file(self, path: str, source: str) -> None:
        """Put the file or symbolic link ``source`` at ``path``."""
        *parents, name = _parts(path)
        self._folder(parents)[name] = source

    def is_folder(self, path: str) -> bool:
        """Tell whether ``path`` is a folder; the root is one."""
        return isinstance(self._find(path), dict)

    def file(self, path: str) -> str | None:
        """Return where the file at ``path`` comes from, None when there is none."""
        node = self._find(path)
        return node if isinstance(node, str) else None

    def own(self, shared: Callable[[str], bool]) -> list[str]:
        """Return the highest paths that are no ``shared`` folder, which others have files in."""
        return list(_own(self._root, "", shared))

    def layout(self, folders: Iterable[str], mounts: Iterable[str]) -> Layout:
        """Return how to make this tree with ``folders`` added and ``mounts`` left free.

        Of a mount only what is above it is made: the mount itself is linked by its user.
        """
        copy = Tree()
        copy._root = _copied(self._root)
        for folder in folders:
            copy.add_folder(folder)
        mounted = sorted(set(mounts), key=len)
        for mount in mounted:
            *parents, name = _parts(mount)
            copy._folder(parents).pop(name, None)
        kept = {folder for mount in mounted for folder in above(mount)}
        made: list[str] = []
        links: list[tuple[str, str]] = []
        outer = [m for m in mounted if not any(m.startswith(f"{o}/") for o in mounted)]
        inside = tuple(f"{mount}/" for mount in outer)
        for path, source in _flattened(copy._root, "", kept):
            if path in outer or path.startswith(inside):
                continue
            if source is None:
                made.append(path)
            else:
                links.append((path, source))
        return Layout(tuple(made), tuple(links))

    def make(self, root: str, folders: Iterable[str]) -> None:
        """Make this tree below ``root``, with ``folders`` added: its files are hard links."""
        os.mkdir(root)
        for path, source in _every(self._root, ""):
            if source is None:
                os.mkdir(root + path)
            else:
                os.link(source, root + path, follow_symlinks=False)
        for folder in folders:
            os.makedirs(root + folder, exist_ok=True)

    def _find(self, path: str) -> Node | None:
        node: Node | None = self._root
        for part in _parts(path):
            node = node.get(part) if isinstance(node, dict) else None
        return node

    def _folder(self, parts: Iterable[str]) -> dict[str, Node]:
        folder = self._root
        for part in parts:
            inner = folder.get(part)
            if not isinstance(inner, dict):
                inner = folder[part] = {}
            folder = inner
        return folder


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def above(path: str) -> Iterator[str]:
    """Yield the folders above ``path``, the nearest first, without the root."""
    parent = posixpath.dirname(path)
    # A path may begin with two slashes, of which no normal form takes one away.
    while parent.strip("/"):
        yield parent
        parent = posixpath.dirname(parent)


def _own(folder: dict[str, Node], prefix: str, shared: Callable[[str], bool]) -> Iterator[str]:
    for name, node in folder.items():
        path = f"{prefix}/{name}"
        if isinstance(node, dict) and shared(path):
            yield from _own(node, path, shared)
        else:
            yield path


def _copied(folder: dict[str, Node]) -> dict[str, Node]:
    return {k: _copied(v) if isinstance(v, dict) else v for k, v in folder.items()}


def _flattened(
    folder: dict[str, Node], prefix: str, kept: set[str]
) -> Iterator[tuple[str, str | None]]:
    for name, node in folder.items():
        path = f"{prefix}/{name}"
        if isinstance(node, str):
            yield path, node
        elif path not in kept and (source := _one_source(node)):
            yield path, source
        else:
            yield path, None
            yield from _flattened(node, path, kept)


def _every(folder: dict[str, Node], prefix: str) -> Iterator[tuple[str, str | None]]:
    for name, node in folder.items():
        path = f"{prefix}/{name}"
        yield path, node if isinstance(node, str) else None
        if not isinstance(node, str):
            yield from _every(node, path)


def _one_source(folder: dict[str, Node]) -> str | None:
    """Return the folder that ``folder`` is a large and faithful copy of, else None."""
    files = list(_flattened_files(folder, ""))
    if len(files) <= LINKED_WHOLE:
        return None
    path, source = files[0]
    base = source.removesuffix(path)
    return base if all(s == base + p for p, s in files) else None


def _flattened_files(folder: dict[str, Node], prefix: str) -> Iterator[tuple[str, str]]:
    for name, node in folder.items():
        if isinstance(node, str):
            yield f"{prefix}/{name}", node
        else:
            yield from _flattened_files(node, f"{prefix}/{name}")
