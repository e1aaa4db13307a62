"""A manifest as the rules see it: its templates, what they call, their containers.

What is of a wrong kind is left out here; Argo's verdict names it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hera_experiment.argo.objects import WORKFLOW, Kind
from hera_experiment.lint.rule import Path

Manifest = Mapping[str, Any]
Kept = Callable[[str, str], "Manifest | None"]
"""Returns the object of a kind and a name that is judged along with another one."""

Version = tuple[int, int]
LATEST: Version = (4, 0)
"""The version of Argo that counts where none is named: the laptop's, and that of Hera's models."""

LOOPS = ("withItems", "withParam", "withSequence")
_PODS = ("container", "script", "containerSet", "resource", "data")
_MOST_ITEMS = 2000
_VERSION = re.compile(r"v?(\d+)\.(\d+)")
_TAG = re.compile(r"\{\{\s*([^{}=][^{}]*?)\s*\}\}")


def version_of(written: str) -> Version:
    """Return major and minor of a version such as ``v3.7.18``, the latest for what is none."""
    found = _VERSION.match(written)
    return (int(found[1]), int(found[2])) if found else LATEST


def mapping(value: Any) -> Manifest:
    """Return ``value``, or an empty mapping where it is none."""
    return value if isinstance(value, Mapping) else {}


def entries(value: Any) -> list[tuple[int, Manifest]]:
    """Return the mappings of a list with their indices."""
    listed = value if isinstance(value, list) else []
    return [(index, each) for index, each in enumerate(listed) if isinstance(each, Mapping)]


def text(value: Any) -> str:
    """Return a string, and an empty one for anything else."""
    return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Part:
    """A mapping within the manifest, and the way to it."""

    path: Path
    body: Manifest

    @property
    def name(self) -> str:
        """Its name, empty where it has none."""
        return text(self.body.get("name"))

    def parts(self, *keys: str) -> Iterator[Part]:
        """Yield the entries of the list at ``keys``."""
        value: Any = self.body
        for key in keys:
            value = mapping(value).get(key)
        for index, each in entries(value):
            yield Part((*self.path, *keys, index), each)

    def at(self, *keys: str) -> Part:
        """Return the mapping at ``keys``, an empty one where there is none."""
        value: Any = self.body
        for key in keys:
            value = mapping(value).get(key)
        return Part((*self.path, *keys), mapping(value))


@dataclass(frozen=True)
class Call(Part):
    """A task or a step; ``group`` is that of the step."""

    group: int = 0

    @property
    def is_loop(self) -> bool:
        """Whether it stands for as many tasks as there are items."""
        return any(self.body.get(key) for key in LOOPS)

    @property
    def is_fan_out(self) -> bool:
        """Whether it may be two tasks at once."""
        items = self.body.get("withItems")
        if isinstance(items, list):
            return len(items) > 1
        count = text(str(mapping(self.body.get("withSequence")).get("count", "")))
        return self.is_loop and count not in ("0", "1")

    @cached_property
    def items(self) -> list[Any]:
        """The first items of the loop, as far as they are written there: others are alike."""
        items = self.body.get("withItems")
        if items is None:
            try:
                items = json.loads(text(self.body.get("withParam")))
            except ValueError:
                items = None
        return items[:_MOST_ITEMS] if isinstance(items, list) else []

    @cached_property
    def arguments(self) -> list[Part]:
        """The parameters that it hands on."""
        return list(self.parts("arguments", "parameters"))


@dataclass(frozen=True)
class Template(Part):
    """A template, in the list of the workflow or within a task."""

    @cached_property
    def calls(self) -> list[Call]:
        """Its tasks or steps."""
        found = [Call(each.path, each.body) for each in self.parts("dag", "tasks")]
        groups = self.body.get("steps")
        for index, group in enumerate(groups if isinstance(groups, list) else []):
            # A group of one may be written as the step itself.
            listed = group if isinstance(group, list) else mapping(group).get("steps", [])
            for number, step in entries(listed):
                found.append(Call((*self.path, "steps", index, number), step, index))
        return found

    @property
    def runs_pod(self) -> bool:
        """Whether it becomes a pod."""
        return any(key in self.body for key in _PODS)

    @cached_property
    def containers(self) -> list[Part]:
        """All containers of its pod."""
        main = [self.at(key) for key in ("container", "script") if key in self.body]
        many = [("containerSet", "containers"), ("initContainers",), ("sidecars",)]
        return [*main, *(part for keys in many for part in self.parts(*keys))]

    @cached_property
    def inputs(self) -> dict[str, Part]:
        """Its input parameters by name."""
        return {each.name: each for each in self.parts("inputs", "parameters")}


@dataclass(frozen=True)
class Subject:
    """One object that is judged.

    ``written`` tells that a person wrote this very text (a YAML file): what it holds need not have
    passed Hera's models. ``version`` is that of the Argo server; ``kept`` finds other objects.
    """

    manifest: Manifest
    kind: Kind = WORKFLOW
    version: Version = LATEST
    written: bool = False
    kept: Kept = field(default=lambda kind, name: None)
    said: list[list[tuple[str, str]]] = field(default_factory=list, repr=False, compare=False)
    """Argo's verdict, once it has been asked for."""

    @cached_property
    def metadata(self) -> Part:
        """The object's metadata."""
        return Part((), self.manifest).at("metadata")

    @cached_property
    def spec(self) -> Part:
        """What a workflow of it is to do."""
        root = Part((), self.manifest)
        if self.kind.key == "cronWorkflow":
            return root.at("spec", "workflowSpec")
        return root.at("spec")

    @cached_property
    def templates(self) -> list[Template]:
        """All templates, those within tasks too."""
        found: list[Template] = []
        waiting = [Template(each.path, each.body) for each in self.spec.parts("templates")]
        while waiting:
            template = waiting.pop(0)
            found.append(template)
            inline = (each.at("inline") for each in template.calls if each.body.get("inline"))
            waiting += [Template(each.path, each.body) for each in inline]
        return found

    @cached_property
    def calls(self) -> list[Call]:
        """All tasks and steps."""
        return [call for template in self.templates for call in template.calls]

    @cached_property
    def by_name(self) -> dict[str, Template]:
        """The templates that can be called by their names; of two the first, as in Hera."""
        found: dict[str, Template] = {}
        for template in self.templates:
            if len(template.path) == len(self.spec.path) + 2:
                found.setdefault(template.name, template)
        return found

    @cached_property
    def pods(self) -> list[Template]:
        """The templates that become pods."""
        return [each for each in self.templates if each.runs_pod]

    @cached_property
    def containers(self) -> list[Part]:
        """All containers."""
        return [part for template in self.templates for part in template.containers]

    def callee(self, call: Call) -> Template | None:
        """Return the template that ``call`` calls, None when it is not in this object."""
        if call.body.get("inline"):
            inline = call.at("inline")
            return Template(inline.path, inline.body)
        return self.by_name.get(text(call.body.get("template")))

    def place(self, path: Path) -> tuple[str, str]:
        """Return the names of the template and of the task or step that ``path`` lies in."""
        template = call = ""
        value: Any = self.manifest
        spec = len(self.spec.path)
        for index, key in enumerate(path):
            value = value[key] if _has(value, key) else None
            if index == spec + 1 and path[spec : spec + 1] == ("templates",):
                template = text(mapping(value).get("name"))
            is_task = path[spec + 2 : spec + 4] == ("dag", "tasks") and index == spec + 4
            is_step = path[spec + 2 : spec + 3] == ("steps",) and index == spec + 4
            if is_task or is_step:
                call = text(mapping(value).get("name"))
        return template, call


def _has(value: Any, key: str | int) -> bool:
    if isinstance(key, int):
        return isinstance(value, list) and key < len(value)
    return isinstance(value, Mapping) and key in value


def tags(value: str) -> list[str]:
    """Return the names in the ``{{…}}`` of ``value``, but for expressions."""
    return _TAG.findall(value)


def texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every string below ``value`` with the way to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from texts(each, (*path, str(key)))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from texts(each, (*path, index))
