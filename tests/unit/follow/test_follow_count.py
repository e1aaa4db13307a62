"""One count for one run: tasks, known from the start, and a bar that tells the truth."""

from __future__ import annotations

import random
from typing import Any

import pytest
from follow_workflows import NOW, node, workflow

from hera_experiment.argo.tasks import tasks_of
from hera_experiment.follow.count import Plan
from hera_experiment.follow.rows import head
from hera_experiment.follow.summary import verdict
from hera_experiment.follow.tree import tree_of

POD = {"name": "pod", "container": {"image": "x"}}


def spec(*tasks: dict[str, Any], more: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    dag = {"name": "d", "dag": {"tasks": list(tasks)}}
    return {"entrypoint": "d", "templates": [dag, POD, *more]}


def task(name: str, template: str = "pod", **options: Any) -> dict[str, Any]:
    return {"name": name, "template": template, **options}


def planned(specification: dict[str, Any]) -> int | None:
    found = workflow(node("", "Running", type="DAG", end=None))
    return Plan({**found, "spec": specification}).count([]).total


INNER = {"name": "inner", "dag": {"tasks": [task("x"), task("y", withItems=[1, 2])]}}
STEPS = {"name": "steps", "steps": [[task("a")], [task("b"), task("c", withItems=[1, 2, 3])]]}


@pytest.mark.parametrize(
    ("specification", "total"),
    [
        (spec(), 0),
        (spec(task("a"), task("b", withItems=["x", "y", "z"])), 4),
        (spec(task("a", withItems=[])), 1),
        (spec(task("a", withSequence={"count": "5"})), 5),
        (spec(task("a", withSequence={"start": "3", "end": "1"})), 3),
        (spec(task("a", withParam="[1, 2]")), 2),
        (spec(task("a", withParam="{{tasks.b.outputs.result}}"), task("b")), None),
        (spec(task("a", withSequence={"count": "{{tasks.b.outputs.result}}"})), None),
        (spec(task("a", "inner", withItems=[1, 2]), more=(INNER,)), 6),
        (spec(task("a", "steps"), more=(STEPS,)), 5),
        (spec(task("a", "d")), None),
        (spec({"name": "a", "templateRef": {"name": "t", "template": "u"}}), None),
        ({"entrypoint": "pod", "templates": [POD]}, 1),
        ({"entrypoint": "pod", "templates": [POD], "onExit": "pod"}, 2),
        ({"workflowTemplateRef": {"name": "t"}}, None),
        (
            {
                **spec(task("a", withParam="{{workflow.parameters.n}}")),
                "arguments": {"parameters": [{"name": "n", "value": '["p", "q"]'}]},
            },
            2,
        ),
    ],
)
def test_the_number_of_tasks_is_read_from_the_specification(
    specification: dict[str, Any], total: int | None
) -> None:
    assert planned(specification) == total


def experiment(phases: dict[str, str], phase: str = "Running") -> dict[str, Any]:
    """36 members of a loop, then two tasks; those without a phase have no node yet."""
    items = [f"collect({n}:{n})" for n in range(36)]
    nodes = [node("", phase, type="DAG", end=None)]
    nodes += [node(name, phases[name]) for name in [*items, "print", "chart"] if name in phases]
    found = workflow(*nodes, phase=phase, end=60 if phase != "Running" else None)
    collect = task("collect", withItems=list(range(36)))
    return {**found, "spec": spec(collect, task("print"), task("chart"))}


def shown(found: dict[str, Any]) -> str:
    return head(found, tree_of(found), NOW, 100).text


def test_the_total_never_changes_while_tasks_begin_and_end() -> None:
    source = random.Random(1)
    phases: dict[str, str] = {}
    names = [f"collect({n}:{n})" for n in range(36)] + ["print", "chart"]
    assert "  0/38  " in shown(experiment(phases))
    for name in names:
        phases[name] = source.choice(("Running", "Pending", "Succeeded"))
        done = list(phases.values()).count("Succeeded")
        assert f"  {done}/38  " in shown(experiment(phases))


def test_a_failed_run_has_no_full_bar_and_one_count() -> None:
    phases = {f"collect({n}:{n})": "Failed" if n < 9 else "Succeeded" for n in range(36)}
    phases |= {"print": "Omitted", "chart": "Omitted"}
    running = experiment(phases)
    assert "  27/38  9 failed" in shown(running)
    assert "╌" in shown(running)
    failed = experiment(phases, "Failed")
    assert "━" not in shown(failed) and "  27/38  9 failed" in shown(failed)
    assert verdict(failed, NOW).text.endswith("9 of 38 tasks failed")
    # Steps behind a failed one never become nodes: they are tasks all the same.
    del phases["print"], phases["chart"]
    failed = experiment(phases, "Failed")
    assert "  27/38  9 failed" in shown(failed)
    assert verdict(failed, NOW).text.endswith("9 of 38 tasks failed")


def test_a_run_that_succeeded_is_full_whatever_its_conditions_left_out() -> None:
    phases = {f"collect({n}:{n})": "Succeeded" for n in range(36)}
    phases |= {"print": "Succeeded", "chart": "Skipped"}
    assert "━  38/38  " in shown(experiment(phases, "Succeeded"))
    left_out = {"collect(0:0)": "Skipped", "print": "Succeeded", "chart": "Succeeded"}
    assert "╌" not in shown(experiment(left_out, "Succeeded"))


def test_what_a_task_will_say_is_not_guessed() -> None:
    found = workflow(node("", "Running", type="DAG", end=None), node("b"))
    found["spec"] = spec(task("a", withParam="{{tasks.b.outputs.result}}"), task("b"))
    text = shown(found)
    assert "  1 done  " in text and "━" not in text and "╌" not in text
    assert len(tasks_of(found)) == 1


def test_ten_thousand_tasks_are_counted_at_once() -> None:
    wide = {"name": "wide", "dag": {"tasks": [task(f"t{n}") for n in range(100)]}}
    tasks = [task(f"w{n}", "wide") for n in range(100)]
    assert planned(spec(*tasks, more=(wide,))) == 10_000
