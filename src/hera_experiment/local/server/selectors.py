"""Which objects a client wants, by labels and fields, and which parts of each.

Source: Kubernetes' selectors, and ``util/fields/fields.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hera_experiment.local.errors import InvalidWorkflow

Labels = Mapping[str, str]
Requirement = Callable[[Labels], bool]

_KEY = r"([A-Za-z0-9][-A-Za-z0-9_./]*)"
_VALUE = r"([-A-Za-z0-9_.]*)"
_SET = re.compile(rf"{_KEY}\s+(in|notin)\s*\(([^()]*)\)")
_EQUAL = re.compile(rf"{_KEY}\s*(==|=|!=|>|<)\s*{_VALUE}")
_DELIMITER = re.compile(r"[(),]")
_EXISTS = re.compile(rf"(!?)\s*{_KEY}")


def label_selector(text: str) -> Requirement:
    """Return the test of a selector like ``a=b,c in (d,e),!f``; an empty one accepts all."""
    if not text.strip():
        return lambda labels: True
    requirements = [_requirement(part.strip()) for part in _parts(text)]
    return lambda labels: all(accepts(labels) for accepts in requirements)


def _parts(text: str) -> list[str]:
    """Split at the commas that are outside parentheses, in one go."""
    parts, begin, inside = [], 0, False
    for found in _DELIMITER.finditer(text):
        if found[0] != ",":
            inside = found[0] == "("
        elif not inside:
            parts.append(text[begin : found.start()])
            begin = found.end()
    return [*parts, text[begin:]]


def _requirement(text: str) -> Requirement:
    if match := _SET.fullmatch(text):
        key, kind, listed = match.groups()
        values = {value.strip() for value in listed.split(",")}
        if kind == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUAL.fullmatch(text):
        return _comparison(*match.groups())
    if match := _EXISTS.fullmatch(text):
        absent, key = bool(match[1]), match[2]
        return lambda labels: (key in labels) is not absent
    raise InvalidWorkflow(f"unable to parse requirement {text!r} of the label selector")


def _comparison(key: str, operator: str, value: str) -> Requirement:
    if operator in ("=", "=="):
        return lambda labels: labels.get(key) == value
    if operator == "!=":
        return lambda labels: labels.get(key) != value
    if not value.isdigit():
        raise InvalidWorkflow(f"the label selector compares {key!r} with {value!r}, not a number")
    bound = int(value)

    def compare(labels: Labels) -> bool:
        label = labels.get(key, "")
        if not label.isdigit():
            return False
        return int(label) > bound if operator == ">" else int(label) < bound

    return compare


@dataclass(frozen=True)
class FieldSelector:
    """What a field selector asks for: one name, one namespace (empty: any), names not wanted."""

    name: str = ""
    namespace: str = ""
    other_names: tuple[str, ...] = ()
    show_remaining: bool = False

    @classmethod
    def parse(cls, text: str) -> FieldSelector:
        """Read ``metadata.name=X,metadata.namespace=Y``; raises :class:`InvalidWorkflow`."""
        name = namespace = ""
        others: list[str] = []
        show_remaining = False
        for part in filter(None, (part.strip() for part in text.split(","))):
            field, operator, value = _split(part)
            if field == "metadata.name" and operator == "!=":
                others.append(value)
            elif field == "metadata.name":
                name = value
            elif field == "metadata.namespace" and operator == "=":
                namespace = value
            elif field == "ext.showRemainingItemCount" and operator == "=":
                show_remaining = value.lower() in ("true", "1", "t")
            else:
                raise InvalidWorkflow(f"unsupported requirement {part}")
        return cls(name, namespace, tuple(others), show_remaining)


def _split(part: str) -> tuple[str, str, str]:
    for operator in ("!=", "==", "="):
        field, found, value = part.partition(operator)
        if found:
            return field.strip(), operator.replace("==", "="), value.strip()
    return part, "", ""


class Fields:
    """The ``fields`` parameter: which parts of an object a client wants.

    ``a.b,c`` keeps what lies at, above or below these paths; a leading ``-`` removes these instead.
    Elements of a list share the path of the list. ``prefix`` is what the client's paths begin with
    besides the object's own.
    """

    def __init__(self, text: str, prefix: str = "") -> None:
        self._exclude = text.startswith("-")
        paths = text.removeprefix("-").split(",") if text else []
        self._paths = frozenset(path.strip().removeprefix(prefix) for path in paths)

    def __bool__(self) -> bool:
        """False when everything is wanted."""
        return bool(self._paths)

    def wants(self, path: str, besides: str = "") -> bool:
        """Tell whether anything at or below ``path`` is wanted, other than the path ``besides``."""
        if not self._paths:
            return True
        if self._exclude:
            return not any(path == p or path.startswith(f"{p}.") for p in self._paths)
        paths = self._paths - {besides}
        return any(path.startswith(p) or p.startswith(path) for p in paths)

    def has_all(self, path: str) -> bool:
        """Tell whether everything at and below ``path`` is wanted."""
        here, paths = f"{path}." if path else "", [f"{each}." for each in self._paths]
        above = any(here.startswith(each) for each in paths)
        if self._exclude:
            return not above and not any(each.startswith(here) for each in paths)
        return above or not paths

    def select(self, value: Any, path: str = "") -> Any:
        """Return the wanted part of ``value``, which is left as it is."""
        if not self._paths:
            return value
        if isinstance(value, list):
            return [self.select(item, path) for item in value]
        if not isinstance(value, dict):
            return value
        kept = {}
        for key, item in value.items():
            below = f"{path}.{key}" if path else str(key)
            named = below in self._paths
            if self._exclude:
                if not named:
                    kept[key] = self.select(item, below)
            elif named:
                kept[key] = item
            elif any(wanted.startswith(f"{below}.") for wanted in self._paths):
                kept[key] = self.select(item, below)
        return kept
