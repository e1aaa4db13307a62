"""Tasks in roots of their own, against ``xargs -P2`` through the same bubblewrap.

    python benchmarks/roots.py

Ours are N container tasks of one fan-out, two at a time, through ``python -m hera_utils run``: the
import of Hera, the server, the journal, one log file a task and the following are all in. Theirs
are N starts of the same program by two ``xargs -n1`` beside each other, each with the very words
that our runtime hands to bubblewrap for a task, and a root that it made. ``subprocess alone`` is
what a program in Python pays that does nothing but start and end the same. Start-up is a run of one
task less that task. The rows named ``plain`` have no isolation on either side.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from measure import REPOSITORY, Row, conclude, medians, parser, ratio, real_interpreter, wall
from tasks import environment, memory, subprocess_alone
from tasks import run as run_in

from hera_experiment.local.runtimes import bubblewrap, root_runtime
from hera_experiment.local.runtimes.base import BUBBLEWRAP
from hera_experiment.local.runtimes.bubblewrap import Sandbox
from hera_experiment.local.runtimes.isolation import find_isolation

sys.path.insert(0, str(REPOSITORY / "tests" / "unit" / "runtimes"))

from runtime_project import Project, shell

run = partial(run_in, runtime="bubblewrap")

LIMIT_WHOLE = 1.20
LIMIT_TASKS = 1.05
LIMIT_FLAT = 1.10
LIMIT_MEMORY = 80.0
PROGRAMS = {"true": ["true"], "python": ["python", "-c", "pass"]}

SCRIPT = """
import json, sys
from hera.workflows import Container, Steps, Workflow
from hera.workflows.models import Sequence

with Workflow(generate_name="tiny-", entrypoint="all", parallelism={parallelism}) as w:
    tiny = Container(name="tiny", image="python:3.11", command={command})
    with Steps(name="all"):
        tiny(with_sequence=Sequence(count=sys.argv[1]))
w.create()
"""


@contextmanager
def roots(folder: Path, count: int) -> Iterator[list[list[str]]]:
    """Have that many roots made by the runtime; yields the words that enter each."""
    isolation = find_isolation(folder / "roots")
    if not isolation.program:
        raise SystemExit(f"no roots here: {isolation.why}")
    project = Project(folder / "project", BUBBLEWRAP)
    runtime = project.runtime()
    seen: list[Sandbox] = []
    make = bubblewrap.options

    @contextmanager
    def noted(sandbox: Sandbox) -> Iterator[int]:
        seen.append(sandbox)
        with make(sandbox) as descriptor:
            yield descriptor

    root_runtime.options = noted
    # They run beside each other, or one root would be used again.
    pods = [project.pod(shell("sleep 1")) for _ in range(count)]
    threads = [threading.Thread(target=runtime.run, args=(p, project.announce)) for p in pods]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Nobody reads what bubblewrap would tell the server of its process.
    silent = [replace(sandbox, info=None) for sandbox in seen]
    yield [[isolation.program, *bubblewrap.words(sandbox), "--"] for sandbox in silent]


def theirs(entries: Sequence[Sequence[str]], program: Sequence[str], count: int) -> list[str]:
    """Return a command that starts ``program`` ``count`` times, through the entries in turn."""
    share = count // len(entries)
    each = [f"seq {share} | xargs -n1 {shlex.join([*entry, *program])}" for entry in entries]
    return ["sh", "-c", " & ".join(each) + " & wait"]


def ours(folder: Path, name: str, parallelism: int) -> Path:
    """Return a folder with a script that runs tasks of the program ``name``."""
    made = folder / f"{name}-{parallelism}"
    made.mkdir()
    text = SCRIPT.format(parallelism=parallelism, command=PROGRAMS[name])
    (made / "tiny.py").write_text(text)
    return made


def single(folder: Path, entry: Sequence[str], rounds: int) -> list[Row]:
    """Measure one start of each program: plain, through bubblewrap, through the server."""
    rows = []
    for name, program in PROGRAMS.items():
        mine = ours(folder, name, 1)
        plain = [real_interpreter(), *program[1:]] if name == "python" else program
        found = medians(
            {
                "plain": partial(wall, ["sh", "-c", f"seq 100 | xargs -n1 {shlex.join(plain)}"]),
                "bwrap": partial(wall, theirs([entry], program, 100)),
                "one": partial(run, mine, 1),
                "many": partial(run, mine, 101),
            },
            rounds,
        )
        each = (found["many"] - found["one"]) * 10
        rows.append(Row(f"{name}: plain", found["plain"] * 10, "ms", None))
        rows.append(Row(f"{name}: through bubblewrap", found["bwrap"] * 10, "ms", None))
        rows.append(Row(f"{name}: through the server", each, "ms", None))
    return rows


def fan_out(
    folder: Path, entries: Sequence[Sequence[str]], sizes: Sequence[int], rounds: int
) -> list[Row]:
    """Measure runs of many tasks against xargs."""
    mine, program = ours(folder, "python", 2), PROGRAMS["python"]
    one = medians(
        {"run": partial(run, mine, 1), "task": partial(wall, theirs(entries[:1], program, 1))}, 7
    )
    start_up = one["run"] - one["task"]
    rows = [Row("start-up", start_up, "s", None, "a run of one task, less the task")]
    for count in sizes:
        sides: dict[str, Callable[[], float]] = {
            "run": partial(run, mine, count),
            "xargs": partial(wall, theirs(entries, program, count)),
            "plain": partial(run_in, mine, count, "process"),
            "alone": partial(
                subprocess_alone,
                folder,
                [[*entry, *program] for entry in entries],
                count,
                environment(),
            ),
        }
        found = medians(sides, rounds)
        whole, less = found["run"], found["run"] - start_up
        rows.append(ratio(f"N = {count}: run / xargs", whole, found["xargs"], LIMIT_WHOLE))
        name = f"N = {count}: (run - start-up) / xargs"
        rows.append(ratio(name, less, found["xargs"], LIMIT_TASKS))
        alone = found["alone"]
        rows.append(ratio(f"N = {count}: (run - start-up) / subprocess alone", less, alone, None))
        name = f"N = {count}: subprocess alone / xargs"
        rows.append(ratio(name, alone, found["xargs"], None))
        rows.append(ratio(f"N = {count}: run / plain run", whole, found["plain"], None))
    return rows


def flat(folder: Path, few: int, many: int) -> list[Row]:
    """Compare the time and the memory of a task among many with those of one among few."""
    mine = ours(folder, "true", 2)
    one = medians({"run": partial(run, mine, 1)}, 3)["run"]
    each = {count: (run(mine, count) - one) / (count - 1) for count in (few, many)}
    rows = [ratio(f"a task of {many} / of {few}", each[many], each[few], LIMIT_FLAT)]
    for count in (few, many):
        peaks = memory(mine, count, "bubblewrap")
        (peak,) = (peak for name, peak in peaks.items() if "verbs.serve" in name)
        rows.append(Row(f"the server, N = {count}", peak, "MB", LIMIT_MEMORY))
        rows.append(Row(f"largest process, N = {count}", max(peaks.values()), "MB", LIMIT_MEMORY))
    return rows


def main() -> int:
    """Measure and print."""
    options = parser(__doc__.splitlines()[0], rounds=5)
    options.add_argument("--sizes", type=int, nargs="+", default=[200, 1000], metavar="N")
    options.add_argument("--many", type=int, default=10_000, help="tasks of the longest run")
    args = options.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with roots(folder, 2) as entries:
            rows += single(folder, entries[0], args.rounds)
            rows += fan_out(folder, entries, args.sizes, args.rounds)
        rows += flat(folder, args.many // 10, args.many)
    return conclude(rows, args.check)


if __name__ == "__main__":
    raise SystemExit(main())
