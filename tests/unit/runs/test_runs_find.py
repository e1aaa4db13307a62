"""A run is found by its name, or as the newest, wherever it is."""

from __future__ import annotations

import pytest
from runs_place import Clusters, workflow

from hera_experiment.errors import UserError
from hera_experiment.record.run_record import State
from hera_experiment.runs.changes import forget_records
from hera_experiment.runs.find import NoSuchRun, find_run
from hera_experiment.runs.listing import all_runs


def test_the_newest_of_the_designated_cluster(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("old", "08:00:00"), workflow("new", "09:00:00")]
    with find_run(clusters.context(cluster="a"), environ=clusters.environ) as run:
        assert (run.name, run.namespace, run.server.label) == ("new", "ns", "a")
        assert run.record is None
    assert not clusters.servers["b"].asked


def test_without_a_cluster_every_one_of_the_records_is_searched(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("on-a", "08:00:00")]
    clusters.there["b"] = [workflow("on-b", "09:00:00")]
    clusters.record("on-a", "a", "08:00:00")
    clusters.record("on-b", "b", "09:00:00")
    with find_run(clusters.context(), environ=clusters.environ) as run:
        assert (run.name, run.server.label) == ("on-b", "b")
        assert run.record is not None and run.record.name == "on-b"
    with find_run(clusters.context(), "on-a", clusters.environ) as run:
        assert (run.name, run.server.label) == ("on-a", "a")


def test_a_run_of_another_folder_is_found_by_its_name(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("theirs", "08:00:00")]
    with find_run(clusters.context(cluster="a"), "theirs", clusters.environ) as run:
        assert run.record is None


def test_the_newest_is_not_replaced_by_an_older_one_when_its_cluster_is_away(
    clusters: Clusters,
) -> None:
    clusters.there["a"] = [workflow("on-a", "08:00:00")]
    clusters.record("on-a", "a", "08:00:00")
    clusters.record("on-b", "b", "09:00:00")
    clusters.servers["b"].close()
    with pytest.raises(UserError, match="nothing listens"):
        find_run(clusters.context(), environ=clusters.environ)
    clusters.servers.pop("b")


def test_an_older_cluster_that_is_away_is_told_of(
    clusters: Clusters, capsys: pytest.CaptureFixture[str]
) -> None:
    clusters.there["a"] = [workflow("on-a", "09:00:00")]
    clusters.record("on-a", "a", "09:00:00")
    clusters.record("on-b", "b", "08:00:00")
    clusters.servers.pop("b").close()
    with find_run(clusters.context(), environ=clusters.environ) as run:
        assert run.name == "on-a"
    assert "not looked for on b: nothing listens" in capsys.readouterr().err


def test_no_run_is_one_sentence(clusters: Clusters) -> None:
    with pytest.raises(UserError, match="no run yet"):
        find_run(clusters.context(), environ=clusters.environ)
    with pytest.raises(UserError, match="no run yet"):
        find_run(clusters.context(cluster="a"), environ=clusters.environ)
    with pytest.raises(UserError, match="there is no run 'nope' on a"):
        find_run(clusters.context(cluster="a"), "nope", clusters.environ)
    clusters.record("gone", "a", "08:00:00")
    with pytest.raises(UserError, match="'gone' on a, though it was submitted from here"):
        find_run(clusters.context(), "gone", clusters.environ)


def test_a_record_whose_profile_is_gone_says_so(clusters: Clusters) -> None:
    clusters.record("lost", "c", "08:00:00")
    with pytest.raises(UserError, match="no cluster is named 'c'"):
        find_run(clusters.context(), environ=clusters.environ)
    clusters.record("nowhere", "", "09:00:00")
    with pytest.raises(UserError, match="is named no more: set ARGO_SERVER"):
        find_run(clusters.context(), environ=clusters.environ)


def test_all_runs_are_listed_newest_first_with_what_became_of_them(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("on-a", "08:00:00", "Failed"), workflow("theirs", "06:00:00")]
    clusters.there["b"] = [workflow("on-b", "07:00:00", "Succeeded")]
    clusters.record("on-a", "a", "08:00:00")
    clusters.record("on-b", "b", "07:00:00")
    clusters.record("deleted", "b", "07:30:00")
    clusters.record("unsure", "a", "09:00:00", State.UNSURE)
    clusters.record("refused", "a", "09:30:00", State.REFUSED)
    clusters.record("refused-long-ago", "a", "05:00:00", State.REFUSED)
    found = all_runs(clusters.context(), clusters.environ)
    assert [(run.label, run.name, run.phase) for run in found.runs] == [
        ("a", "refused", "Refused"),
        ("a", "unsure", "Unsure"),
        ("a", "on-a", "Failed"),
        ("b", "deleted", "Gone"),
        ("b", "on-b", "Succeeded"),
        ("a", "theirs", "Running"),
    ]
    assert found.runs[0].remark == "it said no"
    assert "RESUME=1" in found.runs[1].remark
    assert found.remarks == []


def test_runs_on_a_server_that_is_away_are_listed_as_unknown(clusters: Clusters) -> None:
    clusters.record("on-b", "b", "07:00:00")
    clusters.servers.pop("b").close()
    found = all_runs(clusters.context(), clusters.environ)
    assert [(run.name, run.phase) for run in found.runs] == [("on-b", "Unknown")]
    assert len(found.remarks) == 1 and "b: nothing listens" in found.remarks[0]


def test_a_workflow_of_the_same_name_is_not_that_of_the_record(clusters: Clusters) -> None:
    again = workflow("same", "09:00:00")
    again["metadata"]["labels"] = {}
    clusters.there["a"] = [again]
    clusters.record("same", "a", "08:00:00")
    found = all_runs(clusters.context(), clusters.environ)
    assert [run.phase for run in found.runs] == ["Running", "Gone"]
    assert found.runs[0].record is None


def test_a_record_whose_workflow_is_gone_can_be_forgotten(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("other", "08:00:00")]
    clusters.record("gone", "a", "08:00:00")
    context = clusters.context(cluster="a")
    with pytest.raises(NoSuchRun, match="though it was submitted from here") as missing:
        find_run(context, "gone", clusters.environ)
    assert forget_records(context, missing.value.records) == [
        "what was written down about gone is deleted"
    ]
    with pytest.raises(NoSuchRun) as again:
        find_run(context, "gone", clusters.environ)
    assert list(again.value.records) == []
