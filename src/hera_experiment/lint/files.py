"""Workflows in files of YAML or JSON, and the lines of what they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, ClassVar

from hera_experiment.errors import UserError
from hera_experiment.lint.rule import Path

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Document:
    """One document of a file; ``node`` is what YAML made of it."""

    file: str
    manifest: Any
    node: Any = field(repr=False, default=None)

    def locate(self, path: Path) -> tuple[str, int]:
        """Return the file, and the line of what is at ``path`` or, failing that, holds it."""
        node, line = self.node, 1
        if node is None:
            return self.file, 0
        line = node.start_mark.line + 1
        for key in path:
            found = self._child(node, key)
            if found is None:
                break
            line, node = found
        return self.file, line

    def _child(self, node: Any, key: str | int) -> tuple[int, Any] | None:
        if isinstance(key, int):
            values = node.value if isinstance(node.value, list) else []
            if key < len(values) and not isinstance(values[key], tuple):
                return values[key].start_mark.line + 1, values[key]
            return None
        entry = self._entries.get(id(node))
        if entry is None:
            pairs = node.value if isinstance(node.value, list) else []
            entry = {pair[0].value: pair for pair in pairs if isinstance(pair, tuple)}
            self._entries[id(node)] = entry
        pair = entry.get(key)
        return (pair[0].start_mark.line + 1, pair[1]) if pair else None

    @cached_property
    def _entries(self) -> dict[int, Any]:
        return {}


def documents(path: FilePath) -> Iterator[Document]:
    """Yield the documents of a file, as Argo reads it; empty ones are left out.

    Raises :class:`UserError` when it cannot be read, or is neither YAML nor JSON.
    """
    try:
        written = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"'{path}' is no text in UTF-8") from None
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}") from None
    if path.suffix == ".json":
        try:
            manifest = json.loads(written)
        except ValueError as error:
            raise UserError(f"'{path}' is no JSON: {error}") from None
        yield from _of_json(str(path), written, manifest)
        return
    yield from _of_yaml(str(path), written)


def _of_json(file: str, written: str, manifest: Any) -> Iterator[Document]:
    try:
        # YAML knows no tabs between values; only the lines are wanted.
        nodes = [each.node for each in _of_yaml(file, written.replace("\t", " "))]
    except UserError:
        nodes = []
    yield Document(file, manifest, nodes[0] if len(nodes) == 1 else None)


def _of_yaml(file: str, written: str) -> Iterator[Document]:
    import yaml

    loader = _loader()(written)
    try:
        while loader.check_node():
            node = loader.get_node()
            manifest = loader.construct_document(node)
            if manifest is not None:
                yield Document(file, manifest, node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise UserError(f"'{file}' is no YAML: {problem}", f"{file}{line}") from None
    except (RecursionError, ValueError) as error:
        raise UserError(f"'{file}' is no YAML: {error}", file) from None
    finally:
        loader.dispose()


def _loader() -> Any:
    """Return a loader that reads scalars as Argo's does (go-yaml 2, then JSON).

    A date is a text, a number has no colons, and ``y`` and ``n`` are truth values.
    """
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

    def boolean(loader: Any, node: Any) -> bool:
        return str(node.value).lower() in ("y", "yes", "on", "true")

    resolvers = (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("merge", r"<<", ["<"]),
        (
            "bool",
            r"y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF",
            list("yYnNtTfFoO"),
        ),
        ("int", r"[-+]?(0|[1-9][0-9_]*|0[0-7_]+|0b[01_]+|0x[0-9a-fA-F_]+)", list("-+0123456789")),
        (
            "float",
            r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
            list("-+0123456789."),
        ),
    )
    for tag, pattern, first in resolvers:
        # fullmatch is not what yaml asks for.
        Loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), first
        )
    Loader.add_constructor("tag:yaml.org,2002:bool", boolean)
    return Loader
