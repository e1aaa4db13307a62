"""What is done to a run, and what is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest
from runs_place import Clusters, workflow

from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.images.ledger import Ledger
from hera_experiment.images.published import Published
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


@pytest.fixture
def changed(clusters: Clusters) -> Callable[..., list[str]]:
    """Retry a run of an image that was built of ``containers/growth``; return what is said."""
    folder = clusters.folder / "containers" / "growth"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM python:3.11\nCOPY growth.py .\n")
    (folder / "growth.py").write_text("1")
    script = clusters.folder / "workflow.py"
    script.write_text("")
    long_ago = 1_700_000_000
    for path in (folder / "growth.py", folder / "Dockerfile", script):
        os.utime(path, (long_ago, long_ago))
    experiment = Experiment.load(clusters.folder)
    published = Published(experiment, "reg.example", {})
    source = published.source("growth")
    digest = "sha256:" + "a" * 64
    Ledger.of(experiment).pushed(published.tagged(source), source, digest)
    images = {"digest": f"reg.example/t-growth@{digest}", "tag": published.tagged(source)}

    def changed(by: str = "digest", *, file: str = "", script: str = "") -> list[str]:
        if file:
            (folder / "growth.py").write_text(file)
        if script:
            (clusters.folder / "workflow.py").write_text(script)
        failed = workflow("wf", "08:00:00", "Failed")
        containers = [{"image": images.get(by, by)}, {"image": "python:3.13-slim"}]
        failed["spec"]["templates"] = [{"name": "a", "container": each} for each in containers]
        clusters.there["a"] = [failed]
        clusters.record("wf", "a", "08:00:00")
        with find_run(clusters.context(cluster="a"), environ=clusters.environ) as run:
            return changes.retry(run)

    return changed


@pytest.mark.parametrize("by", ["digest", "tag"])
def test_a_retry_tells_which_image_of_when_it_runs(
    changed: Callable[..., list[str]], by: str
) -> None:
    same = "\n".join(changed(by))
    assert "submitted on 2026-11-21" in same and "  python:3.13-slim\n" in same
    assert re.search(r"  reg\.example/t-growth\S+, of \d{4}-\d\d-\d\d \d\d:\d\d\n", same)
    assert "changed" not in same and "make build" not in same
    other = "\n".join(changed(by, file="2", script="x"))
    assert "containers/growth/ has changed since" in other and "what workflow.py says now" in other
    assert "a new run with today's code: make build push submit" in other


def test_of_an_image_that_nobody_knows_it_is_said(changed: Callable[..., list[str]]) -> None:
    text = "\n".join(changed("127.0.0.1:9/t-growth@sha256:" + "b" * 64))
    assert "whether it is today's is not known" in text


def test_a_retry_says_that_what_was_fetched_is_of_before(
    changed: Callable[..., list[str]], clusters: Clusters
) -> None:
    assert "results/wf" not in "\n".join(changed())
    (clusters.folder / "results" / "wf").mkdir(parents=True)
    assert "results/wf/ holds what it made before: 'make results RUN=wf'" in "\n".join(changed())
