"""The folder of a replay, and the files that come into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hera_experiment.experiment import Experiment
from hera_experiment.record.code import CodeStore
from hera_experiment.replay.place import ReplayPlace
from hera_experiment.results.folder_transport import FolderTransport

FOLDERS = {"numbers": ["run-1", "data"]}


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    folder = tmp_path / "own"
    (folder / "containers" / "collect").mkdir(parents=True)
    (folder / "containers" / "collect" / "collect.py").write_text("then")
    (folder / "experiment.toml").write_text('[experiment]\nname = "Try"\nslug = "try"\n')
    return Experiment.load(folder)


def test_tasks_whose_names_look_alike_have_folders_of_their_own(experiment: Experiment) -> None:
    names = ("a(0:x/y)", "a(0:x.y)", "a-0-x.y", "b" * 200, "b" * 199)

    folders = {ReplayPlace(experiment, "run-1", name).folder for name in names}

    assert len(folders) == len(names)
    assert {folder.parent for folder in folders} == {experiment.state / "replays"}


def test_the_code_is_that_of_the_run_or_todays(experiment: Experiment) -> None:
    tree = CodeStore(experiment).keep().tree
    program = Path("containers", "collect", "collect.py")
    (experiment.folder / program).write_text("now")
    place = ReplayPlace(experiment, "run-1", "a")

    place.prepare(tree)
    assert (place.experiment.folder / program).read_text() == "then"
    place.prepare("")
    assert (place.experiment.folder / program).read_text() == "now"
    place.prepare(tree)

    assert (place.experiment.folder / program).read_text() == "then"
    assert (experiment.folder / program).read_text() == "now"
    assert Experiment.find(place.experiment.folder).slug == "try"


def test_each_replay_begins_with_the_files_as_they_came(experiment: Experiment) -> None:
    place = ReplayPlace(experiment, "run-1", "a")
    place.prepare("")
    cells = Path("numbers", "run-1", "cells.csv")
    (place.fetched / cells).parent.mkdir(parents=True)
    (place.fetched / cells).write_text("1,2")

    place.fill_claims(["numbers", "other"])
    (place.claims / cells).write_text("spoilt")
    (place.claims / "numbers" / "new").touch()
    place.fill_claims(["numbers", "other"])

    assert (place.claims / cells).read_text() == "1,2"
    assert not (place.claims / "numbers" / "new").exists()
    assert (place.claims / "other").is_dir()


def test_the_smallest_files_come_first_up_to_the_limit(tmp_path: Path) -> None:
    run = tmp_path / "claims" / "numbers" / "run-1"
    run.mkdir(parents=True)
    for name, size in (("small", 10), ("middle", 400), ("large", 5000)):
        (run / name).write_bytes(b"x" * size)
    (tmp_path / "claims" / "numbers" / "another-run").mkdir()
    workflow = {"metadata": {"name": "run-1"}, "spec": {}}
    transport = FolderTransport(workflow, tmp_path / "claims")

    results = transport.bring(FOLDERS, tmp_path / "to", 500)

    brought = sorted(path.relative_to(tmp_path / "to").as_posix() for path in results.files)
    assert brought == ["numbers/run-1/middle", "numbers/run-1/small"]
    (remark,) = results.remarks
    assert "LIMIT" in remark and "'large'" in remark and "5.0 kB" in remark


def test_what_is_gone_there_goes_here_too(experiment: Experiment) -> None:
    place = ReplayPlace(experiment, "run-1", "a")
    place.prepare("")
    kept, gone = place.fetched / "c" / "kept", place.fetched / "c" / "gone"
    kept.parent.mkdir(parents=True)
    for path in (kept, gone):
        path.touch()

    place.forget_but([kept])

    assert kept.exists() and not gone.exists()
