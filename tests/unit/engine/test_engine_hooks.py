"""Hooks and exit handlers: when they run, and what waits for them."""

from __future__ import annotations

from typing import Any

from engine_bench import BAD, OK, SAY, Bench, by_name, dag, phases, script, steps, task, workflow

MADE = script(
    "made",
    "write('out', 'one')",
    outputs={"parameters": [{"name": "out", "valueFrom": {"path": "out"}}]},
)
WAIT = script("wait", "wait('gate')")


def said(done: Any, name: str) -> str:
    value: str = by_name(done)[name]["inputs"]["parameters"][0]["value"]
    return value


def say(word: str, **more: Any) -> Any:
    return {
        "template": "say",
        "arguments": {"parameters": [{"name": "text", "value": word}]},
        **more,
    }


def test_an_exit_handler_sees_outputs_and_holds_back_what_comes_next(bench: Bench) -> None:
    hooks = {"exit": say("{{tasks.made.outputs.parameters.out}} {{tasks.made.status}}")}
    done = bench.run(
        workflow(dag(task("made", hooks=hooks), task("after", "ok", "made")), MADE, OK, SAY)
    )
    handler, after = by_name(done)["made.onExit"], by_name(done)["after"]
    assert said(done, "made.onExit") == "one Succeeded"
    assert handler["nodeFlag"] == {"hooked": True}
    assert handler["boundaryID"] == done["metadata"]["name"]
    assert by_name(done)["made"]["children"] == [handler["id"], after["id"]]


def test_a_task_that_waits_for_another_waits_for_its_hooks(bench: Bench) -> None:
    tasks = (task("a", "ok", onExit="wait"), task("b", "ok", "a"))
    name = bench.create(workflow(dag(*tasks), OK, WAIT))
    bench.until_running(name, "a.onExit")
    bench.settle(name)
    assert "b" not in by_name(bench.store.get("local", name).as_dict())
    bench.runtime.open("gate")
    assert phases(bench.ended(name))["b"] == "Succeeded"


def test_hooks_run_by_the_phase_of_their_task(bench: Bench) -> None:
    hooks = {
        "running": {"template": "ok", "expression": 'tasks.a.status == "Running"'},
        "failed": {"template": "ok", "expression": 'tasks.a.status == "Failed"'},
        "never": {"template": "ok", "expression": 'tasks.a.status == "Succeeded"'},
        "exit": {"template": "ok", "expression": 'tasks.a.status != "Failed"'},
    }
    done = bench.run(workflow(dag(task("a", "bad", hooks=hooks)), BAD, OK))
    assert set(by_name(done)) - {done["metadata"]["name"]} == {
        "a",
        "a.hooks.running",
        "a.hooks.failed",
    }
    assert done["status"]["phase"] == "Failed"


def test_a_handler_that_fails_leaves_the_verdict_alone(bench: Bench) -> None:
    done = bench.run(workflow(dag(task("a", "ok", onExit="bad")), OK, BAD))
    assert (done["status"]["phase"], phases(done)["a.onExit"]) == ("Succeeded", "Failed")
    done = bench.run(workflow(steps([task("a", "ok", onExit="bad")]), OK, BAD))
    assert (done["status"]["phase"], phases(done)["a.onExit"]) == ("Succeeded", "Failed")


def test_hooks_of_steps_take_items_and_the_last_attempt(bench: Bench) -> None:
    again = {
        **script("again", "write('out', '{{retries}}')\nraise SystemExit({{retries}} < 1)"),
        "outputs": MADE["outputs"],
        "retryStrategy": {"limit": 2},
    }
    loop = task("loop", "ok", withItems=["a", "b"], hooks={"exit": say("{{item}}")})
    retried = task("again", hooks={"exit": say("{{steps.again.outputs.parameters.out}}")})
    next_step = task("next", "say", with_={"text": "{{steps.again.outputs.parameters.out}}"})
    done = bench.run(workflow(steps([loop, retried], [next_step]), OK, SAY, again))
    assert done["status"]["phase"] == "Succeeded"
    assert said(done, "loop(0:a).onExit") == "a"
    assert said(done, "again.onExit") == "1"
    assert said(done, "next") == "1"


def test_the_items_of_a_task_have_its_handler_and_so_has_their_group(bench: Bench) -> None:
    loop = task("loop", "ok", withItems=["a"], onExit="ok")
    done = bench.run(workflow(dag(loop, task("after", "ok", "loop")), OK))
    assert {"loop(0:a).onExit", "loop.onExit"} <= set(by_name(done))
    assert done["status"]["phase"] == "Succeeded"


def test_an_expression_without_a_value_is_an_error(bench: Bench) -> None:
    hooks = {"odd": {"template": "ok", "expression": "tasks.a.status"}}
    done = bench.run(workflow(dag(task("a", "ok", hooks=hooks)), OK))
    assert done["status"]["phase"] == "Error"
    assert "to bool" in done["status"]["message"]
    hooks = {"odd": {"template": "ok", "expression": "steps.a.status"}}
    done = bench.run(workflow(steps([task("a", "ok", hooks=hooks)]), OK))
    assert done["status"]["phase"] == "Failed"
    assert "to bool" in by_name(done)["[0]"]["message"]


def test_hooks_of_the_workflow_and_its_end(bench: Bench) -> None:
    hooks = {
        "running": say("{{workflow.status}}", expression='workflow.status == "Running"'),
        "failed": {"template": "wait", "expression": 'workflow.status == "Failed"'},
        "exit": say("{{workflow.status}}"),
    }
    name = bench.create(workflow(BAD, SAY, WAIT, hooks=hooks))
    bench.until_running(name, f"{name}.hooks.failed")
    bench.settle(name)
    assert f"{name}.onExit" not in by_name(bench.store.get("local", name).as_dict())
    bench.runtime.open("gate")
    done = bench.ended(name)
    assert said(done, f"{name}.hooks.running") == "Running"
    assert said(done, f"{name}.onExit") == "Failed"
    assert len(by_name(done)[name]["children"]) == 2


def test_stop_runs_the_handler_of_a_task_and_terminate_does_not(bench: Bench) -> None:
    for verb, handled in (("stop", True), ("terminate", False)):
        name = bench.create(workflow(dag(task("a", "wait", onExit="ok")), WAIT, OK))
        bench.until_running(name, "a")
        getattr(bench.engine, verb)("local", name)
        done = bench.ended(name)
        assert ("a.onExit" in by_name(done)) is handled
        assert done["status"]["message"].startswith("Stopped with strategy")
