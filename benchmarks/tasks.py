"""Tiny tasks through the local engine, against ``xargs -P2`` with the same interpreter.

    python benchmarks/tasks.py

Each task starts a Python that does nothing, without isolation (``roots.py`` has roots). Ours are N
script tasks of one fan-out, two at a time, through ``python -m hera_utils run``: the import of
Hera, the server, the journal, one log file a task and the following are all in. Theirs are
``seq N | xargs -P2 -n1 PYTHON -c pass``, PYTHON being the real interpreter that this one is an
environment of, no launcher. Our tasks have a virtual environment of their own, as bare as a
container's, which starts faster than a Python with packages that hook into its start; a second
ratio, ``bare``, gives xargs that very environment. ``subprocess alone`` is what a program in Python
pays that does nothing but start and end the same. Start-up is a run of one task less that task.
Linux only: the memory is read from /proc, in a run that is not timed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from measure import (
    TEMPLATE,
    Row,
    conclude,
    medians,
    parser,
    ratio,
    real_interpreter,
    wall,
)

LIMIT_200 = 1.20
LIMIT_1000 = 1.05
LIMIT_START = 0.35
LIMIT_MEMORY = 80.0
MARK = "HERA_UTILS_BENCHMARK"

HERA = "import gc; gc.disable(); import hera.workflows; gc.freeze()"
"""As our interpreter imports it, without looking for garbage."""

SCRIPT = """
import sys
from hera.workflows import Steps, Workflow, script
from hera.workflows.models import Sequence

@script(image="python:3.11")
def tiny():
    pass

with Workflow(generate_name="tiny-", entrypoint="all", parallelism=2) as w:
    with Steps(name="all"):
        tiny(with_sequence=Sequence(count=sys.argv[1]))
w.create()
"""


def ours(folder: Path, count: int) -> list[str]:
    """Return the command of a run with ``count`` tasks."""
    return [sys.executable, "-m", "hera_utils", "run", str(folder / "tiny.py"), str(count)]


def theirs(python: str, count: int) -> list[str]:
    """Return the command of the same tasks under xargs."""
    # The number of a task becomes the program's first argument, which it does not read.
    return ["sh", "-c", f"seq {count} | xargs -P2 -n1 '{python}' -c pass"]


def environment(runtime: str = "process") -> dict[str, str]:
    """Return an environment in which the template's hera_utils is found from anywhere."""
    # As in a project, whose Python keeps what it has compiled.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(TEMPLATE), "RUNTIME": runtime}


def run(folder: Path, count: int, runtime: str = "process") -> float:
    """Return the seconds of one run, and put its state away afterwards, untimed.

    It is not removed: ext4 is slow to make files where some were removed a few seconds ago.
    """
    taken = wall(ours(folder, count), cwd=folder, environment=environment(runtime))
    (folder / "ended").mkdir(exist_ok=True)
    for name in os.listdir(folder / ".hera" / "runs"):
        (folder / ".hera" / "runs" / name).rename(folder / "ended" / name)
    return taken


def subprocess_alone(
    folder: Path, commands: Sequence[Sequence[str]], count: int, environ: dict[str, str]
) -> float:
    """Return the seconds in which a thread for each command starts it, ``count`` times in all.

    Each has a session, a log file and an end, as our tasks have: that it can be stopped, that its
    words are kept, and that what it leaves behind goes. There is nothing else.
    """
    starting = threading.Lock()
    logs = Path(tempfile.mkdtemp(dir=folder))

    def work(worker: int) -> None:
        for number in range(worker, count, len(commands)):
            with (logs / str(number)).open("ab", buffering=0) as log:
                with starting:
                    process = subprocess.Popen(
                        commands[worker],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        env=environ,
                        start_new_session=True,
                    )
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    threads = [threading.Thread(target=work, args=(each,)) for each in range(len(commands))]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def environment_of_tasks(folder: Path) -> str:
    """Return the interpreter that the tasks of an earlier run had."""
    (found,) = folder.glob(".hera/venvs/*/bin/python")
    return str(found)


def memory(folder: Path, count: int, runtime: str = "process") -> dict[str, float]:
    """Return the peak resident memory in MB of each program of a run.

    The run is in a folder of its own: the server of a run before would not be known as one of this.
    Its processes are known by a variable of their environment; VmHWM is the kernel's own
    high-water mark, so that looking fifty times a second misses no peak of one that lives longer.
    """
    mark = uuid.uuid4().hex
    apart = folder / f"memory-{mark}"
    apart.mkdir()
    shutil.copy(folder / "tiny.py", apart)
    peaks: dict[str, float] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for process in Path("/proc").iterdir():
                if not process.name.isdigit():
                    continue
                try:
                    if f"{MARK}={mark}".encode() not in (process / "environ").read_bytes():
                        continue
                    status = (process / "status").read_text()
                    words = (process / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                name = " ".join(word.decode(errors="replace") for word in words[1:4])
                # One that is about to be gone has no such line.
                for line in status.splitlines():
                    if line.startswith("VmHWM:"):
                        peak = int(line.split()[1]) / 1024
                        peaks[name] = max(peak, peaks.get(name, 0.0))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        wall(ours(apart, count), cwd=apart, environment={**environment(runtime), MARK: mark})
    finally:
        over.set()
        watcher.join()
    return peaks


def main() -> int:
    """Measure and print."""
    options = parser(__doc__.splitlines()[0], rounds=5)
    options.add_argument("--python", default=real_interpreter(), help="what xargs starts")
    options.add_argument("--sizes", type=int, nargs="+", default=[20, 200, 1000], metavar="N")
    args = options.parse_args()
    python = args.python
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tiny.py").write_text(SCRIPT)
        one = medians(
            {"run": partial(run, folder, 1), "task": partial(wall, [python, "-c", "pass"])}, 7
        )
        start_up = one["run"] - one["task"]
        shown = "a run of one task, less the task"
        rows.append(Row("start-up", start_up, "s", LIMIT_START, shown))
        imported = medians({"hera": partial(wall, [sys.executable, "-c", HERA])}, 7)["hera"]
        rows.append(Row("import of Hera alone", imported, "s", None))
        bare = environment_of_tasks(folder)
        for count in args.sizes:
            sides: dict[str, Callable[[], float]] = {
                "run": partial(run, folder, count),
                "xargs": partial(wall, theirs(python, count)),
                "bare": partial(wall, theirs(bare, count)),
                "alone": partial(
                    subprocess_alone, folder, [[bare, "-c", "pass"]] * 2, count, dict(os.environ)
                ),
            }
            found = medians(sides, args.rounds)
            mine, other = found["run"], found["xargs"]
            limit = LIMIT_200 if count == 200 else None
            rows.append(ratio(f"N = {count}: run / xargs", mine, other, limit))
            rows.append(ratio(f"N = {count}: run / xargs, bare", mine, found["bare"], limit))
            if count == 1000:
                less = mine - start_up
                rows.append(ratio("N = 1000: (run - start-up) / xargs", less, other, LIMIT_1000))
                name_of_row = "N = 1000: (run - start-up) / xargs, bare"
                rows.append(ratio(name_of_row, less, found["bare"], LIMIT_1000))
                alone = found["alone"]
                rows.append(
                    ratio("N = 1000: (run - start-up) / subprocess alone", less, alone, None)
                )
                name_of_row = "N = 1000: subprocess alone / xargs, bare"
                rows.append(ratio(name_of_row, alone, found["bare"], None))
        peaks = memory(folder, max(args.sizes))
        process = max(peaks, key=lambda name: peaks[name])
        rows.append(Row("largest process", peaks[process], "MB", LIMIT_MEMORY, process))
    return conclude(rows, args.check)


if __name__ == "__main__":
    raise SystemExit(main())
