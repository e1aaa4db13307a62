"""Where the nodes and edges of a graph are drawn, as Graphviz arranges them.

Source: https://graphviz.org/docs/outputs/json/ and https://graphviz.org/docs/attrs/pos/.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.graph.description import described, is_wide
from hera_experiment.graph.measure import Written, written
from hera_experiment.graph.model import Edge, Graph

MOST = 3000
"""More nodes are no picture that a person can read, and take minutes."""

_WHEEL = "graphviz-pure"
_PATIENCE = 120.0
_OTHERWISE = "make dag FORMAT=text needs no Graphviz"

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """Where a node is: the upper left corner, its size, and what is written in it."""

    x: float
    y: float
    width: float
    height: float
    written: Written


@dataclass(frozen=True)
class Route:
    """The way of an edge: a chain of Bézier curves (1 + 3n points), the tip of its arrow.

    ``label`` is the middle of its label.
    """

    edge: Edge
    points: tuple[Point, ...]
    tip: Point
    label: Point | None = None


@dataclass(frozen=True)
class Layout:
    """A graph with the place of each node, by its identifier, and of each edge.

    Lengths are pixels, from the upper left corner.
    """

    graph: Graph
    width: float
    height: float
    boxes: Mapping[str, Box]
    routes: tuple[Route, ...]


def laid_out(graph: Graph, environ: Mapping[str, str] = os.environ) -> Layout:
    """Return ``graph`` as ``dot`` arranges it, or graphviz-pure where ``dot`` is not installed.

    Raises
    ------
    UserError
        When neither is there, or the graph is too large.
    """
    if len(graph.nodes) > MOST:
        what = f"a picture of {len(graph.nodes)} tasks cannot be read: it shows {MOST} at most"
        raise UserError(what, next_step=_OTHERWISE)
    sizes = {node.id: written(node, holds=node.id in graph.members) for node in graph.nodes}
    text = described(graph, sizes, wide=is_wide(graph, sizes))
    said = ""
    for program in programs(environ):
        answer, problem = _answer(program, text)
        if answer is not None:
            return _read(answer, graph, sizes)
        said = said or problem
    why = said or "Graphviz is not installed"
    raise UserError(
        f"no picture can be made: {why}", next_step=f"pip install {_WHEEL}; {_OTHERWISE}"
    )


def programs(environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield the programs that can arrange a graph: the system's, then the wheel's."""
    path = environ.get("PATH", os.defpath)
    if system := shutil.which("dot", path=path):
        yield system
    beside = os.pathsep.join((os.path.dirname(sys.executable), sysconfig.get_path("scripts")))
    for place in (beside, path):
        if program := shutil.which(_WHEEL, path=place):
            yield program
            return


def _answer(program: str, text: str) -> tuple[Any, str]:
    """Return what a program makes of ``text``, or None and why it makes nothing."""
    try:
        done = subprocess.run(
            [program, "-Kdot", "-Tjson0"],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_PATIENCE,
            check=False,
        )
        return json.loads(done.stdout), ""
    except subprocess.TimeoutExpired:
        return None, f"{program} took longer than {_PATIENCE:g} s"
    except ValueError:
        lines = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        return None, f"{program}: {lines[-1][:200]}"
    except OSError as error:
        return None, f"{program}: {error.strerror}"


def _read(answer: Mapping[str, Any], graph: Graph, sizes: Mapping[str, Written]) -> Layout:
    left, bottom, right, top = _numbers(answer["bb"])

    def at(x: float, y: float) -> Point:
        return round(x - left, 1), round(top - y, 1)

    boxes = {}
    for found in answer.get("objects") or ():
        kind, _, number = str(found["name"]).rpartition("_")
        if not number.isdigit():
            continue
        node = graph.nodes[int(number)]
        if kind == "cluster":
            x1, y1, x2, y2 = _numbers(found["bb"])
            x, y = at(x1, y2)
            width, height = x2 - x1, y2 - y1
        else:
            middle, centre = _numbers(found["pos"])
            width, height = (72 * float(found[key]) for key in ("width", "height"))
            x, y = at(middle - width / 2, centre + height / 2)
        boxes[node.id] = Box(x, y, round(width, 1), round(height, 1), sizes[node.id])
    routes = []
    for found in answer.get("edges") or ():
        if str(found.get("id", "")).startswith("e_") and found.get("pos"):
            edge = graph.edges[int(found["id"][2:])]
            points, tip = _spline(found["pos"])
            label = at(*_numbers(found["lp"])) if found.get("lp") else None
            routes.append(Route(edge, tuple(at(*each) for each in points), at(*tip), label))
    return Layout(graph, round(right - left), round(top - bottom), boxes, tuple(routes))


def _spline(text: str) -> tuple[Sequence[Point], Point]:
    """Return the points of a spline and where its arrow ends; of several splines the first."""
    points: list[Point] = []
    tip: Point | None = None
    for word in text.split(";")[0].split():
        if word.startswith("e,"):
            x, y = _numbers(word[2:])
            tip = x, y
        elif not word.startswith("s,"):
            x, y = _numbers(word)
            points.append((x, y))
    return points, tip or points[-1]


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]
