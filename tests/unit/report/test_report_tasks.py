"""Each task of a report: when it waited and ran, what it used and asked for, the critical path."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from report_accounts import fan, pod, workflow

from hera_experiment.argo.tasks import tasks_of
from hera_experiment.graph.of_status import places
from hera_experiment.report.tasks import PodTimes, asked_of, critical_path, rows_of, with_logs

NOW = datetime(2026, 11, 21, 10, 5, tzinfo=timezone.utc)


def rows(found: dict[str, Any], pods: dict[str, PodTimes] | None = None) -> dict[str, Any]:
    listed = rows_of(found, tasks_of(found), places(found), pods or {}, NOW)
    return {row["name"]: row for row in listed}


def diamond() -> dict[str, Any]:
    calls = [("a", []), ("b", ["a"]), ("c", ["a"]), ("d", ["b", "c"])]
    tasks = [{"name": name, "template": "work", "dependencies": of} for name, of in calls]
    failed = pod("c(0)", 1, 1.1, 4, phase="Failed", message="main: Error (exit code 3)")
    nodes = [
        pod("a", 0, 0.5, 1, children=["wf-b", "wf-c"]),
        pod("b", 1, 1.1, 2, children=["wf-d"]),
        {
            **pod("c", 1, 1, 9, children=["wf-c(0)", "wf-c(1)"]),
            "type": "Retry",
            "usage": None,
        },
        {**failed, "nodeFlag": {"retried": True}},
        pod("c(1)", 5, 5.1, 9, children=["wf-d"], nodeFlag={"retried": True}),
        pod("d", 9, 9.5, 10),
    ]
    return workflow(nodes, tasks)


def test_waiting_and_running_are_told_apart() -> None:
    found = rows(diamond())
    assert (found["a"]["queued"], found["a"]["began"], found["a"]["ended"]) == (0, 0.5, 1)
    assert (found["a"]["cpu"], found["a"]["memory"]) == (0.5, 50_000_000)
    assert found["a"]["place"] == "a" and found["c"]["place"] == "c"
    assert asked_of(diamond()) == {"work": {"image": "python:3.13", "cpu": 0.5, "memory": 2**26}}


def test_each_attempt_has_times_of_its_own() -> None:
    first, second = rows(diamond())["c"]["attempts"]
    assert (first["phase"], first["began"], first["ended"]) == ("Failed", 1.1, 4)
    assert first["message"] == "main: Error (exit code 3)"
    assert (second["phase"], second["began"], second["ended"]) == ("Succeeded", 5.1, 9)


def test_the_critical_path_goes_back_from_what_ended_last() -> None:
    found = diamond()
    tasks = tasks_of(found)
    assert [tasks[index].name for index in critical_path(found, tasks)] == ["d", "c", "a"]
    assert [name for name, row in rows(found).items() if row.get("critical")] == ["a", "c", "d"]
    sweep = fan(50)
    assert [tasks_of(sweep)[at].name for at in critical_path(sweep, tasks_of(sweep))] == [
        "sweep(49:49)"
    ]


def test_what_was_not_measured_is_not_there() -> None:
    found = diamond()
    for node in found["status"]["nodes"].values():
        node.pop("usage", None)
    row = rows(found)["a"]
    assert not {"queued", "cpu", "memory"} & set(row)
    # A pod that is still there tells when it was made.
    said = PodTimes("2026-11-21T10:00:00Z", "2026-11-21T10:00:01Z", "2026-11-21T10:00:03Z")
    row = rows(found, {"wf-a": said})["a"]
    assert (row["queued"], row["began"], row["ended"]) == (0, 1, 3)


def test_a_pending_task_waits_and_a_running_one_runs_until_now() -> None:
    found = diamond()
    nodes = found["status"]["nodes"]
    nodes["wf-d"] |= {"phase": "Running", "finishedAt": None}
    nodes["wf-d"]["usage"]["ended"] = None
    nodes["wf-b"] |= {"phase": "Pending", "finishedAt": None, "usage": None}
    found["status"]["finishedAt"] = None
    now = rows(found)
    assert now["d"]["ended"] == 300
    assert "began" not in now["b"] and now["b"]["queued"] == 1


def test_lines_are_shown_of_what_failed_and_of_one_task_a_loop() -> None:
    found = fan(30)
    found["status"]["nodes"]["wf-sweep(7:7)"]["phase"] = "Failed"
    chosen = with_logs(tasks_of(found), 3)
    assert [task.name for task in chosen][:2] == ["sweep(7:7)", "sweep(0:0)"]
    assert len(chosen) == 3
