"""Whether a task ends here as it did there."""

from __future__ import annotations

import pytest

from hera_experiment.replay.ending import Ending, difference


def failed(
    line: str = "ValueError: x", code: str = "1", message: str = "", log: str = ""
) -> Ending:
    return Ending("Failed", message or f"main: Error (exit code {code})", code, (line,), log)


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("ValueError: x", "ValueError: x"),
        ("<Cell object at 0x7f21> is bad", "<Cell object at 0xa004> is bad"),
        ("2026-11-26 20:54:03,123 ERROR no", "2026-11-27T08:00:00Z ERROR no"),
        ("no file /tmp/tmpab12_x/a", "no file /tmp/tmpzz/a"),
        ("no file '/data/run/a'", "no file '/home/me/.hera/claims/c/run/a'"),
    ],
)
def test_what_passes_does_not_tell_ends_apart(there: str, here: str) -> None:
    paths = {"/home/me/.hera/claims/c": "/data"}

    assert difference(failed(there), failed(here), paths) == ""


def test_another_line_is_another_end() -> None:
    differs = difference(failed("KeyError: 'borough'"), failed("KeyError: 'vintage'"), {})

    assert "KeyError: 'borough'" in differs


def test_another_exit_code_is_another_end() -> None:
    differs = difference(failed(code="137"), failed(code="1"), {})

    assert "exit code 1 here" in differs and "exit code 137 there" in differs


def test_a_success_is_another_end() -> None:
    well = Ending("Succeeded", "", "0", ("done",))

    assert difference(failed(), well, {}) == "it succeeds here"
    assert difference(well, failed(), {}) == "it fails here alone"
    assert difference(well, well, {}) == ""


def test_a_log_that_is_gone_leaves_the_exit_code() -> None:
    gone = Ending("Failed", "main: Error (exit code 3)", "3", (), "its pod is gone")

    assert difference(gone, failed(code="3"), {}) == ""
    assert difference(gone, failed(code="4"), {})


def test_without_an_exit_code_the_message_counts() -> None:
    there = Ending("Error", "can't find /tmp/result", "")

    assert difference(there, Ending("Error", "can't find /tmp/result", ""), {}) == ""
    assert difference(there, Ending("Error", "no such image", ""), {})
