"""A graph as a picture of its own, which follows the viewer's colours: light or dark.

It may stand alone or within a page. Colours are variables of CSS, which a page may set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from hera_experiment.argo.phases import SYMBOLS
from hera_experiment.graph.description import edge_label
from hera_experiment.graph.layout import Box, Layout, Point, Route
from hera_experiment.graph.measure import PADDING, SMALL, STACK
from hera_experiment.graph.model import HOOK, Node
from hera_experiment.printing import printable

_BORDER = 10
"""Room around all."""

_STYLE = """\
.hera-dag{--dag-back:#fff;--dag-node:#f6f8fa;--dag-line:#57606a;--dag-text:#1f2328;\
--dag-soft:#57606a;--dag-group:#f6f8fa66;--dag-border:#8c959f;--dag-green:#1a7f37;\
--dag-red:#cf222e;--dag-blue:#0969da;--dag-yellow:#9a6700;\
font-family:system-ui,-apple-system,"Segoe UI","Noto Sans",Helvetica,Arial,sans-serif}
@media(prefers-color-scheme:dark){.hera-dag{--dag-back:#0d1117;--dag-node:#161b22;\
--dag-line:#8b949e;--dag-text:#e6edf3;--dag-soft:#9ea7b3;--dag-group:#161b2266;\
--dag-border:#6e7681;--dag-green:#3fb950;--dag-red:#f85149;--dag-blue:#58a6ff;\
--dag-yellow:#d29922}}
.hera-dag .back{fill:var(--dag-back)}
.hera-dag text{fill:var(--dag-soft);font-size:11px}
.hera-dag .label{fill:var(--dag-text);font-size:13px;font-weight:600}
.hera-dag .times{fill:var(--dag-blue);font-weight:600}
.hera-dag .shape{fill:var(--dag-node);stroke:var(--dag-border);stroke-width:1.2}
.hera-dag .holder>.shape{fill:var(--dag-group);stroke-width:1}
.hera-dag .kind-row>.shape{stroke-dasharray:1 4;stroke-linecap:round}
.hera-dag .hook>.shape,.hera-dag .kind-reference>.shape{stroke-dasharray:5 3}
.hera-dag .line{fill:none;stroke:var(--dag-line);stroke-width:1.2}
.hera-dag .tip{fill:var(--dag-line)}
.hera-dag .edge-hook .line{stroke-dasharray:5 3}
.hera-dag .edge text{text-anchor:middle;stroke:var(--dag-back);stroke-width:4px;\
paint-order:stroke;stroke-linejoin:round}
.hera-dag .phase-succeeded>.shape{stroke:var(--dag-green);stroke-width:2}
.hera-dag .phase-failed>.shape,.hera-dag .phase-error>.shape{stroke:var(--dag-red);stroke-width:2.5}
.hera-dag .phase-running>.shape{stroke:var(--dag-blue);stroke-width:2}
.hera-dag .phase-pending>.shape{stroke:var(--dag-yellow)}
.hera-dag .phase-skipped>.shape,.hera-dag .phase-omitted>.shape{stroke-dasharray:2 3}
.hera-dag .sign{text-anchor:end;font-size:13px}
.hera-dag .phase-succeeded>.sign{fill:var(--dag-green)}
.hera-dag .phase-failed>.sign,.hera-dag .phase-error>.sign{fill:var(--dag-red)}
.hera-dag .phase-running>.sign{fill:var(--dag-blue)}
.hera-dag .phase-pending>.sign{fill:var(--dag-yellow)}
"""


def svg_of(layout: Layout, *, prefix: str = "dag") -> str:
    """Return the picture; ``prefix`` begins each identifier in it, which a page has once.

    Each node is a group with its identifier in ``data-node`` and its phase as a class.
    """
    return "\n".join(_Picture(layout, prefix).lines()) + "\n"


class _Picture:
    def __init__(self, layout: Layout, prefix: str) -> None:
        self._layout = layout
        self._graph = layout.graph
        self._prefix = prefix
        self._numbers = {node.id: number for number, node in enumerate(layout.graph.nodes)}

    def lines(self) -> Iterator[str]:
        width, height = (each + 2 * _BORDER for each in (self._layout.width, self._layout.height))
        names = f"{self._prefix}-title {self._prefix}-desc"
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="hera-dag" width="{width:g}"'
            f' height="{height:g}" viewBox="{-_BORDER} {-_BORDER} {width:g} {height:g}"'
            f' role="graphics-document" aria-labelledby="{names}">'
        )
        yield f'<title id="{self._prefix}-title">{_text(self._graph.title)}</title>'
        yield f'<desc id="{self._prefix}-desc">{_text(self._description())}</desc>'
        yield f"<style>{_STYLE}</style>"
        yield (
            f'<rect class="back" x="{-_BORDER}" y="{-_BORDER}" width="{width:g}"'
            f' height="{height:g}"/>'
        )
        boxes = [(node, self._layout.boxes[node.id]) for node in self._graph.nodes]
        for node, box in boxes:
            if node.id in self._graph.members:
                yield from self._node(node, box, holder=True)
        for route in self._layout.routes:
            yield from _edge(route, self._prefix)
        for node, box in boxes:
            if node.id not in self._graph.members:
                yield from self._node(node, box, holder=False)
        yield "</svg>"

    def _description(self) -> str:
        tasks = [node for node in self._graph.nodes if node.id not in self._graph.members]
        count = "1 node" if len(tasks) == 1 else f"{len(tasks)} nodes"
        return f"{count}, from what runs first to what waits for it."

    def _node(self, node: Node, box: Box, *, holder: bool) -> Iterator[str]:
        classes = ["holder" if holder else "node", f"kind-{_word(node.kind)}"]
        classes += ["hook"] if node.id in self._graph.hooks else []
        classes += [f"phase-{_word(node.phase)}"] if node.phase else []
        name = f"{self._prefix}-{self._numbers[node.id]}"
        role = "graphics-object" if holder else "graphics-symbol"
        yield (
            f'<g id="{name}" data-node={_attribute(node.id)} class="{" ".join(classes)}"'
            f' role="{role}" aria-labelledby="{name}-t">'
        )
        yield f'<title id="{name}-t">{_text(_whole(node))}</title>'
        written = box.written
        behind = (written.sheets - 1) * STACK
        corner = 16 if node.kind == "suspend" else 6
        for back in range(behind, -1, -STACK):
            x, y = box.x + back, box.y + behind - back
            yield _rectangle(x, y, box.width - behind, box.height - behind, corner)
        left = box.x + PADDING
        top = box.y + behind + (4 if holder else 0)
        for number, line in enumerate((written.label, *written.lines)):
            baseline = top + written.baselines[number]
            place = f'x="{left:g}" y="{baseline:g}"'
            if number:
                yield f"<text {place}>{_text(line)}</text>"
            elif line or written.times:
                times = f'  <tspan class="times">{written.times}</tspan>' if written.times else ""
                text = f"{_text(line)}{times}"
                yield f'<text class="label" xml:space="preserve" {place}>{text}</text>'
        if sign := SYMBOLS.get(node.phase):
            right = box.x + box.width - behind - PADDING
            place = f'x="{right:g}" y="{top + written.baselines[0]:g}"'
            yield f'<text class="sign" aria-hidden="true" {place}>{sign}</text>'
        yield "</g>"


def _edge(route: Route, prefix: str) -> Iterator[str]:
    kind = " edge-hook" if route.edge.kind == HOOK else ""
    start, end = (_attribute(each) for each in (route.edge.start, route.edge.end))
    yield f'<g class="edge{kind}" data-start={start} data-end={end} aria-hidden="true">'
    (x, y), *rest = route.points
    curve = " ".join(f"{a:g},{b:g}" for a, b in rest)
    yield f'<path class="line" d="M{x:g},{y:g} C{curve}"/>'
    yield f'<path class="tip" d="{_tip(route.points[-1], route.tip)}"/>'
    if route.label and route.edge.label:
        x, y = route.label
        yield f'<text x="{x:g}" y="{y + SMALL / 3:g}">{_text(edge_label(route.edge))}</text>'
    yield "</g>"


def _tip(base: Point, tip: Point) -> str:
    (x1, y1), (x2, y2) = base, tip
    dx, dy = x2 - x1, y2 - y1
    length = (dx * dx + dy * dy) ** 0.5 or 1
    across, along = -dy / length * 3.2, dx / length * 3.2
    return (
        f"M{x2:g},{y2:g} L{x1 + across:.1f},{y1 + along:.1f} L{x1 - across:.1f},{y1 - along:.1f} Z"
    )


def _rectangle(x: float, y: float, width: float, height: float, corner: int) -> str:
    return (
        f'<rect class="shape" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        f' rx="{corner}"/>'
    )


def _whole(node: Node) -> str:
    head = " ".join(filter(None, (node.label, node.times)))
    return "\n".join(filter(None, (head, node.subtitle, *node.details, node.phase)))


_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _text(value: str) -> str:
    return escape(_NO_XML.sub("�", printable(value)))


def _attribute(value: str) -> str:
    return quoteattr(_NO_XML.sub("�", value))


def _word(value: str) -> str:
    return re.sub("[^a-z]+", "-", value.lower())
