"""Whole workflows: what runs, in which order, and what is written down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from engine_bench import (
    BAD,
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

from hera_experiment.local.errors import InvalidWorkflow

SUCCEEDED, FAILED, ERROR = "Succeeded", "Failed", "Error"


def result(done: dict[str, Any], name: str) -> str:
    text: str = by_name(done)[name]["inputs"]["parameters"][0]["value"]
    return text


def test_two_tasks_one_after_the_other(bench: Bench) -> None:
    """The example to walk through the engine with."""
    done = bench.run(
        workflow(
            dag(
                task("first", "say", with_={"text": "hello"}),
                task("second", "say", "first", with_={"text": "{{tasks.first.outputs.result}}!"}),
            ),
            SAY,
        )
    )
    name = done["metadata"]["name"]
    assert done["status"]["phase"] == SUCCEEDED
    assert done["status"]["progress"] == "2/2"
    assert done["status"]["conditions"] == [
        {"type": "PodRunning", "status": "False"},
        {"type": "Completed", "status": "True"},
    ]
    root, first, second = (by_name(done)[each] for each in (name, "first", "second"))
    assert (root["type"], root["children"], root["outboundNodes"]) == (
        "DAG",
        [first["id"]],
        [second["id"]],
    )
    assert first["children"] == [second["id"]]
    assert first["outputs"] == {"result": "hello", "exitCode": "0"}
    assert second["inputs"]["parameters"] == [{"name": "text", "value": "hello!"}]
    # Nobody refers to it.
    assert second["outputs"] == {"exitCode": "0"}
    assert second["hostNodeName"] == "localhost"
    assert [pod.name for pod in bench.runtime.pods] == [
        f"{name}-say-{node['id'].rsplit('-', 1)[1]}" for node in (first, second)
    ]


def test_a_workflow_of_one_pod(bench: Bench) -> None:
    done = bench.run(workflow(OK))
    name = done["metadata"]["name"]
    assert phases(done) == {name: SUCCEEDED}
    assert bench.runtime.pods[0].name == name
    assert bench.runtime.pods[0].log == bench.store.get("local", name).log_path(name)


def test_what_depends_on_a_failure_is_omitted(bench: Bench) -> None:
    done = bench.run(
        workflow(
            dag(task("bad"), task("after", "ok", "bad"), task("then", "ok", "after"), task("ok")),
            BAD,
            OK,
        )
    )
    nodes = by_name(done)
    assert done["status"]["phase"] == FAILED
    assert done["status"]["progress"] == "1/2"
    assert nodes["bad"]["message"] == "main: Error (exit code 3)"
    assert nodes["ok"]["phase"] == SUCCEEDED
    for name in ("after", "then"):
        assert (nodes[name]["phase"], nodes[name]["type"]) == ("Omitted", "Skipped")
        assert nodes[name]["message"] == "omitted: depends condition not met"
    assert len(bench.runtime.pods) == 2


def test_a_failure_that_is_expected_is_no_failure(bench: Bench) -> None:
    tasks = dag(task("bad"), task("mend", "ok", "bad.Failed"), task("no", "ok", "bad.Errored"))
    done = bench.run(workflow(tasks, BAD, OK))
    assert phases(done)["mend"] == SUCCEEDED
    assert phases(done)["no"] == "Omitted"
    # The omitted task is a target on a branch that failed.
    assert done["status"]["phase"] == FAILED
    assert (
        bench.run(workflow(dag(*tasks["dag"]["tasks"][:2]), BAD, OK))["status"]["phase"]
        == SUCCEEDED
    )


def test_a_pod_that_cannot_run_is_an_error(bench: Bench) -> None:
    for source, message in (("error", "no such image"), ("broken", "RuntimeError: the runtime is")):
        done = bench.run(workflow(script("main", source)))
        assert done["status"]["phase"] == ERROR
        assert message in done["status"]["message"]


def test_loops_fan_out_and_in(bench: Bench) -> None:
    done = bench.run(
        workflow(
            dag(
                task("loop", "number", withItems=[3, 1, 2], with_={"n": "{{item}}"}),
                task("sum", "say", "loop", with_={"text": "{{tasks.loop.outputs.result}}"}),
            ),
            script("number", "print({{inputs.parameters.n}})", "n"),
            SAY,
        )
    )
    assert result(done, "sum") == "[3,1,2]"
    group = by_name(done)["loop"]
    assert group["type"] == "TaskGroup"
    assert group["progress"] == "4/4"
    assert len(group["children"]) == 3
    assert set(phases(done)) >= {"loop(0:3)", "loop(1:1)", "loop(2:2)"}


def test_output_parameters_travel_and_become_the_workflows(bench: Bench) -> None:
    make = script(
        "make",
        "write('/size', '12')",
        outputs={
            "parameters": [
                {"name": "size", "globalName": "whole", "valueFrom": {"path": "/size"}},
                {"name": "colour", "valueFrom": {"path": "/no", "default": "blue"}},
            ]
        },
    )
    text = "{{tasks.make.outputs.parameters.size}} {{tasks.make.outputs.parameters.colour}}"
    done = bench.run(
        workflow(dag(task("make"), task("say", "say", "make", with_={"text": text})), make, SAY)
    )
    assert result(done, "say") == "12 blue"
    assert done["status"]["outputs"] == {"parameters": [{"name": "whole", "value": "12"}]}


def test_an_output_may_have_a_value_of_its_own(bench: Bench) -> None:
    make = script(
        "make",
        "write('/x', '')",
        "city",
        outputs={
            "parameters": [
                {"name": "folder", "value": "{{inputs.parameters.city}}/1999"},
                {"name": "word", "globalName": "last", "value": "fixed"},
            ]
        },
    )
    text = "{{tasks.make.outputs.parameters.folder}} {{workflow.outputs.parameters.last}}"
    first = task("make", with_={"city": "lyon"})
    tasks = dag(first, task("say", "say", "make", with_={"text": text}))
    done = bench.run(workflow(tasks, make, SAY))
    assert result(done, "say") == "lyon/1999 fixed"
    assert done["status"]["outputs"] == {"parameters": [{"name": "last", "value": "fixed"}]}
    both = {"name": "x", "value": "1", "valueFrom": {"path": "/x"}}
    with pytest.raises(InvalidWorkflow, match="has both valueFrom and value specified"):
        bench.run(workflow(script("main", "pass", outputs={"parameters": [both]})))


def test_steps_run_group_after_group(bench: Bench) -> None:
    done = bench.run(
        workflow(
            steps(
                [task("one", "say", with_={"text": 1})],
                [
                    task("two", "say", with_={"text": "{{steps.one.outputs.result}}"}),
                    task("never", "say", when="1 > 2", with_={"text": "x"}),
                ],
                outputs={
                    "parameters": [
                        {"name": "o", "valueFrom": {"parameter": "{{steps.two.outputs.result}}"}}
                    ]
                },
            ),
            SAY,
        )
    )
    nodes = by_name(done)
    assert nodes["never"]["message"] == "when '1 > 2' evaluated false"
    assert nodes[done["metadata"]["name"]]["outputs"]["parameters"] == [{"name": "o", "value": "1"}]
    assert nodes["one"]["children"] == [nodes["[1]"]["id"]]
    assert done["status"]["phase"] == SUCCEEDED


def test_a_failed_step_ends_its_template(bench: Bench) -> None:
    done = bench.run(workflow(steps([task("bad"), task("ok")], [task("later", "ok")]), BAD, OK))
    nodes = by_name(done)
    assert "later" not in nodes
    assert done["status"]["message"] == f"child '{nodes['bad']['id']}' failed"


def test_retries_until_it_works(bench: Bench) -> None:
    second = script(
        "second",
        "print({{retries}}); raise SystemExit(0 if {{retries}} == 2 else 1)",
        retryStrategy={"limit": "5"},
    )
    done = bench.run(
        workflow(
            dag(
                task("second"),
                task("say", "say", "second", with_={"text": "{{tasks.second.outputs.result}}"}),
            ),
            second,
            SAY,
        )
    )
    nodes = by_name(done)
    assert nodes["second"]["type"] == "Retry"
    assert nodes["second"]["phase"] == SUCCEEDED
    attempts = [nodes[f"second({n})"] for n in range(3)]
    assert [each["phase"] for each in attempts] == [FAILED, FAILED, SUCCEEDED]
    assert all(each["nodeFlag"] == {"retried": True} for each in attempts)
    assert nodes["second"]["children"] == [each["id"] for each in attempts]
    assert result(done, "say") == "2"


@pytest.mark.parametrize(
    ("strategy", "source", "attempts", "message"),
    [
        ({"limit": 1}, "raise SystemExit(1)", 2, "No more retries left"),
        ({"limit": 0}, "raise SystemExit(1)", 1, "No more retries left"),
        (
            {"limit": 3, "retryPolicy": "OnError"},
            "raise SystemExit(4)",
            1,
            "main: Error (exit code 4)",
        ),
        ({"limit": 1, "retryPolicy": "Always"}, "error", 2, "No more retries left"),
        ({"limit": 3}, "error", 1, "no such image"),
        ({"limit": "x"}, "raise SystemExit(1)", 1, "value 'x' cannot be resolved to an int"),
        (
            {"limit": 2, "backoff": {"duration": "0", "factor": 2}},
            "raise SystemExit(1)",
            3,
            "No more",
        ),
        (
            {"limit": 2, "backoff": {"duration": "1h", "maxDuration": "1m"}},
            "raise SystemExit(1)",
            1,
            "Backoff would exceed max duration limit",
        ),
    ],
)
def test_retries_end(
    bench: Bench, strategy: dict[str, Any], source: str, attempts: int, message: str
) -> None:
    done = bench.run(workflow(script("main", source, retryStrategy=strategy)))
    assert done["status"]["phase"] in (FAILED, ERROR)
    assert message in done["status"]["message"]
    assert len(bench.runtime.pods) == attempts


def test_a_retry_waits_its_backoff(bench: Bench) -> None:
    strategy = {"limit": 1, "backoff": {"duration": "2"}}
    name = bench.create(workflow(script("main", "raise SystemExit(1)", retryStrategy=strategy)))
    run = bench.until(
        name,
        lambda run: (
            "Backoff" in run.as_dict()["status"].get("nodes", {}).get(name, {}).get("message", "")
        ),
    )
    assert run.nodes[name]["message"] == "Backoff for 2 seconds"
    assert len(bench.runtime.pods) == 1
    assert bench.ended(name)["status"]["message"] == "No more retries left"
    assert len(bench.runtime.pods) == 2


def test_the_workflows_retry_strategy_is_the_default(bench: Bench) -> None:
    done = bench.run(workflow(script("main", "raise SystemExit(1)"), retryStrategy={"limit": 1}))
    assert len(bench.runtime.pods) == 2
    assert done["status"]["phase"] == FAILED


def test_pods_run_in_parallel_up_to_the_engines_limit(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(parallelism=2)
    bench.runtime.open("x")
    done = bench.run(
        workflow(dag(task("loop", "wait", withItems=list(range(8)))), script("wait", "wait('x')"))
    )
    assert done["status"]["progress"] == "8/8"
    assert bench.runtime.most_running <= 2


@pytest.mark.parametrize("where", ["workflow", "template"])
def test_parallelism_holds_back(bench: Bench, where: str) -> None:
    template = dag(task("loop", "wait", withItems=[0, 1, 2]), task("end", "ok", "loop"))
    spec: dict[str, Any] = {}
    (spec if where == "workflow" else template)["parallelism"] = 1
    name = bench.create(workflow(template, script("wait", "wait('x')"), OK, **spec))
    bench.until_running(name, "loop(0:0)")
    assert "loop(1:1)" not in phases(bench.store.get("local", name).as_dict())
    bench.runtime.open("x")
    assert bench.ended(name)["status"]["progress"] == "4/4"
    assert bench.runtime.most_running == 1


def test_fail_fast_begins_nothing_more(bench: Bench) -> None:
    slow = script("slow", "wait('x')")
    template = dag(task("slow"), task("bad"), task("after", "ok", "slow"), failFast=True)
    name = bench.create(workflow(template, slow, BAD, OK))
    bench.until(
        name, lambda run: phases(run.as_dict()).get("bad") == FAILED if run.nodes else False
    )
    assert not bench.store.get("local", name).finished
    bench.runtime.open("x")
    done = bench.ended(name)
    assert done["status"]["message"].startswith("template has failed or errored children")
    assert "after" not in phases(done)


def test_recursion_has_an_end(bench: Bench) -> None:
    done = bench.run(workflow(steps([task("again", "main")])))
    assert done["status"]["phase"] in (FAILED, ERROR)
    messages = " ".join(node.get("message", "") for node in done["status"]["nodes"].values())
    assert "Maximum recursion depth exceeded" in messages


def test_missing_variables_are_errors_of_their_task(bench: Bench) -> None:
    done = bench.run(
        workflow(
            dag(
                task("loop", "say", withParam='[{"a": 1}]', with_={"text": "{{item.b}}"}),
                task("ok"),
            ),
            SAY,
            OK,
        )
    )
    node = by_name(done)["loop"]
    assert (node["phase"], node["type"]) == (ERROR, "Skipped")
    assert "failed to resolve {{item.b}}" in node["message"]
    assert phases(done)["ok"] == SUCCEEDED


def test_conditions_of_pods_are_announced(bench: Bench) -> None:
    name = bench.create(workflow(script("main", "wait('x')")))
    bench.until_running(name, name)
    run = bench.store.get("local", name)
    assert run.nodes[name].get("message") is None
    assert run.status["phase"] == "Running"
    assert run.status["progress"] == "0/1"
    bench.runtime.open("x")
    bench.ended(name)


def test_volumes_and_variables_of_the_workflow(bench: Bench) -> None:
    claim = {"persistentVolumeClaim": {"claimName": "{{workflow.parameters.claim}}"}}
    main = script("main", "", volumes=[{"name": "own", "emptyDir": {}}])
    bench.run(
        workflow(
            main,
            arguments={"parameters": [{"name": "claim", "value": "results"}]},
            volumes=[{"name": "data", **claim}],
        )
    )
    assert bench.runtime.pods[0].volumes == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "results"}},
        {"name": "own", "emptyDir": {}},
    ]


def test_a_long_chain_and_a_wide_fan_are_no_trouble(bench: Bench) -> None:
    chain = [task(f"t{n}", "ok", f"t{n - 1}" if n else "") for n in range(300)]
    fan = [task(f"f{n}", "ok") for n in range(300)]
    last = task("last", "ok", " && ".join(t["name"] for t in [chain[-1], *fan]))
    done = bench.run(workflow(dag(*chain, *fan, last), OK))
    assert done["status"]["progress"] == "601/601"
    assert threading.active_count() < 50


def test_a_store_that_fails_ends_the_workflow_loudly(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from hera_experiment.local.engine import executor

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(executor, "start_pod", fail)
    done = bench.run(workflow(OK))
    assert done["status"]["phase"] == ERROR
    assert done["status"]["message"] == "the local engine failed: disk full"
    assert "disk full" in capfd.readouterr().err
