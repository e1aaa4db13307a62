"""When a pod waited and ran, on the laptop and on a cluster."""

from __future__ import annotations

from hera_experiment.argo.usage import PodUsage, usage_of


def test_of_the_laptop() -> None:
    usage = {
        "queued": "2026-11-26T20:00:00.000Z",
        "began": "2026-11-26T20:00:01.500Z",
        "ended": "2026-11-26T20:00:03.750Z",
        "cpu": 1.25,
        "memory": 2048,
    }
    found = usage_of({"startedAt": "2026-11-26T20:00:01Z", "usage": usage})
    assert (found.waited, found.ran, found.cpu, found.memory) == (1.5, 2.25, 1.25, 2048)
    assert not found.memory_at_most


def test_of_a_cluster_only_begin_and_end_are_known() -> None:
    node = {"startedAt": "2026-11-26T20:00:01Z", "finishedAt": "2026-11-26T20:00:03Z"}
    found = usage_of({**node, "resourcesDuration": {"cpu": 4}})
    assert (found.waited, found.ran, found.cpu, found.memory) == (None, 2.0, None, None)
    assert usage_of({}) == PodUsage()
