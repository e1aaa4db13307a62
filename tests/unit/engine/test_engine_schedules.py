"""When a CronWorkflow is due, and what is made of it then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from engine_bench import BAD, OK, Bench, script
from polling import until

from hera_experiment.local.engine.schedules import parse, schedule_problem

LABEL = "workflows.argoproj.io/cron-workflow"


def following(schedule: str, after: str, count: int, zone: str = "UTC") -> list[str]:
    moment: datetime | None = datetime.fromisoformat(f"{after}+00:00")
    found = []
    for _ in range(count):
        moment = parse(schedule, zone).next(moment) if moment else None
        found.append(moment.strftime("%Y-%m-%d %H:%M:%S") if moment else "")
    return found


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("*/20 * * * *", "2026-01-01T00:20:00", "2026-01-01 00:40:00|2026-01-01 01:00:00"),
        ("5,7 3-4 * JAN mon", "2026-01-01T00:00:00", "2026-01-05 03:05:00|2026-01-05 03:07:00"),
        # A day of the month or of the week, where neither is left open.
        ("0 0 13 * 5", "2026-01-09T01:00:00", "2026-01-13 00:00:00|2026-01-16 00:00:00"),
        ("0 0 */2 * 5", "2026-01-01T01:00:00", "2026-01-02 00:00:00|2026-01-03 00:00:00"),
        ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29 00:00:00|"),
        ("@every 90s", "2026-01-01T00:00:00", "2026-01-01 00:01:30|2026-01-01 00:03:00"),
        ("@weekly", "2026-03-01T00:00:00", "2026-03-08 00:00:00|2026-03-15 00:00:00"),
        ("TZ=Asia/Tokyo 0 9 * * *", "2026-01-01T00:00:00", "2026-01-02 00:00:00"),
    ],
)
def test_the_next_times(schedule: str, after: str, expected: str) -> None:
    times = expected.split("|")
    if times[-1] == "":
        times[-1] = "2032-02-29 00:00:00"
    assert following(schedule, after, len(times)) == times


def test_a_day_that_has_another_length() -> None:
    spring = following("30 2 * * *", "2026-03-07T00:00:00", 2, "America/New_York")
    assert spring == ["2026-03-07 07:30:00", "2026-03-09 06:30:00"]
    autumn = following("30 1 * * *", "2026-11-01T00:00:00", 3, "America/New_York")
    assert autumn == ["2026-11-01 05:30:00", "2026-11-01 06:30:00", "2026-11-02 06:30:00"]


def test_what_never_comes() -> None:
    assert following("0 0 31 2 *", "2026-01-01T00:00:00", 1) == [""]
    assert schedule_problem("bad") == "expected exactly 5 fields, found 1: [bad]"


@pytest.fixture(autouse=True)
def early_in_a_minute(bench: Bench) -> None:
    """Let no minute pass by itself while a test runs."""
    bench.set_by -= timedelta(seconds=bench.clock().second)


def keep(bench: Bench, *templates: Any, name: str = "c", **spec: Any) -> None:
    templates = templates or (OK,)
    inner = {"entrypoint": templates[0]["name"], "templates": list(templates)}
    manifest = {
        "metadata": {"name": name, "namespace": "local"},
        "spec": {"schedules": ["* * * * *"], "workflowSpec": inner, **spec},
    }
    bench.engine.keeper.create("CronWorkflow", manifest)


def cron(bench: Bench, name: str = "c") -> dict[str, Any]:
    return bench.store.kept.get("local", "CronWorkflow", name)


def made(bench: Bench) -> list[str]:
    return [run.name for run in bench.store.runs("local")]


def minutes_pass(bench: Bench, minutes: int = 1) -> None:
    """Let the clock go on, and all that was made meanwhile come to its end."""
    bench.set_by += timedelta(minutes=minutes)
    bench.engine.scheduler.look()
    until(lambda: not bench.engine.busy(), 10, 0.002)
    bench.engine.scheduler.look()


def test_a_workflow_is_made_when_it_is_time(bench: Bench) -> None:
    keep(
        bench,
        script("say", "print('{{workflow.labels.of}}')"),
        workflowMetadata={"labels": {"of": "cron"}},
    )
    assert bench.engine.scheduler.look() <= 60
    assert made(bench) == []
    minutes_pass(bench)
    (name,) = made(bench)
    scheduled = datetime.fromtimestamp(int(name.removeprefix("c-")), timezone.utc)
    assert (scheduled.second, scheduled <= bench.clock()) == (0, True)
    run = bench.store.get("local", name)
    assert run.metadata["labels"][LABEL] == "c"
    assert run.metadata["labels"]["of"] == "cron"
    assert run.metadata["annotations"]["workflows.argoproj.io/scheduled-time"].endswith("00Z")
    status = cron(bench)["status"]
    assert (status["phase"], status["succeeded"], status["active"]) == ("Active", 1, None)
    assert status["lastScheduledTime"] == scheduled.strftime("%Y-%m-%dT%H:%M:%SZ")
    minutes_pass(bench)
    assert len(made(bench)) == 2


def test_a_suspended_one_makes_none(bench: Bench) -> None:
    keep(bench)
    bench.engine.scheduler.look()
    bench.engine.keeper.set_suspended("local", "c", True)
    minutes_pass(bench)
    assert made(bench) == []
    bench.engine.keeper.set_suspended("local", "c", False)
    minutes_pass(bench)
    assert len(made(bench)) == 1


@pytest.mark.parametrize(
    ("policy", "phases"),
    [
        ("Allow", ["Succeeded", "Succeeded"]),
        ("Forbid", ["Succeeded"]),
        ("Replace", ["Failed", "Succeeded"]),
    ],
)
def test_what_still_runs(policy: str, phases: list[str], bench: Bench) -> None:
    wait = script("wait", "wait('gate')")
    keep(bench, wait, concurrencyPolicy=policy, failedJobsHistoryLimit=5)
    bench.engine.scheduler.look()
    bench.set_by += timedelta(minutes=1)
    bench.engine.scheduler.look()
    (first,) = made(bench)
    bench.until(first, lambda run: bool(run.nodes) and bench.runtime.running == 1)
    bench.set_by += timedelta(minutes=1)
    bench.engine.scheduler.look()
    if policy == "Replace":
        bench.until(first, lambda run: run.finished)
    bench.runtime.open("gate")
    until(lambda: not bench.engine.busy(), 10, 0.002)
    found = [str(run.status["phase"]) for run in bench.store.runs("local")]
    assert sorted(found) == sorted(phases)


def test_what_is_more_than_shall_be_kept_is_forgotten(bench: Bench) -> None:
    keep(bench, successfulJobsHistoryLimit=1)
    keep(bench, BAD, name="f", failedJobsHistoryLimit=0)
    bench.engine.scheduler.look()
    for _ in range(3):
        minutes_pass(bench)
    (left,) = made(bench)
    assert left.startswith("c-")
    assert cron(bench)["status"]["succeeded"] == 3
    assert cron(bench, "f")["status"]["failed"] == 3


def test_it_stops_when_its_strategy_says_so(bench: Bench) -> None:
    keep(bench, stopStrategy={"expression": "cronworkflow.succeeded >= 2"})
    bench.engine.scheduler.look()
    for _ in range(4):
        minutes_pass(bench)
    assert len(made(bench)) == 2
    found = cron(bench)
    assert found["status"]["phase"] == "Stopped"
    assert found["metadata"]["labels"]["cronworkflows.argoproj.io/completed"] == "true"


def test_it_runs_only_when_its_condition_holds(bench: Bench) -> None:
    keep(bench, when="{{cronworkflow.succeeded}} < 1")
    keep(bench, when="{{=}}", name="bad")
    bench.engine.scheduler.look()
    for _ in range(3):
        minutes_pass(bench)
    assert len([name for name in made(bench) if name.startswith("c-")]) == 1
    (condition,) = cron(bench, "bad")["status"]["conditions"]
    assert condition["type"] == "SubmissionError"
    assert "run policy error" in condition["message"]


@pytest.mark.parametrize(("limit", "count"), [(None, 0), (30, 0), (7200, 1)])
def test_what_was_missed_while_there_was_no_server(
    limit: int | None, count: int, bench: Bench, make_bench: Callable[..., Bench]
) -> None:
    spec = {} if limit is None else {"startingDeadlineSeconds": limit}
    keep(bench, schedules=["0 * * * *"], **spec)
    bench.engine.scheduler.look()
    # Half past an hour, so that nothing is due soon.
    now = bench.clock()
    bench.set_by += timedelta(minutes=90 - now.minute)
    bench.engine.scheduler.look()
    until(lambda: not bench.engine.busy(), 10, 0.002)
    (first,) = made(bench)
    bench.engine.close()
    later = make_bench(root=bench.store.root)
    later.set_by = bench.set_by + timedelta(hours=3)
    later.engine.scheduler.look()
    until(lambda: not later.engine.busy(), 10, 0.002)
    assert len([name for name in made(later) if name != first]) == count


def test_two_schedules_that_meet_make_one_workflow(bench: Bench) -> None:
    keep(bench, schedules=["* * * * *", "*/1 * * * *"])
    bench.engine.scheduler.look()
    minutes_pass(bench)
    assert len(made(bench)) == 1


def test_the_thread_wakes_for_what_is_new_and_ends_with_the_engine(bench: Bench) -> None:
    bench.engine.scheduler.start()
    keep(bench, schedules=["@every 1s"])
    until(lambda: bool(made(bench)), 10, 0.01)
    bench.engine.close()
    count = len(made(bench))
    assert bench.engine.scheduler._thread is not None
    assert not bench.engine.scheduler._thread.is_alive()
    assert len(made(bench)) == count
