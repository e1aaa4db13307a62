"""A workflow that goes on: what finished is taken over, what failed or changed runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_bench import (
    BAD,
    OK,
    SAY,
    Bench,
    Json,
    by_name,
    dag,
    phases,
    script,
    steps,
    task,
    workflow,
)

from hera_experiment.argo.names import ANNOTATION_FROM, ANNOTATION_ONLY, ANNOTATION_RESUME
from hera_experiment.local.engine.resume import LEFT_OUT
from hera_experiment.local.errors import InvalidWorkflow

CHAIN = dag(task("a", "ok"), task("b", "say", "a", with_={"text": "1"}), task("c", "late", "b"))
LATE = script("late", "raise SystemExit(3)")


def again(name: str, *templates: Json, begin: str = "", only: str = "", **spec: object) -> Json:
    """Return the workflow ``name``, to go on with these templates."""
    found = workflow(*templates, **spec)
    annotations = {ANNOTATION_RESUME: "1", ANNOTATION_FROM: begin, ANNOTATION_ONLY: only}
    found["metadata"] = {"name": name, "namespace": "local", "annotations": annotations}
    return found


def ran(bench: Bench, done: Json) -> list[str]:
    """Return the tasks of ``done`` that ran since this was last asked."""
    nodes = done["status"]["nodes"]
    found = [nodes[pod.node_id]["displayName"] for pod in bench.runtime.pods]
    bench.runtime.pods.clear()
    return sorted(found)


def finished(bench: Bench, made: Json) -> str:
    """Run a workflow to its end; return its name."""
    name: str = bench.run(made)["metadata"]["name"]
    bench.runtime.pods.clear()
    return name


def test_what_finished_does_not_run_again(bench: Bench) -> None:
    before = bench.run(workflow(CHAIN, OK, SAY, LATE))
    assert ran(bench, before) == ["a", "b", "c"]

    mended = script("late", "print('mended')")
    done = bench.run(again(before["metadata"]["name"], CHAIN, OK, SAY, mended))

    assert ran(bench, done) == ["c"]
    assert done["metadata"]["uid"] == before["metadata"]["uid"]
    assert done["status"]["phase"] == "Succeeded"
    assert done["status"]["progress"] == "3/3"
    taken, old = by_name(done)["a"], by_name(before)["a"]
    assert {**taken, "children": None} == {**old, "children": None}
    assert by_name(done)["b"]["children"] == [by_name(done)["c"]["id"]]
    assert by_name(done)[done["metadata"]["name"]]["outboundNodes"] == [by_name(done)["c"]["id"]]


def test_what_has_other_inputs_or_another_template_runs_again(bench: Bench) -> None:
    name = finished(bench, workflow(CHAIN, OK, SAY, LATE))
    other = dag(task("a", "ok"), task("b", "say", "a", with_={"text": "2"}), task("c", "late", "b"))

    done = bench.run(again(name, other, OK, SAY, LATE))
    assert ran(bench, done) == ["b", "c"]
    done = bench.run(again(name, other, script("ok", "print('better')"), SAY, LATE))
    assert ran(bench, done) == ["a", "c"]


@pytest.mark.parametrize("kept", [LATE, script("late", "print(1)")])
def test_tasks_from_one_on_run_again(bench: Bench, kept: Json) -> None:
    name = finished(bench, workflow(CHAIN, OK, SAY, kept))

    done = bench.run(again(name, CHAIN, OK, SAY, kept, begin="b"))
    assert ran(bench, done) == ["b", "c"]


def test_only_one_task_runs(bench: Bench) -> None:
    bad = dag(task("a", "ok"), task("b", "bad"), task("c", "say", "a", with_={"text": "x"}))
    name = finished(bench, workflow(bad, OK, BAD, SAY))

    done = bench.run(again(name, bad, OK, BAD, SAY, only="a"))

    assert ran(bench, done) == ["a"]
    assert phases(done) == {name: "Succeeded", "a": "Succeeded", "b": "Skipped", "c": "Succeeded"}
    assert by_name(done)["b"]["message"] == LEFT_OUT


def test_only_a_loop_and_what_lies_within_it(bench: Bench) -> None:
    inner = dag(task("deep", "ok"), name="inner")
    flaky = script("flaky", "print(1)", "n", retryStrategy={"limit": 2})
    items = task("items", "flaky", with_={"n": "{{item}}"}, withItems=[1, 2])
    main = steps([items], [task("below", "inner")], [task("last", "ok")])
    name = finished(bench, workflow(main, inner, flaky, OK))

    done = bench.run(again(name, main, inner, flaky, OK, only="items"))
    assert ran(bench, done) == ["items(0:1)(0)", "items(1:2)(0)"]
    done = bench.run(again(name, main, inner, flaky, OK, only="below"))
    assert ran(bench, done) == ["deep"]
    done = bench.run(again(name, main, inner, flaky, OK, begin="below"))
    assert ran(bench, done) == ["deep", "last"]
    done = bench.run(again(name, main, inner, flaky, OK))
    assert ran(bench, done) == []
    assert done["status"]["phase"] == "Succeeded"


def test_tasks_that_are_gone_and_new_ones(bench: Bench) -> None:
    main = dag(task("a", "ok"), task("b", "ok"))
    name = finished(bench, workflow(main, OK))

    done = bench.run(again(name, dag(task("b", "ok"), task("c", "ok", "b")), OK))

    assert ran(bench, done) == ["c"]
    assert set(by_name(done)) == {name, "b", "c"}
    stored = bench.store.get("local", name)
    assert {node["displayName"] for node in stored.nodes.values()} == {name, "b", "c"}


def test_a_task_that_there_is_not(bench: Bench) -> None:
    name = bench.run(workflow(CHAIN, OK, SAY, LATE))["metadata"]["name"]

    with pytest.raises(InvalidWorkflow, match=r"no task 'chart' in .*: it has a, b, c, late"):
        bench.create(again(name, CHAIN, OK, SAY, LATE, begin="chart"))


def test_what_runs_cannot_be_gone_on_with(bench: Bench) -> None:
    wait = script("wait", "wait('x')")
    name = bench.create(workflow(wait))
    bench.until_running(name, name)

    with pytest.raises(InvalidWorkflow, match="Cannot go on with a workflow in phase Running"):
        bench.create(again(name, wait))
    bench.runtime.open("x")
    bench.ended(name)


def test_goes_on_after_a_server_that_was_killed(tmp_path: Path) -> None:
    first = Bench(tmp_path / "state", 4)
    main = dag(task("a", "ok"), task("b", "wait", "a"))
    wait = script("wait", "wait('x')")
    name = first.create(workflow(main, OK, wait))
    first.until_running(name, "b")

    second = Bench(tmp_path / "state", 4)  # it finds the journal of one that wrote no end
    second.runtime.open("x")
    done = second.run(again(name, main, OK, wait))

    assert ran(second, done) == ["b"]
    assert phases(done) == {name: "Succeeded", "a": "Succeeded", "b": "Succeeded"}
    first.runtime.open("x")
