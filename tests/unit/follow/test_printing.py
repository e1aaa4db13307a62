"""No text of a server, a task or a file steers the terminal."""

from __future__ import annotations

import io
import random
import re
import sys
from collections.abc import Callable

import pytest
from follow_workflows import NOW, node, workflow

from hera_experiment import errors
from hera_experiment.cli import main
from hera_experiment.errors import UserError
from hera_experiment.follow.display import LogDisplay
from hera_experiment.follow.lines import LogOutput, PlainOutput
from hera_experiment.follow.rows import tree_lines
from hera_experiment.printing import filtered_output, printable, unfiltered

HOSTILE = (
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]52;c;ZXZpbA==\x1b\\",
    "\x1bP$q\x1b\\",
    "\x1b\x00[2J",
    "\x1b\x1b[2J[2J",
    "\x9b2J",
    "\x9d0;x\x9c",
    "\x1bc",
    "\x1b(0",
    "\r\x08\x07\x7f",
    "\u202e\u2066",
    "\x1b]8;;http://x\x07link",
    "\x1b",
)
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def console() -> tuple[io.StringIO, Callable[[str], None]]:
    from rich.console import Console

    from hera_experiment.follow.lines import Line
    from hera_experiment.follow.live import TerminalOutput

    sink = io.StringIO()
    output = TerminalOutput(Console(file=sink, color_system=None))
    return sink, lambda text: output.write([Line(text)])


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_printed_is_filtered(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    errors.report(UserError(f"a{text}b", f"c{text}d", text))
    assert not STEERING.search(capsys.readouterr().err)
    with filtered_output():
        print(f"a{text}b")
        print(f"a{text}b", file=sys.stderr)
    captured = capsys.readouterr()
    assert not STEERING.search(captured.out + captured.err)
    assert captured.out.startswith("a") and captured.out.endswith("\n")
    sink = io.StringIO()
    failed = node("a(0:" + text + ")", "Failed", message=text)
    progress = LogDisplay(sink).progress()
    progress.update(workflow(failed))
    PlainOutput(sink).write(tree_lines(workflow(failed), NOW, 100))
    LogOutput(sink, tasks=[f"t{text}"], terminal=False).write(f"t{text}", "line")
    assert not STEERING.search(sink.getvalue())
    sink, show = console()
    show(f"a{text}b")
    assert not STEERING.search(sink.getvalue())


def test_a_verb_prints_through_the_filter_and_leaves_the_streams_as_they_were(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hera_experiment.verbs import help as verb
    from hera_utils import cli_context

    monkeypatch.setattr(verb, "main", lambda args: print("\x1b[2Jseen") or 0)
    before = sys.stdout
    assert main(["help"], cli_context) == 0
    assert sys.stdout is before and capsys.readouterr().out == "seen\n"


@pytest.mark.parametrize("seed", range(200))
def test_nothing_but_colours_is_left_of_any_text(seed: int) -> None:
    source = random.Random(seed)
    parts = [*HOSTILE, "\x1b[31m", "\x1b[0;1m", "text", "é", "\n", "[", "2J", "m", "]"]
    text = "".join(source.choice(parts) for _ in range(12))
    assert not STEERING.search(printable(text))
    left = re.sub(r"\x1b\[[0-9;:]*m", "", printable(text, colours=True))
    assert not STEERING.search(left)


def test_what_is_harmless_stays() -> None:
    text = "a\tb\nc é 漢 👩\u200d🔬"
    assert printable(text) == text
    assert printable("\x1b[31mred\x1b[0m", colours=True) == "\x1b[31mred\x1b[0m"
    sink = io.StringIO()
    assert unfiltered(sink) is sink
