"""Nodes, the limiter, the pool, progress, values of tasks: each without the others."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from hera_experiment.argo.go_text import JsonError
from hera_experiment.argo.phases import ERROR, FAILED, OMITTED, RUNNING, SKIPPED, SUCCEEDED
from hera_experiment.local.engine.group_progress import update_groups
from hera_experiment.local.engine.machine import Limiter
from hera_experiment.local.engine.node import Node, TemplateId, moment, timestamp
from hera_experiment.local.engine.nodes import Nodes
from hera_experiment.local.engine.pool import Job, Pool
from hera_experiment.local.engine.scope import (
    OutputError,
    aggregated_values,
    node_values,
    referenced_results,
    skipped_values,
    template_outputs,
)

HERE = TemplateId("local/w", "t")
NOW = datetime(2026, 11, 5, 8, 0, 9, 999, timezone.utc)


def make_nodes() -> tuple[Nodes, Node]:
    nodes = Nodes("w", lambda: NOW)
    return nodes, nodes.create("w", "DAG", RUNNING, template=TemplateId("local/w", "main"))


def test_a_node_is_what_argo_shows() -> None:
    nodes, root = make_nodes()
    nodes.take_changes()
    pod = nodes.create(
        "w.a(0:x.y)",
        "Pod",
        RUNNING,
        template=HERE,
        boundary="w",
        inputs={"p": 1},
    )
    nodes.connect(root, pod.name)
    nodes.connect(root, pod.name)
    nodes.mark(pod, FAILED, "why")
    assert root.document() == {
        "id": "w",
        "name": "w",
        "displayName": "w",
        "type": "DAG",
        "templateName": "main",
        "templateScope": "local/w",
        "phase": RUNNING,
        "startedAt": "2026-11-05T08:00:09Z",
        "finishedAt": None,
        "children": [pod.id],
    }
    changed, children = nodes.take_changes()
    assert children == {"w": [pod.id]}
    assert changed == {
        pod.id: {
            "id": pod.id,
            "name": "w.a(0:x.y)",
            "displayName": "a(0:x.y)",
            "type": "Pod",
            "templateName": "t",
            "templateScope": "local/w",
            "phase": FAILED,
            "boundaryID": "w",
            "message": "why",
            "progress": "0/1",
            "inputs": {"p": 1},
            "startedAt": "2026-11-05T08:00:09Z",
            "finishedAt": "2026-11-05T08:00:09Z",
        },
    }
    assert nodes.take_changes() == ({}, {})
    assert Node.parse(pod.document()) == pod


def test_what_was_handed_over_does_not_change() -> None:
    nodes, root = make_nodes()
    before = nodes.take_changes()[0]["w"]
    nodes.connect(root, "w.a")
    nodes.mark(root, SUCCEEDED)
    assert "children" not in before
    assert before["phase"] == RUNNING


def test_a_node_that_changed_is_handed_over_with_its_new_children() -> None:
    nodes, root = make_nodes()
    nodes.connect(root, "w.a")
    changed, children = nodes.take_changes()
    assert (len(changed["w"]["children"]), children) == (1, {})


@pytest.mark.parametrize(
    ("name", "shown"),
    [("w.a", "a"), ("w[0]", "[0]"), ("w[0].a", "a"), ("w(1)", "(1)"), ("w.a.b", "a.b")],
)
def test_display_names(name: str, shown: str) -> None:
    nodes, _ = make_nodes()
    node = nodes.create(name, "Skipped", SKIPPED, template=HERE, boundary="w")
    assert node.display_name == shown


def test_counts_what_runs_and_what_failed() -> None:
    nodes, _ = make_nodes()
    one = nodes.create("w.a", "Pod", "Pending", template=HERE, boundary="w")
    two = nodes.create("w.b", "Steps", RUNNING, template=HERE, boundary="w")
    assert (nodes.active_pods, nodes.active_children["w"], nodes.failed_children["w"]) == (1, 2, 0)
    nodes.mark(one, SUCCEEDED)
    nodes.mark(two, ERROR)
    assert (nodes.active_pods, nodes.active_children["w"], nodes.failed_children["w"]) == (0, 0, 1)
    assert (nodes.progress, nodes.pods) == ("1/1", 1)


def test_outbound_nodes_of_groups_and_retries() -> None:
    nodes, root = make_nodes()
    group = nodes.create("w.g", "TaskGroup", RUNNING, template=HERE, boundary="w")
    assert nodes.outbound(group) == [group]
    retry = nodes.create("w.g(0:x)", "Retry", RUNNING, template=HERE, boundary="w")
    first = nodes.create("w.g(0:x)(0)", "Pod", FAILED, template=HERE, boundary="w")
    last = nodes.create("w.g(0:x)(1)", "Pod", SUCCEEDED, template=HERE, boundary="w")
    nodes.connect(group, retry.name)
    nodes.connect(retry, first.name)
    nodes.connect(retry, last.name)
    assert nodes.outbound(group) == [last]
    root.outbound = [retry.id]
    assert nodes.outbound(root) == [last]


def test_a_name_is_taken_once() -> None:
    nodes, _ = make_nodes()
    with pytest.raises(ValueError, match="one and the same hash"):
        nodes.create("w", "Pod", RUNNING, template=HERE)


def test_moments_are_whole_seconds_of_utc() -> None:
    assert timestamp(NOW) == "2026-11-05T08:00:09Z"
    assert moment("2026-11-05T08:00:09Z") == NOW.replace(microsecond=0)


def test_limiter_keeps_the_order_and_both_limits() -> None:
    nodes, root = make_nodes()
    limiter = Limiter(nodes, limit=2)
    boundary: Any = SimpleNamespace(node=root, template={"parallelism": 1})
    begun: list[str] = []

    def begin(name: str) -> None:
        begun.append(name)
        nodes.create(name, "Pod", RUNNING, template=HERE, boundary="w")

    assert limiter.admits(boundary)
    begin("w.a")
    assert not limiter.admits(boundary)
    assert limiter.admits(None)
    for name in ("w.b", "w.c"):
        limiter.wait(boundary, partial(begin, name))
    assert not limiter.resume_waiting()
    nodes.mark(nodes.by_id[next(k for k in nodes.by_id if k != "w")], SUCCEEDED)
    assert limiter.resume_waiting()
    assert begun == ["w.a", "w.b"]
    limiter.forget(boundary)
    assert not limiter.resume_waiting()


def test_limiter_closes_for_what_fails_fast() -> None:
    nodes, root = make_nodes()
    limiter = Limiter(nodes, limit=None)
    boundary: Any = SimpleNamespace(node=root, template={"failFast": True})
    assert limiter.admits(boundary)
    nodes.create("w.a", "Pod", FAILED, template=HERE, boundary="w")
    assert limiter.failing_fast(boundary)
    assert not limiter.admits(boundary)


def test_pool_runs_as_many_as_it_may_in_order() -> None:
    pool = Pool(2)
    gate, both = threading.Event(), threading.Barrier(3)
    order: list[int] = []

    def wait() -> None:
        both.wait(5)
        gate.wait(5)

    for _ in range(2):
        pool.submit(Job(wait, "a"))
    both.wait(5)
    for number in range(3):
        pool.submit(Job(partial(order.append, number), "b" if number == 1 else "a"))
    assert order == []
    assert len(pool.take_back("b")) == 1
    gate.set()
    done = threading.Event()
    pool.submit(Job(done.set, "a"))
    assert done.wait(5)
    pool.close()
    assert order == [0, 2]
    with pytest.raises(RuntimeError):
        pool.submit(Job(done.set, "a"))


def test_a_pool_needs_a_thread() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Pool(0)


def test_progress_of_a_group_counts_what_comes_after_it_once() -> None:
    nodes, root = make_nodes()
    skipped = nodes.create("w.s", "Skipped", SKIPPED, template=HERE, boundary="w")
    one = nodes.create("w.a", "Pod", SUCCEEDED, template=HERE, boundary="w")
    two = nodes.create("w.b", "Pod", FAILED, template=HERE, boundary="w")
    one.progress = "1/1"
    nodes.connect(root, one.name)
    nodes.connect(root, skipped.name)
    nodes.connect(one, two.name)
    nodes.connect(skipped, two.name)
    update_groups(nodes, all_nodes=True)
    assert (root.progress, skipped.progress) == ("1/2", "0/1")


def pod(name: str, phase: str = SUCCEEDED, **outputs: Any) -> Node:
    return Node(name, name, "Pod", phase, name, outputs=outputs or None, finished_at="then")


def test_values_of_a_task() -> None:
    node = pod(
        "p", result="r", exitCode="0", parameters=[{"name": "x", "value": "1"}, {"name": "y"}]
    )
    assert node_values(node, {}) == {
        "id": "p",
        "finishedAt": "then",
        "status": SUCCEEDED,
        "outputs.result": "r",
        "exitCode": "0",
        "outputs.parameters.x": "1",
    }
    retry = Node("r", "r", "Retry", SUCCEEDED, "r", children={"first": None, "p": None})
    assert node_values(retry, {"p": node})["id"] == "p"


def test_values_of_a_loop_are_lists() -> None:
    loop = [
        pod("a", result='{"k": 1.50}', parameters=[{"name": "x", "value": "1"}]),
        pod("b", FAILED, result="no JSON"),
        pod("c", result="[ ]", parameters=[{"name": "x", "value": 'two "2"'}]),
        pod("d"),
    ]
    assert aggregated_values(loop) == {
        "outputs.result": '[{"k":1.50},[]]',
        "outputs.parameters": '[{"x":"1"},{"x":"two \\"2\\""}]',
        "outputs.parameters.x": '["1","two \\"2\\""]',
    }
    lists = [pod("a", parameters=[{"name": "x", "value": '{"b":1.50,"a":[]}'}])]
    assert aggregated_values(lists)["outputs.parameters.x"] == '[{"a":[],"b":1.5}]'
    with pytest.raises(JsonError, match="invalid character 'h'"):
        aggregated_values([pod("a", result="hello")])


def test_values_of_a_skipped_task_are_its_defaults() -> None:
    parameters = [
        {"name": "x", "valueFrom": {"path": "/x", "default": "d"}},
        {"name": "y", "valueFrom": {"path": "/y"}},
    ]
    template = {"outputs": {"parameters": parameters}}
    expected = {"outputs.parameters.x": "d", "outputs.parameters.y": None}
    assert skipped_values(Node("n", "n", "Skipped", OMITTED, "n"), template) == expected
    assert skipped_values(Node("n", "n", "Pod", SUCCEEDED, "n"), template) == {}


def test_outputs_of_a_template() -> None:
    def output(**source: Any) -> dict[str, Any]:
        parameters = [{"name": "o", "globalName": "g", "valueFrom": source}]
        return {"outputs": {"parameters": parameters}}

    def lookup(name: str) -> str | None:
        return {"tasks.a.outputs.result": "r", "tasks.b.outputs.parameters.x": None}[name]

    def value(**source: Any) -> str:
        found = template_outputs(output(**source), lookup)
        assert found is not None
        assert found["parameters"][0].keys() == {"name", "globalName", "value"}
        text: str = found["parameters"][0]["value"]
        return text

    assert template_outputs({}, lookup) is None
    assert value(parameter="{{tasks.a.outputs.result}}") == "r"
    assert value(parameter="tasks.a.outputs.result") == "r"
    assert value(parameter="{{tasks.b.outputs.parameters.x}}", default="d") == "d"
    assert value(parameter="{{tasks.c.outputs.result}}", default="d") == "d"
    with pytest.raises(OutputError, match=r'Unable to resolve: "tasks\.c\.outputs\.result"'):
        value(parameter="{{tasks.c.outputs.result}}")
    with pytest.raises(OutputError, match="absent optional"):
        value(parameter="{{tasks.b.outputs.parameters.x}}")


def test_results_are_captured_only_for_those_who_ask() -> None:
    template = {
        "dag": {"tasks": [{"when": "{{tasks.a-b.outputs.result}} == {{steps.c.outputs.result}}"}]}
    }
    assert referenced_results(template, "tasks") == {"a-b"}
    assert referenced_results(template, "steps") == {"c"}


def test_jobs_that_come_together_run_together_though_one_thread_is_idle() -> None:
    pool = Pool(2)
    for _ in range(20):
        before = threading.Event()
        pool.submit(Job(before.set, "first"))
        assert before.wait(10)
        # Each waits for the other: with one thread neither would get on.
        together = threading.Barrier(3, timeout=10)
        pool.submit(Job(lambda met=together: met.wait() and None, "second"))
        pool.submit(Job(lambda met=together: met.wait() and None, "second"))
        together.wait()
    pool.close()


def test_no_more_jobs_run_than_there_are_threads() -> None:
    pool = Pool(2)
    running, most, lock = 0, 0, threading.Lock()
    done = threading.Semaphore(0)

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1
        done.release()

    for _ in range(20):
        pool.submit(Job(job, "all"))
    for _ in range(20):
        assert done.acquire(timeout=10)
    pool.close()
    assert most == 2
