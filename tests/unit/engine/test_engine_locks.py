"""Mutexes and semaphores, over all workflows; priority."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from engine_bench import OK, Bench, by_name, dag, phases, script, task, workflow

from hera_experiment.local.engine.pool import Job, Pool
from hera_experiment.local.store.objects import CONFIGMAPS

MUTEX: Any = {"mutexes": [{"name": "one"}]}
SEMAPHORE: Any = {"semaphores": [{"configMapKeyRef": {"name": "sizes", "key": "two"}}]}


def ended(found: Any, name: str) -> bool:
    return phases(found).get(name) == "Succeeded"


def locked(name: str, lock: Any = MUTEX, **more: Any) -> Any:
    return {**script(name, f"wait('{name}')"), "synchronization": lock, **more}


def test_one_holds_a_mutex_and_the_next_says_what_it_waits_for(bench: Bench) -> None:
    first = bench.create(workflow(locked("first")))
    bench.until_running(first, first)
    held = bench.store.get("local", first).as_dict()["status"]["synchronization"]
    key = f"local/{first}/{first}"
    assert held == {"mutex": {"holding": [{"mutex": "local/Mutex/one", "holder": key}]}}

    second = bench.create(workflow(dag(task("b", "second")), locked("second")))
    bench.until(second, lambda run: len(run.nodes) == 2)
    waits = bench.store.get("local", second).as_dict()
    node = by_name(waits)["b"]
    assert (node["phase"], node["type"]) == ("Pending", "Pod")
    assert node["message"] == "Waiting for local/Mutex/one lock. Lock status: 0/1"
    assert node["synchronizationStatus"] == {"waiting": "local/Mutex/one"}
    waiting = waits["status"]["synchronization"]["mutex"]["waiting"]
    assert waiting == [{"mutex": "local/Mutex/one", "holder": key}]

    bench.runtime.open("first")
    bench.runtime.open("second")
    for name in (first, second):
        done = bench.ended(name)
        assert done["status"]["phase"] == "Succeeded"
        assert "synchronization" not in done["status"]
        assert all("synchronizationStatus" not in node for node in done["status"]["nodes"].values())


def test_a_lock_is_held_over_all_attempts(bench: Bench) -> None:
    again = {**script("again", "raise SystemExit({{retries}} < 2)"), "retryStrategy": {"limit": 3}}
    tasks = (task("a", "again"), task("b", "again"))
    done = bench.run(workflow(dag(*tasks), {**again, "synchronization": MUTEX}))
    assert done["status"]["phase"] == "Succeeded"
    assert bench.runtime.most_running == 1


def test_a_semaphores_limit_stands_in_a_config_map(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(parallelism=8)
    bench.store.objects.put(CONFIGMAPS, "sizes", {"two": b"2"})
    body = {**OK, "synchronization": SEMAPHORE}
    done = bench.run(workflow(dag(task("each", "ok", withItems=list(range(6)))), body))
    assert done["status"]["phase"] == "Succeeded"
    assert bench.runtime.most_running <= 2


def test_a_semaphore_without_a_limit_is_an_error(bench: Bench) -> None:
    done = bench.run(workflow(dag(task("a", "ok")), {**OK, "synchronization": SEMAPHORE}))
    assert by_name(done)["a"]["phase"] == "Error"
    assert by_name(done)["a"]["message"].endswith(
        "failed to initialize semaphore local/ConfigMap/sizes/two with limit"
    )
    done = bench.run(workflow(OK, synchronization=SEMAPHORE))
    assert (done["status"]["phase"], done["status"]["message"]) == (
        "Failed",
        "Failed to acquire the synchronization lock. "
        "failed to initialize semaphore local/ConfigMap/sizes/two with limit",
    )


def test_a_workflow_waits_for_its_own_lock(bench: Bench) -> None:
    first = bench.create(workflow(script("first", "wait('first')"), synchronization=MUTEX))
    bench.until_running(first, first)
    low = bench.create(workflow(OK, synchronization=MUTEX))
    high = bench.create(workflow(script("high", "wait('high')"), synchronization=MUTEX, priority=5))
    for name in (low, high):
        bench.until(name, lambda run: run.status["phase"] == "Pending")
        status = bench.store.get("local", name).as_dict()["status"]
        assert status["message"] == "Waiting for local/Mutex/one lock. Lock status: 0/1"
        assert status["startedAt"] is None
    bench.runtime.open("first")
    bench.until_running(high, high)
    assert bench.store.get("local", low).status["phase"] == "Pending"
    bench.runtime.open("high")
    for name in (first, high, low):
        done = bench.until(name, lambda run: run.finished).as_dict()
        assert done["status"]["phase"] == "Succeeded"
        assert done["status"].get("message") is None
        assert done["status"]["startedAt"]


def test_what_waits_for_a_lock_ends_when_it_is_stopped(bench: Bench) -> None:
    first = bench.create(workflow(locked("first")))
    bench.until_running(first, first)
    second = bench.create(workflow(dag(task("b", "second")), locked("second")))
    bench.until(second, lambda run: len(run.nodes) == 2)
    bench.engine.stop("local", second)
    done = bench.until(second, lambda run: run.finished).as_dict()
    assert by_name(done)["b"]["message"] == "Stopped with strategy 'Stop'"
    third = bench.create(workflow(OK, synchronization=MUTEX))
    bench.until(third, lambda run: run.status["phase"] == "Pending")
    bench.engine.delete("local", third)
    bench.runtime.open("first")
    assert bench.ended(first)["status"]["phase"] == "Succeeded"


def test_waiting_for_a_lock_takes_no_place_of_a_pod(bench: Bench) -> None:
    first = bench.create(workflow(locked("first")))
    bench.until_running(first, first)
    tasks = (task("a", "second"), task("b", "ok"))
    second = bench.create(workflow(dag(*tasks), locked("second"), OK, parallelism=1))
    bench.until(second, lambda run: bool(run.nodes) and ended(run.as_dict(), "b"))
    for name in ("first", "second"):
        bench.runtime.open(name)
    assert bench.ended(second)["status"]["phase"] == "Succeeded"


@pytest.mark.parametrize(
    ("lock", "why"),
    [
        (
            {"mutexes": [{"name": "one", "database": True}]},
            "database session is not available for mutex local/Database/one",
        ),
        (
            {"semaphores": [{"database": {"key": "two"}}]},
            "database session is not available for semaphore local/Database/two",
        ),
        (
            {"semaphores": [{"database": {"key": "a"}, "configMapKeyRef": {"name": "b"}}]},
            "invalid semaphore with both ConfigMapKeyRef and Database",
        ),
    ],
)
def test_no_database_keeps_locks(bench: Bench, lock: Any, why: str) -> None:
    done = bench.ended(bench.create(workflow({**OK, "synchronization": lock})))
    assert done["status"]["phase"] == "Error"
    assert why in done["status"]["message"]


def test_the_greater_priority_runs_first() -> None:
    order: list[str] = []
    pool = Pool(1)
    jobs = [("low", 0), ("high", 2), ("next", 2), ("middle", 1)]

    def all_at_once() -> None:
        for name, priority in jobs:
            pool.submit(Job(partial(order.append, name), "owner", priority))

    pool.submit(Job(all_at_once, "owner"))
    done = threading.Event()
    pool.submit(Job(done.set, "owner", -1))
    assert done.wait(10)
    pool.close()
    assert order == ["high", "next", "middle", "low"]


def test_a_workflow_that_waits_is_stopped_later_and_terminated_at_once(bench: Bench) -> None:
    first = bench.create(workflow(locked("first", {}), synchronization=MUTEX))
    bench.until_running(first, first)
    stopped, ended_ = (bench.create(workflow(OK, synchronization=MUTEX)) for _ in "12")
    for name in (stopped, ended_):
        bench.until(name, lambda run: run.status["phase"] == "Pending")
    bench.engine.stop("local", stopped)
    bench.engine.terminate("local", ended_)
    # Argo's own verdict, though nothing of it ran.
    done = bench.until(ended_, lambda run: run.finished).as_dict()
    assert done["status"]["phase"] == "Succeeded"
    assert bench.store.get("local", stopped).status["phase"] == "Pending"
    bench.runtime.open("first")
    done = bench.ended(stopped)
    assert done["status"]["message"] == "Stopped with strategy 'Stop'"
