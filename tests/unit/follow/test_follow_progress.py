from __future__ import annotations

import io
import os
from pathlib import Path

from follow_workflows import NOW, Collected, node, workflow

from hera_experiment.follow.display import PlainProgress, display_of
from hera_experiment.follow.lines import Line, PlainOutput, shortened
from hera_experiment.follow.live import LiveProgress
from hera_experiment.follow.rows import region


def test_each_task_is_told_once_when_it_has_ended() -> None:
    output = Collected()
    progress = PlainProgress(output, lambda: NOW)
    a, b = node("a", start=0, end=3), node("b", "Failed", start=1, end=2, message="Error (exit 1)")
    progress.update(workflow(node("", "Running", type="DAG"), node("a", "Running")))
    assert output.lines == ["workflow wf is running"]
    progress.update(workflow(node("", "Running", type="DAG"), a, b))
    progress.update(workflow(node("", "Failed", type="DAG"), a, b, phase="Failed", end=5))
    assert output.lines[1:] == ["Failed     b  1s  Error (exit 1)", "Succeeded  a  3s"]


def test_a_reason_to_wait_is_told_once_for_all_tasks() -> None:
    output = Collected()
    progress = PlainProgress(output, lambda: NOW)
    why = "installing the requirements of containers/chart"
    waiting = [node(f"n({i}:{i})", "Pending", end=None, message=why) for i in range(9)]
    progress.update(workflow(*waiting[:2]))
    progress.update(workflow(*waiting))
    assert output.lines[1:] == [f"Pending    {why}"]


def test_attempts_are_not_told_but_the_task_is() -> None:
    output = Collected()
    progress = PlainProgress(output, lambda: NOW)
    first = node("f(0)", "Failed")
    retry = node("f", "Running", type="Retry", children=("f(0)",))
    progress.update(workflow(retry, first))
    assert len(output.lines) == 1
    done = node("f", type="Retry", start=0, end=7, children=("f(0)", "f(1)"))
    progress.update(workflow(done, first, node("f(1)")))
    assert output.lines[1:] == ["Succeeded  f  7s"]


def test_a_retried_workflow_tells_its_tasks_again() -> None:
    output = Collected()
    progress = PlainProgress(output, lambda: NOW)
    progress.update(workflow(node("a", "Failed")))
    progress.update(workflow(node("a", "Running")))
    progress.update(workflow(node("a")))
    assert output.lines[1:] == ["Failed     a  1s", "Succeeded  a  1s"]


def test_of_several_workflows_each_line_says_whose_it_is() -> None:
    output = Collected()
    progress = PlainProgress(output, lambda: NOW)
    progress.update(workflow(name="one"))
    progress.update(workflow(node("a", workflow="two"), name="two"))
    assert output.lines[-1] == "Succeeded  two: a  1s"


def test_the_region_fits_a_small_terminal() -> None:
    long = "n" * 200
    lines = region(
        workflow(node(long, "Running"), node("w", "Pending", message="m" * 200)), NOW, 60, 3
    )
    assert len(lines) == 3
    assert all(len(line.text) <= 60 for line in lines)


def test_names_are_cut_in_the_middle() -> None:
    assert shortened("collect-2019(0:Lyon 1er)", 11) == "colle… 1er)"
    assert shortened("short", 5) == "short"


def test_a_reader_who_left_does_not_end_the_run() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stream:
        output = PlainOutput(stream)
        output.write([Line("nobody reads this")])
        output.write([Line("nor this")])


def test_the_script_keeps_its_bytes_on_a_live_terminal(tmp_path: Path) -> None:
    from rich.console import Console

    with (tmp_path / "screen").open("w+") as screen:
        console = Console(file=screen, force_terminal=True, width=80, height=24)
        progress = LiveProgress(console, lambda: NOW)
        progress.update(workflow(node("a", "Running")))
        progress.script_wrote(b"\x1b[1mPassword\xff: ")
        progress.script_wrote(b"\n")
        progress.note(Line("a [bold]note[/bold]"))
        progress.close()
        written = (tmp_path / "screen").read_bytes()
    assert b"\x1b[1mPassword\xff: \n" in written.replace(b"\r", b"")
    assert b"a [bold]note[/bold]" in written
    assert "└─ ● a".encode() in written
    assert written.endswith((b"\x1b[?25h", b"\x1b[2K"))


def test_plain_output_is_out_at_once() -> None:
    stream = io.StringIO()
    PlainOutput(stream).write([Line("a", "bold"), Line("b")])
    assert stream.getvalue() == "a\nb\n"


def test_what_ctrl_c_does_is_said_while_a_run_is_shown() -> None:
    from rich.console import Console

    for height, said in ((24, True), (5, False)):
        console = Console(file=io.StringIO(), width=80, height=height)
        progress = LiveProgress(console, lambda: NOW, hint="Ctrl-C ends the run")
        assert "Ctrl-C" not in progress._drawing().plain
        progress.update(workflow(*(node(f"n{n}", "Running", end=None) for n in range(40))))
        lines = progress._drawing().plain.splitlines()
        assert (lines[-1] == "Ctrl-C ends the run") == said
        assert len(lines) <= height - 1
        progress.close()


def test_what_is_shown_follows_the_shells_variables() -> None:
    for environ, quiet, notify in (
        ({}, False, ""),
        ({"QUIET": "1", "NOTIFY": "true"}, True, "true"),
        ({"QUIET": "0"}, False, ""),
    ):
        display = display_of(io.StringIO(), environ)
        assert (display.quiet, display.notify) == (quiet, notify)
    assert display_of(io.StringIO(), {}, quiet=True, notify="x").notify == "x"
