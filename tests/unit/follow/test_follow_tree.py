"""The tree of a workflow, and how it is folded to fit."""

from __future__ import annotations

from typing import Any

import pytest
from follow_workflows import NOW, node, workflow

from hera_experiment.follow.reasons import Reason
from hera_experiment.follow.rows import region, tree_lines
from hera_experiment.follow.tree import Branch, tree_of


def shape(branches: tuple[Branch, ...]) -> list[Any]:
    return [
        (branch.label, shape(branch.branches)) if branch.branches else branch.label
        for branch in branches
    ]


def named(name: str, label: str, boundary: str = "wf", **options: Any) -> dict[str, Any]:
    """A node whose label is the last part of its name, within ``boundary``."""
    return {**node(name, **options), "displayName": label, "boundaryID": boundary}


def dag(*members: dict[str, Any], **options: Any) -> dict[str, Any]:
    return workflow(node("", "Running", type="DAG", end=None), *members, **options)


def fan_out(count: int, phase: str = "Succeeded", **options: Any) -> list[dict[str, Any]]:
    members = [f"fan({index}:{index})" for index in range(count)]
    group = named("fan", "fan", type="TaskGroup", phase=phase, children=tuple(members))
    return [group, *(named(name, name, phase=phase, **options) for name in members)]


def test_what_waits_for_a_task_stands_beside_it() -> None:
    # Argo makes the one that waits a child of the one it waits for.
    a, b = named("a", "a", children=("b",)), named("b", "b")
    assert shape(tree_of(dag(b, a))) == ["a", "b"]


def test_a_fan_out_holds_its_members_in_order_and_not_what_waits_for_it() -> None:
    group, *members = fan_out(12)
    for each in members:
        each["children"] = ["wf-after"]
    found = tree_of(dag(named("after", "after"), *reversed(members), group))
    assert shape(found) == [("fan", [f"fan({n}:{n})" for n in range(12)]), "after"]
    assert found[0].is_fan_out


def test_a_fan_out_over_nothing_does_not_hold_what_waits_for_it() -> None:
    group = named("fan", "fan", type="TaskGroup", children=("after",))
    assert shape(tree_of(dag(group, named("after", "after")))) == ["fan", "after"]


def test_a_dag_within_a_dag_holds_its_tasks() -> None:
    inner = named("inner", "inner", type="DAG", children=("inner.a",))
    found = tree_of(dag(inner, named("inner.a", "a", "wf-inner")))
    assert shape(found) == [("inner", ["a"])]


def test_steps_stand_in_their_order_and_their_loops_are_branches() -> None:
    nodes = [
        node("", type="Steps"),
        {**node("x", type="StepGroup"), "name": "wf[0]", "boundaryID": "wf"},
        {**named("1", "z"), "name": "wf[0].z"},
        *({**named(f"2{n}", f"l({n}:q.{n})"), "name": f"wf[1].l({n}:q.{n})"} for n in range(3)),
        {**named("3", "a"), "name": "wf[2].a"},
    ]
    loop = ("l", ["l(0:q.0)", "l(1:q.1)", "l(2:q.2)"])
    assert shape(tree_of(workflow(*nodes[::-1]))) == ["z", loop, "a"]


def test_attempts_are_one_task_and_of_retried_dags_the_last_one_is_shown() -> None:
    retry = named("r", "r", type="Retry", children=("r(0)", "r(1)"))
    attempts = [named(f"r({n})", f"r({n})") for n in range(2)]
    assert shape(tree_of(dag(retry, *attempts))) == ["r"]
    again = named("d", "d", type="Retry", children=("d(0)", "d(1)"))
    dags = [named(f"d({n})", f"d({n})", type="DAG") for n in range(2)]
    tasks = [named(f"d({n}).t", f"t{n}", f"wf-d({n})") for n in range(2)]
    assert shape(tree_of(dag(again, *dags, *tasks))) == [("d", ["t1"])]


def test_a_workflow_of_one_pod_and_its_exit_handler() -> None:
    handler = {**node("onExit"), "name": "wf.onExit", "displayName": "wf.onExit"}
    assert shape(tree_of(workflow(node(""), handler))) == ["tmpl", "onExit"]


def test_the_tree_is_drawn() -> None:
    inner = named("inner", "inner", type="DAG", phase="Failed", children=("inner.a",))
    bad = named("inner.a", "a", "wf-inner", phase="Failed", end=9, message="Error (exit code 1)")
    runs = named("last", "last", phase="Running", start=60)
    lines = tree_lines(dag(inner, bad, named("first", "first"), runs), NOW, 80)
    assert [line.text for line in lines] == [
        "├─ ✔ first  1s",
        "├─ ✖ inner  0/1  1 failed  9s",
        "│  └─ ✖ a  9s  Error (exit code 1)",
        "└─ ● last  5s",
    ]


def test_what_a_task_reports_of_its_progress_is_shown() -> None:
    runs = {**named("a", "a", phase="Running", start=60), "progress": "37/100"}
    assert tree_lines(dag(runs), NOW, 80)[0].text == "└─ ● a  5s  37/100"


def test_a_thousand_members_fold_into_one_line_with_those_of_note() -> None:
    nodes = fan_out(1000, "Running", start=60, end=None)
    for each in nodes[1:991]:
        each["phase"], each["finishedAt"] = "Succeeded", "2026-11-21T10:01:00Z"
    nodes[500].update(phase="Failed", message="Error (exit code 3)")
    lines = [line.text for line in tree_lines(dag(*nodes), NOW, 80, 12)]
    assert lines[0] == "└─ ● fan ×1000  989/1000  1 failed  10 running  5s"
    assert lines[1] == "   ├─ ✖ fan(499:499)  <1s  Error (exit code 3)"
    assert lines[2] == "   ├─ ● fan(990:990)  5s"
    assert lines[-1] == "   └─ … and 3 more"
    assert len(lines) == 10


def test_members_that_wait_for_the_same_thing_are_one_line() -> None:
    nodes = fan_out(40, "Pending", start=60, end=None)
    why = Reason("no node can take it: 1 Insufficient cpu", "ask for less")
    reasons = {each["id"]: why for each in nodes[1:]}
    lines = [line.text for line in tree_lines(dag(*nodes), NOW, 80, 20, reasons)]
    assert lines == [
        "└─ ◷ fan ×40  0/40  40 waiting  5s",
        "   └─ ◷ 40 wait  no node can take it: 1 Insufficient cpu",
        "      → ask for less",
    ]


def test_argos_own_message_explains_a_pending_task() -> None:
    waits = named("a", "a", phase="Pending", start=60, message='configmap "x" not found')
    lines = [line.text for line in tree_lines(dag(waits), NOW, 100)]
    assert lines[0] == "└─ ◷ a  5s  the ConfigMap 'x' does not exist"
    assert lines[1].startswith("   → 'make provision'")
    comes = named("a", "a", phase="Pending", start=60, message="ContainerCreating")
    assert [line.text for line in tree_lines(dag(comes), NOW, 100)] == ["└─ ◷ a  5s"]


def large() -> dict[str, Any]:
    nodes = fan_out(30, "Running", start=60, end=None)
    for index in range(60):
        nodes.append(named(f"ok{index}", f"ok{index}"))
    for index in range(9):
        bad = named(f"bad{index}", f"bad{index}", phase="Failed", message="Error " * 30)
        nodes.append(bad)
    return dag(*nodes)


@pytest.mark.parametrize("rows", [3, 4, 7, 12, 20, 50, 200])
@pytest.mark.parametrize("width", [30, 60, 100])
def test_whatever_the_terminal_the_region_fits(rows: int, width: int) -> None:
    lines = region(large(), NOW, width, rows)
    assert len(lines) <= rows
    assert all(len(line.text) <= width for line in lines), [line.text for line in lines]


def test_what_is_amiss_is_cut_last() -> None:
    lines = [line.text for line in region(large(), NOW, 60, 8)]
    assert sum("✖" in line for line in lines) == 6
    assert lines[-1].startswith("  … ")
    assert any("60 done" in line for line in tree_text(20))
    assert sum("✖" in line for line in tree_text(11)) == 9


def tree_text(rows: int) -> list[str]:
    return [line.text for line in tree_lines(large(), NOW, 60, rows)]
