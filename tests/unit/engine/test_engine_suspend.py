"""What waits, for a time or for a person; workflows that are suspended."""

from __future__ import annotations

from typing import Any

import pytest
from engine_bench import OK, SAY, Bench, by_name, dag, phases, steps, task, workflow

from hera_experiment.local.engine.suspend import Change
from hera_experiment.local.errors import ApiError, InvalidWorkflow

HOLD: Any = {"name": "hold", "suspend": {}}
ASK: Any = {
    "name": "ask",
    "suspend": {},
    "outputs": {
        "parameters": [
            {"name": "answer", "valueFrom": {"supplied": {}}},
            {"name": "other", "valueFrom": {"supplied": {}, "default": "no"}},
        ]
    },
}
TOLD = task("told", "say", "ask", with_={"text": "{{tasks.ask.outputs.parameters.answer}}"})
ANSWER = Change(outputs={"answer": "42"})


def test_waits_for_its_time(bench: Bench) -> None:
    brief = {"name": "brief", "suspend": {"duration": "0.05s"}}
    done = bench.run(workflow(steps([task("brief")], [task("ok")]), brief, OK))
    node = by_name(done)["brief"]
    assert (node["type"], node["phase"], node["progress"]) == ("Suspend", "Succeeded", "1/1")
    assert done["status"]["progress"] == "2/2"


def test_a_time_that_is_none_is_an_error(bench: Bench) -> None:
    done = bench.run(workflow({"name": "main", "suspend": {"duration": "for ever"}}))
    assert done["status"]["phase"] == "Error"


def test_takes_what_a_person_supplies(bench: Bench) -> None:
    name = bench.create(workflow(dag(task("ask"), TOLD), ASK, SAY))
    bench.until_running(name, "ask")
    with pytest.raises(ApiError, match="raw output parameter 'answer' has not been set"):
        bench.engine.resume("local", name)
    with pytest.raises(ApiError, match="node is not expecting output parameter 'none'"):
        bench.engine.set_nodes("local", name, "displayName=ask", Change(outputs={"none": "1"}))
    bench.engine.set_nodes("local", name, "displayName=ask", ANSWER)
    with pytest.raises(ApiError, match="or it was already set"):
        bench.engine.set_nodes("local", name, "displayName=ask", ANSWER)
    bench.engine.resume("local", name)
    done = bench.ended(name)
    assert by_name(done)["told"]["inputs"]["parameters"][0]["value"] == "42"
    parameters = by_name(done)["ask"]["outputs"]["parameters"]
    assert parameters == [{"name": "answer", "value": "42"}, {"name": "other", "value": "no"}]


def test_a_selector_names_who_goes_on_or_fails(bench: Bench) -> None:
    tasks = (task("one", "hold"), task("two", "hold"), task("after", "ok", "two.Failed"))
    name = bench.create(workflow(dag(*tasks, failFast=False), HOLD, OK))
    bench.until_running(name, "one", "two")
    with pytest.raises(ApiError, match="no suspend nodes matching nodeFieldSelector: phase=no"):
        bench.engine.resume("local", name, "phase=no")
    bench.engine.stop("local", name, "displayName=two", "enough")
    bench.engine.resume("local", name, "displayName=one")
    done = bench.ended(name)
    assert by_name(done)["two"]["message"] == "enough"
    assert phases(done)["after"] == phases(done)["one"] == "Succeeded"


def test_what_cannot_be_set(bench: Bench) -> None:
    name = bench.create(workflow(HOLD))
    bench.until_running(name, name)
    with pytest.raises(InvalidWorkflow, match="Skipped is an invalid phase to set to"):
        bench.engine.set_nodes("local", name, "phase=Running", Change("Skipped"))
    with pytest.raises(ApiError, match="use a node field selector"):
        bench.engine.set_nodes("local", name, "", Change(message="text"))
    bench.engine.terminate("local", name)
    assert by_name(bench.ended(name))[name]["message"] == "Stopped with strategy 'Terminate'"
    with pytest.raises(ApiError, match="cannot suspend completed workflows"):
        bench.engine.suspend("local", name)
    with pytest.raises(ApiError, match="no suspend nodes"):
        bench.engine.resume("local", name, "phase=Running")


def test_a_deadline_ends_what_waits(bench: Bench) -> None:
    done = bench.run(workflow(dag(task("hold")), HOLD, activeDeadlineSeconds=1))
    assert by_name(done)["hold"]["message"] == "Step exceeded its deadline"


def test_a_suspended_workflow_begins_nothing(bench: Bench) -> None:
    name = bench.create(workflow(steps([task("ok")]), OK, suspend=True))
    assert not bench.store.get("local", name).nodes
    bench.engine.resume("local", name)
    done = bench.ended(name)
    assert done["status"]["phase"] == "Succeeded"
    assert "suspend" not in done["spec"]


def test_a_workflow_suspended_meanwhile_goes_on_later(bench: Bench) -> None:
    name = bench.create(workflow(steps([task("hold")], [task("ok")]), HOLD, OK))
    bench.until_running(name, "hold")
    assert bench.engine.suspend("local", name)["spec"]["suspend"] is True
    bench.engine.set_nodes("local", name, "displayName=hold", Change("Succeeded"))
    found = bench.store.get("local", name).as_dict()
    assert phases(found)["hold"] == "Succeeded"
    assert "ok" not in by_name(found)
    bench.engine.resume("local", name)
    assert phases(bench.ended(name))["ok"] == "Succeeded"


def test_a_suspended_workflow_can_be_deleted(bench: Bench) -> None:
    name = bench.create(workflow(OK, suspend=True))
    bench.engine.delete("local", name)
    assert not bench.engine.busy()


def test_a_workflow_created_stopped_runs_its_handler_alone(bench: Bench) -> None:
    tasks = (task("a", "ok"), task("b", "ok", "a"))
    done = bench.run(workflow(dag(*tasks), OK, shutdown="Stop", onExit="ok"))
    assert phases(done)["a"] == "Failed"
    assert phases(done)["b"] == "Omitted"
    assert phases(done)[f"{done['metadata']['name']}.onExit"] == "Succeeded"
    assert done["status"]["message"] == "Stopped with strategy 'Stop'"
