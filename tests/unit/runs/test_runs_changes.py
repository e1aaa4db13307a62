"""What is done to a run, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from runs_place import Clusters, workflow

from hera_experiment.errors import UserError
from hera_experiment.runs import changes
from hera_experiment.runs.find import Run, find_run


@pytest.fixture
def run_of(clusters: Clusters) -> Callable[..., Run]:
    def run_of(phase: str) -> Run:
        clusters.there["a"] = [workflow("wf", "08:00:00", phase)]
        clusters.record("wf", "a", "08:00:00")
        return find_run(clusters.context(cluster="a"), environ=clusters.environ)

    return run_of


def test_a_running_one_is_stopped_or_ended_at_once(
    run_of: Callable[..., Run], clusters: Clusters
) -> None:
    with run_of("Running") as run:
        assert "exit handler runs" in changes.stop(run)[0]
        assert "without its exit handler" in changes.terminate(run)[0]
    assert clusters.changes == [
        ("PUT", "workflows/ns/wf/stop"),
        ("PUT", "workflows/ns/wf/terminate"),
    ]


@pytest.mark.parametrize("change", [changes.stop, changes.terminate])
def test_one_that_has_ended_is_not(
    run_of: Callable[..., Run], clusters: Clusters, change: Callable[[Run], list[str]]
) -> None:
    with (
        run_of("Succeeded") as run,
        pytest.raises(UserError, match=r"has ended \(Succeeded\): there is nothing to"),
    ):
        change(run)
    assert clusters.changes == []


def test_only_what_failed_is_retried(run_of: Callable[..., Run], clusters: Clusters) -> None:
    with run_of("Succeeded") as run, pytest.raises(UserError, match="has succeeded: there is"):
        changes.retry(run)
    with run_of("Running") as run, pytest.raises(UserError, match="has not ended yet"):
        changes.retry(run)
    assert clusters.changes == []
    with run_of("Failed") as run:
        assert "its failed tasks run again" in changes.retry(run)[0]
    assert clusters.changes == [("PUT", "workflows/ns/wf/retry")]


def test_deleting_forgets_the_record_and_says_what_goes(
    run_of: Callable[..., Run], clusters: Clusters
) -> None:
    with run_of("Running") as run:
        text = " ".join(changes.what_delete_means(run))
        assert "it has not ended: what runs of it is ended" in text and "results stay" in text
        changes.delete(run)
    assert clusters.changes == [("DELETE", "workflows/ns/wf")]
    assert clusters.records.all() == []
