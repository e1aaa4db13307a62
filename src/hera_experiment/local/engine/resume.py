"""Goes on with a workflow that has ended: what finished is taken over, the rest runs.

The workflow is given anew and may have changed since. What finished is taken over if its template
and its inputs are what they were; all else is walked through again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hera_experiment.argo.names import ANNOTATION_FROM, ANNOTATION_ONLY, ANNOTATION_RESUME
from hera_experiment.argo.phases import SUCCEEDED
from hera_experiment.local.engine.machine import Call
from hera_experiment.local.engine.node import (
    DAG,
    EXIT_SUFFIX,
    RETRY,
    SKIPPED_NODE,
    STEP_GROUP,
    STEPS,
    TASK_GROUP,
    Node,
)
from hera_experiment.local.engine.nodes import Nodes
from hera_experiment.local.errors import InvalidWorkflow

LEFT_OUT = "left out: it is not what ONLY names"
"""Why a task does not run that has not run before."""

_BOUNDARIES = (DAG, STEPS)
_GROUPS = (STEP_GROUP, TASK_GROUP)
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """What is to run although it has finished.

    That is each task of ``begin`` and what follows it, or ``only`` that one task and nothing else.
    """

    begin: tuple[str, ...] = ()
    only: str = ""

    @classmethod
    def of(cls, manifest: Document) -> Choice | None:
        """Return what the annotations of a workflow say, None if it is to begin anew."""
        annotations = (manifest.get("metadata") or {}).get("annotations") or {}
        if not annotations.get(ANNOTATION_RESUME):
            return None
        begin = tuple((annotations.get(ANNOTATION_FROM) or "").split())
        return cls(begin, annotations.get(ANNOTATION_ONLY) or "")


@dataclass(frozen=True)
class Earlier:
    """What an earlier run left behind.

    ``finished`` has the nodes to be taken over, with all that lies within each of them (the first
    is itself), by name; ``templates`` are those of the earlier run; ``only`` names the one task
    that may run.
    """

    finished: Mapping[str, list[Document]] = field(default_factory=dict)
    templates: Mapping[str, Document] = field(default_factory=dict)
    only: str = ""

    def take(self, nodes: Nodes, call: Call, body: Document, template: Document) -> Node | None:
        """Return the node of ``call``, which has finished before, None when it is to run.

        ``body`` is its template as it is written now, ``template`` with all variables replaced.
        """
        found = self.finished.get(call.name)
        # A daemon has ended with its boundary, and what waits for it needs it again.
        if not found or body.get("daemon") or not self._is_unchanged(found[0], body, template):
            return self._left_out(nodes, call, body)
        ids = {document["id"] for document in found}
        first, *_ = [nodes.restore(_within(document, ids)) for document in found]
        return first

    def _is_unchanged(self, document: Document, body: Document, template: Document) -> bool:
        before = self.templates.get(document.get("templateName", ""))
        same = before is None or before == body
        return same and (document.get("inputs") or {}) == (template.get("inputs") or {})

    def _left_out(self, nodes: Nodes, call: Call, body: Document) -> Node | None:
        if not self.only or "dag" in body or "steps" in body or self._is_meant(nodes, call):
            return None
        return nodes.create(
            call.name,
            SKIPPED_NODE,
            "Skipped",
            template=call.template,
            boundary=call.boundary_id,
            message=LEFT_OUT,
            flag=call.flag,
        )

    def _is_meant(self, nodes: Nodes, call: Call) -> bool:
        names = [call.task, call.template.short_name]
        boundary = nodes.by_id.get(call.boundary_id)
        while boundary is not None:
            names += [boundary.display_name, boundary.template]
            boundary = nodes.by_id.get(boundary.boundary)
        return any(_means(self.only, name) for name in names) or call.on_exit


@dataclass(frozen=True)
class Resumption:
    """How a workflow goes on: what is ``earlier``, and the ids of the nodes to be forgotten."""

    earlier: Earlier
    removed: list[str]


def plan_resumption(
    workflow: str, choice: Choice, before: Document, nodes: Mapping[str, Document], now: Document
) -> Resumption:
    """Return how a workflow with these ``nodes`` goes on.

    ``before`` and ``now`` are its specifications. Raises :class:`InvalidWorkflow` for a task that
    neither has.
    """
    graph = _Graph(nodes)
    doomed: set[str] = set()
    for wanted in (*choice.begin, *filter(None, [choice.only])):
        found = {key for key, node in nodes.items() if _is_named(wanted, node)}
        if not found and wanted not in _names(now):
            known = ", ".join(sorted(_names(now)))
            raise InvalidWorkflow(f"there is no task {wanted!r} in {workflow}: it has {known}")
        for key in found:
            doomed |= graph.within(key) if choice.only else graph.after(key)
    finished: dict[str, list[Document]] = {}
    kept: set[str] = set()
    exit_name = f"{workflow}{EXIT_SUFFIX}"
    for key, node in nodes.items():
        is_group = node["type"] in (*_BOUNDARIES, *_GROUPS, SKIPPED_NODE)
        is_attempt = (node.get("nodeFlag") or {}).get("retried") and node["type"] != RETRY
        if node["phase"] != SUCCEEDED or is_group or is_attempt or key in doomed:
            continue
        if not node["name"].startswith(exit_name):
            inside = graph.within(key)
            finished[node["name"]] = [node, *(nodes[each] for each in inside if each != key)]
            kept |= inside
    templates = {template["name"]: template for template in before.get("templates") or ()}
    earlier = Earlier(finished, templates, choice.only)
    return Resumption(earlier, [key for key in nodes if key not in kept])


class _Graph:
    """The nodes of a workflow: what lies within each of them, and what comes after."""

    def __init__(self, nodes: Mapping[str, Document]) -> None:
        self._nodes = nodes
        self._members: dict[str, list[str]] = {}
        for key, node in nodes.items():
            self._members.setdefault(node.get("boundaryID", ""), []).append(key)

    def within(self, key: str) -> set[str]:
        """Return a node and all that belongs to it: attempts, tasks of its loop, what it calls."""
        return self._closure(key, self._inside)

    def after(self, key: str) -> set[str]:
        """Return a node, all that belongs to it, and all that follows."""
        return self._closure(key, lambda each: [*self._inside(each), *self._children(each)])

    def _closure(self, key: str, below: Any) -> set[str]:
        found = {key}
        stack = [key]
        while stack:
            for each in below(stack.pop()):
                if each not in found:
                    found.add(each)
                    stack.append(each)
        return found

    def _inside(self, key: str) -> Iterable[str]:
        kind = self._nodes[key]["type"]
        if kind in _BOUNDARIES:
            return self._members.get(key, ())
        if kind == RETRY:
            attempts = self._children(key)
            return [each for each in attempts if (self._nodes[each].get("nodeFlag") or {})]
        return self._children(key) if kind in _GROUPS else ()

    def _children(self, key: str) -> list[str]:
        found = self._nodes[key].get("children") or ()
        return [child for child in found if child in self._nodes]


def _within(document: Document, ids: set[str]) -> Node:
    """Return a node whose children are those of ``ids`` alone: what follows is linked anew."""
    children = [child for child in document.get("children") or () if child in ids]
    return Node.parse({**document, "children": children})


def _is_named(wanted: str, node: Document) -> bool:
    return _means(wanted, node["displayName"]) or wanted == node.get("templateName")


def _means(wanted: str, name: str) -> bool:
    """Tell whether ``wanted`` is a task's name, that of its loop, or of one of its attempts."""
    return name == wanted or name.startswith(f"{wanted}(")


def _names(spec: Document) -> set[str]:
    """Return the names of all templates, tasks and steps."""
    names = set()
    for template in spec.get("templates") or ():
        calls = [*((template.get("dag") or {}).get("tasks") or ())]
        calls += [step for group in template.get("steps") or () for step in group]
        names |= {template["name"], *(call["name"] for call in calls)}
    return names
