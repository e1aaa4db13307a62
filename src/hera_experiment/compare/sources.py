"""The code of a run as text: which files a program imports, and changes that cannot matter."""

from __future__ import annotations

import ast
import json
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from hera_experiment.record.code import CodeNotKept, CodeStore

_COMMENTS = ("Dockerfile", ".txt", ".toml", ".cfg", ".ini", ".yaml", ".yml", ".dockerignore")


@dataclass
class CodeTree:
    """The files of one run's code, read when they are first used."""

    store: CodeStore
    tree: str
    hashes: dict[str, str] = field(init=False)
    _texts: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.hashes = dict(self.store.files(self.tree))

    def text(self, path: str) -> str:
        """Return a file's text, empty where the tree has it not."""
        if path not in self._texts:
            try:
                there = path in self.hashes
                self._texts[path] = self.store.read(self.tree, path) if there else ""
            except CodeNotKept:
                self._texts[path] = ""
        return self._texts[path]

    def imported(self, start: str, root: str = "") -> set[str]:
        """Return ``start`` and what it imports of the files below ``root``, directly or not."""
        found: set[str] = set()
        waiting = [start]
        while waiting:
            path = waiting.pop()
            if path in found or path not in self.hashes:
                continue
            found.add(path)
            if path.endswith(".py"):
                waiting += self._imports(path, root)
        return found

    def _imports(self, path: str, root: str) -> Iterable[str]:
        folder = posixpath.dirname(path)
        for name, level in _imported_names(self.text(path)):
            bases = [root, folder]
            if level:
                above = folder
                for _ in range(level - 1):
                    above = posixpath.dirname(above)
                bases = [above]
            parts = name.split(".") if name else []
            for base in bases:
                for depth in range(len(parts) + 1):
                    inner = posixpath.join(base, *parts[:depth])
                    for candidate in (f"{inner}.py", posixpath.join(inner, "__init__.py")):
                        if candidate in self.hashes and inner != base:
                            yield candidate


def _imported_names(text: str) -> Iterable[tuple[str, int]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield module, node.level
            for alias in node.names:
                yield f"{module}.{alias.name}" if module else alias.name, node.level


def is_harmless(path: str, one: str, other: str) -> str:
    """Return why a change of a file cannot matter to a program, empty where it may."""
    name = posixpath.basename(path)
    if path.endswith(".py"):
        return _same_program(one, other)
    if path.endswith(".json"):
        try:
            same = json.loads(one) == json.loads(other)
        except ValueError:
            return ""
        return "the same values, written otherwise" if same else ""
    if name.endswith(_COMMENTS):
        return "comments and blanks alone" if _plain(one) == _plain(other) else ""
    return ""


def _plain(text: str) -> list[str]:
    lines = (re.sub(r"(^|\s)#.*", "", line).rstrip() for line in text.splitlines())
    return [line for line in lines if line]


def _same_program(one: str, other: str) -> str:
    """Compare two Python files without comments, layout, docstrings and the order of imports."""
    try:
        before, after = ast.parse(one), ast.parse(other)
    except (SyntaxError, ValueError):
        return ""
    for tree in (before, after):
        _without_docstrings(tree)
    if ast.dump(before) == ast.dump(after):
        return "comments, docstrings and layout alone"
    for tree in (before, after):
        _with_sorted_imports(tree)
    return "the order of imports alone" if ast.dump(before) == ast.dump(after) else ""


def _without_docstrings(tree: ast.Module) -> None:
    # A program may print its own docstring; what it computes is the same.
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]


def _with_sorted_imports(tree: ast.Module) -> None:
    start = 0
    body = tree.body
    while start < len(body):
        end = start
        while end < len(body) and isinstance(body[end], (ast.Import, ast.ImportFrom)):
            end += 1
        body[start:end] = sorted(body[start:end], key=ast.dump)
        start = max(end, start + 1)
