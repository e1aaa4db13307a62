"""A graph in the language of Mermaid, which code hosts draw within Markdown.

Source: https://mermaid.js.org/syntax/flowchart.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hera_experiment.graph.description import is_wide
from hera_experiment.graph.measure import written
from hera_experiment.graph.model import HOOK, ROW, Edge, Graph, Node
from hera_experiment.printing import printable

_LIST = re.compile(r"\d*([-+.)])")
_SAFE = frozenset(" -/:.,=()+?×…→")
"""What means nothing in a label, beside letters and digits."""

_LEAF = ('["', '"]')
_LOOP = ('[["', '"]]')
_SHAPES = {"suspend": ('(["', '"])'), "reference": ('[/"', '"/]')}


def mermaid_of(graph: Graph) -> str:
    """Return the flow chart."""
    return "\n".join(_Chart(graph).lines()) + "\n"


class _Chart:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        # Names of its own: 'end', say, is a word of Mermaid's.
        self._names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}

    def lines(self) -> Iterator[str]:
        graph = self._graph
        sizes = {node.id: written(node, holds=node.id in graph.members) for node in graph.nodes}
        yield f"flowchart {'LR' if is_wide(graph, sizes) else 'TD'}"
        yield from self._members("", "  ")
        for edge in graph.edges:
            yield f"  {self._edge(edge)}"

    def _members(self, parent: str, indent: str) -> Iterator[str]:
        # In the order in which they may run: so Mermaid arranges them best, and people read them.
        for identifier in self._graph.ranks(parent):
            node, name = self._graph.by_id[identifier], self._names[identifier]
            if node.id not in self._graph.members:
                before, after = self._shape(node)
                yield f"{indent}{name}{before}{_label(node)}{after}"
                continue
            yield f'{indent}subgraph {name}["{_label(node) if node.kind != ROW else " "}"]'
            yield from self._members(node.id, indent + "  ")
            yield f"{indent}end"

    def _shape(self, node: Node) -> tuple[str, str]:
        if node.id in self._graph.hooks:
            return _SHAPES["suspend"]
        return _SHAPES.get(node.kind, _LOOP if node.times else _LEAF)

    def _edge(self, edge: Edge) -> str:
        arrow = "-.->" if edge.kind == HOOK else "-->"
        said = _escaped(edge.label)
        label = f'|"{said}"|' if said else ""
        return f"{self._names[edge.start]} {arrow}{label} {self._names[edge.end]}"


def _label(node: Node) -> str:
    lines = written(node)
    head = " ".join(filter(None, (lines.label, lines.times)))
    return "<br/>".join(map(_escaped, filter(None, (head, *lines.lines)))) or " "


def _escaped(text: str) -> str:
    """Return ``text`` with a code for each character that Mermaid, Markdown or HTML may heed."""
    text = printable(" ".join(text.split()))
    # "1." and "-" would begin a list.
    listed = _LIST.match(text)
    marks = range(listed.start(1), listed.end(1)) if listed else ()
    return "".join(
        each if (each.isalnum() or each in _SAFE) and index not in marks else f"#{ord(each)};"
        for index, each in enumerate(text)
    )
