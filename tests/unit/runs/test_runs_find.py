"""A run is found by its name, or as the newest, wherever it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from runs_place import Clusters, workflow

from hera_experiment.errors import UserError
from hera_experiment.record.run_record import State
from hera_experiment.runs.changes import forget_records
from hera_experiment.runs.find import NoSuchRun, Run, find_run, find_run_or_deleted
from hera_experiment.runs.listing import all_runs


def test_the_newest_of_the_designated_cluster(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("old", "08:00:00"), workflow("new", "09:00:00")]
    clusters.record("old", "a", "08:00:00")
    clusters.record("new", "a", "09:00:00")
    with find_run(clusters.context(cluster="a"), environ=clusters.environ) as run:
        assert (run.name, run.namespace, run.server.label) == ("new", "ns", "a")
    assert not clusters.servers["b"].asked


def test_the_newest_is_the_newest_of_this_folder(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("ours", "08:00:00"), workflow("theirs", "09:00:00")]
    clusters.record("ours", "a", "08:00:00")
    for context in (clusters.context(), clusters.context(cluster="a")):
        with find_run(context, environ=clusters.environ) as run:
            assert run.name == "ours"


def test_what_others_submitted_is_never_taken_for_ours(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("theirs", "09:00:00")]
    with pytest.raises(UserError, match="was submitted from this folder") as error:
        find_run(clusters.context(cluster="a"), environ=clusters.environ)
    assert "RUN=theirs" in str(error.value)


@pytest.mark.parametrize("find", [find_run, find_run_or_deleted])
def test_when_the_newest_was_deleted_no_older_one_is_taken(
    clusters: Clusters, find: Callable[..., Run]
) -> None:
    clusters.there["a"] = [workflow("older", "08:00:00")]
    clusters.record("older", "a", "08:00:00")
    clusters.record("deleted", "a", "09:00:00")
    if find is find_run:
        with pytest.raises(NoSuchRun, match="deleted, was deleted on a") as missing:
            find(clusters.context(), environ=clusters.environ)
        assert "RUN=older" in str(missing.value)
        assert [record.name for record in missing.value.records] == ["deleted"]
    else:
        # Its files are on the claim still.
        with find(clusters.context(), environ=clusters.environ) as run:
            assert run.name == "deleted"


def test_when_the_newest_may_not_exist_no_older_one_is_taken(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("older", "08:00:00")]
    clusters.record("older", "a", "08:00:00")
    clusters.record("unsure", "a", "09:00:00", State.UNSURE)
    with pytest.raises(UserError, match="RESUME=1"):
        find_run(clusters.context(), environ=clusters.environ)
    clusters.records.remove("unsure")
    clusters.record("refused", "a", "09:00:00", State.REFUSED)
    with find_run(clusters.context(), environ=clusters.environ) as run:
        assert run.name == "older"


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
    with pytest.raises(UserError, match="is no longer named: set ARGO_SERVER"):
        find_run(clusters.context(), environ=clusters.environ)


def test_a_forgotten_cluster_keeps_no_other_run_from_being_found(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("on-a", "09:00:00")]
    clusters.record("on-a", "a", "09:00:00")
    clusters.record("lost", "c", "08:00:00")
    with find_run(clusters.context(), environ=clusters.environ) as run:
        assert run.name == "on-a"
    with pytest.raises(NoSuchRun, match="no cluster is named 'c'") as missing:
        find_run(clusters.context(), "lost", clusters.environ)
    assert "make delete RUN=lost" in str(missing.value)
    found = all_runs(clusters.context(), clusters.environ)
    assert [(run.name, run.phase) for run in found.runs] == [
        ("on-a", "Running"),
        ("lost", "Unknown"),
    ]
    assert "clusters/c.config is gone" in found.runs[1].remark and found.remarks == []


def test_a_profile_that_was_renamed_leads_to_its_runs(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("wf", "09:00:00")]
    server = f"http://127.0.0.1:{clusters.servers['a'].port}/"
    clusters.record("wf", "before", "09:00:00", server=server)
    with find_run(clusters.context(), environ=clusters.environ) as run:
        assert (run.name, run.server.label) == ("wf", "a") and run.record is not None
    (listed,) = all_runs(clusters.context(), clusters.environ).runs
    assert (listed.label, listed.phase, listed.is_mine) == ("a", "Running", True)


def test_a_run_that_two_profiles_lead_to_is_listed_once(clusters: Clusters) -> None:
    both = workflow("wf", "08:00:00")
    both["metadata"]["uid"] = "1"
    clusters.there = {"a": [both], "b": [both, workflow("on-b", "07:00:00")]}
    clusters.record("wf", "b", "08:00:00")
    clusters.record("other", "a", "06:00:00")
    found = all_runs(clusters.context(), clusters.environ).runs
    assert [(run.label, run.name, run.phase) for run in found] == [
        ("b", "wf", "Running"),
        ("a", "other", "Gone"),
        ("b", "on-b", "Running"),
    ]


def test_runs_of_this_folder_are_listed_first(clusters: Clusters) -> None:
    theirs = workflow("theirs", "09:00:00")
    theirs["metadata"]["labels"]["workflows.argoproj.io/creator-preferred-username"] = "ada"
    clusters.there["a"] = [theirs, workflow("ours", "08:00:00")]
    clusters.record("ours", "a", "08:00:00")
    found = all_runs(clusters.context(), clusters.environ).runs
    assert [(run.name, run.is_mine, run.remark) for run in found] == [
        ("ours", True, ""),
        ("theirs", False, "by ada"),
    ]


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
    # That of the record is ours, the other one is not.
    assert [run.phase for run in found.runs] == ["Gone", "Running"]
    assert found.runs[1].record is None


def test_a_record_whose_workflow_is_gone_can_be_forgotten(clusters: Clusters) -> None:
    clusters.there["a"] = [workflow("other", "08:00:00")]
    clusters.record("gone", "a", "08:00:00")
    context = clusters.context(cluster="a")
    with pytest.raises(NoSuchRun, match="though it was submitted from here") as missing:
        find_run(context, "gone", clusters.environ)
    assert forget_records(context, missing.value.records) == ["the record of gone is deleted"]
    with pytest.raises(NoSuchRun) as again:
        find_run(context, "gone", clusters.environ)
    assert list(again.value.records) == []
