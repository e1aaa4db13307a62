"""What a task has read and written: taken down as it was at the time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hera_experiment.local.cache.accesses import Accesses, Trace
from hera_experiment.local.cache.states import ABSENT, FOLDER, Area, Areas, Digests


class Told:
    """Accesses of a task that sees a folder of this machine as ``/data``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digests = Digests()
        areas = Areas([Area("claim/x", "/data", folder)])
        self.accesses = Accesses(areas, self.digests)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def digest(self, name: str) -> str:
        return self.digests.of(self.folder / name)

    def finish(self) -> Trace:
        return self.accesses.finish()


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def reads(trace: Trace) -> dict[str, object]:
    return {key: seen.value for key, seen in trace.reads.items()}


def test_a_file_that_was_read_counts_with_its_content(told: Told) -> None:
    told.write("in.txt", "1")
    told.accesses.read("/data/in.txt")
    assert reads(told.finish()) == {"content claim/x:in.txt": told.digest("in.txt")}


def test_what_lies_outside_of_all_areas_does_not_count(told: Told) -> None:
    told.accesses.read("/usr/lib/x")
    told.accesses.wrote("/datasets")
    assert told.finish() == Trace()


def test_what_a_task_made_itself_is_no_input(told: Told) -> None:
    told.accesses.wrote("/data/out.txt")
    told.write("out.txt", "2")
    told.accesses.read("/data/out.txt")
    told.accesses.read("/data")
    trace = told.finish()
    assert reads(trace) == {"names claim/x:": []}
    assert trace.writes == {"claim/x:out.txt": f"file {told.digest('out.txt')}"}


def test_a_file_is_what_it_was_before_the_task_changed_it(told: Told) -> None:
    told.write("a", "before")
    before = told.digest("a")
    told.accesses.read("/data/a")
    told.accesses.wrote("/data/a")
    told.write("a", "after, and longer")
    trace = told.finish()
    assert reads(trace) == {"content claim/x:a": before}
    assert trace.writes == {"claim/x:a": f"file {told.digest('a')}"}
    assert trace.problems == ()


def test_what_is_appended_to_is_read(told: Told) -> None:
    told.write("log", "1\n")
    before = told.digest("log")
    told.accesses.wrote("/data/log", keeps=True)
    told.write("log", "1\n2\n")
    assert reads(told.finish()) == {"content claim/x:log": before}


def test_a_file_that_another_changes_meanwhile_proves_nothing(told: Told) -> None:
    told.write("shared", "1")
    told.accesses.read("/data/shared")
    told.write("shared", "another length")
    assert told.finish().problems == ("shared changed while the task read it",)


def test_names_and_kinds(told: Told) -> None:
    told.write("folder/b", "")
    told.write("folder/a", "")
    told.accesses.read("/data/folder")
    told.accesses.looked("/data/folder/a")
    told.accesses.looked("/data/nothing")
    told.accesses.read("/data/nothing/at/all")
    assert reads(told.finish()) == {
        "names claim/x:folder": ["a", "b"],
        "kind claim/x:folder/a": "file",
        "kind claim/x:nothing": ABSENT,
        "kind claim/x:nothing/at/all": ABSENT,
    }


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_made_unless_it_is_there_is_the_same_either_way(told: Told, there: bool) -> None:
    if there:
        (told.folder / "out").mkdir()
    told.accesses.looked("/data/out")
    told.accesses.made_folder("/data/out")
    (told.folder / "out").mkdir(exist_ok=True)
    trace = told.finish()
    assert reads(trace) == {}
    assert trace.writes == {"claim/x:out": FOLDER}


def test_a_file_that_came_and_went_leaves_nothing(told: Told) -> None:
    told.accesses.wrote("/data/.draft")
    told.write(".draft", "x")
    told.accesses.moved("/data/.draft", "/data/done")
    (told.folder / ".draft").rename(told.folder / "done")
    trace = told.finish()
    assert list(trace.writes) == ["claim/x:done"]
    assert reads(trace) == {}


def test_a_file_of_others_that_is_removed_is_known_to_be_gone(told: Told) -> None:
    path = told.write("old", "x")
    told.accesses.removed("/data/old")
    path.unlink()
    trace = told.finish()
    assert reads(trace) == {"kind claim/x:old": "file"}
    assert trace.writes == {"claim/x:old": ABSENT}


def link(target: str) -> Callable[[Told], None]:
    return lambda told: (told.folder / "link").symlink_to(target)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (link("/data/a"), "leads to a whole path"),
        (link("../../outside"), "leads out of its volume"),
    ],
)
def test_links_that_cannot_be_followed_prove_nothing(
    told: Told, make: Callable[[Told], None], problem: str
) -> None:
    make(told)
    told.accesses.read("/data/link")
    assert problem in told.finish().problems[0]


def test_a_link_counts_with_what_it_leads_to(told: Told) -> None:
    told.write("a", "text")
    link("a")(told)
    told.accesses.read("/data/link")
    assert reads(told.finish()) == {
        "kind claim/x:link": "link a",
        "content claim/x:a": told.digest("a"),
    }


def test_moving_a_folder_proves_nothing(told: Told) -> None:
    told.write("one/a", "")
    told.accesses.moved("/data/one", "/data/two")
    assert told.finish().problems == ("it moves the folder /data/one",)
