"""What a killed server left running is ended, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from polling import until

from hera_experiment.local.runtimes.children import end_leftovers

Start = Callable[..., "subprocess.Popen[bytes]"]
pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux alone has /proc")


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a shell that sleeps, in a session of its own, with nothing but these variables."""
    started = []

    def begin(folder: Path, *, code: str = "sleep 60 & wait", **variables: str):
        process = subprocess.Popen(
            ["sh", "-c", f"echo; {code}"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **variables},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def running_in(session: int) -> list[str]:
    """Return the states of the processes of a session."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-s", str(session)], capture_output=True, text=True, check=False
    )
    return [state for state in listed.stdout.split() if not state.startswith("Z")]


def programs_in(session: int) -> list[str]:
    """Return the names of the programs of a session."""
    listed = subprocess.run(
        ["ps", "-o", "comm=", "-s", str(session)], capture_output=True, text=True, check=False
    )
    return sorted(listed.stdout.split())


def test_a_task_is_ended_with_all_that_it_started(tmp_path: Path, start: Start) -> None:
    root = tmp_path / "scratch" / "1"
    root.mkdir(parents=True)
    by_folder = start(root, ARGO_NODE_ID="w-1")
    by_variable = start(tmp_path, ARGO_NODE_ID="w-2", HOME=f"{root}/root")
    # A child that has shed all variables is still in the session.
    naked = start(root, code="env -i sleep 60 & wait", ARGO_NODE_ID="w-3")
    for process in (by_folder, by_variable, naked):
        until(lambda process=process: programs_in(process.pid) == ["sh", "sleep"])

    assert end_leftovers(tmp_path / "scratch") == 6
    for process in (by_folder, by_variable, naked):
        assert process.wait(5) == -9
        assert running_in(process.pid) == []
    assert end_leftovers(tmp_path / "scratch") == 0


def test_no_other_process_is_touched(tmp_path: Path, start: Start) -> None:
    root = tmp_path / "scratch" / "1"
    root.mkdir(parents=True)
    others = [
        start(root),  # a person who looks at the folder
        start(tmp_path, ARGO_NODE_ID="w-1"),  # a task of another experiment
        start(tmp_path, ARGO_NODE_ID="w-1", HOME=f"{tmp_path}/scratch-2/1"),
    ]
    assert end_leftovers(tmp_path / "scratch") == 0
    assert all(process.poll() is None for process in others)


def test_it_looks_for_nothing_after_a_clean_end(tmp_path: Path) -> None:
    assert end_leftovers(tmp_path / "scratch") == 0
    assert sys.platform != "linux" or Path("/proc/self/environ").exists()
