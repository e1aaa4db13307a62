"""Tasks that a script wrote one by one, in a loop of its own, as one node like Argo's loops."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hera_experiment.argo.phases import counted, worst
from hera_experiment.graph.model import Graph, Node

MOST = 12
"""So many alike tasks stand by themselves."""


def alike(graph: Graph, most: int = MOST) -> dict[str, str]:
    """Return for each task the one that stands for it, itself where it stands alone.

    Alike are more than ``most`` tasks of one template and one holder that say the same, wait for
    the same and are waited for by the same.
    """
    links: dict[str, list[tuple[bool, str, str, str]]] = {}
    for edge in graph.edges:
        links.setdefault(edge.end, []).append((True, edge.start, edge.label, edge.kind))
        links.setdefault(edge.start, []).append((False, edge.end, edge.label, edge.kind))
    groups: dict[object, list[str]] = {}
    for node in graph.nodes:
        if node.id not in graph.members and node.count == 1:
            between = frozenset(links.get(node.id, ()))
            same = (node.parent, node.kind, node.template, node.details, between)
            groups.setdefault(same, []).append(node.id)
    found = {node.id: node.id for node in graph.nodes}
    for names in groups.values():
        if len(names) > most:
            found.update(dict.fromkeys(names, names[0]))
    return found


def folded(graph: Graph, most: int = MOST) -> Graph:
    """Return ``graph`` with one node for all tasks that are :func:`alike`."""
    stands_for = alike(graph, most)
    members: dict[str, list[Node]] = {}
    for node in graph.nodes:
        members.setdefault(stands_for[node.id], []).append(node)
    nodes = tuple(_together(nodes) for nodes in members.values())
    edges = dict.fromkeys(
        replace(edge, start=stands_for[edge.start], end=stands_for[edge.end])
        for edge in graph.edges
    )
    return Graph(nodes, tuple(edges), graph.title)


def _together(nodes: list[Node]) -> Node:
    first, last = nodes[0], nodes[-1]
    if first is last:
        return first
    phases = Counter(node.phase for node in nodes)
    said = () if set(phases) == {""} else (counted(phases),)
    return replace(
        first,
        label=f"{first.label} … {last.label}",
        count=len(nodes),
        phase=worst(phases),
        details=(*first.details, *said),
    )
