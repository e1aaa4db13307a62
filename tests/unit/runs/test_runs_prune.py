"""Old runs are deleted, those of this folder alone."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_server import FakeServer
from runs_place import Clusters, workflow

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "images"))

from fake_registry import FakeRegistry
from image_layers import entry

from hera_experiment.context.verb_arguments import VerbArguments
from hera_experiment.errors import UserError
from hera_experiment.images.store import ImageStore, images_folder
from hera_experiment.record.run_record import State
from hera_experiment.verbs import delete, prune
from hera_utils.cli_context import CLIContext


@pytest.fixture
def typed(clusters: Clusters, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(clusters.folder)
    monkeypatch.setenv("HOME", clusters.environ["HOME"])
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def typed(verb: Any, **options: str) -> int:
        names = ("keep", "files", "images", "yes", "reader_image", "run", "output")
        given = {**dict.fromkeys(names, ""), **options}
        return int(verb.main(VerbArguments(CLIContext, **given)))

    return typed


@pytest.fixture
def four(clusters: Clusters) -> Clusters:
    clusters.there["a"] = [
        workflow("theirs", "01:00:00", "Succeeded"),
        workflow("old", "06:00:00", "Failed"),
        workflow("going", "07:00:00"),
        workflow("new", "09:00:00", "Succeeded"),
    ]
    for name, hour in (("old", 6), ("going", 7), ("new", 9)):
        clusters.record(name, "a", f"0{hour}:00:00")
    clusters.record("gone", "a", "05:00:00")
    clusters.record("refused", "a", "04:00:00", State.REFUSED)
    clusters.record("unsure", "a", "03:00:00", State.UNSURE)
    return clusters


def test_without_a_number_nothing_goes_and_the_room_is_told(
    four: Clusters, typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (four.folder / "results").mkdir()
    (four.folder / "results" / "big").write_bytes(bytes(2000))
    assert typed(prune) == 0
    said = capsys.readouterr().out
    assert ".hera: " in said and "(submissions " in said and "results/: 2.0 kB" in said
    assert "KEEP=10" in said
    assert four.changes == []


def test_a_machine_learns_what_went(
    four: Clusters, typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (four.folder / "results").mkdir()
    (four.folder / "results" / "big").write_bytes(bytes(2000))
    assert typed(prune, output="json") == 0
    said = capsys.readouterr()
    room = json.loads(said.out)
    assert (room["deleted"], room["runs"], room["result_bytes"]) == ([], 5, 2000)
    assert "KEEP=10" in said.err

    assert typed(prune, keep="2", yes="1", output="json") == 0
    gone = json.loads(capsys.readouterr().out)
    assert {"name": "old", "cluster": "a"} in gone["deleted"]
    assert gone["runs"] == 5 - len(gone["deleted"])


def test_a_machine_learns_whether_a_run_is_deleted(
    four: Clusters, typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    where = {"name": "new", "cluster": "a"}
    assert typed(delete, run="new", output="json") == 1
    assert json.loads(capsys.readouterr().out) == {"deleted": False, **where}
    assert typed(delete, run="new", yes="1", output="json") == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": True, **where}


def test_the_newest_stay_and_what_has_not_ended(four: Clusters, typed: Any) -> None:
    assert typed(prune, keep="1") == 1  # nobody agreed to it
    assert four.changes == []
    assert typed(prune, keep="1", yes="1") == 0
    assert four.changes == [("DELETE", "workflows/ns/old")]
    assert {record.name for record in four.records.all()} == {"going", "new", "unsure"}
    four.there["a"] = []
    assert typed(prune, keep="0", yes="1") == 0
    assert {record.name for record in four.records.all()} == {"unsure"}


def test_a_number_is_a_number(typed: Any) -> None:
    with pytest.raises(UserError, match="'ten' is not a whole number"):
        typed(prune, keep="ten")


def test_a_server_that_says_no_keeps_its_runs_and_the_others_go(
    four: Clusters, typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    four.record("lost", "c", "02:00:00")
    four.servers.pop("b").close()
    four.record("away", "b", "02:30:00")
    assert typed(prune, keep="1", yes="1") == 0
    assert "b: nothing listens" in capsys.readouterr().err
    assert {r.name for r in four.records.all()} == {"going", "new", "unsure", "lost", "away"}


def test_what_is_left_of_a_run_can_be_deleted_when_its_profile_is_gone(
    clusters: Clusters, typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    clusters.record("lost", "c", "08:00:00")
    assert typed(delete, run="lost", yes="1") == 0
    assert "no cluster is named 'c'" in capsys.readouterr().out
    assert clusters.records.all() == []


@pytest.mark.parametrize("name", ["old", "gone"])
def test_with_the_files_what_was_fetched_goes(four: Clusters, typed: Any, name: str) -> None:
    fetched = four.folder / "results" / name
    other = four.folder / "results" / "other"
    for folder in (fetched, other):
        folder.mkdir(parents=True)
        (folder / "table.csv").write_text("1")
    assert typed(delete, run=name, files="1") == 1  # nobody agreed to it
    assert (fetched / "table.csv").exists()
    assert typed(delete, run=name, yes="1") == 0
    assert (fetched / "table.csv").exists()
    four.record(name, "a", "08:00:00")
    assert typed(delete, run=name, files="1", yes="1") == 0
    assert not fetched.exists() and (other / "table.csv").exists()
    assert name not in [record.name for record in four.records.all()]


def test_files_of_a_run_that_has_not_ended_stay(four: Clusters, typed: Any) -> None:
    with pytest.raises(UserError, match="make terminate RUN=going"):
        typed(delete, run="going", files="1", yes="1")
    assert four.changes == []


def test_images_of_registries(
    four: Clusters, typed: Any, fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = FakeRegistry(fake)
    registry.image("old", [entry("a", b"a" * 3000)], architecture="")
    registry.image("new", [entry("a", b"a" * 3000)], [entry("b", b"b" * 1000)], architecture="")
    environ = {"HOME": four.environ["HOME"]}
    store = ImageStore(images_folder(environ), environ)
    names = [f"{registry.host}/x:{tag}" for tag in ("old", "new")]
    found = [store.provide(name, lambda text: None) for name in names]
    store.close()
    then = time.time() - 40 * 86_400
    for record in (store.folder / "images").glob(f"{found[0].digest[7:]}*.json"):
        os.utime(record, (then, then))
    assert typed(prune) == 0
    assert f"4.0 kB in {store.folder}; IMAGES=30" in capsys.readouterr().out
    assert typed(prune, images="30") == 1  # nobody agreed to it
    said = capsys.readouterr().out
    assert f"{names[0]}  3.0 kB  last used" in said and names[1] not in said
    assert typed(prune, images="30", yes="1") == 0
    assert "deleted: 1 image, 0 B freed" in capsys.readouterr().out
    store.provide(names[1], lambda text: None)
    assert typed(prune, images="0", yes="1") == 0
    said = capsys.readouterr().out
    assert f"in use: {names[1]}" in said and "deleted: 0 images" in said
    store.close()
    assert typed(prune, images="0", yes="1") == 0
    assert "deleted: 1 image, 4.0 kB freed" in capsys.readouterr().out
    assert typed(prune, images="0", yes="1") == 0
    assert "nothing to delete: 0 images, 0 B" in capsys.readouterr().out
    assert four.changes == []
    with pytest.raises(UserError, match="apart"):
        typed(prune, images="0", keep="1")
