"""What may have made the first task differ: whatever of two runs it was told, or read.

What the task was told (its template and arguments, as they were sent) and what its image holds
are compared as they are: where one of them is the same, no cause lies behind it.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hera_experiment.argo.images import container_of
from hera_experiment.argo.tasks import Task
from hera_experiment.argo.usage import touched_of
from hera_experiment.argo.workflows import specification
from hera_experiment.compare.changes import CHANGED, ValueChange, changes_of
from hera_experiment.compare.sources import CodeTree, is_harmless
from hera_experiment.compare.tables import cells_of_document
from hera_experiment.compare.tasks import TaskDifference, tasks_by_name
from hera_experiment.record.origin import PLATFORM

if TYPE_CHECKING:
    from hera_experiment.account.account import Account
    from hera_experiment.compare.differences import Differences

INPUT, ARGUMENT, CODE, DATA, PACKAGE, IMAGE, MACHINE, CHANCE = (
    "input argument code data package image machine chance".split()
)

_OWN_IMAGE = "<image of containers/"
_DATA = (".csv", ".tsv", ".json", ".txt", ".npy", ".npz", ".nc", ".h5", ".parquet", ".dat", ".xml")
_BUILT = ("Dockerfile", "requirements.txt", "pyproject.toml")
_CONTAINERS, _CLAIM_DATA = "containers", "data"


@dataclass(frozen=True)
class Cause:
    """What may have made a task differ.

    ``kind`` is one of ``input``, ``argument`` (of the script, or ``script`` for another one),
    ``code``, ``data``, ``package``, ``image``, ``machine`` and ``chance`` (it is not
    deterministic); ``name`` an input, an argument, a file, a package, an image or the task.
    ``why`` says how it comes to the task, ``what`` how it differs. Of what was ruled ``out`` it is
    said why.
    """

    kind: str
    name: str
    why: str
    what: tuple[str, ...] = ()
    out: bool = False

    @property
    def can_be_swapped(self) -> bool:
        """Whether a run on this machine can have that of the other run."""
        return self.kind in (INPUT, ARGUMENT, CODE, DATA) or (
            self.kind in (PACKAGE, IMAGE) and self.name.startswith(f"{_CONTAINERS}/")
        )


@dataclass(frozen=True)
class Comparison:
    """Two runs, and how they differ."""

    one: Account
    other: Account
    differences: Differences

    @cached_property
    def trees(self) -> tuple[CodeTree, CodeTree] | None:
        """The code of both, None where one of them is not kept."""
        found = [
            CodeTree(each.code_store, each.origin.code.tree)
            for each in (self.one, self.other)
            if each.code_store is not None and each.origin.code.tree
        ]
        return (found[0], found[1]) if len(found) == 2 else None

    def causes(self, task: TaskDifference) -> list[Cause]:
        """Return what may have made ``task`` differ, the likeliest first; last what is not it."""
        return _Causes(self, task).found()


class _Causes:
    def __init__(self, comparison: Comparison, task: TaskDifference) -> None:
        self._runs = comparison.one, comparison.other
        self._different = comparison.differences
        self._trees = comparison.trees
        self._task = task
        tasks = [tasks_by_name(each).get(task.name) for each in self._runs]
        self._tasks: tuple[Task | None, Task | None] = (tasks[0], tasks[1])
        self._told = self._what_it_was_told()

    def found(self) -> list[Cause]:
        """Return them all."""
        ranked: list[tuple[int, Cause]] = [*self._inputs(), *self._code(), *self._around()]
        ranked.sort(key=lambda pair: (pair[1].out, pair[0]))
        causes = [cause for _, cause in ranked]
        if all(each.out or each.kind == MACHINE for each in causes):
            why = "all that it was told and read is the same"
            causes.insert(0, Cause(CHANCE, self._task.name, why))
        return causes

    def _what_it_was_told(self) -> tuple[ValueChange, ...]:
        """Return how template and arguments of the task differ."""
        if None in self._tasks:
            name = self._task.name
            return (ValueChange(name, self._task.kind, name, name),)
        told = [self._told_to(run, task) for run, task in zip(self._runs, self._tasks, strict=True)]
        return (*changes_of(*told), *self._task.arguments)

    def _told_to(self, run: Account, task: Task | None) -> dict[str, Any]:
        assert task is not None
        spec = specification(run.workflow)
        name = (task.pod or task.node).get("templateName")
        templates: Sequence[Mapping[str, Any]] = spec.get("templates") or ()
        template = next((each for each in templates if each.get("name") == name), {})
        rest = {k: v for k, v in spec.items() if k not in ("templates", "entrypoint", "arguments")}
        text = json.dumps({"template": template, "workflow": rest}).replace(run.name, "<run>")
        cells = dict(cells_of_document(json.loads(text)))
        return {
            key: self._image(run, value) if key.endswith(".image") else value
            for key, value in cells.items()
            # A default that an argument takes the place of is told to no one.
            if not (key.startswith("template.inputs.") and key.endswith(".default"))
        }

    @staticmethod
    def _image(run: Account, image: str) -> str:
        """Return an image by the container that it is made of: which files that has is code."""
        own = container_of(image, run.code_store.experiment.slug) if run.code_store else None
        return f"{_OWN_IMAGE}{own}/>" if own else image

    def _inputs(self) -> Iterator[tuple[int, Cause]]:
        words = " ".join(f"{each.one} {each.other}" for each in self._told)
        found = [(INPUT, change) for change in self._different.inputs]
        found += [(ARGUMENT, change) for change in self._different.arguments]
        for kind, change in found:
            # What it was told is the same: no input came through.
            if not self._told:
                why = f"what {self._task.name} is told is the same"
                yield 1, Cause(kind, change.name, why, (str(change),), out=True)
                continue
            named = any(_is_in(leaf, words) for leaf in _leaves(change))
            why = "what the task is told has it" if named else "what the task is told differs"
            yield 1 if named else 3, Cause(kind, change.name, why, (str(change),))

    def _code(self) -> Iterator[tuple[int, Cause]]:
        if self._trees is None:
            return
        container = self._container()
        seen = self._read()
        for change in self._different.code:
            path = change.path
            texts = self._trees[0].text(path), self._trees[1].text(path)
            what = self._patch(path)
            kind, why, rank = self._reaches(path, container, seen)
            if not why:
                continue
            if rank is None:
                yield 9, Cause(kind, path, why, what, out=True)
            elif change.kind == CHANGED and (harmless := is_harmless(path, *texts)):
                yield 9, Cause(kind, path, harmless, what, out=True)
            else:
                yield rank, Cause(kind, path, why, what)

    def _reaches(
        self, path: str, container: str, seen: Sequence[str] | None
    ) -> tuple[str, str, int | None]:
        """Return what a file is, how it comes to the task, and its rank, None where it does not."""
        assert self._trees is not None
        below = f"{_CONTAINERS}/{container}/"
        if container and path.startswith(below):
            return self._in_image(path, path.removeprefix(below), container, seen)
        if path.startswith(f"{_CONTAINERS}/"):
            return CODE, "another container", None
        if path.startswith(f"{_CLAIM_DATA}/"):
            if seen is not None and not any(_is_same(each, path) for each in seen):
                return DATA, "the task did not read it", None
            return DATA, "the claim has it", 1 if seen is not None else 2
        if path not in self._imported():
            return CODE, f"{' and '.join(self._scripts())} does not import it", None
        if not self._told:
            return CODE, f"what {self._task.name} is told is the same", None
        if posixpath.basename(path) == "inputs.py" and self._different.inputs:
            return CODE, "its values are those above", None
        return CODE, "it makes what the task is told", 2

    def _in_image(
        self, path: str, name: str, container: str, seen: Sequence[str] | None
    ) -> tuple[str, str, int | None]:
        kind = DATA if path.endswith(_DATA) else CODE
        if posixpath.basename(name) in _BUILT:
            kind = IMAGE if "Dockerfile" in name else PACKAGE
            return kind, f"the image of {container} is made of it", 1
        if seen is not None:
            if any(_is_same(each, name) for each in seen):
                return kind, "the task read it", 0
            return kind, "the task did not read it", None
        if any(self._names(tree, name, f"{_CONTAINERS}/{container}") for tree in self._trees or ()):
            return kind, "the task's program uses it", 1
        return kind, f"it is in the image of {container}", 4

    def _names(self, tree: CodeTree, name: str, folder: str) -> bool:
        """Tell whether the task's program imports a file of its container, or writes its name."""
        words = [word for word in self._command() if word.endswith(".py")]
        files: set[str] = set()
        for word in words:
            files |= tree.imported(posixpath.join(folder, posixpath.basename(word)), folder)
        if f"{folder}/{name}" in files:
            return True
        mentioned = posixpath.basename(name)
        return any(mentioned in tree.text(each) for each in files)

    def _command(self) -> list[str]:
        words: list[str] = []
        for run, task in zip(self._runs, self._tasks, strict=True):
            if task is None:
                continue
            name = (task.pod or task.node).get("templateName")
            for template in specification(run.workflow).get("templates") or ():
                program = template.get("container") or {}
                if template.get("name") == name:
                    words += [*(program.get("command") or ()), *(program.get("args") or ())]
        return [str(word) for word in words]

    def _container(self) -> str:
        for run, task in zip(self._runs, self._tasks, strict=True):
            if task is None or run.code_store is None:
                continue
            name = (task.pod or task.node).get("templateName")
            for template in specification(run.workflow).get("templates") or ():
                program = template.get("container") or template.get("script") or {}
                own = container_of(str(program.get("image")), run.code_store.experiment.slug)
                if template.get("name") == name and own:
                    return own
        return ""

    def _read(self) -> list[str] | None:
        """Return which files the task read, None where it was not looked at in both runs."""
        found: list[str] = []
        for task in self._tasks:
            touched = touched_of((task.pod or task.node) if task is not None else {})
            if touched is None:
                return None
            found += [place.partition(":")[2] or place for place in touched.read]
        return found

    def _scripts(self) -> list[str]:
        found = [posixpath.normpath(each.script) for each in self._runs if each.script]
        return list(dict.fromkeys(found)) or ["workflow.py"]

    def _imported(self) -> set[str]:
        assert self._trees is not None
        found: set[str] = {"experiment.toml"}
        for tree in self._trees:
            for script in self._scripts():
                found |= tree.imported(script, posixpath.dirname(script))
        return found

    def _patch(self, path: str) -> tuple[str, ...]:
        assert self._trees is not None
        one, other = self._trees
        lines = one.store.difference(one.tree, other.tree, path).splitlines()
        return tuple(
            line
            for line in lines
            if line[:1] in "+-" and not line.startswith(("+++", "---")) and line[1:].strip()
        )

    def _around(self) -> Iterator[tuple[int, Cause]]:
        """Yield what lies around the code: packages, images by name, the machine."""
        for change in self._different.packages:
            if self._told:
                yield 5, Cause(PACKAGE, change.name, "workflow.py may use it", (str(change),))
            elif change.name == "python" and self._is_on_laptop():
                yield 3, Cause(PACKAGE, change.name, "tasks run with it", (str(change),))
        for told in self._told:
            if told.name.endswith(".image"):
                yield 0, Cause(IMAGE, str(told.other), "the task runs in it", (str(told),))
        where = [each.cluster for each in self._runs]
        if where[0] != where[1]:
            what = f"{where[0] or 'the settings'} → {where[1] or 'the settings'}"
            yield 6, Cause(MACHINE, "cluster", "it ran elsewhere", (what,))
        for change in self._different.machine:
            if self._is_on_laptop() or (change.name in PLATFORM and change.kind == CHANGED):
                yield 7, Cause(MACHINE, change.name, "it ran there", (str(change),))

    def _is_on_laptop(self) -> bool:
        return any(each.cluster == "local" for each in self._runs)


def _leaves(change: ValueChange) -> set[str]:
    """Return the values within an input that differ, as texts."""
    sides = [dict(cells_of_document(value)) for value in (change.one, change.other)]
    return {
        str(side[key])
        for side in sides
        for key in side
        if sides[0].get(key) != sides[1].get(key) and side[key] is not None
    }


def _is_in(leaf: str, words: str) -> bool:
    return bool(leaf) and leaf in words


def _is_same(place: str, path: str) -> bool:
    """Tell whether a path in an image may be that of a file: COPY leaves out what is above."""
    one, other = f"/{place}", f"/{path}"
    return one.endswith(other) or other.endswith(one)


def swapped_inputs(
    causes: Sequence[Cause], one: Mapping[str, Any], other: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the inputs of a run that has of the ``other`` the ``causes`` alone."""
    wanted = {cause.name for cause in causes if cause.kind == INPUT}
    names = [name for name in one if name in other and one[name] != other[name]]
    return {name: (other if name in wanted else one)[name] for name in names}
