"""One run of 10 000 tasks: what a task costs beside one of 1000, and how soon it is listed.

    python benchmarks/large_run.py

The tasks are ``true`` in plain processes, two at a time, by ``python -m hera_utils run``: what is
measured is what the server, its journal and those who watch do for each of them. A task's time is
that of the whole run less a run of one task; the processor time and the memory of all that a run
starts are read from /proc, in runs of their own. The lists and the watch are asked of the server
over its REST API, of a run of that size that has finished, and of one that goes on.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from local_server import BEGAN, ENVIRON, TABLE, node
from measure import Row, conclude, medians, parser, ratio
from roots import ours
from tasks import memory, run

from hera_experiment.experiment import Experiment
from hera_experiment.local.store import Run, Store
from hera_experiment.platform.local_server import LocalServer, running

LIMIT_FLAT = 1.15
LIMIT_MEMORY = 80.0
LIMIT_ASKED = 50.0


def flat(folder: Path, few: int, many: int, rounds: int) -> list[Row]:
    """Compare the time and the memory of a task among many with those of one among few."""
    mine = ours(folder, "true", 2)
    sides = {count: partial(run, mine, count) for count in (1, few, many)}
    found = medians({str(count): side for count, side in sides.items()}, rounds)
    each = {count: (found[str(count)] - found["1"]) / (count - 1) for count in (few, many)}
    rows = [ratio(f"a task of {many} / of {few}", each[many], each[few], LIMIT_FLAT)]
    servers: dict[int, float] = {}
    for count in sides:
        peaks = memory(mine, count)
        process = max(peaks, key=lambda name: peaks[name])
        (servers[count],) = (peak for name, peak in peaks.items() if "verbs.serve" in name)
        rows.append(Row(f"the server, N = {count}", servers[count], "MB", LIMIT_MEMORY))
        largest = f"largest process, N = {count}"
        rows.append(Row(largest, peaks[process], "MB", LIMIT_MEMORY, process))
    more = {count: (servers[count] - servers[1]) / (count - 1) for count in (few, many)}
    shown = f"{more[many] * 1024:.1f} kB / {more[few] * 1024:.1f} kB"
    name = f"the server's memory for a task of {many} / of {few}"
    return [*rows, Row(name, more[many] / more[few], "x", LIMIT_FLAT, shown)]


def keep(store: Store, name: str, count: int, *, finished: bool) -> Run:
    """Keep a run of ``count`` tasks below one group."""
    metadata = {"name": name, "namespace": "local", "creationTimestamp": BEGAN, "uid": name}
    spec = {"entrypoint": "task-0", "templates": [{"name": "task-0", "container": {"image": "a"}}]}
    run = store.create({"metadata": metadata, "spec": spec})
    run.update(status={"phase": "Running", "startedAt": BEGAN})
    nodes = [{**node(name, index), "children": None} for index in range(count)]
    group = {**node(name, count), "type": "StepGroup", "children": [each["id"] for each in nodes]}
    run.update(nodes={each["id"]: each for each in [group, *nodes]})
    if finished:
        run.update(status={"phase": "Succeeded", "finishedAt": BEGAN})
    return run


@contextmanager
def serving(folder: Path) -> Iterator[LocalServer]:
    """Have a server of the experiment in ``folder``."""
    command = [sys.executable, "-m", "hera_utils", "serve"]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, env=ENVIRON, **quiet) as process:
        process.stdout.readline()
        server = running(Experiment.find(folder))
        assert server is not None
        yield server
        process.terminate()


def asked(server: LocalServer, path: str, *, one_line: bool = False) -> float:
    """Return the seconds until an answer, or its first line, is there."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection(server.address)
    headers = {"Authorization": f"Bearer {server.token()}"}
    connection.request("GET", f"/api/v1/{path}", headers=headers)
    answer = connection.getresponse()
    if one_line:
        answer.readline()
    while not one_line and answer.read(1 << 20):
        pass
    taken = time.perf_counter() - began
    connection.close()
    return taken


def answers(folder: Path, count: int, rounds: int) -> list[Row]:
    """Measure how soon a large run is listed and watched."""
    folder.mkdir()
    (folder / "experiment.toml").write_text('[experiment]\nname = "B"\nslug = "b"\n')
    store = Store(Experiment.find(folder).state, lambda: datetime.now(timezone.utc))
    keep(store, "large", count, finished=True)
    rows = []
    with serving(folder) as server:
        paths = {
            "list": "workflows/local",
            "list, without nodes": f"workflows/local?fields={TABLE}",
            "get": "workflows/local/large",
        }
        watch = "workflow-events/local?listOptions.fieldSelector=metadata.name=large"
        found = medians(
            {
                **{name: partial(asked, server, path) for name, path in paths.items()},
                "watch, its first event": partial(asked, server, watch, one_line=True),
            },
            max(rounds, 7),
        )
        for name, taken in found.items():
            rows.append(Row(f"{name}, {count} tasks", taken * 1000, "ms", LIMIT_ASKED))
    return rows


def main() -> int:
    """Measure and print."""
    options = parser(__doc__.splitlines()[0], rounds=3)
    options.add_argument("--many", type=int, default=10_000, help="tasks of the large run")
    args = options.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        rows = answers(folder / "kept", args.many, args.rounds)
        rows += flat(folder, args.many // 10, args.many, args.rounds)
    return conclude(rows, args.check)


if __name__ == "__main__":
    raise SystemExit(main())
