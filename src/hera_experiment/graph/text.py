"""A graph as lines for a terminal: a tree of what holds what, in an order in which it may run."""

from __future__ import annotations

from collections.abc import Iterator

from hera_experiment.graph.model import EXIT_SUFFIX, HOOK, ROW, Graph, Node
from hera_experiment.printing import cut, printable, shortened

WIDTH = 80
_LEAST = 20


def text_of(graph: Graph, width: int = WIDTH) -> list[str]:
    """Return the lines, none wider than ``width`` columns."""
    lines = [printable(graph.title), *_Tree(graph, width).below("", "")]
    return [cut(line, width) for line in lines]


class _Tree:
    def __init__(self, graph: Graph, width: int) -> None:
        self._graph = graph
        self._width = width
        self._waits: dict[str, list[str]] = {}
        self._hooks: dict[str, str] = {}
        for edge in graph.edges:
            result = f".{edge.label}" if edge.label else ""
            names = [f"{name}{result}" for name in self._named(edge.start)]
            for end in self._in_row(edge.end):
                if edge.kind == HOOK:
                    hook = edge.label if end.endswith(EXIT_SUFFIX) else f"hook {edge.label}"
                    self._hooks[end] = f"{hook} of {graph.by_id[edge.start].label}"
                else:
                    self._waits.setdefault(end, []).extend(names)

    def below(self, parent: str, guide: str) -> Iterator[str]:
        """Yield the lines of what is in ``parent``."""
        shown = list(self._members(parent))
        for index, node in enumerate(shown):
            last = index == len(shown) - 1
            own, deeper = ("└ ", "  ") if last else ("├ ", "│ ")
            inner = guide + deeper
            held = inner + ("│ " if node.id in self._graph.members else "  ")
            yield from self._lines(node, guide + own, held)
            yield from self.below(node.id, inner)

    def _members(self, parent: str) -> Iterator[Node]:
        """Yield what is in ``parent``, the steps of a row one by one."""
        for name in self._graph.ranks(parent):
            node = self._graph.by_id[name]
            if node.kind == ROW:
                yield from self._members(name)
            else:
                yield node

    def _in_row(self, name: str) -> list[str]:
        if self._graph.by_id[name].kind != ROW:
            return [name]
        return [node.id for node in self._graph.members.get(name, ())]

    def _named(self, name: str) -> list[str]:
        return [self._graph.by_id[each].label for each in self._in_row(name)]

    def _lines(self, node: Node, guide: str, below: str) -> Iterator[str]:
        head = " ".join(filter(None, (node.label, node.times)))
        subtitle = f"({node.subtitle})" if node.subtitle else ""
        parts = [subtitle, self._hooks.get(node.id, ""), self._after(node), node.phase]
        head = guide + shortened(printable(head), max(_LEAST, self._width - len(guide)))
        for part in map(printable, (*parts, *node.details)):
            if not part:
                continue
            if len(head) + 2 + len(part) > self._width:
                yield head
                head = below.rstrip() + " " * (len(below) - len(below.rstrip()))
                head += shortened(part, max(_LEAST, self._width - len(head)))
            else:
                head += f"  {part}"
        yield head

    def _after(self, node: Node) -> str:
        """Say what ``node`` waits for, in less than a line."""
        waits = list(dict.fromkeys(self._waits.get(node.id, ())))
        if not waits or any(each.startswith("after ") for each in node.details):
            return ""
        kept, room = 1, self._width * 2 // 3
        while kept < len(waits) and len(_listed(waits, kept + 1)) <= room:
            kept += 1
        # A last name takes no more room than to say that there is one.
        every = _listed(waits, len(waits)) if kept + 1 >= len(waits) else ""
        return every if every and len(every) <= room else _listed(waits, kept)


def _listed(names: list[str], kept: int) -> str:
    hidden = len(names) - kept
    shown = ", ".join(names[:kept])
    return f"after {shown} and {hidden} more" if hidden else f"after {shown}"
