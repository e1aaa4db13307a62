"""The runs of an experiment as a notebook has them."""

from __future__ import annotations

import gc
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from runs_place import Clusters, workflow

import hera_utils
from hera_experiment import experiment_runs
from hera_experiment.results.experiment_runs import ExperimentRuns
from hera_utils.cli_context import CLIContext


@pytest.fixture
def here(clusters: Clusters) -> Clusters:
    done = workflow("done", "08:00:00", "Failed")
    done["spec"]["arguments"] = {"parameters": [{"name": "city", "value": "lyon"}]}
    done["status"]["message"] = "it failed"
    done["status"]["outputs"] = {"parameters": [{"name": "sum", "value": "7"}]}
    done["status"]["nodes"] = {
        "1": {
            "id": "1",
            "name": "done.a",
            "type": "Pod",
            "phase": "Failed",
            "startedAt": "2026-11-21T08:00:00Z",
            "inputs": {"parameters": [{"name": "year", "value": "1999"}]},
            "outputs": {"exitCode": "3", "parameters": [{"name": "found", "value": "x"}]},
        }
    }
    clusters.there["a"] = [done, workflow("theirs", "09:00:00")]
    clusters.record("done", "a", "08:00:00")
    clusters.record("gone", "a", "07:00:00")
    return clusters


def runs_of(clusters: Clusters, cluster: str = "", *, everyone: bool = False) -> ExperimentRuns:
    return experiment_runs(
        CLIContext, cluster, everyone=everyone, folder=clusters.folder, environ=clusters.environ
    )


def test_runs_have_tasks_outputs_and_files(here: Clusters) -> None:
    (here.folder / "results" / "done" / "deep").mkdir(parents=True)
    file = here.folder / "results" / "done" / "deep" / "table.csv"
    file.write_text("1")
    done, gone = runs_of(here)
    assert (done.name, done.cluster, done.phase, done.message) == (
        "done",
        "a",
        "Failed",
        "it failed",
    )
    assert done.created == datetime(2026, 11, 21, 8, tzinfo=timezone.utc)
    assert (done.parameters, done.outputs) == ({"city": "lyon"}, {"sum": "7"})
    (task,) = done.tasks
    assert (task.name, task.phase, task.exit_code, task.attempts) == ("a", "Failed", 3, 1)
    assert (task.inputs, task.outputs) == ({"year": "1999"}, {"found": "x"})
    assert task.started is not None and task.finished is None
    assert done.files == [file]
    assert (gone.phase, gone.tasks, gone.files, gone.outputs) == ("Gone", [], [], {})


def test_those_of_others_are_asked_for(here: Clusters) -> None:
    assert [run.name for run in runs_of(here, "a")] == ["done", "gone"]
    everyone = runs_of(here, everyone=True)
    assert [run.name for run in everyone] == ["done", "gone", "theirs"]
    assert everyone["theirs"].is_mine is False and everyone[-1] is everyone["theirs"]
    with pytest.raises(KeyError):
        everyone["nope"]


def test_a_server_that_is_away_is_told_of(here: Clusters) -> None:
    here.servers.pop("b").close()
    here.record("away", "b", "06:00:00")
    found = runs_of(here)
    assert "b: nothing listens" in found.remarks[0]
    assert found["away"].phase == "Unknown"


def test_one_run_is_enough_to_keep_its_server(here: Clusters, tmp_path: Path) -> None:
    done = runs_of(here)[0]
    gc.collect()
    assert done.tasks and done.fetch(lambda line: None) == []


def test_a_notebook_asks_hera_utils(here: Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here.folder)
    monkeypatch.setenv("HOME", here.environ["HOME"])
    assert [run.name for run in hera_utils.runs()] == ["done", "gone"]
    assert len(hera_utils.runs("b")) == 0
    assert "theirs" in [run.name for run in hera_utils.runs("a", everyone=True)]


def test_runs_have_what_was_noted_of_them(here: Clusters) -> None:
    record = here.records.read("done")
    assert record is not None
    origin = {"inputs": {"city": "lyon"}, "python": "3.11.7"}
    here.records.write(replace(record, origin=origin))
    here.records.note(record, "the good one")
    done, gone = runs_of(here)
    assert (done.note, done.inputs, done.origin.python) == (
        "the good one",
        {"city": "lyon"},
        "3.11.7",
    )
    assert (gone.note, gone.inputs, gone.duration) == ("", {}, None)
