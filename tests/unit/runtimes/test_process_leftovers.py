"""What a killed server left running is ended, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from polling import until

from hera_experiment.local.runtimes.leftovers import end_leftovers

Start = Callable[..., "subprocess.Popen[bytes]"]
pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux alone has /proc")
CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")


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


SERVER = """
import os, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from runtime_project import Project, script, shell
from hera_experiment.local.runtimes.leftovers import adopt_orphans

adopt_orphans()
project = Project(Path(sys.argv[2]))
runtime = project.runtime()
run = lambda template: runtime.run(project.pod(template), project.announce)

def children():
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()

# The shell that removes the scratch folder after this process.
before = children()
pod = project.pod(shell("(setsid sleep 61 &); exec sleep 60"))
other = threading.Thread(target=runtime.run, args=(pod, project.announce))
other.start()
for code in sys.argv[3:]:
    assert run(shell(code)).exit_code == 0, code
    left = [n for n in children() if b"sleep\\0" + b"62" in Path(f"/proc/{n}/cmdline").read_bytes()]
    print(code, left)
# The daemon of a task that runs lives on.
names = [Path(f"/proc/{n}/cmdline").read_bytes() for n in children()]
print(sum(b"sleep\\0" + b"61" in name for name in names))
runtime.stop(pod.node_id, 0)
other.join()
print([n for n in children() if n not in before])
"""

DAEMONS = [
    "setsid sleep 62 & sleep 0.2",
    "cd / && setsid sleep 62 < /dev/null > /dev/null 2>&1 & sleep 0.2",
    "env -i setsid sleep 62 & sleep 0.2",
    "(setsid sh -c 'setsid sleep 62 & exec sleep 62' &) ; sleep 0.2",
    "python3 -c 'import os; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0);"
    ' os.chdir("/"); os.execlp("sleep", "sleep", "62")\'',
    "sleep 62 & true",
]


@pytest.mark.skipif(not CHILDREN.exists(), reason="this kernel lists no children")
def test_a_daemon_does_not_outlive_its_task(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", SERVER, str(Path(__file__).parent), str(tmp_path), *DAEMONS],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [*(f"{code} []" for code in DAEMONS), "1", "[]"]
    listed = subprocess.run(["ps", "-e", "-o", "args"], capture_output=True, text=True, check=True)
    assert not {"sleep 61", "sleep 62"} & set(listed.stdout.splitlines())
