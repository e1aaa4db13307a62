"""Argo's objects in a file of YAML or JSON, each with the place where it begins.

Read as Argo's own programs read them. Source: ``yaml.go`` of kubernetes-sigs/yaml and
``workflow/common/parse.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hera_experiment.argo.api_types import fields_of, is_type
from hera_experiment.argo.objects import KINDS, WORKFLOW, Kind, Origins
from hera_experiment.context.sources import display
from hera_experiment.errors import UserError

GROUP = "argoproj.io/"

_MISSPELT = 0.85
"""How alike two kinds are of which one is the other, misspelt."""
_LARGEST = 8 << 20
_VALUES = 1_000_000
"""No file holds more values than this: an alias may stand for many, again and again."""
_SEXAGESIMAL = re.compile(r"[-+0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")
"""What Go's YAML takes for numbers and Python's does not."""


@dataclass(frozen=True)
class Document:
    """One object as it was written; ``place`` is the file and the line where it begins.

    ``lines`` has the line of each object within, by its identity; JSON has none.
    """

    manifest: dict[str, Any]
    place: str
    kind: Kind = WORKFLOW
    file: str = ""
    lines: Mapping[int, int] = field(default_factory=dict, repr=False)

    @property
    def origins(self) -> Origins:
        """Where its templates and their tasks stand, in the words of a script's origins."""
        return {name: (self.file, line) for name, line in self._origins() if line}

    def locate(self, path: Sequence[str | int]) -> tuple[str, int]:
        """Return the file, and the line of the innermost object on the way to ``path``."""
        value: Any = self.manifest
        line = self.lines.get(id(value), 0)
        for key in path:
            inner = isinstance(key, int) and isinstance(value, list) and key < len(value)
            if not (inner or (isinstance(value, dict) and key in value)):
                break
            value = value[key]
            line = self.lines.get(id(value), line) if isinstance(value, dict) else line
        return self.file, line

    def _origins(self) -> Iterator[tuple[str, int]]:
        yield "", self.lines.get(id(self.manifest), 0)
        spec = _object(self.manifest.get("spec"))
        spec = _object(spec.get("workflowSpec")) or spec
        for template in _objects(spec.get("templates")):
            name = str(template.get("name", ""))
            yield name, self.lines.get(id(template), 0)
            groups = [_object(template.get("dag")).get("tasks"), *_list(template.get("steps"))]
            for call in (call for group in groups for call in _objects(group)):
                yield f"{name}/{call.get('name', '')}", self.lines.get(id(call), 0)


def documents_of(path: Path, *, whole: bool = True) -> list[Document]:
    """Return the objects of a file in their order.

    Unless it is Argo's as a ``whole``, objects of others are left out.

    Raises :class:`UserError` for what is not YAML or JSON, another kind, a key that is given twice.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}") from None
    shown = display(path)
    if len(data) > _LARGEST:
        raise UserError(f"the file has {len(data)} bytes, more than {_LARGEST}", shown)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError("the file is not UTF-8", f"{shown}, line {line}") from None
    values = _json_values(text, shown) if path.suffix == ".json" else _yaml_values(text, shown)
    found = [
        _document(value, place, str(path), lines)
        for value, place, lines in values
        if value is not None and (whole or _is_argos(value))
    ]
    if whole and not found:
        raise UserError("the file holds no workflow", shown)
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in _list(value) if isinstance(each, dict)]


def _is_argos(value: Any) -> bool:
    """Tell whether a value is, or means to be, one of the objects that are known here.

    Others have the same group, such as Argo's own WorkflowEventBinding.
    """
    if not isinstance(value, dict) or not str(value.get("apiVersion") or GROUP).startswith(GROUP):
        return False
    names = [kind.name for kind in KINDS]
    return bool(get_close_matches(str(value.get("kind")), names, n=1, cutoff=_MISSPELT))


def _document(value: Any, place: str, file: str, lines: Mapping[int, int]) -> Document:
    if not isinstance(value, dict):
        raise UserError("this is no object with metadata and spec", place)
    name, version = value.get("kind") or WORKFLOW.name, value.get("apiVersion") or GROUP
    kind = next((kind for kind in KINDS if kind.name == name), None)
    if kind is None or not str(version).startswith(GROUP):
        known = ", ".join(kind.name for kind in KINDS)
        raise UserError(
            f"'{name}' of '{version}' is none of Argo's objects", place, f"those are {known}"
        )
    text_of(value, kind.name)
    return Document(value, place, kind, file, lines)


def text_of(value: Any, kind: str) -> Any:
    """Return a value of that ``kind``, in which Argo's programs have a text where Go wants one.

    What is no text is made one: a number or ``true`` among the words of a command, say. Objects and
    lists are changed in place.
    """
    if isinstance(value, (bool, int, float)) and (kind == "string" or "." in kind):
        return _spelt(value)
    if isinstance(value, list) and kind.startswith("[]"):
        value[:] = [text_of(item, kind[2:]) for item in value]
    elif isinstance(value, dict):
        fields = fields_of(kind) if is_type(kind) else {}
        for key, item in value.items():
            inner = kind[2:] if kind.startswith("{}") else fields[key].kind if key in fields else ""
            value[key] = text_of(item, inner)
    return value


def _spelt(value: bool | int | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).removesuffix(".0")


def _json_values(text: str, shown: str) -> Iterator[tuple[Any, str, Mapping[int, int]]]:
    decoder = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_refuse_constant)
    position = 0
    while True:
        position = next((i for i in range(position, len(text)) if not text[i].isspace()), len(text))
        if position == len(text):
            return
        place = f"{shown}, line {text.count(chr(10), 0, position) + 1}"
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            where = f"{shown}, line {error.lineno}, column {error.colno}"
            raise UserError(f"this is not JSON: {error.msg}", where) from None
        except RecursionError:
            raise UserError("the values are nested too deep", place) from None
        except _Twice as twice:
            raise UserError(str(twice), place, "keep one of them") from None
        except ValueError as error:
            raise UserError(f"this is not JSON: {error}", place) from None
        yield value, place, {}


class _Twice(ValueError):
    """A key is given twice."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(f"the key '{key}' is given twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _yaml_values(text: str, shown: str) -> Iterator[tuple[Any, str, Mapping[int, int]]]:
    # Imported where there is YAML: scripts do without.
    import yaml

    try:
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            reader = _Reader(shown)
            value = reader.value(node)
            yield value, _place(shown, node.start_mark, column=False), reader.lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = " ".join(filter(None, (error.context, error.problem)))
        raise UserError(f"this is not YAML: {why}", _place(shown, mark)) from None
    except yaml.YAMLError as error:
        why = getattr(error, "reason", str(error))
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        raise UserError(f"this is not YAML: {why}", f"{shown}, line {line}") from None
    except RecursionError:
        raise UserError("the values are nested too deep", shown) from None


def _place(shown: str, mark: Any, *, column: bool = True) -> str:
    if mark is None:
        return shown
    return f"{shown}, line {mark.line + 1}" + (f", column {mark.column + 1}" if column else "")


class _Reader:
    """Makes values of the nodes of one YAML document."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._open: set[int] = set()
        self._known: dict[int, tuple[Any, int]] = {}
        self.lines: dict[int, int] = {}

    def value(self, node: Any) -> Any:
        """Return the value of a node; raises :class:`UserError`."""
        return self._value(node)[0]

    def _value(self, node: Any) -> tuple[Any, int]:
        """Return a value, and of how many values it consists."""
        if id(node) in self._known:
            return self._known[id(node)]
        if id(node) in self._open:
            raise self._error("an alias stands for what it is a part of", node)
        self._open.add(id(node))
        kind = node.tag.rpartition(":")[2]
        found: tuple[Any, int]
        if node.id == "mapping":
            found = self._mapping(node)
        elif node.id == "sequence":
            items = [self._value(item) for item in node.value]
            found = [value for value, _ in items], 1 + sum(count for _, count in items)
        else:
            found = self._scalar(node, kind), 1
        if found[1] > _VALUES:
            raise self._error(f"this stands for more than {_VALUES} values", node)
        self._open.discard(id(node))
        self._known[id(node)] = found
        if node.id == "mapping":
            self.lines[id(found[0])] = node.start_mark.line + 1
        return found

    def _mapping(self, node: Any) -> tuple[dict[str, Any], int]:
        under: dict[str, Any] = {}
        found: dict[str, Any] = {}
        total = 1
        for key_node, value_node in node.value:
            value, count = self._value(value_node)
            total += count
            if key_node.tag.endswith(":merge"):
                for each in reversed(value if isinstance(value, list) else [value]):
                    if not isinstance(each, dict):
                        raise self._error("'<<' takes in objects", value_node)
                    under.update(each)
                continue
            key = self._key(key_node)
            if key in found:
                raise self._error(f"the key '{key}' is given twice", key_node, "keep one of them")
            found[key] = value
        return {**under, **found}, total

    def _key(self, node: Any) -> str:
        value = self.value(node) if node.id == "scalar" else None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (str, int, float)):
            return str(value)
        raise self._error("a key is a text", node)

    def _scalar(self, node: Any, kind: str) -> Any:
        text: str = node.value
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in ("yes", "true", "on")
        if node.style is None and _EXPONENT.fullmatch(text):
            return float(text)
        if kind in ("str", "timestamp", "value") or _SEXAGESIMAL.fullmatch(text):
            return text
        if kind == "int":
            return _integer(text)
        if kind == "float":
            number = float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
            if number - number != 0:
                raise self._error(f"{text} is no number that JSON has", node)
            return number
        raise self._error(f"the tag {node.tag} is not understood", node)

    def _error(self, what: str, node: Any, next_step: str = "") -> UserError:
        return UserError(what, _place(self._shown, node.start_mark), next_step)


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign, digits = (-1, digits[1:]) if digits[0] == "-" else (1, digits.lstrip("+"))
    if digits.startswith(("0x", "0b", "0o")):
        return sign * int(digits, 0)
    if digits.startswith("0") and digits != "0":
        return sign * int(digits, 8)
    return sign * int(digits)
