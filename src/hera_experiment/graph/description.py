"""A graph in the language of Graphviz, in which nodes are boxes of a known size without text.

Source: https://graphviz.org/doc/info/lang.html. Nothing of a workflow is in it but numbers: names
need no quotes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hera_experiment.graph.measure import SMALL, Written, fitted, width_of
from hera_experiment.graph.model import ROW, Edge, Graph

_DOWN, _ACROSS = (22, 34), (14, 64)
"""Room between nodes of one rank, and between ranks: from top to bottom, from left to right."""
MARGIN = 12
"""Room between what is in a holder and its border."""

_READABLE = 880
"""So many pixels are what a page shows in full size."""
_LABEL = 160
"""Widest label of an edge."""
_ENDS = 12
"""So many nodes that begin a holder are told to stay below what precedes it."""


def described(graph: Graph, sizes: Mapping[str, Written], *, wide: bool) -> str:
    """Return ``graph`` for Graphviz: its nodes are ``n_INDEX``, ``cluster_INDEX``, ``e_INDEX``.

    ``wide`` has it run from left to right.
    """
    return "\n".join(_Description(graph, sizes).lines(wide))


def is_wide(graph: Graph, sizes: Mapping[str, Written]) -> bool:
    """Tell whether ``graph`` is easier to read from left to right than from top to bottom."""
    down = _extent(graph, "", sizes, wide=False)[0]
    across = _extent(graph, "", sizes, wide=True)[0]
    return down > _READABLE and across < down


def _extent(
    graph: Graph, parent: str, sizes: Mapping[str, Written], *, wide: bool
) -> tuple[float, float]:
    """Return about how large what is in ``parent`` will be."""
    members = graph.members.get(parent, ())
    ranks = graph.ranks(parent)
    along: dict[int, float] = {}
    beside: dict[int, float] = {}
    near, far = _ACROSS if wide else _DOWN
    for node in members:
        width, height = sizes[node.id].width, sizes[node.id].height
        if node.id in graph.members:
            inner = _extent(graph, node.id, sizes, wide=wide)
            width = max(width, inner[0]) + 2 * MARGIN
            height += inner[1] + 2 * MARGIN
        one, other = (width, height) if wide else (height, width)
        rank = ranks[node.id]
        along[rank] = max(along.get(rank, 0), one + far)
        beside[rank] = beside.get(rank, 0) + other + near
    length, breadth = sum(along.values()), max(beside.values(), default=0)
    return (length, breadth) if wide else (breadth, length)


class _Description:
    def __init__(self, graph: Graph, sizes: Mapping[str, Written]) -> None:
        self._graph = graph
        self._sizes = sizes
        self._numbers = {node.id: number for number, node in enumerate(graph.nodes)}
        self._lasts: dict[str, tuple[int, str]] = {}

    def lines(self, wide: bool) -> Iterator[str]:
        direction, (near, far) = ("LR", _ACROSS) if wide else ("TB", _DOWN)
        yield "digraph {"
        yield (
            f"compound=true; rankdir={direction}; nodesep={near / 72:.3f};"
            f" ranksep={far / 72:.3f}; pad=0; labeljust=l;"
        )
        yield 'node [shape=box, fixedsize=true, label="", margin=0];'
        yield "edge [arrowsize=0.6];"
        yield from self._members("")
        yield from self._edges()
        yield "}"

    def _members(self, parent: str) -> Iterator[str]:
        for node in self._graph.members.get(parent, ()):
            number, size = self._numbers[node.id], self._sizes[node.id]
            if node.id not in self._graph.members:
                yield f"n_{number} [width={size.width / 72:.4f}, height={size.height / 72:.4f}];"
                continue
            margin = MARGIN / 2 if node.kind == ROW else MARGIN
            label = _space(size.width, size.height) if size.height else '""'
            yield f"subgraph cluster_{number} {{ margin={margin}; label={label};"
            yield from self._members(node.id)
            yield "}"

    def _edges(self) -> Iterator[str]:
        for number, edge in enumerate(self._graph.edges):
            start, ends = self._last(edge.start)[1], self._firsts(edge.end)
            # An arrow to a holder ends at the middle of its border.
            end = ends.pop(len(ends) // 2)
            options = [f'id="e_{number}"']
            if edge.start in self._graph.members:
                options.append(f"ltail=cluster_{self._numbers[edge.start]}")
            if edge.end in self._graph.members:
                options.append(f"lhead=cluster_{self._numbers[edge.end]}")
            if label := edge_label(edge):
                options.append(f"label={_space(width_of(label, SMALL) + 8, SMALL + 4)}")
            yield f"n_{self._numbers[start]} -> n_{self._numbers[end]} [{', '.join(options)}];"
            for other in ends:
                yield f"n_{self._numbers[start]} -> n_{self._numbers[other]} [style=invis];"

    def _last(self, identifier: str) -> tuple[int, str]:
        """Return the node within one that is drawn last, and in which rank it is."""
        if identifier not in self._graph.members:
            return 0, identifier
        if identifier not in self._lasts:
            ranks = self._graph.ranks(identifier)
            deepest = {name: self._last(name) for name in ranks}
            rank = max(ranks[name] + deepest[name][0] for name in ranks)
            last = [name for name in ranks if ranks[name] + deepest[name][0] == rank]
            self._lasts[identifier] = rank, deepest[last[len(last) // 2]][1]
        return self._lasts[identifier]

    def _firsts(self, identifier: str) -> list[str]:
        """Return the nodes within one that wait for nothing in it, some at least."""
        found: list[str] = []
        waiting = [identifier]
        while waiting and len(found) < _ENDS:
            name = waiting.pop()
            if name not in self._graph.members:
                found.append(name)
                continue
            first = [each for each, rank in self._graph.ranks(name).items() if rank == 0]
            waiting += reversed(first)
        return found


def edge_label(edge: Edge) -> str:
    """Return the label of an edge as it is drawn."""
    return fitted(edge.label, _LABEL, SMALL)


def _space(width: float, height: float) -> str:
    """Return a label of that size with nothing in it."""
    table = f'FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{height:.0f}" BORDER="0"'
    return f'<<TABLE {table} CELLPADDING="0" CELLSPACING="0"><TR><TD></TD></TR></TABLE>>'
