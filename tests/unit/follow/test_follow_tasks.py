from __future__ import annotations

import pytest
from follow_workflows import NOW, node, workflow

from hera_experiment.argo.tasks import duration, is_finished, tasks_of


def test_only_what_a_person_waits_for_is_a_task() -> None:
    tasks = tasks_of(
        workflow(
            node("", type="DAG"),
            node("collect", type="TaskGroup", children=("collect(0:Lyon 1)",)),
            node("collect(0:Lyon 1)"),
            node("never", "Skipped", type="Skipped", start=2),
            node("omitted", "Omitted", type="Skipped", start=3),
        )
    )
    assert [(task.name, task.phase) for task in tasks] == [
        ("collect(0:Lyon 1)", "Succeeded"),
        ("never", "Skipped"),
        ("omitted", "Omitted"),
    ]


def test_a_retried_task_is_one_task_with_the_log_of_its_last_attempt() -> None:
    (task,) = tasks_of(
        workflow(
            node("flaky", "Failed", type="Retry", children=("flaky(0)", "flaky(1)")),
            node("flaky(0)", "Failed", message="Error (exit code 1)", exit_code="1"),
            node("flaky(1)", "Failed", message="Error (exit code 2)", exit_code="2"),
        )
    )
    assert task.name == "flaky"
    assert task.attempts == 2
    assert task.pod is not None and task.pod["id"] == "wf-flaky(1)"
    assert task.exit_code == "2"
    assert task.message == "Error (exit code 2)"


def test_a_retried_dag_shows_the_tasks_inside() -> None:
    tasks = tasks_of(
        workflow(
            node("part", "Running", type="Retry", children=("part(0)",)),
            node("part(0)", "Running", type="DAG", children=("part(0).inner",)),
            node("part(0).inner", "Running"),
        )
    )
    assert [task.name for task in tasks] == ["part(0).inner"]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("collect(0:Lyon 1)", "collect"),
        ("collect(12:a:1,b:(x))", "collect"),
        ("vintage(0:2019).collect(3:Lyon 4)", "vintage(0:2019).collect"),
        ("chart", "chart"),
        ("items(0:two\nlines)", "items"),
    ],
)
def test_the_group_is_what_a_fan_out_shares(name: str, group: str) -> None:
    (task,) = tasks_of(workflow(node(name)))
    assert (task.name, task.group) == (name, group)


def test_steps_and_single_pods_have_names_too() -> None:
    step = node("x")
    step["name"] = "wf[0].first(0:x)[12].second"
    single = node("")
    single["templateName"] = "whalesay"
    assert [task.name for task in tasks_of(workflow(step))] == ["first(0:x).second"]
    assert [task.name for task in tasks_of(workflow(single))] == ["whalesay"]


def test_a_fresh_workflow_has_no_tasks_and_is_not_finished() -> None:
    fresh = {"metadata": {"name": "wf"}, "spec": {}, "status": {"finishedAt": None}}
    assert tasks_of(fresh) == []
    assert not is_finished(fresh)
    assert not is_finished({"metadata": {"name": "wf"}, "spec": {}})
    assert is_finished(workflow(end=3))


def test_time_runs_until_the_end() -> None:
    running, done, waiting = tasks_of(
        workflow(
            node("a", "Running", start=5, end=None),
            node("b", start=10, end=52),
            node("c", "Pending", start=None, end=None),
        )
    )
    assert running.seconds(NOW) == 60.0
    assert done.seconds(NOW) == 42.0
    assert waiting.seconds(NOW) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0, "<1s"), (42.9, "42s"), (60, "1m00s"), (3599, "59m59s"), (7620, "2h07m")],
)
def test_durations_read_well(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
