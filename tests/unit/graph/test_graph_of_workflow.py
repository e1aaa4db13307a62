"""The graph of a workflow as written: its tasks, what holds them, and what waits for what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from graph_shapes import Json, cases, dag, drawn, edges, steps, task, workflow

from hera_experiment.graph.model import HOOK, REFERENCE, ROW
from hera_experiment.graph.of_workflow import graph_of

CASES = {name: (written, kept) for name, written, kept in cases()}


def test_tasks_wait_for_others_with_a_result() -> None:
    graph = drawn(
        dag(
            task("a"),
            task("b", depends="a.Succeeded"),
            task("c", depends="a.Failed || a.Errored || b"),
            task("d", depends="a && !b.Failed && a-b"),
            task("a-b", "a", "gone"),
        )
    )
    assert edges(graph) == {
        ("a", "b", ""),
        ("a", "c", "Failed or Errored"),
        ("b", "c", ""),
        ("a", "d", ""),
        ("b", "d", "Failed"),
        ("a-b", "d", ""),
        ("a", "a-b", ""),
    }
    # What an edge cannot say stands in the node.
    assert graph.by_id["c"].details == ("after a.Failed || a.Errored || b",)
    assert graph.by_id["b"].details == graph.by_id["a-b"].details == ()


@pytest.mark.parametrize(
    ("loop", "count"),
    [
        ({"withItems": [1, {"a": 2}, "x"]}, 3),
        ({"withParam": '["a", "b"]'}, 2),
        ({"withParam": "{{workflow.parameters.list}}"}, 4),
        ({"withParam": "{{tasks.a.outputs.result}}"}, None),
        ({"withSequence": {"count": "5"}}, 5),
        ({"withSequence": {"start": "3", "end": "1"}}, 3),
        ({"withSequence": {"count": "{{inputs.parameters.n}}"}}, None),
        ({}, 1),
    ],
)
def test_a_loop_is_one_node_with_its_count(loop: Json, count: int | None) -> None:
    arguments = {"parameters": [{"name": "list", "value": "[1, 2, 3, 4]"}]}
    graph = drawn(dag(task("a"), task("b", "a", **loop)), arguments=arguments)
    node = graph.by_id["b"]
    assert node.count == count
    assert any(each.startswith("over ") for each in node.details) is (count is None)


def test_steps_of_one_group_are_a_row() -> None:
    graph = drawn(steps([task("a")], [task("b"), task("c", withItems=[1, 2])], [task("d")]))
    assert {node.id: node.parent for node in graph.nodes} == {
        "a": "",
        "[1]": "",
        "b": "[1]",
        "c": "[1]",
        "d": "",
    }
    assert graph.by_id["[1]"].kind == ROW
    assert edges(graph) == {("a", "[1]", ""), ("[1]", "d", "")}


def test_templates_within_templates() -> None:
    inner = dag(task("x"), task("y", "x"), name="inner")
    outer = steps([task("deep", template="inner")], name="outer")
    graph = drawn(dag(task("a", template="outer"), task("b", "a", template="inner")), outer, inner)
    assert graph.by_id["a/deep/y"].parent == "a/deep"
    assert graph.by_id["a/deep"].parent == "a"
    assert ("a/deep/x", "a/deep/y", "") in edges(graph)
    order = [node.id for node in graph.nodes]
    assert all(
        order.index(node.parent) < order.index(node.id) for node in graph.nodes if node.parent
    )


def test_a_template_that_holds_itself_is_opened_once() -> None:
    again = {**task("again", when="{{inputs.parameters.n}} < 3"), "template": "main"}
    graph = drawn(steps([task("a")], [again]))
    node = graph.by_id["again"]
    assert node.details == ("when inputs.parameters.n < 3", "begins anew: it holds itself")
    assert len(graph.nodes) == 2


def test_many_templates_within_templates_are_not_all_opened() -> None:
    many = [
        dag(*(task(f"t{n}", template=f"level{level + 1}") for n in range(10)), name=f"level{level}")
        for level in range(8)
    ]
    graph = drawn(*many, {**dag(task("x")), "name": "level8"})
    assert 3000 <= len(graph.nodes) < 3100
    assert any("not opened" in node.details for node in graph.nodes)


def test_hooks_and_exit_handlers() -> None:
    hooks = {
        "exit": {"template": "work"},
        "begun": {"template": "work", "expression": 'a.status == "Running"'},
    }
    graph = drawn(dag(task("a", hooks=hooks), task("b", "a", onExit="work")), onExit="bye")
    found = {(edge.start, edge.end) for edge in graph.edges if edge.kind == HOOK}
    assert found == {
        ("/", "/.onExit"),
        ("a", "a.onExit"),
        ("a", "a.hooks.begun"),
        ("b", "b.onExit"),
    }
    assert graph.hooks == {end for _, end in found}
    assert graph.by_id["a.hooks.begun"].details == ('when a.status == "Running"',)
    assert graph.by_id["/.onExit"].kind == REFERENCE
    assert {node.parent for node in graph.nodes} == {"", "/"}


def test_templates_of_other_objects() -> None:
    inner = {"spec": {"templates": [dag(task("x", template="own"), name="t"), {"name": "own"}]}}
    reference = {"name": "lib", "template": "t"}
    written = workflow(
        dag(
            {"name": "known", "templateRef": reference},
            {"name": "unknown", "templateRef": {**reference, "clusterScope": True}},
            {"name": "inline", "inline": {"suspend": {}}},
        )
    )
    graph = graph_of(written, kept_of(inner))
    assert graph.by_id["known"].kind == "dag" and graph.by_id["known/x"].template == "own"
    assert graph.by_id["unknown"].subtitle == "lib/t, not known here"
    assert graph.by_id["inline"].subtitle == "suspend"


def kept_of(inner: Json) -> Any:
    return lambda kind, name: inner if (kind, name) == ("WorkflowTemplate", "lib") else None


def test_a_workflow_of_a_template_a_schedule_and_a_library() -> None:
    spec = {"entrypoint": "t", "templates": [dag(task("x"), name="t"), {"name": "work"}]}
    of_template = {"spec": {"workflowTemplateRef": {"name": "lib"}}}
    assert [node.id for node in graph_of(of_template, kept_of({"spec": spec})).nodes] == ["x"]
    (node,) = graph_of(of_template).nodes
    assert (node.label, node.kind) == ("lib", REFERENCE)
    cron = {"kind": "CronWorkflow", "metadata": {"name": "c"}, "spec": {"workflowSpec": spec}}
    graph = graph_of(cron)
    assert graph.title == "CronWorkflow c" and [node.id for node in graph.nodes] == ["x"]
    library = {"kind": "WorkflowTemplate", "spec": {"templates": spec["templates"]}}
    assert [node.id for node in graph_of(library).nodes] == ["t", "t/x"]


def test_one_container_and_nothing() -> None:
    (node,) = graph_of(
        {"spec": {"entrypoint": "c", "templates": [{"name": "c", "script": {}}]}}
    ).nodes
    assert (node.id, node.label, node.kind) == ("/", "c", "script")
    assert graph_of({}).nodes == ()
    wrong = {"spec": {"entrypoint": 3, "templates": [1, {"name": "3", "dag": [], "steps": {}}]}}
    assert len(graph_of(wrong).nodes) <= 1


def test_what_is_special_is_said() -> None:
    templates = [
        {"name": "a", "container": {}, "retryStrategy": {"limit": 3}, "daemon": True},
        {"name": "b", "suspend": {"duration": "10s"}},
        {"name": "c", "containerSet": {"containers": [{"name": "one"}, {"name": "two"}]}},
        {
            "name": "d",
            "container": {},
            "sidecars": [{"name": "s"}],
            "initContainers": [{"name": "i"}],
        },
        {"name": "e", "http": {}, "memoize": {"key": "k"}},
    ]
    tasks = [{"name": f"t{each['name']}", "template": each["name"]} for each in templates]
    graph = drawn(dag(*tasks), *templates)
    said = {node.label: (node.kind, *node.details) for node in graph.nodes}
    assert said == {
        "ta": ("container", "retried up to 3 times", "daemon"),
        "tb": ("suspend", "waits 10s"),
        "tc": ("container set", "containers one, two"),
        "td": ("container", "first i", "beside s"),
        "te": ("http", "memoized"),
    }


def test_parameters_and_artifacts_on_request() -> None:
    work = {
        "name": "w",
        "container": {},
        "inputs": {
            "parameters": [{"name": "x"}, {"name": "y", "default": "7"}],
            "artifacts": [{"name": "file"}],
        },
        "outputs": {"parameters": [{"name": "o"}], "artifacts": [{"name": "p"}]},
    }
    given = {
        "parameters": [{"name": "x", "value": "{{item}}"}],
        "artifacts": [{"name": "file", "from": "{{tasks.a.outputs.artifacts.p}}"}],
    }
    written = workflow(dag(task("a", template="w", arguments=given)), work)
    assert graph_of(written).by_id["a"].details == ()
    assert graph_of(written, parameters=True).by_id["a"].details == (
        "x = item",
        "y = 7",
        "artifact file of tasks.a.outputs.artifacts.p",
        "→ o",
        "→ artifact p",
    )


def _called(spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield the name of each task and step that the entry template holds, without its graph."""
    listed = spec.get("templates") or ()
    templates = {each["name"]: each for each in listed if isinstance(each, dict)}
    template = templates.get(spec.get("entrypoint")) or {}
    for each in (template.get("dag") or {}).get("tasks") or ():
        yield each["name"]
    for group in template.get("steps") or ():
        yield from (each["name"] for each in (group if isinstance(group, list) else [group]))


@pytest.mark.parametrize("name", CASES)
def test_the_tasks_of_each_case_are_those_of_its_graph(name: str) -> None:
    written, kept = CASES[name]
    graph = graph_of(written, lambda kind, called: kept.get((kind, called)))
    spec = written.get("spec") or {}
    labels = {node.label for node in graph.nodes if node.parent in ("", "/") or "[" in node.parent}
    assert set(_called(spec)) <= labels
    assert len({node.id for node in graph.nodes}) == len(graph.nodes)
    for edge in graph.edges:
        assert graph.by_id[edge.start].parent == graph.by_id[edge.end].parent
    if spec.get("templates") and not spec.get("workflowTemplateRef"):
        assert graph.nodes
