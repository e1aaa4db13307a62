"""The graph of a run: each of Argo's nodes has its place in that of the workflow as written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine_bench import BAD, OK, Bench, dag, script, steps, task, workflow

from hera_experiment.graph.of_status import graph_of_status, places
from hera_experiment.graph.of_workflow import graph_of


def phases_at(done: Mapping[str, Any]) -> dict[str, str]:
    return {node.id: node.phase for node in graph_of_status(done).nodes}


def test_a_loop_is_one_node_and_what_follows_a_failure_is_omitted(bench: Bench) -> None:
    fan = task("fan", "ok", withItems=[{"a": "(1:x)"}, "b.c", 3])
    written = workflow(dag(fan, task("bad", "bad", "fan"), task("never", "ok", "bad")), OK, BAD)
    done = bench.run(written)
    graph = graph_of_status(done)
    assert phases_at(done) == {"fan": "Succeeded", "bad": "Failed", "never": "Omitted"}
    assert graph.by_id["fan"].count == 3
    assert "3 Succeeded" in graph.by_id["fan"].details
    assert [node.id for node in graph.nodes] == [node.id for node in graph_of(written).nodes]


def test_loops_within_loops_are_counted_together(bench: Bench) -> None:
    inner = {**dag(task("leaf", "ok", withItems=[1, 2])), "name": "inner"}
    done = bench.run(workflow(dag(task("outer", "inner", withItems=[1, 2, 3])), inner, OK))
    graph = graph_of_status(done)
    assert graph.by_id["outer"].count == 3
    assert graph.by_id["outer/leaf"].count == 6
    assert set(places(done).values()) == {"/", "outer", "outer/leaf"}


def test_attempts_are_one_task(bench: Bench) -> None:
    flaky = {**script("flaky", "exit(1)"), "retryStrategy": {"limit": 2}}
    done = bench.run(workflow(dag(task("a", "flaky", withItems=["x", "y"])), flaky))
    node = graph_of_status(done).by_id["a"]
    assert (node.phase, node.count) == ("Failed", 2)
    assert "2 Failed" in node.details and "6 attempts" in node.details


def test_hooks_stand_where_they_are_written(bench: Bench) -> None:
    hooks = {"exit": {"template": "ok"}, "begun": {"template": "ok", "expression": "true"}}
    tasks = dag(task("a", "ok", hooks=hooks), task("b", "ok", "a", withItems=[1], onExit="ok"))
    written = workflow(tasks, OK, onExit="ok", hooks={"end": hooks["begun"]})
    planned = {node.id for node in graph_of(written).nodes}
    done = bench.run(written)
    assert set(places(done).values()) == planned
    assert {"a.onExit", "a.hooks.begun", "b.onExit", "/.onExit", "/.hooks.end"} < planned
    assert all(phases_at(done).values())


def test_steps_and_what_calls_itself(bench: Bench) -> None:
    deeper = {"name": "again", "template": "main", "when": "{{inputs.parameters.n}} < 3"}
    argument = {"name": "n", "value": "{{=asInt(inputs.parameters.n) + 1}}"}
    main = {
        **steps(
            [task("one", "ok"), task("two", "ok")],
            [{**deeper, "arguments": {"parameters": [argument]}}],
        ),
        "name": "main",
        "inputs": {"parameters": [{"name": "n", "value": "1"}]},
    }
    done = bench.run(workflow(main, OK))
    found = phases_at(done)
    assert found["again"] == "Succeeded"
    assert found["again/one"] == "Succeeded"
    assert found["again/again/again"] == "Skipped"
    graph = graph_of_status(done)
    assert all(node.parent in (*graph.by_id, "") for node in graph.nodes)
    assert all({edge.start, edge.end} <= set(graph.by_id) for edge in graph.edges)


def test_names_with_variables_are_those_that_ran(bench: Bench) -> None:
    name = "for-{{workflow.parameters.city}}"
    arguments = {"parameters": [{"name": "city", "value": "lyon"}]}
    tasks = dag(task("a", "ok"), task(name, "ok", "a"))
    done = bench.run(workflow(tasks, OK, arguments=arguments))
    graph = graph_of_status(done)
    assert phases_at(done) == {"a": "Succeeded", "for-lyon": "Succeeded"}
    assert [(edge.start, edge.end) for edge in graph.edges] == [("a", "for-lyon")]
