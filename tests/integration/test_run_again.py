"""``run`` that goes on with an earlier run: after a kill, from a task on, or with one task."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from polling import until
from script_place import HEAD, Place

CHAIN = f"""{HEAD}
@script(image="python:3.11", volume_mounts=[VolumeMount(name="data", mount_path="/data")])
def step(run, name):
    import os, time
    os.makedirs(f"/data/{{run}}", exist_ok=True)
    with open(f"/data/{{run}}/{{name}}.txt", "w") as file:
        file.write("half")
        file.flush()
        time.sleep(0.15)
        file.seek(0)
        file.write("whole")
    with open(f"/data/{{run}}/order.log", "a") as file:
        file.write(name + "\\n")

with Workflow(
    generate_name="chain-",
    entrypoint="d",
    volumes=[ExistingVolume(name="data", claim_name="numbers", mount_path="/data")],
) as w:
    with DAG(name="d"):
        run = "{{{{workflow.name}}}}"
        first = step(name="first", arguments={{"run": run, "name": "first"}})
        middle = [
            step(name=f"m{{n}}", arguments={{"run": run, "name": f"m{{n}}"}}) for n in range(6)
        ]
        last = step(name="last", arguments={{"run": run, "name": "last"}})
        first >> middle >> last
w.create()
"""
TASKS = {"first", "last", *(f"m{n}" for n in range(6))}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    (tmp_path / ".hera" / "claims" / "numbers").mkdir(parents=True)
    yield place
    until(place.server_has_gone, 30)


def order(place: Place) -> list[str]:
    """Return the tasks that came to their end, in their order."""
    logs = list(place.folder.glob(".hera/claims/numbers/*/order.log"))
    assert len(logs) <= 1, "the workflow has one name, however often it goes on"
    return logs[0].read_text().split() if logs else []


def name_of(text: str) -> str:
    found = re.search(r"^workflow (chain-\w{5})", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


@pytest.mark.parametrize("finished", range(8))
def test_after_a_kill_only_what_had_not_finished_runs(place: Place, finished: int) -> None:
    process = place.start(CHAIN)
    until(lambda: len(order(place)) >= finished and list(place.folder.glob(".hera/runs/*")), 60)
    server = json.loads((place.folder / ".hera" / "server.json").read_text())["pid"]
    os.kill(server, signal.SIGKILL)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    (place.folder / ".hera" / "server.json").unlink(missing_ok=True)
    journal = next(place.folder.glob(".hera/runs/*/journal.jsonl"))
    lines = journal.read_text().splitlines()
    known = {
        node["displayName"]
        for line in lines
        if '"nodes"' in line and line.endswith("}")
        for node in json.loads(line).get("nodes", {}).values()
        if node["phase"] == "Succeeded"
    }
    before = order(place)

    done = place.run(CHAIN, options=["--resume=1"])

    assert done.returncode == 0, done.stdout + done.stderr
    assert set(order(place)) == TASKS
    again = order(place)[len(before) :]
    assert not known & set(again)
    (folder,) = filter(Path.is_dir, place.folder.glob("results/*"))
    texts = {path.stem: path.read_text() for path in folder.glob("*.txt")}
    assert texts == dict.fromkeys(TASKS, "whole")


def test_from_a_task_on_and_one_task_only(place: Place) -> None:
    done = place.run(CHAIN)
    assert done.returncode == 0, done.stdout + done.stderr
    name = name_of(done.stdout)
    before = order(place)

    done = place.run(CHAIN, options=["--from", "m3"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert order(place) == [*before, "m3", "last"]
    assert "6 tasks had ended before" in done.stdout
    assert f"{name} goes on: m3 and what follows it run" in done.stderr

    done = place.run(CHAIN, options=["--only", "first", "--run", name])
    assert done.returncode == 0, done.stdout + done.stderr
    assert order(place) == [*before, "m3", "last", "first"]
    assert f"{name} goes on: of all its tasks first runs" in done.stderr
    records = list(place.folder.glob(".hera/submissions/*.json"))
    assert len(records) == 1, records


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--resume=1"], "this experiment has no run yet"),
        (["--run", "x"], "a new run has no name yet (--run): to go on with that one add RESUME=1"),
        (["--from", "a", "--only", "b"], "FROM runs what follows a task, ONLY leaves it out"),
        (["--resume=1", "--detach=1"], "is followed to its end (--detach): leave it out"),
    ],
)
def test_half_a_wish_is_told(place: Place, options: list[str], sentence: str) -> None:
    done = place.run(CHAIN, options=options)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(place.folder.glob(".hera/runs/*"))


def test_a_task_that_there_is_not(place: Place) -> None:
    assert place.run(CHAIN).returncode == 0
    done = place.run(CHAIN, options=["--from", "m33"])
    assert done.returncode == 1
    assert "there is no task 'm33' in chain-" in done.stderr
    assert len(order(place)) == len(TASKS)


BOROUGHS = f"""{HEAD}
from hera.workflows import UserContainer

@script(image="python:3.11", volume_mounts=[VolumeMount(name="data", mount_path="/data")])
def count(run, name):
    from pathlib import Path
    people = Path(f"/data/boroughs/{{name}}.txt").read_text().split()
    out = Path(f"/data/{{run}}/counts/{{name}}.txt")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(str(len(people)))

@script(image="python:3.11", volume_mounts=[VolumeMount(name="data", mount_path="/data")])
def add(run):
    from pathlib import Path
    found = sorted(Path(f"/data/{{run}}/counts").glob("*.txt"))
    total = sum(int(path.read_text()) for path in found)
    Path(f"/data/{{run}}/total.txt").write_text(str(total))
    print("the total is", total)

@script(image="python:3.11")
def ask():
    import socket
    print(socket.socket().connect_ex(("127.0.0.1", 9)))

@script(
    image="python:3.11",
    init_containers=[UserContainer(name="first", image="python:3.11", command=["true"])],
)
def after_another():
    print("both ran")

with Workflow(
    generate_name="boroughs-",
    entrypoint="d",
    volumes=[ExistingVolume(name="data", claim_name="numbers", mount_path="/data")],
) as w:
    with DAG(name="d"):
        run = "{{{{workflow.name}}}}"
        counts = count(
            name="count",
            arguments={{"run": run, "name": "{{{{item}}}}"}},
            with_items=["a", "b", "c"],
        )
        counts >> add(name="add", arguments={{"run": run}})
        ask(name="ask")
        after_another(name="after-another")
w.create()
"""


def taken(done: str) -> list[str]:
    return sorted(re.findall(r"^Succeeded  (\S+) .*taken over from boroughs-", done, re.MULTILINE))


def test_what_was_done_with_the_same_files_is_taken_over(place: Place) -> None:
    boroughs = place.folder / ".hera" / "claims" / "numbers" / "boroughs"
    boroughs.mkdir()
    for name in "abc":
        (boroughs / f"{name}.txt").write_text("Ada Bob\n")
    all_counts = [f"count({index}:{name})" for index, name in enumerate("abc")]

    first = place.run(BOROUGHS, options=["--cache=1"])
    assert first.returncode == 0, first.stdout + first.stderr
    assert taken(first.stdout) == []
    assert "not remembered: it uses the network" in first.stdout
    assert "not remembered: it has several containers" in first.stdout

    again = place.run(BOROUGHS, options=["--cache=1"])
    assert again.returncode == 0, again.stdout + again.stderr
    assert taken(again.stdout) == ["add", *all_counts]
    assert "the total is 6" in again.stdout

    (boroughs / "b.txt").write_text("Ada Bob Cyd\n")
    changed = place.run(BOROUGHS, options=["--cache=1"])
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert taken(changed.stdout) == [all_counts[0], all_counts[2]]
    assert "the total is 7" in changed.stdout
    totals = [path.read_text() for path in place.folder.glob("results/*/total.txt")]
    assert sorted(totals) == ["6", "6", "7"]

    plain = place.run(BOROUGHS)
    assert taken(plain.stdout) == []


def test_a_runtime_that_does_not_show_files_is_told(place: Place) -> None:
    done = place.run(BOROUGHS, options=["--cache=1", "--runtime=process"])
    assert done.returncode == 1
    assert "which RUNTIME=process does not show: use RUNTIME=bubblewrap" in done.stderr
