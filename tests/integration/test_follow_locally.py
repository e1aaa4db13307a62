"""status, watch, logs, stop, terminate, retry and delete on the laptop, as a person types them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cutting_proxy import CuttingProxy
from local_serve import clean_environment, serving
from polling import until

from hera_experiment.follow.log_reader import LogReader, follow_logs
from hera_experiment.follow.watch import Follower
from hera_experiment.platform import http_session
from hera_experiment.platform.argo_client import ArgoClient

HEAD = """
import sys
from hera.workflows import DAG, Workflow, script
"""

TALKING = f"""{HEAD}
@script(image="python:3.13-slim")
def talk(n):
    import sys, time
    for i in range(40):
        print("line", n, i, "x" * 50, flush=True)
        time.sleep(0.05)

@script(image="python:3.13-slim")
def odd():
    import sys
    w = sys.stdout.buffer.write
    w(b"raw \\xff bytes\\n10%\\r100%\\n" + b"L" * 100000 + b"\\n\\n  indented\\nno end")

with Workflow(generate_name="talking-", entrypoint="d") as w:
    with DAG(name="d"):
        a = talk(name="a", with_items=[1, 2, 3], arguments={{"n": "{{{{item}}}}"}})
        a >> odd(name="odd")
w.create()
"""

FAILING = f"""{HEAD}
from hera.workflows import ExistingVolume
from hera.workflows.models import VolumeMount

@script(image="python:3.13-slim", volume_mounts=[VolumeMount(name="marks", mount_path="/marks")])
def flaky():
    import pathlib
    mark = pathlib.Path("/marks/mark")
    if not mark.exists():
        mark.touch()
        raise ValueError("the first time")
    print("the second time")

@script(image="python:3.13-slim")
def after():
    print("after")

volume = ExistingVolume(name="marks", claim_name="marks")
with Workflow(generate_name="failing-", entrypoint="d", volumes=volume) as w:
    with DAG(name="d"):
        flaky(name="flaky") >> after(name="after")
w.create()
"""

SLEEPING = f"""{HEAD}
@script(image="python:3.13-slim")
def sleep():
    import time
    print("asleep", flush=True)
    time.sleep(600)

with Workflow(generate_name="sleeping-", entrypoint="d") as w:
    with DAG(name="d"):
        sleep(name="sleep")
w.create()
"""


class Place:
    """An experiment's folder in which commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "experiment.toml").write_text('[experiment]\nname = "Try"\nslug = "try"\n')
        (folder / ".hera" / "claims" / "marks").mkdir(parents=True)
        self.environ = clean_environment(HOME=str(folder))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "hera_utils", *words]

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
        )
        # As bytes: Python would make a line's end of a carriage return.
        out, err = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def script(self, source: str) -> str:
        (self.folder / "script.py").write_text(source)
        return "script.py"

    def server_has_gone(self) -> bool:
        return not (self.folder / ".hera" / "server.json").exists()

    def runs(self) -> list[dict[str, str]]:
        return list(json.loads(self.type("status", "-o", "json").stdout))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    until(place.server_has_gone, 30)


@pytest.fixture
def submitted(place: Place) -> Iterator[Callable[[str], str]]:
    """Submit a script to a server that stays up, and do not wait for its workflow."""
    with serving(place.folder) as exports:

        def submit(source: str) -> str:
            subprocess.run(
                [sys.executable, place.script(source.replace("w.create()", SUBMIT))],
                cwd=place.folder,
                env={**place.environ, **exports},
                check=True,
            )
            return (place.folder / "name").read_text()

        yield submit


SUBMIT = """
import os, pathlib
from hera.workflows import WorkflowsService
w.namespace = "local"
w.workflows_service = WorkflowsService(
    host="http://" + os.environ["ARGO_SERVER"], token=os.environ["ARGO_TOKEN"], namespace="local"
)
w.create()
pathlib.Path("name").write_text(w.name)
"""


def test_no_run_yet_is_a_sentence(place: Place) -> None:
    done = place.type("status")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no run yet" in done.stdout
    assert place.server_has_gone(), "nothing was to be started for that"
    for verb in ("watch", "logs", "stop", "terminate", "retry", "delete"):
        done = place.type(verb)
        assert done.returncode == 1 and "no run yet" in done.stderr, done


def test_runs_of_earlier_servers_are_listed_and_their_logs_are_there(place: Place) -> None:
    assert place.type("run", place.script(FAILING)).returncode == 1
    until(place.server_has_gone, 30)
    assert place.type("run", place.script(TALKING)).returncode == 0
    until(place.server_has_gone, 30)

    talking, failing = place.runs()
    assert talking["name"].startswith("talking-") and failing["name"].startswith("failing-")
    assert (talking["cluster"], talking["phase"], failing["phase"]) == (
        "local",
        "Succeeded",
        "Failed",
    )
    table = place.type("status").stdout.splitlines()
    assert table[0].split()[:3] == ["RUN", "WHERE", "STATUS"]
    assert table[1].startswith(talking["name"]) and table[2].startswith(failing["name"])

    tree = place.type("status", "--run", failing["name"])
    assert tree.returncode == 0, tree.stderr
    assert re.search(r"^├─ ✖ flaky  .*Error \(exit code 1\)$", tree.stdout, re.MULTILINE)
    assert "    ValueError: the first time" in tree.stdout
    assert re.search(r"its whole log: \.hera/runs/\S+\.log", tree.stdout)
    one = json.loads(place.type("status", "--run", failing["name"], "-o", "json").stdout)
    assert [(task["name"], task["phase"]) for task in one["tasks"]] == [
        ("flaky", "Failed"),
        ("after", "Omitted"),
    ]
    assert one["tasks"][0]["exitCode"] == "1"

    merged = place.type("logs").stdout.split("\n")
    assert merged.pop() == ""
    lines = Counter(line.partition("|")[0].strip() for line in merged)
    assert lines == {"a(0:1)": 40, "a(1:2)": 40, "a(2:3)": 40, "odd": 6}
    odd = [line.partition("| ")[2] for line in merged if line.startswith("odd")]
    assert odd == ["raw � bytes", "10%\r100%", "L" * 100000, "", "  indented", "no end"]
    alone = place.type("logs", "--task", "odd").stdout
    assert alone.split("\n")[-3:] == ["  indented", "no end", ""]
    group = place.type("logs", "--task=a", "--run", talking["name"]).stdout
    assert len(group.splitlines()) == 120
    wrong = place.type("logs", "--task", "oddd")
    assert wrong.returncode == 1 and "did you mean 'odd'?" in wrong.stderr
    watched = place.type("watch", "--run", failing["name"])
    assert watched.returncode == 1 and "ValueError: the first time" in watched.stdout


def test_a_failed_run_is_retried_followed_and_deleted(place: Place) -> None:
    assert place.type("run", place.script(FAILING)).returncode == 1
    (run,) = place.runs()
    done = place.type("retry")
    assert done.returncode == 0 and "its failed tasks run again" in done.stdout
    assert "its programs run as containers/ is now" in done.stdout
    assert "changed since" not in done.stdout
    watched = place.type("watch")
    assert watched.returncode == 0, watched.stdout
    assert f"workflow {run['name']}: Succeeded" in watched.stdout
    assert "flaky | the second time" in place.type("logs").stdout

    done = place.type("retry")
    assert done.returncode == 1 and "has succeeded: there is nothing to retry" in done.stderr
    done = place.type("stop")
    assert done.returncode == 1 and "there is nothing to stop" in done.stderr

    done = place.type("delete")
    assert done.returncode == 1 and "YES=1 (--yes 1) deletes it" in done.stdout
    assert len(place.runs()) == 1
    done = place.type("delete", "--yes", "1")
    assert done.returncode == 0 and f"{run['name']} is deleted" in done.stdout
    assert place.runs() == []


def test_ctrl_c_leaves_and_the_run_goes_on_until_it_is_stopped(
    place: Place, submitted: Callable[[str], str]
) -> None:
    name = submitted(SLEEPING)
    for verb in ("watch", "logs"):
        options = ("--follow",) if verb == "logs" else ()
        process = place.start(verb, *options)
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 130, output
        assert "Traceback" not in output
        if verb == "watch":
            assert f"{name} goes on: 'make watch RUN={name}' comes back to it" in output
    assert place.runs()[0]["phase"] == "Running"

    done = place.type("retry")
    assert done.returncode == 1 and "has not ended yet" in done.stderr
    done = place.type("stop")
    assert done.returncode == 0 and "is being stopped" in done.stdout
    assert place.type("watch").returncode == 1
    assert place.runs()[0]["phase"] == "Failed"


def test_terminate_ends_at_once_and_deleting_a_running_one_says_so(
    place: Place, submitted: Callable[[str], str]
) -> None:
    first = submitted(SLEEPING)
    done = place.type("terminate", "-o", "json")
    assert json.loads(done.stdout)["name"] == first and first in done.stderr
    assert done.returncode == 0 and f"{first} is being ended at once" in done.stderr
    until(lambda: place.runs()[0]["phase"] == "Failed")
    second = submitted(SLEEPING)
    watching = place.start("watch", "--run", second)
    assert watching.stdout is not None and watching.stdout.readline()
    done = place.type("delete", "--yes")
    assert done.returncode == 0 and "it has not ended: what runs of it is ended" in done.stdout
    output, _ = watching.communicate(timeout=30)
    assert watching.returncode == 1
    # The laptop's server ends it before it goes: either may be seen last.
    assert re.search(f"workflow {second}(:| was deleted while it was followed)", output), output
    assert [run["name"] for run in place.runs()] == [first]


def test_connections_that_break_lose_no_line_and_no_end(
    place: Place, submitted: Callable[[str], str]
) -> None:
    from hera_experiment.runs.find import Run
    from hera_experiment.runs.server import open_server
    from hera_utils.cli_context import parse_arguments

    context = parse_arguments(
        argv=["--cluster", "local"], environ={}, folder=place.folder, home=place.folder
    )
    with open_server(context) as server:
        address = server.client.url.rpartition(":")[2].rstrip("/")
        proxy = CuttingProxy(int(address), longest=12_000)
        bearer = server.client.session.auth
        session = http_session.Session(lambda: "")
        session.auth = bearer
        server.client.close()
        server.client = ArgoClient(f"http://127.0.0.1:{proxy.port}/", session)
        name = submitted(TALKING.replace("100000", "3000"))
        workflow = None
        while workflow is None:
            try:
                workflow = server.get(name)
            except OSError:
                continue
        run = Run(server, workflow)
        lines = list(follow_logs(run, LogReader(run)))
        # The document itself is more than the proxy lets through at times: it comes in the end.
        last = list(Follower(server.client, "local", name=name).until_finished())[-1]
        proxy.close()
    assert last.workflow["status"]["phase"] == "Succeeded"
    assert proxy.cuts > 3
    by_task: dict[str, list[str]] = {}
    for task, text in lines:
        by_task.setdefault(task, []).append(text)
    for index in range(3):
        n = index + 1
        expected = [f"line {n} {i} {'x' * 50}" for i in range(40)]
        assert by_task[f"a({index}:{n})"] == expected
    assert by_task["odd"][-2:] == ["  indented", "no end"]
    assert len(by_task["odd"]) == 6


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there is no pseudo-terminal")
def test_delete_asks_on_a_terminal(place: Place) -> None:
    assert place.type("run", place.script(FAILING)).returncode == 1
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        place.command("delete"),
        cwd=place.folder,
        env=place.environ,
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    os.write(ours, b"n\n")
    output, _ = process.communicate(timeout=30)
    os.close(ours)
    assert process.returncode == 1 and "nothing was deleted" in output
    assert len(place.runs()) == 1
