"""The laptop's server with 2000 finished runs of 38 tasks, and with a log of two million lines.

python benchmarks/local_server.py
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from measure import TEMPLATE, Row, conclude, medians, parser, seconds, wall

from hera_experiment.experiment import Experiment
from hera_experiment.local.store import Store
from hera_experiment.platform.local_server import running

RUNS, TASKS, LINES = 2000, 38, 2_000_000
STATUS, NODES, LOG = 0.5, 1.0, 50.0
BEGAN = "2026-11-05T08:00:00Z"
ENVIRON = {**os.environ, "PYTHONPATH": str(TEMPLATE)}
HEADS = "metadata,spec.shutdown,status.phase,status.message,status.startedAt,status.finishedAt"
TABLE = ",".join(f"items.{field}" for field in HEADS.split(","))


def node(name: str, number: int) -> dict[str, Any]:
    """Return a finished task, as large as one of the example."""
    inputs = [{"name": key, "value": f"/results/{name}/{number}"} for key in ("one", "two")]
    return {
        "id": f"{name}-{number:010d}",
        "name": f"{name}.task-{number}(0:1)",
        "displayName": f"task-{number}(0:1)",
        "type": "Pod",
        "templateName": f"task-{number % 8}",
        "templateScope": f"local/{name}",
        "phase": "Succeeded",
        "boundaryID": name,
        "startedAt": BEGAN,
        "finishedAt": BEGAN,
        "progress": "1/1",
        "inputs": {"parameters": inputs},
        "outputs": {"exitCode": "0", "parameters": inputs},
        "children": [f"{name}-{child:010d}" for child in range(number + 1, number + 4)],
    }


def fill(state: Path) -> int:
    """Keep the runs; return the bytes of the log of the last one's first task."""
    store = Store(state, lambda: datetime.now(timezone.utc))
    script = {"image": "growth:1", "command": ["python"], "source": "print('x')\n" * 100}
    for number in range(RUNS):
        name = f"growth-{number:05d}"
        metadata = {"name": name, "namespace": "local", "creationTimestamp": BEGAN, "uid": name}
        templates = [{"name": f"task-{index}", "script": script} for index in range(8)]
        spec = {"entrypoint": "task-0", "templates": templates}
        run = store.create({"metadata": metadata, "spec": spec})
        nodes = [node(name, index) for index in range(TASKS)]
        run.update(status={"phase": "Running", "startedAt": BEGAN})
        run.update(nodes={each["id"]: each for each in nodes})
        run.update(status={"phase": "Succeeded", "finishedAt": BEGAN})
    log = run.log_path(nodes[0]["id"])
    with log.open("w") as file:
        file.writelines(
            f"line {number:07d} of a log, with a few words\n" for number in range(LINES)
        )
    return log.stat().st_size


def main() -> int:
    """Measure and print."""
    args = parser(__doc__.splitlines()[0], rounds=5).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "experiment.toml").write_text('[experiment]\nname = "B"\nslug = "b"\n')
        experiment = Experiment.find(folder)
        size = fill(experiment.state)
        command = [sys.executable, "-m", "hera_utils", "serve"]
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, cwd=folder, env=ENVIRON, **quiet) as process:
            process.stdout.readline()
            server = running(experiment)

            def ask(path: str) -> float:
                began = time.perf_counter()
                connection = http.client.HTTPConnection(server.address)
                headers = {"Authorization": f"Bearer {server.token()}"}
                connection.request("GET", f"/api/v1/workflows/local{path}", headers=headers)
                answer = connection.getresponse()
                while answer.read(1 << 20):
                    pass
                connection.close()
                return time.perf_counter() - began

            status = [sys.executable, "-m", "hera_utils", "status"]
            found = medians(
                {
                    "status": lambda: wall(status, cwd=folder, environment=ENVIRON),
                    "table": lambda: ask(f"?fields={TABLE}"),
                    "nodes": lambda: ask(""),
                    "fields": lambda: ask("?fields=items.metadata.name,items.status.nodes"),
                    "log": lambda: ask(f"/growth-{RUNS - 1:05d}/log?logOptions.timestamps=true"),
                },
                args.rounds,
            )
            process.terminate()
    speed = size / 1e6 / found["log"]
    return conclude(
        [
            Row(f"status of {RUNS} runs, the whole command", found["status"], "s", STATUS),
            Row("the server's part of it", found["table"], "s", STATUS),
            Row(f"a list of {RUNS} runs with nodes", found["nodes"], "s", NODES),
            Row("the same by fields", found["fields"], "s", NODES),
            Row(
                f"MB/s goal / measured, a log of {LINES} lines",
                LOG / speed,
                "x",
                1.0,
                f"{speed:.0f} MB/s, {size / 1e6:.0f} MB in {seconds(found['log'])}",
            ),
        ],
        args.check,
    )


if __name__ == "__main__":
    raise SystemExit(main())
