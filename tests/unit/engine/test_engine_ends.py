"""Stop, terminate, delete, close, deadlines, and running again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from engine_bench import (
    OK,
    SAY,
    Bench,
    by_name,
    dag,
    phases,
    script,
    steps,
    task,
    workflow,
)

from hera_experiment.local.engine.node import Node
from hera_experiment.local.engine.nodes import Nodes
from hera_experiment.local.engine.rerun import parse_selector
from hera_experiment.local.errors import ApiError, InvalidWorkflow, NotFound

WAIT = script("wait", "wait('x')")
BY_ITEM = script("by-item", "raise SystemExit({{inputs.parameters.n}})", "n")


@pytest.mark.parametrize(("verb", "strategy"), [("stop", "Stop"), ("terminate", "Terminate")])
def test_shutdown_ends_the_children_first(bench: Bench, verb: str, strategy: str) -> None:
    retried = script("retried", "wait('x')", retryStrategy={"limit": 9})
    template = dag(task("wait"), task("retried"), task("after", "ok", "wait"))
    name = bench.create(workflow(template, WAIT, retried, OK))
    bench.until_running(name, "wait", "retried(0)")
    answer = getattr(bench.engine, verb)("local", name)
    assert answer["spec"]["shutdown"] == strategy
    done = bench.ended(name)
    assert bench.runtime.running == 0
    assert done["status"]["phase"] == "Failed"
    assert done["status"]["message"] == f"Stopped with strategy '{strategy}'"
    nodes = by_name(done)
    assert nodes["wait"]["message"] == f"workflow shutdown with strategy:  {strategy}"
    assert nodes["retried"]["message"] == f"Stopped with strategy '{strategy}'"
    assert "after" not in nodes
    assert all(node["finishedAt"] for node in nodes.values())
    with pytest.raises(ApiError, match="cannot shutdown a completed workflow") as refused:
        bench.engine.stop("local", name)
    assert (refused.value.http, refused.value.code) == (500, 13)


def test_shutdown_of_what_has_not_begun(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(parallelism=1)
    loop = dag(task("loop", "wait", withItems=list(range(50))))
    name = bench.create(workflow(loop, WAIT))
    bench.until_running(name, "loop(0:0)")
    bench.engine.terminate("local", name)
    done = bench.ended(name)
    assert len(bench.runtime.pods) == 1
    assert set(phases(done).values()) == {"Failed"}


def test_shutdown_while_something_waits(bench: Bench) -> None:
    backoff = {"limit": 3, "backoff": {"duration": "1h"}}
    bad = script("bad", "raise SystemExit(1)", retryStrategy=backoff)
    inner = steps([task("bad")], name="inner")
    name = bench.create(workflow(dag(task("inner"), task("bad")), inner, bad))
    bench.until(
        name,
        lambda run: (
            [n.get("message") for n in run.as_dict()["status"].get("nodes", {}).values()].count(
                "Backoff for 1 hour"
            )
            == 2
        ),
    )
    bench.engine.stop("local", name)
    assert bench.ended(name)["status"]["message"] == "Stopped with strategy 'Stop'"


def test_what_was_held_back_does_not_disturb(bench: Bench) -> None:
    """A nested DAG fails fast while children of it still wait for room."""
    bad = script("bad", "raise SystemExit(1)")
    loop = task("loop", "bad", withItems=[1, 2, 3])
    inner = dag(loop, name="inner", parallelism=1, failFast=True)
    tasks = dag(
        task("inner", continueOn={"failed": True}),
        task("after", "ok", dependencies=["inner"]),
    )
    done = bench.run(workflow(tasks, inner, bad, OK))
    assert done["status"]["phase"] == "Succeeded"
    assert len(bench.runtime.pods) == 2


def test_shutdown_of_what_is_held_back(bench: Bench) -> None:
    loop = dag(
        task("loop", "wait", withItems=[1, 2, 3]), task("after", "wait", "loop"), parallelism=1
    )
    name = bench.create(workflow(loop, WAIT))
    bench.until_running(name, "loop(0:1)")
    bench.engine.stop("local", name)
    done = bench.ended(name)
    assert done["status"]["phase"] == "Failed"
    assert len(bench.runtime.pods) == 1


def test_deleting_ends_first(bench: Bench) -> None:
    name = bench.create(workflow(WAIT))
    bench.until_running(name, name)
    folder = bench.store.get("local", name).folder
    bench.engine.delete("local", name)
    assert bench.runtime.running == 0
    assert not bench.engine.busy()
    assert not folder.exists()
    with pytest.raises(NotFound):
        bench.store.get("local", name)


def test_closing_ends_all(bench: Bench) -> None:
    names = [bench.create(workflow(WAIT)) for _ in range(3)]
    for name in names:
        bench.until_running(name, name)
    assert bench.engine.busy()
    bench.engine.close()
    assert not bench.engine.busy()
    assert bench.runtime.running == 0
    for name in names:
        assert (
            bench.store.get("local", name).status["message"] == "Stopped with strategy 'Terminate'"
        )


def test_a_pod_may_take_only_so_long(bench: Bench) -> None:
    slow = script("slow", "wait('x')", activeDeadlineSeconds=1)
    done = bench.run(workflow(dag(task("slow"), task("after", "ok", "slow")), slow, OK))
    nodes = by_name(done)
    assert nodes["slow"]["phase"] == "Failed"
    assert "longer than the specified deadline" in nodes["slow"]["message"]
    assert nodes["after"]["phase"] == "Omitted"


def test_a_template_with_a_timeout(bench: Bench) -> None:
    done = bench.run(workflow(script("main", "wait('x')", timeout="500ms")))
    assert "longer than the specified deadline" in done["status"]["message"]


def test_limits_that_turn_out_to_be_none(bench: Bench) -> None:
    for key in ("activeDeadlineSeconds", "timeout"):
        inputs = {"parameters": [{"name": "limit"}]}
        slow = script("slow", "", inputs=inputs, **{key: "{{inputs.parameters.limit}}"})
        done = bench.run(workflow(dag(task("slow", with_={"limit": "soon"})), slow))
        assert done["status"]["phase"] == "Error"
        assert "soon" in str([found.get("message") for found in by_name(done).values()])
    assert bench.runtime.pods == []


def test_a_workflow_may_take_only_so_long(bench: Bench) -> None:
    done = bench.run(
        workflow(
            dag(task("wait"), task("after", "wait", "wait.Failed")), WAIT, activeDeadlineSeconds=1
        )
    )
    assert done["status"]["phase"] == "Failed"
    assert by_name(done)["wait"]["message"] == "Step exceeded its deadline"
    assert bench.runtime.running == 0


@pytest.mark.parametrize("verb", ["stop", "terminate", "delete", "close"])
@pytest.mark.parametrize("limit", [0, -1])
def test_what_may_never_begin_ends_all_the_same(bench: Bench, verb: str, limit: int) -> None:
    """In Argo such a workflow waits, without a node, until it is deleted."""
    name = bench.create(workflow(dag(task("ok")), OK, parallelism=limit, onExit="ok"))
    run = bench.store.get("local", name)
    if verb == "delete":
        bench.engine.delete("local", name)
        assert bench.store.runs() == []
        return
    bench.engine.close() if verb == "close" else getattr(bench.engine, verb)("local", name)
    done = bench.ended(name)
    assert done["status"]["phase"] == "Failed"
    assert done["status"]["message"].startswith("Stopped with strategy")
    assert run.nodes == {} and bench.runtime.pods == []


def test_a_template_whose_limit_is_none(bench: Bench) -> None:
    for limit in (0, -1):
        done = bench.run(workflow(dag(task("ok"), parallelism=limit), OK))
        assert done["status"]["phase"] == "Succeeded"


HOUR = timedelta(hours=1)


def test_a_pause_lasts_as_long_whatever_the_clock_is_set_to(bench: Bench) -> None:
    flaky = script("flaky", "wait('set'); raise SystemExit(1)")
    flaky["retryStrategy"] = {"limit": 1, "backoff": {"duration": "1s"}}
    name = bench.create(workflow(flaky))
    bench.until_running(name, f"{name}(0)")
    bench.runtime.open("set")
    bench.until(name, lambda run: "Backoff" in str(run.as_dict()["status"]))
    bench.set_by = -HOUR
    assert bench.ended(name)["status"]["message"] == "No more retries left"
    bench.set_by = timedelta()


@pytest.mark.parametrize(
    ("limits", "spec"),
    [
        ({"activeDeadlineSeconds": 1}, {}),
        ({"timeout": "300ms"}, {}),
        ({}, {"activeDeadlineSeconds": 1}),
    ],
    ids=["pod", "template", "workflow"],
)
def test_a_limit_comes_though_the_clock_is_set_back(
    bench: Bench, limits: dict[str, Any], spec: dict[str, Any]
) -> None:
    name = bench.create(workflow(dag(task("slow")), script("slow", "wait('x')", **limits), **spec))
    bench.until(name, lambda run: "Running" in [n["phase"] for n in pods_of(run.as_dict())])
    bench.set_by = -HOUR
    assert bench.ended(name)["status"]["phase"] == "Failed"
    assert bench.runtime.running == 0


def test_no_limit_comes_because_the_clock_is_set_forward(bench: Bench) -> None:
    again = {"limit": 2, "backoff": {"duration": "10ms", "maxDuration": "30m"}}
    slow = script("slow", "wait('set'); raise SystemExit(0 if '{{retries}}' == '1' else 1)")
    slow.update(retryStrategy=again, activeDeadlineSeconds=600, timeout="10m")
    name = bench.create(workflow(dag(task("slow")), slow, activeDeadlineSeconds=600))
    bench.until_running(name, "slow(0)")
    bench.set_by = HOUR
    bench.runtime.open("set")
    assert bench.ended(name)["status"]["phase"] == "Succeeded"


def test_times_of_an_earlier_server_count_from_now_when_they_lie_ahead() -> None:
    seen = datetime(2026, 11, 5, 8, tzinfo=timezone.utc)
    node = Node("w.a", "w.a", "Pod", "Failed", "a")
    node.started_at, node.finished_at = "2026-11-05T07:59:00Z", "2026-11-05T09:00:00Z"
    nodes = Nodes("w", lambda: seen, [node], lambda: 500.0)
    assert (nodes.began(node), nodes.ended(node)) == (440.0, 500.0)


def test_a_limit_beyond_all_time_is_none(bench: Bench) -> None:
    ok = script("ok", "", activeDeadlineSeconds=2**31 - 1, timeout="2000000h")
    done = bench.run(workflow(ok, activeDeadlineSeconds=2**62))
    assert done["status"]["phase"] == "Succeeded"


def pods_of(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = workflow["status"].get("nodes") or {}
    return [node for node in nodes.values() if node["type"] == "Pod"]


def run_again(bench: Bench, done: dict[str, Any], **options: Any) -> dict[str, Any]:
    name = done["metadata"]["name"]
    bench.runtime.pods.clear()
    answer = bench.engine.retry("local", name, **options)
    assert answer["status"]["phase"] == "Running"
    assert "shutdown" not in answer["spec"]
    assert "workflows.argoproj.io/completed" not in answer["metadata"]["labels"]
    return bench.ended(name)


def test_only_what_failed_runs_again(bench: Bench) -> None:
    flaky = script("flaky", "wait('fixed')")
    template = dag(
        task("ok"),
        task("loop", "by-item", "ok", withItems=[0, 0], with_={"n": "{{item}}"}),
        task("inner", "inner", "ok"),
        task("last", "say", "loop && inner", with_={"text": "{{tasks.ok.outputs.result}}"}),
    )
    inner = steps([task("first", "ok")], [task("flaky")], [task("third", "ok")], name="inner")
    name = bench.create(workflow(template, OK, BY_ITEM, inner, flaky, SAY))
    bench.until_running(name, "flaky")
    bench.until(name, lambda run: phases(run.as_dict()).get("loop") == "Succeeded")
    bench.engine.stop("local", name)
    before = bench.ended(name)
    assert before["status"]["phase"] == "Failed"
    bench.runtime.open("fixed")
    bench.runtime._stops.clear()

    done = run_again(bench, before)

    assert done["status"]["phase"] == "Succeeded"
    assert set(phases(done).values()) == {"Succeeded"}
    ran = {pod.template["name"] for pod in bench.runtime.pods}
    assert ran == {"flaky", "ok", "say"}
    assert len(bench.runtime.pods) == 3
    unchanged = ("ok", "first", "loop(0:0)")
    assert all(
        by_name(done)[each] == by_name(before)[each] | {"children": by_name(done)[each]["children"]}
        for each in unchanged
    )


def test_retried_attempts_begin_anew(bench: Bench) -> None:
    bad = script("bad", "raise SystemExit(1)", retryStrategy={"limit": 1})
    done = bench.run(workflow(dag(task("ok"), task("bad", "bad", "ok")), OK, bad))
    again = run_again(bench, done)
    assert len(bench.runtime.pods) == 2
    assert phases(again) == phases(done)
    assert by_name(again)["bad"]["children"] == by_name(done)["bad"]["children"]


def test_successful_nodes_run_again_when_named(bench: Bench) -> None:
    loop = task("loop", "say", withItems=["a", "b"], with_={"text": "{{item}}"})
    done = bench.run(workflow(dag(loop, task("after", "ok", "loop")), SAY, OK))
    with pytest.raises(InvalidWorkflow, match="set the options restartSuccessful"):
        bench.engine.retry("local", done["metadata"]["name"])
    selector = "inputs.parameters.text.value=b"
    again = run_again(bench, done, restart_successful=True, node_field_selector=selector)
    assert again["status"]["phase"] == "Succeeded"
    assert [pod.template["name"] for pod in bench.runtime.pods] == ["say", "ok"]


def test_what_runs_is_not_retried(bench: Bench) -> None:
    name = bench.create(workflow(WAIT))
    with pytest.raises(InvalidWorkflow, match="Cannot retry a workflow in phase Running"):
        bench.engine.retry("local", name)


def test_a_retry_asks_the_runtime_again(bench: Bench) -> None:
    done = bench.run(workflow(script("main", "raise SystemExit(1)")))
    bench.runtime.refused = ["the image is gone"]
    with pytest.raises(InvalidWorkflow, match="the image is gone"):
        bench.engine.retry("local", done["metadata"]["name"])
    assert bench.store.get("local", done["metadata"]["name"]).status["phase"] == "Failed"


def test_a_workflow_whose_server_died_goes_on(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    root = tmp_path / "state"
    first = make_bench(root=root)
    template = dag(task("ok"), task("inner", "inner", "ok"), task("last", "ok", "inner"))
    inner = steps([task("a", "ok")], [task("b", "wait")], name="inner")
    name = first.create(workflow(template, OK, WAIT, inner))
    first.until_running(name, "b")

    # A second server over the same folder finds the journal of one that was killed.
    second = make_bench(root=root)
    broken = second.store.get("local", name).as_dict()
    assert broken["status"]["phase"] == "Error"
    second.runtime.open("x")
    done = run_again(second, broken)
    assert done["status"]["phase"] == "Succeeded"
    assert [pod.template["name"] for pod in second.runtime.pods] == ["wait", "ok"]
    first.runtime.open("x")


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("displayName=a", True),
        ("displayName==a,phase!=Failed", True),
        ("displayName=a,templateName=x", False),
        ("inputs.parameters.p.value=1\\,2", True),
        ("name!=w.a", False),
    ],
)
def test_selectors(selector: str, matches: bool) -> None:
    node = {
        "name": "w.a",
        "displayName": "a",
        "phase": "Succeeded",
        "inputs": {"parameters": [{"name": "p", "value": "1,2"}]},
    }
    assert parse_selector(selector)(node) is matches


def test_a_selector_that_cannot_be_read() -> None:
    with pytest.raises(InvalidWorkflow, match="can't understand 'nonsense'"):
        parse_selector("nonsense")


LOCKED = {**OK, "name": "locked", "synchronization": {"semaphores": [{"database": {"key": "k"}}]}}


@pytest.mark.parametrize("inner", [False, True])
def test_steps_that_err_leave_those_beside_them(bench: Bench, inner: bool) -> None:
    group = [task("a", "wait"), task("b", "locked"), task("c", "ok")]
    templates = [steps(group, name="steps"), WAIT, LOCKED, OK]
    manifest = workflow(dag(task("x", "steps")) if inner else templates.pop(0), *templates)
    manifest["spec"]["entrypoint"] = "main" if inner else "steps"
    done = bench.run(manifest)
    assert bench.runtime.running == 0
    nodes = by_name(done)
    assert done["status"]["phase"] == "Failed"
    assert "finishedAt" in done["status"]
    assert nodes["a"]["phase"] in ("Pending", "Running")
    assert nodes["[0]"]["message"].endswith("for semaphore local/Database/k")
    assert "c" not in nodes


def test_the_exit_handler_of_an_entry_step_that_errs_ends_the_workflow(bench: Bench) -> None:
    done = bench.run(workflow(steps([task("a", "ok", onExit="locked")]), OK, LOCKED))
    assert done["status"]["phase"] == "Error"
    assert done["status"]["message"].endswith("for semaphore local/Database/k")
    assert by_name(done)[done["metadata"]["name"]]["message"] == "Workflow operation error"
