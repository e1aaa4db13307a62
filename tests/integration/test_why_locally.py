"""``runs``, ``note`` and ``why`` on this machine: planted changes are found, and shown."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from polling import until
from why_cases import MODEL, PLANTED, Planted, WhyPlace

CHOSEN = {"input digits", f"code {MODEL}", "chance simulate"}

SCALE_TYPED = """
from argparse import ArgumentParser

parser = ArgumentParser()
parser.add_argument("--scale", type=int)
SCALE = parser.parse_known_args()[0].scale
"""


def chosen() -> list[Planted]:
    """Return the first change of each kind of cause."""
    first: dict[str, Planted] = {}
    for change in PLANTED:
        first.setdefault(" ".join(change.cause), change)
    return [change for cause, change in first.items() if cause in CHOSEN]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WhyPlace]:
    place = WhyPlace(tmp_path_factory.mktemp("why"))
    yield place
    until(place.server_has_gone, 30)


@pytest.fixture(scope="module")
def base(place: WhyPlace) -> str:
    return place.go("--cache=1")


@pytest.mark.parametrize("change", chosen(), ids=lambda change: change.cause[1])
def test_a_planted_change_is_shown(place: WhyPlace, base: str, change: Planted) -> None:
    if change.cause[0] == "chance":
        place.plant(change, before=True)
        base = place.go()
    beside = place.plant(change, seed=1)
    words = (f"--a={base}", f"--b={place.go('--cache=1')}", "--output=json")
    guessed = json.loads(place.verb("why", *words))
    (cause,) = [each for each in guessed["causes"] if not each["out"]][:1]
    assert (cause["kind"], cause["name"].partition("(")[0]) == change.cause
    assert beside, "harmless changes stand beside it"
    shown = json.loads(place.verb("why", *words, "--prove=1"))
    assert shown["task"].partition("(")[0] == change.task
    assert [each.partition("(")[0] for each in shown["proof"]["causes"]] == [" ".join(change.cause)]
    assert not (place.folder / ".hera" / "why").exists()
    if change.task != "simulate":
        # What comes before the change was taken over.
        assert any(0 < trial["ran"] < trial["tasks"] for trial in shown["proof"]["trials"])


def test_runs_tell_what_differs_and_what_was_noted(place: WhyPlace, base: str) -> None:
    place.plant(None)
    other = place.go("--set=growth=1.75")
    place.verb("note", f"--run={other}", "--text=faster  growth")
    newest, *_ = documents = json.loads(place.verb("runs", "--output=json"))
    assert (newest["name"], newest["note"], newest["phase"]) == (
        other,
        "faster growth",
        "Succeeded",
    )
    assert newest["chosenInputs"] == {"growth": 1.75}
    assert newest["seconds"] is not None and base in [each["name"] for each in documents]
    text = place.verb("runs")
    assert "inputs: growth=1.75" in text and "note: faster growth" in text
    header, first, *_ = place.verb("runs", "--changed=1", "--limit=2").splitlines()
    assert "growth" in header and "1.75" in first
    assert "steps" not in header, "it is the same in both"
    assert json.loads(place.verb("status", f"--run={other}", "--output=json"))["note"]


def test_a_single_output_is_asked_for(place: WhyPlace, base: str) -> None:
    change = next(each for each in PLANTED if each.task == "summarise")
    place.plant(change, seed=3)
    other = place.go("--cache=1")
    words = (f"--a={base}", f"--b={other}")
    text = place.verb("why", *words, "--file=summary.csv")
    assert "first task whose outputs differ: summarise" in text
    assert "north, mean_t: " in text
    unchanged = place.verb("why", *words, "--file=results/judged.json")
    assert "first task" not in unchanged


def test_another_argument_is_shown_and_no_secret_is_kept(
    place: WhyPlace,
) -> None:
    place.plant(None)
    source = (place.folder / "workflow.py").read_text()
    (place.folder / "workflow.py").write_text(source.replace("SCALE = 10", SCALE_TYPED))
    one = place.go("--args=--scale 10 --argo_token geheim", "--cache=1")
    (place.folder / "other.py").write_text((place.folder / "workflow.py").read_text())
    typed = "--args=--scale=12 --password=geheim"
    other = place.go("--script=other.py", typed, "--cache=1")
    found = json.loads(place.verb("why", f"--a={one}", f"--b={other}", "-o=json", "--prove=1"))
    tried = [
        (each["swapped"], each["came"]) for each in found["proof"]["trials"] if each["swapped"]
    ]
    assert tried[-1] == (["argument --scale"], "other")
    # Another file with the same words makes no difference.
    assert set(map(str, tried[:-1])) <= {str((["argument script"], "same"))}
    assert found["proof"]["causes"] == ["argument --scale"] and not found["proof"]["remarks"]
    assert "arguments: --scale=12 --password=(not kept)" in place.verb("runs")
    assert " ARGS" in place.verb("runs", "--changed=1", "--limit=2")
    for path in (place.folder / ".hera" / "submissions").iterdir():
        assert b"geheim" not in path.read_bytes()


def test_mistakes_are_one_sentence(place: WhyPlace, base: str) -> None:
    with pytest.raises(AssertionError, match="neither run has a file"):
        place.verb("why", f"--a={base}", f"--b={base}", "--file=x.csv")
    with pytest.raises(AssertionError, match="no run 'none' was submitted from here"):
        place.verb("note", "--run=none", "--text=x")
    with pytest.raises(AssertionError, match="there is no text to note"):
        place.verb("note", f"--run={base}")
