"""Exit handlers: when they run, what they are told, and what stop and terminate leave of them."""

from __future__ import annotations

import json
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
    script,
    steps,
    task,
    workflow,
)

from hera_experiment.local.errors import InvalidWorkflow

TOLD = script("told", "print('{{workflow.status}}'); print(r'''{{workflow.failures}}''')")
WAIT = script("wait", "wait('gate')")


def handled(*templates: Any, handler: str, **spec: Any) -> Any:
    return workflow(*templates, onExit=handler, **spec)


def node(done: Any, name: str) -> Any:
    return by_name(done)[f"{done['metadata']['name']}.onExit" if name == "onExit" else name]


def result(done: Any, name: str) -> str:
    text: str = node(done, name)["outputs"]["result"]
    return text


# A result is captured where something refers to it.
EXIT = steps(
    [task("told")],
    [task("use", "say", with_={"text": "{{steps.told.outputs.result}}"}, when="false")],
    name="exit",
)


def test_runs_after_the_end_and_is_told_of_failures(bench: Bench) -> None:
    done = bench.run(handled(BAD, EXIT, TOLD, SAY, handler="exit"))
    name = done["metadata"]["name"]
    assert done["status"]["phase"] == "Failed"
    assert done["status"]["message"] == "main: Error (exit code 3)"
    status, failures = result(done, "told").split("\n")
    assert status == "Failed"
    (failure,) = json.loads(json.loads(failures))
    assert failure.pop("finishedAt").endswith("Z")
    assert failure == {
        "displayName": name,
        "message": "main: Error (exit code 3)",
        "templateName": "bad",
        "phase": "Failed",
        "podName": name,
    }
    handler = node(done, "onExit")
    assert handler["name"] == f"{name}.onExit"
    assert handler["nodeFlag"] == {"hooked": True}
    assert "boundaryID" not in handler
    assert "nodeFlag" not in node(done, "told")
    assert done["status"]["nodes"][name].get("children") is None


def test_nothing_failed(bench: Bench) -> None:
    done = bench.run(handled(OK, EXIT, TOLD, SAY, handler="exit"))
    assert done["status"]["phase"] == "Succeeded"
    assert result(done, "told") == 'Succeeded\n"null"'


def test_a_handler_that_fails_fails_a_workflow_that_succeeded(bench: Bench) -> None:
    done = bench.run(handled(OK, BAD, handler="bad"))
    assert (done["status"]["phase"], done["status"]["message"]) == (
        "Failed",
        "main: Error (exit code 3)",
    )
    done = bench.run(handled(BAD, script("worse", "raise SystemExit(4)"), handler="worse"))
    assert done["status"]["message"] == "main: Error (exit code 3)"
    done = bench.run(handled(OK, script("no", "error"), handler="no"))
    assert (done["status"]["phase"], done["status"]["message"]) == ("Error", "no such image")


def test_a_handler_that_cannot_begin(bench: Bench) -> None:
    late = {**OK, "name": "late", "activeDeadlineSeconds": "{{workflow.status}}"}
    done = bench.run(handled(OK, late, handler="late"))
    assert done["status"]["phase"] == "Error"
    assert done["status"]["message"] == (
        "error in exit template execution : value 'Succeeded' cannot be resolved to an int"
    )


def test_attempts_of_a_handler_bear_both_flags(bench: Bench) -> None:
    again = {**BAD, "name": "again", "retryStrategy": {"limit": 1}}
    done = bench.run(handled(OK, again, handler="again"))
    flags = {
        name.partition(".")[2]: found["nodeFlag"]
        for name, found in by_name(done).items()
        if ".onExit" in name
    }
    both = {"hooked": True, "retried": True}
    assert flags == {"onExit": both, "onExit(0)": both, "onExit(1)": both}
    assert done["status"]["message"] == "No more retries left"


def test_a_handler_gets_the_workflows_arguments(bench: Bench) -> None:
    arguments = {"parameters": [{"name": "text", "value": "given"}]}
    done = bench.run(handled(OK, SAY, handler="say", arguments=arguments))
    assert node(done, "onExit")["inputs"] == arguments


def test_an_entry_that_cannot_begin_has_no_handler(bench: Bench) -> None:
    late = {**OK, "name": "late", "activeDeadlineSeconds": "{{workflow.name}}"}
    done = bench.run(handled(late, OK, handler="ok"))
    assert done["status"]["phase"] == "Error"
    assert len(done["status"]["nodes"]) == 1


MAIN = dag(task("asleep", "wait"))
CLEANING = dag(task("first", "ok"), task("second", "ok", "first"), name="exit")


def test_stop_runs_the_handler(bench: Bench) -> None:
    name = bench.create(handled(MAIN, WAIT, CLEANING, OK, handler="exit"))
    bench.until_running(name, "asleep")
    bench.engine.stop("local", name)
    done = bench.ended(name)
    assert node(done, "asleep")["message"] == "workflow shutdown with strategy:  Stop"
    assert {node(done, n)["phase"] for n in ("onExit", "first", "second")} == {"Succeeded"}
    assert done["status"]["message"] == "Stopped with strategy 'Stop'"
    assert done["status"]["phase"] == "Failed"


def test_terminate_does_not(bench: Bench) -> None:
    name = bench.create(handled(MAIN, WAIT, CLEANING, OK, handler="exit"))
    bench.until_running(name, "asleep")
    bench.engine.terminate("local", name)
    assert not [key for key in by_name(bench.ended(name)) if key.endswith(".onExit")]


def test_stop_during_the_handler_leaves_it_alone_and_terminate_ends_it(bench: Bench) -> None:
    cleaning = dag(task("slow", "wait"), task("next", "ok", "slow"), name="exit", failFast=False)
    name = bench.create(handled(OK, WAIT, cleaning, handler="exit"))
    bench.until_running(name, "slow")
    bench.engine.stop("local", name)
    bench.settle(name)
    assert not bench.store.get("local", name).finished
    bench.runtime.open("gate")
    done = bench.ended(name)
    assert done["status"]["phase"] == "Succeeded"

    name = bench.create(handled(OK, script("wait", "wait('other')"), cleaning, handler="exit"))
    bench.until_running(name, "slow")
    bench.engine.terminate("local", name)
    done = bench.ended(name)
    assert node(done, "slow")["message"] == "workflow shutdown with strategy:  Terminate"
    assert done["status"]["phase"] == "Failed"


def test_stop_leaves_a_handler_its_own_deadline(bench: Bench) -> None:
    slow = {**WAIT, "name": "slow", "activeDeadlineSeconds": 1}
    name = bench.create(handled(OK, slow, handler="slow"))
    bench.until_running(name, f"{name}.onExit")
    bench.engine.stop("local", name)
    bench.settle(name)
    assert not bench.store.get("local", name).finished
    done = bench.ended(name)
    assert node(done, "onExit")["message"].startswith("Pod was active on the node longer")


def test_a_handler_in_the_queue_survives_a_stop(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(parallelism=1)
    blocker = bench.create(workflow(script("block", "wait('block')")))
    bench.until_running(blocker, blocker)
    name = bench.create(handled(dag(task("a", "ok")), CLEANING, OK, handler="exit"))
    bench.engine.stop("local", name)
    bench.until(name, lambda run: any(n["displayName"] == "first" for n in run.nodes.values()))
    bench.engine.stop("local", name)
    bench.settle(name)
    bench.runtime.open("block")
    done = bench.ended(name)
    assert node(done, "a")["phase"] == "Failed"
    assert node(done, "second")["phase"] == "Succeeded"


def test_a_handler_runs_when_the_time_is_over(bench: Bench) -> None:
    done = bench.run(handled(MAIN, WAIT, CLEANING, OK, handler="exit", activeDeadlineSeconds=1))
    assert node(done, "asleep")["message"] == "Step exceeded its deadline"
    assert node(done, "second")["phase"] == "Succeeded"
    assert done["status"]["phase"] == "Failed"


def test_retry_runs_the_handler_again(bench: Bench) -> None:
    name = bench.create(handled(dag(task("a", "ok")), BAD, OK, handler="bad"))
    first = bench.ended(name)
    assert first["status"]["phase"] == "Failed"
    bench.engine.retry("local", name)
    done = bench.ended(name)
    assert len(bench.runtime.pods) == 3
    assert node(done, "a")["finishedAt"] == node(first, "a")["finishedAt"]
    assert done["status"]["phase"] == "Failed"


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (handled(OK, handler="nobody"), "template name 'nobody' undefined"),
        (handled(OK, SAY, handler="say"), "templates.say inputs.parameters.text was not supplied"),
        (
            handled(script("main", "{{workflow.failures}}"), OK, handler="ok"),
            "templates.main: failed to resolve {{workflow.failures}}",
        ),
    ],
)
def test_what_is_wrong_with_a_handler_is_said_before(
    manifest: Any, words: str, bench: Bench
) -> None:
    with pytest.raises(InvalidWorkflow) as refused:
        bench.engine.create(manifest)
    assert words in refused.value.message
