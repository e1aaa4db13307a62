"""Where nodes are drawn: nothing overlaps, all is within what holds it; and Graphviz that fails."""

from __future__ import annotations

import shutil
import sys
from itertools import combinations
from pathlib import Path

import pytest
from graph_shapes import Json, cases, dag, drawn, levels, steps, task, workflow

from hera_experiment.errors import UserError
from hera_experiment.graph import layout
from hera_experiment.graph.alike import folded
from hera_experiment.graph.layout import Box, laid_out
from hera_experiment.graph.measure import LABEL, PADDING, SMALL, fitted, width_of
from hera_experiment.graph.model import Graph
from hera_experiment.graph.of_workflow import graph_of

_CLOSE = 1.0
"""Pixels within which borders may touch: Graphviz rounds."""

INNER = dag(task("x"), task("y", "x"), task("z", "x", withItems=[1, 2]), name="inner")
NESTED = dag(task("a"), task("b", "a", template="inner"), task("c", "b"), name="nested")
HOOKED = {"hooks": {"exit": {"template": "work"}, "slow": {"template": "work", "expression": "1"}}}
SHAPES = {
    "one": workflow({"name": "one", "container": {}}),
    "diamond": workflow(dag(task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"))),
    "thirty": levels(8, 9, 8, 5),
    "thirty by four": levels(30, 30, 30, 30),
    "fan": workflow(dag(task("a"), task("b", "a", withItems=[*range(10_000)]), task("c", "b"))),
    "written one by one": workflow(
        dag(
            task("a"),
            *(task(f"b-{n}", "a") for n in range(2000)),
            task("c", *(f"b-{n}" for n in range(2000))),
        )
    ),
    "nested": workflow(
        dag(task("p"), task("q", "p", template="nested"), task("r", "q", template="inner")),
        NESTED,
        INNER,
    ),
    "steps": workflow(
        steps(
            [task("a")],
            [task("b"), task("c", template="inner"), task("d", withItems=[1, 2])],
            [task("e"), task("f")],
        ),
        INNER,
    ),
    "hooks": workflow(dag(task("a", **HOOKED), task("b", depends="a.Failed")), onExit="work"),
}


def graph_named(name: str) -> Graph:
    return folded(graph_of(SHAPES[name]))


def overlap(one: Box, other: Box) -> bool:
    apart = (
        one.x + one.width - _CLOSE <= other.x
        or other.x + other.width - _CLOSE <= one.x
        or one.y + one.height - _CLOSE <= other.y
        or other.y + other.height - _CLOSE <= one.y
    )
    return not apart


def within(inner: Box, x: float, y: float, width: float, height: float) -> bool:
    return (
        inner.x >= x - _CLOSE
        and inner.y >= y - _CLOSE
        and inner.x + inner.width <= x + width + _CLOSE
        and inner.y + inner.height <= y + height + _CLOSE
    )


def look_at(graph: Graph) -> None:
    found = laid_out(graph)
    assert set(found.boxes) == {node.id for node in graph.nodes}
    for parent, members in graph.members.items():
        for one, other in combinations(members, 2):
            assert not overlap(found.boxes[one.id], found.boxes[other.id]), (one.id, other.id)
        for node in members:
            box = found.boxes[node.id]
            if parent:
                holder = found.boxes[parent]
                top = holder.y + holder.written.height
                inside = holder.height - holder.written.height
                assert within(box, holder.x, top, holder.width, inside), node.id
            else:
                assert within(box, 0, 0, found.width, found.height), node.id
    for node in graph.nodes:
        box = found.boxes[node.id]
        room = box.width - 2 * PADDING
        assert width_of(box.written.label, LABEL, bold=True) <= room
        assert all(width_of(line, SMALL) <= room for line in box.written.lines)
    assert {route.edge for route in found.routes} == set(graph.edges)
    for route in found.routes:
        assert len(route.points) % 3 == 1
        assert bool(route.edge.label) is (route.label is not None)


@pytest.mark.parametrize("name", SHAPES)
def test_nothing_overlaps(name: str) -> None:
    look_at(graph_named(name))


def test_nothing_overlaps_in_any_case() -> None:
    # One picture of all: it takes less time, and more may go wrong.
    templates: list[Json] = []
    tasks = []
    for number, (_, written, _) in enumerate(cases()):
        spec = written.get("spec") or {}
        for each in spec.get("templates") or ():
            if "dag" in each or "steps" in each:
                templates.append({**each, "name": f"case-{number}-{each['name']}"})
                tasks.append({"name": f"case-{len(tasks)}", "template": templates[-1]["name"]})
    assert len(tasks) > 100
    look_at(drawn(dag(*tasks), *templates))


def test_a_wide_graph_runs_from_left_to_right() -> None:
    wide, narrow = (laid_out(graph_named(name)) for name in ("thirty by four", "diamond"))
    assert wide.height > wide.width and wide.width < 880
    assert narrow.boxes["a"].y < narrow.boxes["b"].y < narrow.boxes["d"].y


def test_many_tasks_written_one_by_one_are_one_node() -> None:
    graph = graph_named("written one by one")
    assert [(node.label, node.count) for node in graph.nodes] == [
        ("a", 1),
        ("b-0 … b-1999", 2000),
        ("c", 1),
    ]
    few = graph_of(workflow(dag(task("a"), *(task(f"b-{n}", "a") for n in range(5)))))
    assert folded(few) == few


def test_a_text_is_cut_in_its_middle() -> None:
    assert fitted("short", 100, LABEL) == "short"
    cut = fitted("a-very-long-name-indeed" * 5, 100, LABEL)
    assert cut.startswith("a-") and cut.endswith("ed") and "…" in cut
    assert width_of(cut, LABEL) <= 100
    assert fitted("漢" * 50, 100, LABEL).count("漢") < 8
    assert fitted("anything", 1, LABEL) == "…"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which programs are looked for."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(layout.sysconfig, "get_path", lambda name: str(tmp_path))
    return tmp_path


def made(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_without_graphviz_one_sentence_says_what_to_do(folder: Path) -> None:
    with pytest.raises(UserError, match=r"Graphviz is not installed.*FORMAT=text"):
        laid_out(graph_named("diamond"), {"PATH": str(folder)})


def test_a_dot_that_fails_is_passed_over(folder: Path) -> None:
    wheels = shutil.which("graphviz-pure", path=Path(sys.prefix, "bin"))
    assert wheels, "the tests' requirements have graphviz-pure"
    made(folder, "dot", "echo 'no plugins' >&2; exit 1")
    environ = {"PATH": str(folder)}
    with pytest.raises(UserError, match="dot: no plugins"):
        laid_out(graph_named("diamond"), environ)
    made(folder, "graphviz-pure", f'exec "{wheels}" "$@"')
    assert len(laid_out(graph_named("diamond"), environ).boxes) == 4


def test_what_nobody_can_read_is_refused() -> None:
    graph = drawn(dag(*(task(f"t-{n}", *([f"t-{n - 1}"] if n else [])) for n in range(3001))))
    with pytest.raises(UserError, match=r"3001 tasks.*FORMAT=text"):
        laid_out(graph)
