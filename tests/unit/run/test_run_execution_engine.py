"""The engine with a real script process, and a server played by the test."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from polling import until

from hera_experiment.errors import UserError
from hera_experiment.execution_engine import ExecutionEngine
from hera_experiment.follow.lines import Line
from hera_utils.cli_context import parse_arguments


def workflow(name: str, phase: str = "Running", version: int = 1) -> dict[str, Any]:
    finished = "2026-11-21T10:00:09Z" if phase != "Running" else None
    return {
        "metadata": {"name": name, "namespace": "ns", "resourceVersion": str(version)},
        "spec": {},
        "status": {"phase": phase, "finishedAt": finished},
    }


class Platform:
    """A server that knows what the test puts into it."""

    labels = "creator=me"

    def __init__(self) -> None:
        self.events: SimpleQueue[tuple[str, dict[str, Any]]] = SimpleQueue()
        self.listed: list[dict[str, Any]] = []
        self.terminated: list[tuple[str, str]] = []
        self.environment = {"PATH": os.environ["PATH"], "GREETING": "hello"}

    def script_environment(self) -> Mapping[str, str]:
        return self.environment

    def client(self) -> Platform:
        return self

    def list_workflows(self, namespace: str, *, labels: str = "") -> list[dict[str, Any]]:
        assert (namespace, labels) == ("", "creator=me")
        return self.listed

    def watch_workflows(
        self, namespace: str, *, labels: str = "", fields: str = ""
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        assert (namespace, labels, fields) == ("", "creator=me", "")
        while True:
            yield self.events.get()

    def workflow_logs(self, *args: Any, **options: Any) -> Iterator[str]:
        raise AssertionError("the engine reads no logs")

    def terminate_workflow(self, namespace: str, name: str) -> None:
        self.terminated.append((namespace, name))
        self.events.put(("MODIFIED", workflow(name, "Failed", 9)))

    def sees(self, *workflows: dict[str, Any], kind: str = "MODIFIED") -> None:
        for each in workflows:
            self.events.put((kind, each))


class Screen:
    """A progress that remembers; ``on_update`` lets the test act at that moment."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.data = b""
        self.closed = False
        self.on_update = lambda name, phase: None
        self.on_note = lambda: None

    def update(self, workflow: Mapping[str, Any]) -> None:
        seen = (workflow["metadata"]["name"], workflow["status"]["phase"])
        self.updates.append(seen)
        self.on_update(*seen)

    def note(self, line: Line) -> None:
        self.notes.append(line.text)
        self.on_note()

    def script_wrote(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.closed = True


class FakeDisplay:
    width = 80
    quiet = True
    notify = ""

    def __init__(self, screen: Screen, live: bool) -> None:
        self.is_live = live
        self.output = self
        self.lines: list[str] = []
        self._screen = screen

    def progress(self, hint: str = "") -> Screen:
        assert hint == "Ctrl-C ends the run"
        return self._screen

    def write(self, lines: Iterable[Line]) -> None:
        assert self._screen.closed
        self.lines += [line.text for line in lines]


class Case:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.platform = Platform()
        self.screen = Screen()
        self.display = FakeDisplay(self.screen, live=False)
        self.context = parse_arguments(
            argv=["--cluster", "local"], environ={}, folder=folder, home=folder
        )

    @property
    def concluded(self) -> list[str]:
        """The names of the workflows that the last words were about."""
        words = (line.split() for line in self.display.lines)
        return [line[1].rstrip(":") for line in words if line[:1] == ["workflow"]]

    def run(self, script: str, *arguments: str) -> int:
        path = self.folder / "script.py"
        path.write_text(script)
        engine = ExecutionEngine(
            self.context, self.platform, self.display, interpreter=(sys.executable,)
        )
        return engine.run(path, arguments)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_all_workflows_succeeded(case: Case) -> None:
    case.platform.sees(workflow("a"), workflow("b"))
    case.platform.sees(workflow("a", "Succeeded", 2), workflow("b", "Succeeded", 2))
    assert case.run("") == 0
    assert case.concluded == ["a", "b"]


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_one_workflow_failed(case: Case, phase: str) -> None:
    case.platform.sees(workflow("a", "Succeeded", 2), workflow("b", phase, 2))
    case.platform.listed = [workflow("a", "Succeeded", 2), workflow("b", phase, 2)]
    assert case.run("") == 1


def test_the_script_s_own_status_comes_first(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    case.platform.listed = [workflow("a", "Failed", 2)]
    assert case.run("import sys; sys.exit(7)") == 7
    assert case.concluded == ["a"]
    assert "script.py ended with exit status 7" in capfd.readouterr().err


def test_a_script_killed_by_a_signal(case: Case) -> None:
    assert case.run("import os; os.kill(os.getpid(), 9)") == 137


def test_no_workflow_is_said(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    assert case.run("import os, sys; print(sys.argv[1:], os.environ['GREETING'])", "--x", "y") == 1
    out, error = capfd.readouterr()
    assert out == "['--x', 'y'] hello\n"
    assert error == "hera_utils: script.py created no workflow: it has to call w.create()\n"
    assert case.concluded == []


def test_a_workflow_of_the_last_moment_is_waited_for(case: Case) -> None:
    case.platform.listed = [workflow("late")]
    case.screen.on_update = lambda name, phase: (
        case.platform.sees(workflow("late", "Succeeded", 3)) if phase == "Running" else None
    )
    assert case.run("") == 0
    assert case.concluded == ["late"]


def until_there(path: Path) -> str:
    """Return a script that ends once ``path`` is there."""
    return f"import os, time\nwhile not os.path.exists({str(path)!r}): time.sleep(0.02)"


def test_a_script_that_goes_on_may_create_more(case: Case) -> None:
    def next_one(name: str, phase: str) -> None:
        if (name, phase) == ("a", "Succeeded"):
            case.platform.sees(workflow("b", "Failed", 3))
        if name == "b":
            (case.folder / "go").touch()

    case.screen.on_update = next_one
    case.platform.sees(workflow("a", "Succeeded", 2))
    assert case.run(until_there(case.folder / "go")) == 1
    assert case.concluded == ["a", "b"]


def test_a_stale_list_does_not_undo_an_end(case: Case) -> None:
    case.screen.on_update = lambda name, phase: (case.folder / "go").touch()
    case.platform.sees(workflow("a", "Succeeded", 5))
    case.platform.listed = [workflow("a", "Running", 4)]
    assert case.run(until_there(case.folder / "go")) == 0


def test_a_deleted_workflow_is_not_waited_for(case: Case) -> None:
    case.platform.sees(workflow("a"))
    case.platform.sees(workflow("a"), kind="DELETED")
    case.screen.on_note = lambda: (case.folder / "go").touch()  # type: ignore[assignment]
    assert case.run(until_there(case.folder / "go")) == 0
    assert case.screen.notes == ["workflow a was deleted"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_workflows_first(case: Case, number: int, status: int) -> None:
    case.screen.on_update = lambda name, phase: (
        os.kill(os.getpid(), number) if phase == "Running" else None
    )
    case.platform.listed = [workflow("a")]
    assert case.run("") == status
    assert case.platform.terminated == [("ns", "a")]
    assert case.concluded == ["a"]
    assert case.screen.updates[-1] == ("a", "Failed")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_ends_the_script_and_what_it_creates_meanwhile(case: Case) -> None:
    case.platform.listed = [workflow("late")]
    up = case.folder / "up"

    def kill() -> None:
        until(up.exists)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=kill).start()
    assert case.run(f"import time; open({str(up)!r}, 'w'); time.sleep(60)") == 143
    assert case.platform.terminated == [("ns", "late")]


def test_a_second_ctrl_c_does_not_wait(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    presses = []

    def terminate(namespace: str, name: str) -> None:
        presses.append(name)
        os.kill(os.getpid(), signal.SIGINT)  # the workflow does not end; the person insists

    case.platform.terminate_workflow = terminate  # type: ignore[method-assign]
    case.screen.on_update = lambda name, phase: os.kill(os.getpid(), signal.SIGINT)
    case.platform.listed = [workflow("stubborn")]
    assert case.run("") == 130
    assert presses == ["stubborn"]
    assert "left while stubborn is still ending" in capfd.readouterr().err


def test_a_lost_server_is_one_sentence_and_no_orphan(case: Case) -> None:
    def refuse(*args: Any, **options: Any) -> Iterator[Any]:
        raise UserError("the token is not valid")

    case.platform.watch_workflows = refuse  # type: ignore[method-assign]
    mark = case.folder / "ended"
    with pytest.raises(UserError, match="token"):
        case.run(f"import time; time.sleep(60); open({str(mark)!r}, 'w')")
    assert case.screen.closed and case.display.lines == []
    assert not mark.exists()


def test_on_a_terminal_the_script_s_output_comes_through_us(case: Case) -> None:
    reader, writer = os.openpty()
    saved = os.dup(1)
    os.dup2(writer, 1)
    try:
        case.display.is_live = True
        assert case.run("import sys; print(sys.stdout.isatty(), end='')") == 1
    finally:
        os.dup2(saved, 1)
        for descriptor in (reader, writer, saved):
            os.close(descriptor)
    assert case.screen.data == b"True\n"
