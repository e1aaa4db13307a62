"""What is written of a graph, whatever its names are: SVG, Mermaid, text."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from graph_shapes import dag, drawn, steps, task
from hypothesis import given, settings
from hypothesis import strategies as st

from hera_experiment.graph.layout import laid_out
from hera_experiment.graph.mermaid import mermaid_of
from hera_experiment.graph.model import HOOK, Edge, Graph, Node
from hera_experiment.graph.svg import svg_of
from hera_experiment.graph.text import text_of

SVG = "{http://www.w3.org/2000/svg}"
NAMES = [
    'a "quoted" & <b>',
    "end",
    "subgraph x",
    "]]>",
    "1. one",
    "- two",
    "`code` *bold* _it_",
    "#35; #quot;",
    "漢字 é 🎉",
    "{{item}}",
    "%% comment",
    "</text><script>alert(1)</script>",
    "a\nb\tc",
    "\x1b[31mred\x00\ud800",
    "x" * 500,
    "",
]
ANY = st.text() | st.sampled_from(NAMES)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Return a holder with two tasks and a hook, whose texts are anything."""
    texts = draw(st.lists(ANY, min_size=12, max_size=12))
    nodes = (
        Node(f"p{texts[0]}", texts[1], "dag", texts[2], 3, (texts[3],)),
        Node(f"a{texts[4]}", texts[5], "container", texts[6], None, (), f"p{texts[0]}"),
        Node(f"b{texts[7]}", texts[8], "suspend", "", 1, (texts[9],), f"p{texts[0]}", "Failed"),
    )
    first, last = nodes[1].id, nodes[2].id
    return Graph(nodes, (Edge(first, last, texts[10]), Edge(first, last, "", HOOK)), texts[11])


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_a_picture_is_xml_that_holds_nothing_but_its_own(graph: Graph) -> None:
    root = ElementTree.fromstring(svg_of(laid_out(graph)))
    tags = {each.tag.removeprefix(SVG) for each in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "g", "path", "text", "tspan"}
    groups = [each for each in root.iter(f"{SVG}g") if each.get("data-node") is not None]
    assert len(groups) == 3
    names = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(set(names)) == len(names)
    assert root.get("aria-labelledby") == "dag-title dag-desc"
    assert "phase-failed" in str(groups[-1].get("class"))


@given(graphs())
@settings(max_examples=200, deadline=None)
def test_a_flow_chart_holds_nothing_that_mermaid_heeds(graph: Graph) -> None:
    first, *lines = mermaid_of(graph).splitlines()
    assert first in ("flowchart TD", "flowchart LR")
    label = r"(?:[^\W_]|[ \-/:.,=()+?×…→]|#\d+;|<br/>)*"
    shapes = "|".join((rf'\["{label}"\]', rf'\[\["{label}"\]\]', rf'\(\["{label}"\]\)'))
    line = re.compile(
        rf'subgraph n\d+\["{label}"\]|end|n\d+(?:{shapes})|n\d+ -\.?->(?:\|"(?!"){label}"\|)? n\d+'
    )
    for each in lines:
        assert line.fullmatch(each.strip()), each
    assert not re.search(r'"(?:<br/>)?\d*[-+.)]', "\n".join(lines).replace('""', ""))


@given(graphs(), st.integers(40, 120))
def test_no_line_is_wider_than_the_terminal(graph: Graph, width: int) -> None:
    lines = text_of(graph, width)
    assert all(len(line) <= width for line in lines)
    assert not any(character in line for line in lines for character in "\n\x00\x1b")


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_name_is_in_the_title(name: str) -> None:
    node = Node("n", name, details=(name,))
    root = ElementTree.fromstring(svg_of(laid_out(Graph((node,)))))
    title = next(each for each in root.iter(f"{SVG}title") if each.get("id") == "dag-0-t")
    shown = re.sub("\x1b\\[31m|\x00", "", name).replace("\ud800", "�")
    assert (title.text or "").startswith(shown)


def test_what_marks_a_node() -> None:
    graph = drawn(dag(task("a", withItems=[1, 2]), task("b", depends="a.Failed", onExit="work")))
    graph = Graph((*graph.nodes[:-1], replace(graph.nodes[-1], phase="Skipped")), graph.edges)
    root = ElementTree.fromstring(svg_of(laid_out(graph), prefix="run"))
    groups = {each.get("data-node"): each for each in root.iter(f"{SVG}g")}
    assert len(groups["a"].findall(f"{SVG}rect")) == 3
    assert {"hook", "phase-skipped"} <= set(str(groups["b.onExit"].get("class")).split())
    (edge,) = (each for each in root.iter(f"{SVG}g") if each.get("data-end") == "b")
    assert [each.text for each in edge.iter(f"{SVG}text")] == ["Failed"]
    assert all(str(each.get("id")).startswith("run-") for each in root.iter() if each.get("id"))


def test_text_in_the_order_in_which_it_may_run() -> None:
    tasks = [
        task("chart", depends="print"),
        task("collect", withItems=["a", "b"]),
        task("print", depends="collect.Succeeded && later.Failed"),
        task("later", withParam="{{x}}", when="1 == 1"),
        {"name": "other", "templateRef": {"name": "kept", "template": "t"}, "depends": "later"},
    ]
    assert text_of(drawn(dag(*tasks), onExit="clean")) == [
        "Workflow w-…",
        "├ main",
        "│ ├ collect ×2  (work)",
        "│ ├ later ×?  (work)  when 1 == 1  over x",
        "│ ├ print  (work)  after collect, later.Failed",
        "│ ├ other  (kept/t, not known here)  after later",
        "│ └ chart  (work)  after print",
        "└ clean  (not known here)  at the end of main",
    ]


def test_text_of_steps_within_steps() -> None:
    inner = steps([task("deep")], name="inner")
    graph = drawn(steps([task("a"), task("b")], [task("c", template="inner"), task("d")]), inner)
    assert text_of(graph) == [
        "Workflow w-…",
        "├ a  (work)",
        "├ b  (work)",
        "├ c  (inner)  after a, b",
        "│ └ deep  (work)",
        "└ d  (work)  after a, b",
    ]


def test_text_says_how_many_more_there_are() -> None:
    many = [f"task-number-{number}" for number in range(30)]
    lines = text_of(drawn(dag(*map(task, many), task("last", *many))))
    assert lines[-1] == "└ last  (work)  after task-number-0, task-number-1 and 28 more"
