"""Memoized templates: what they made is taken from a ConfigMap, as long as it is young enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from engine_bench import Bench, by_name, dag, phases, script, steps, task, workflow

CACHE = {"configMap": {"name": "cache"}}


def memoized(key: str = "key-{{inputs.parameters.x}}", **more: Any) -> dict[str, Any]:
    made = script("leaf", "write('/o', 'made of {{inputs.parameters.x}}')", "x")
    memoize = {"key": key, "cache": CACHE, **more}
    outputs = {"parameters": [{"name": "o", "valueFrom": {"path": "/o"}}]}
    return {**made, "memoize": memoize, "outputs": outputs}


def twice(leaf: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    use = script("use", "assert '{{inputs.parameters.x}}' == 'made of 1'", "x")
    given = {"x": "{{tasks.b.outputs.parameters.o}}"}
    main = dag(
        task("a", "leaf", with_={"x": "1"}),
        task("b", "leaf", "a", with_={"x": "1"}),
        task("c", "leaf", "a", with_={"x": "2"}),
        task("d", "use", "b", with_=given),
    )
    return workflow(main, leaf, use, *others)


def hits(done: dict[str, Any]) -> dict[str, bool]:
    nodes = by_name(done)
    return {
        name: node["memoizationStatus"]["hit"]
        for name, node in nodes.items()
        if "memoizationStatus" in node
    }


def test_what_was_made_before_is_taken(bench: Bench) -> None:
    done = bench.run(twice(memoized()))
    assert phases(done) == dict.fromkeys(phases(done), "Succeeded")
    assert hits(done) == {"a": False, "b": True, "c": False}
    nodes = by_name(done)
    assert nodes["b"]["memoizationStatus"] == {"hit": True, "key": "key-1", "cacheName": "cache"}
    assert nodes["b"]["outputs"] == nodes["a"]["outputs"]
    assert nodes["b"]["progress"] == "1/1"
    assert len(bench.runtime.pods) == 3
    entry = json.loads(bench.store.objects.get("configmaps", "cache")["key-1"])
    assert entry["nodeID"] == nodes["a"]["id"]
    assert entry["outputs"] == nodes["a"]["outputs"]


def test_the_next_server_takes_it_too(make_bench: Callable[..., Bench], bench: Bench) -> None:
    bench.run(twice(memoized()))
    later = make_bench(root=bench.store.root)
    assert hits(later.run(twice(memoized()))) == {"a": True, "b": True, "c": True}


def test_what_is_too_old_is_made_anew(bench: Bench) -> None:
    bench.run(twice(memoized(maxAge="1h")))
    assert hits(bench.run(twice(memoized(maxAge="1h"))))["c"] is True
    bench.set_by = timedelta(hours=2)
    assert hits(bench.run(twice(memoized(maxAge="1h")))) == {"a": False, "b": True, "c": False}


def test_steps_and_attempts_are_memoized(bench: Bench) -> None:
    group = {
        **steps([task("s", "leaf", with_={"x": "1"})], name="group"),
        "memoize": {"key": "group", "cache": CACHE},
    }
    retried = {**memoized("retried"), "name": "retried", "retryStrategy": {"limit": 1}}
    main = dag(
        task("a", "group"),
        task("b", "group", "a"),
        task("c", "retried", "b", with_={"x": "1"}),
        task("d", "retried", "c", with_={"x": "1"}),
        task("e", "leaf", "b", with_={"x": "1"}),
    )
    done = bench.run(workflow(main, group, memoized(), retried))
    nodes = by_name(done)
    assert hits(done) == {
        **{"a": False, "s": False, "b": True},
        **{"c": False, "c(0)": False, "d": True, "e": True},
    }
    assert (nodes["b"]["type"], nodes["d"]["type"]) == ("Steps", "Retry")
    # What follows a hit is connected to it.
    assert nodes["c"]["id"] in nodes["b"]["children"]


def test_what_fails_is_not_kept(bench: Bench) -> None:
    leaf = {**memoized("fails"), "script": {"image": "python", "source": "raise SystemExit(1)"}}
    main = dag(task("a", "leaf", with_={"x": "1"}), task("b", "leaf", "a.Failed", with_={"x": "1"}))
    done = bench.run(workflow(main, leaf))
    assert hits(done) == {"a": False, "b": False}
    assert not bench.store.objects.exists("configmaps", "cache")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (memoized("under_score"), "invalid cache key: under_score"),
        (memoized(maxAge="bad"), 'invalid maxAge: time: invalid duration "bad"'),
        (memoized(maxAge="10"), 'invalid maxAge: time: missing unit in duration "10"'),
    ],
)
def test_what_cannot_be_a_key_or_an_age(
    template: dict[str, Any], message: str, bench: Bench
) -> None:
    main = dag(task("a", "leaf", with_={"x": "1"}))
    node = by_name(bench.run(workflow(main, template)))["a"]
    assert node["phase"] == "Error"
    assert node["message"].endswith(message)


def test_an_entry_that_is_no_json_is_told(bench: Bench) -> None:
    bench.store.objects.put("configmaps", "cache", {"key-1": b"{"})
    main = dag(task("a", "leaf", with_={"x": "1"}))
    node = by_name(bench.run(workflow(main, memoized())))["a"]
    assert "malformed cache entry: could not unmarshal JSON" in node["message"]
