"""A task is taken over if it is proven to do the same; else it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hera_experiment.local.cache.states import Area, Areas
from hera_experiment.local.cache.tasks import Done, DoneTasks, Names, Task

MATERIAL = {"argv": ["compute", "/data/run-1/out"], "image": {"digest": "sha256:1"}}


class Volume:
    """A claim, and tasks that read ``in`` and write ``<workflow>/out``."""

    def __init__(self, folder: Path) -> None:
        self.claim = folder / "claim"
        self.claim.mkdir()
        (self.claim / "in").write_text("1")
        self.known = DoneTasks(folder / "cache")
        self.folder = folder

    def task(self, run: str, **material: object) -> Task:
        argv = ["compute", f"/data/{run}/out", f"{run}-pod-7", f"{run}-7"]
        names = Names(run, f"{run}-pod-7", f"{run}-7")
        areas = Areas([Area("claim/x", "/data", self.claim)])
        return Task(self.known, names, areas, {"argv": argv, **material})

    def do(self, run: str) -> None:
        """Do the task, and remember it."""
        task = self.task(run)
        task.accesses.read("/data/in")
        task.accesses.made_folder(f"/data/{run}")
        task.accesses.wrote(f"/data/{run}/out")
        (self.claim / run).mkdir()
        (self.claim / run / "out").write_text((self.claim / "in").read_text())
        self.log(run).write_text("said something\n")
        task.remember(task.accesses.finish(), {"result": "r", "parameters": {}}, self.log(run))

    def log(self, run: str) -> Path:
        return self.folder / f"{run}.log"


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    found = Volume(tmp_path)
    found.do("run-1")
    return found


def found(task: Task) -> Done:
    done = task.find()
    assert done is not None
    return done


def test_another_run_takes_it_over(volume: Volume) -> None:
    task = volume.task("run-2")
    done = found(task)
    assert (done.workflow, done.outcome["result"]) == ("run-1", "r")
    task.take_over(done, volume.log("run-2"))
    assert (volume.claim / "run-2" / "out").read_text() == "1"
    assert volume.log("run-2").read_text() == "said something\n"
    assert sorted(path.name for path in (volume.claim / "run-2").iterdir()) == ["out"]


def test_not_if_what_it_read_has_changed(volume: Volume) -> None:
    (volume.claim / "in").write_text("2")
    assert volume.task("run-2").find() is None
    (volume.claim / "in").write_text("1")
    assert volume.task("run-2").find() is not None


def test_not_if_what_it_wrote_is_gone_or_another(volume: Volume) -> None:
    out = volume.claim / "run-1" / "out"
    out.write_text("edited by hand")
    assert volume.task("run-2").find() is None
    out.unlink()
    assert volume.task("run-2").find() is None


def test_not_if_it_is_another_task(volume: Volume) -> None:
    assert volume.task("run-2", variables={"SEED": "1"}).find() is None


def test_it_may_go_back_to_what_was_before(volume: Volume) -> None:
    (volume.claim / "in").write_text("2")
    volume.do("run-2")
    assert found(volume.task("run-3")).workflow == "run-2"
    (volume.claim / "in").write_text("1")
    assert found(volume.task("run-3")).workflow == "run-1"


def test_of_two_alike_the_newest_counts(volume: Volume) -> None:
    volume.do("run-2")
    assert found(volume.task("run-3")).workflow == "run-2"


def test_names_in_values_that_a_script_decodes(volume: Volume) -> None:
    one, two = (
        volume.task(run, source=f'decode("{text}")').key
        for run, text in (("run-1", "L2RhdGEvcnVuLTE="), ("run-2", "L2RhdGEvcnVuLTI="))
    )
    assert one == two
    assert volume.task("run-2", source='decode("L2RhdGEvcnVuLTE=")').key != one


@pytest.mark.parametrize("text", ["", "{", "[]", '[{"unknown": 1}]', "null"])
def test_what_cannot_be_read_is_nothing(volume: Volume, text: str) -> None:
    (path,) = (volume.folder / "cache").glob("*.json")
    path.write_text(text)
    assert volume.task("run-2").find() is None
    volume.do("run-2")
    assert found(volume.task("run-3")).workflow == "run-2"
