"""What a picture of a workflow shows: tasks, what holds them, and what waits for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

ROOT = "/"
"""The identifier of what the workflow begins with, where that is a node of its own."""

DAG, STEPS, ROW = "dag", "steps", "row"
"""Kinds that hold others; a row is of steps that run at the same time."""
REFERENCE = "reference"
"""The kind of a template that is not known here."""
EXIT_SUFFIX, HOOK_INFIX = ".onExit", ".hooks."
"""What stands in the identifier of a hook behind that of what it belongs to."""
HOOK = "hook"
"""The kind of an edge to what runs because of something that happens to its start."""

_PLAIN = ("container", "script", DAG, STEPS, ROW, "")
"""Kinds that need no word: what they are is plain, or of no weight."""


@dataclass(frozen=True)
class Node:
    """A task, all tasks of a loop, or what holds tasks.

    ``id`` is the way of names that leads to it (``outer/inner``), that of a hook ends in
    ``.onExit`` or ``.hooks.NAME``. ``kind`` is what its template is. ``count`` is how many tasks
    it stands for, None where only the run will tell. ``parent`` is the identifier of what it is
    part of, empty at the top. ``phase`` is Argo's, empty before a run and for what never ran.
    """

    id: str
    label: str
    kind: str = "container"
    template: str = ""
    count: int | None = 1
    details: tuple[str, ...] = ()
    parent: str = ""
    phase: str = ""

    @property
    def times(self) -> str:
        """Its count as a person reads it, nothing for a single task."""
        if self.count is None:
            return "×?"
        return "" if self.count == 1 else f"×{self.count}"

    @property
    def subtitle(self) -> str:
        """What it is, where its name does not say so: a special kind, and its template."""
        template = "" if self.template == self.label else self.template
        if self.kind == REFERENCE:
            return ", ".join(filter(None, (template, "not known here")))
        return " ".join(filter(None, ("" if self.kind in _PLAIN else self.kind, template)))


@dataclass(frozen=True)
class Edge:
    """What ``end`` waits for; ``label`` says with what result ``start`` has to end."""

    start: str
    end: str
    label: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Graph:
    """The nodes, what holds others before these, and the edges between nodes of one holder.

    Hooks, too, stand beside what they belong to. ``title`` is what the whole is called.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()
    title: str = ""

    @cached_property
    def members(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes by the identifier of what they are part of."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.parent, []).append(node)
        return {parent: tuple(nodes) for parent, nodes in found.items()}

    @cached_property
    def within(self) -> Mapping[str, tuple[Edge, ...]]:
        """The edges by the identifier of what both of their ends are part of."""
        found: dict[str, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(self.by_id[edge.start].parent, []).append(edge)
        return {parent: tuple(edges) for parent, edges in found.items()}

    def ranks(self, parent: str) -> dict[str, int]:
        """Return how many others precede each node of ``parent``, in an order of running."""
        names = (node.id for node in self.members.get(parent, ()))
        edges = ((edge.start, edge.end) for edge in self.within.get(parent, ()))
        return levels(names, edges)

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        """The nodes by their identifiers."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def hooks(self) -> frozenset[str]:
        """The identifiers of hooks and exit handlers."""
        return frozenset(edge.end for edge in self.edges if edge.kind == HOOK)


def levels(names: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return how many others precede each name at least, in an order in which they may run.

    Edges to other names, and circles, which Argo refuses, are passed over.
    """
    found = dict.fromkeys(names, 0)
    waiting = dict.fromkeys(found, 0)
    following: dict[str, list[str]] = {}
    for start, end in edges:
        if start in found and end in found and start != end:
            following.setdefault(start, []).append(end)
            waiting[end] += 1
    ready = [name for name, count in waiting.items() if not count]
    order: dict[str, int] = {}
    for name in ready:
        order[name] = found[name]
        for end in following.get(name, ()):
            found[end] = max(found[end], found[name] + 1)
            waiting[end] -= 1
            if not waiting[end]:
                ready.append(end)
    return {**order, **{name: level for name, level in found.items() if name not in order}}
