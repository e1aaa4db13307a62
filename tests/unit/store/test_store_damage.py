"""Journals that are damaged, and disks that are full: named, kept, and nothing else suffers."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hera_experiment.local.errors import AlreadyExists, InvalidWorkflow
from hera_experiment.local.store import Store
from hera_experiment.local.store.run import INTERRUPTED, Run

END = "2026-11-05T08:00:09Z"
NODE = {"id": "w-1", "name": "w.a", "type": "Pod", "phase": "Running"}


def lived(store: Store, manifest: Callable[..., dict], name: str = "w", nodes: int = 3) -> Run:
    run = store.create(manifest(name))
    run.update(status={"phase": "Running", "startedAt": END})
    for number in range(nodes):
        node = {**NODE, "id": f"w-{number}", "message": f"node {number} {'x' * 50}"}
        run.update(nodes={node["id"]: node})
        run.update(nodes={node["id"]: {**node, "phase": "Succeeded"}})
        run.log_path(node["id"]).write_text("a line\n")
    return run


def finished(store: Store, manifest: Callable[..., dict], name: str = "w") -> Run:
    run = lived(store, manifest, name)
    run.update(status={"phase": "Succeeded", "finishedAt": END})
    return run


def journal_of(run: Run) -> Path:
    return run.folder / "journal.jsonl"


def old_format(path: Path) -> None:
    """Write the journal as it was before there were checksums."""
    lines = []
    for line in path.read_bytes().splitlines():
        value = json.loads(line)
        value.pop("crc")
        value.pop("ending", None)
        if document := value.pop("document", None):
            document["status"].pop("nodes")
            closed = value.pop("closed")
            value = {**value, "checkpoint": document, "created": closed["created"]}
        lines.append(json.dumps({"version": value.pop("version"), **value}, separators=(",", ":")))
    path.write_text("\n".join(lines) + "\n")


def everything_works_with(store: Store, manifest: Callable[..., dict], phases: dict) -> None:
    """Look at all runs in every way that a client does."""
    assert {run.name: run.head()["status"]["phase"] for run in store.runs()} == phases
    assert {run.name: run.as_dict()["status"]["phase"] for run in store.runs("local")} == phases
    for run in store.runs():
        assert run.namespace == "local" and run.version and run.created
        run.pods()
        assert run.metadata["name"] == run.name
    with pytest.raises(AlreadyExists):
        store.create(manifest())


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda text: b"",
    "zeroed": lambda text: b"\0" * len(text),
    "first line cut off": lambda text: text[:100],
    "first line gone": lambda text: text[text.index(b"\n") + 1 :],
    "another shape": lambda text: b'{"a":1}\n',
    "no object": lambda text: b'[]\n"x"\n1\n',
    "other types": lambda text: b'{"version":1,"manifest":{"metadata":[],"spec":1}}\n',
    "strange nodes": lambda text: (
        b'{"version":1,"manifest":{"metadata":{}}}\n{"version":2,"nodes":{"a":1},"status":[]}\n'
    ),
    "no text": lambda text: os.urandom(1000) + b"\n",
    "deep": lambda text: b'{"version":' + b"[" * 100_000 + b"\n",
    "flipped in the manifest": lambda text: text[:60] + bytes([text[60] ^ 4]) + text[61:],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("end", [lived, finished])
def test_damage_is_named_and_kept_and_harms_no_other(store, open_store, manifest, damage, end):
    path = journal_of(end(store, manifest))
    finished(store, manifest, "other")
    damaged = DAMAGES[damage](path.read_bytes())
    path.write_bytes(damaged)
    again = open_store()
    phase = again.get("local", "w").head()["status"]["phase"]
    everything_works_with(again, manifest, {"w": phase, "other": "Succeeded"})
    run = again.get("local", "w")
    if not (damage.startswith(("flipped", "first line gone")) and end is finished):
        # What a whole ending holds needs none of the lines before.
        assert phase == "Error"
        assert "is damaged (line 1 " in run.status["message"]
        assert "runs/w/journal.jsonl" in run.status["message"]
        with pytest.raises(InvalidWorkflow, match=r"cannot go on: .*damaged"):
            run.update(status={"phase": "Running", "finishedAt": None})
        with pytest.raises(InvalidWorkflow, match="cannot go on"):
            run.remove_logs(["w-1"])
    assert path.read_bytes() == damaged
    assert len(list((run.folder / "logs").iterdir())) == 3
    again.delete("local", "w")
    assert [each.name for each in again.runs()] == ["other"]
    again.create(manifest())


def test_every_flipped_bit_of_a_finished_run_is_harmless_or_named(store, open_store, manifest):
    run = finished(store, manifest)
    sound, path = run.document(), journal_of(run)
    text = path.read_bytes()
    source = random.Random(11)
    for bit in source.sample(range(8 * len(text)), 400):
        broken = bytearray(text)
        broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        again = open_store().get("local", "w")
        head, document = again.head(), json.loads(again.document())
        if document != json.loads(sound):
            assert "is damaged (line" in document["status"]["message"], bit
        assert head["status"]["phase"] in ("Succeeded", "Error")
        assert head["status"]["phase"] == "Succeeded" or "is damaged" in head["status"]["message"]
        assert path.read_bytes() == broken


def test_a_damaged_line_of_a_run_that_was_left_running_is_no_silent_loss(
    store, open_store, manifest
):
    run = lived(store, manifest)
    path = journal_of(run)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"Succeeded", b"Succeedee")
    path.write_bytes(b"".join(lines))
    again = open_store().get("local", "w").as_dict()
    assert again["status"]["phase"] == "Error"
    assert "is damaged (line 4 is not what was written" in again["status"]["message"]
    assert again["status"]["nodes"]["w-2"]["phase"] == "Succeeded"
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("end", [lived, finished])
def test_a_journal_without_checksums_is_read_and_goes_on(store, open_store, manifest, end):
    run = end(store, manifest)
    sound = run.as_dict()
    old_format(journal_of(run))
    assert b"crc" not in journal_of(run).read_bytes()
    again = open_store()
    (listed,) = again.runs()
    if end is finished:
        assert listed.head()["status"]["phase"] == "Succeeded"
        assert listed.as_dict() == sound
    else:
        assert listed.as_dict()["status"]["message"] == INTERRUPTED
    listed.update(status={"phase": "Running", "finishedAt": None}, nodes={"w-9": NODE})
    listed.update(status={"phase": "Succeeded", "finishedAt": END})
    third = open_store().get("local", "w")
    assert third.as_dict() == listed.as_dict()
    assert "w-9" in third.nodes and "w-1" in third.nodes


def test_a_torn_line_is_kept_aside(store, open_store, manifest):
    run = lived(store, manifest)
    with journal_of(run).open("ab") as journal:
        journal.write(b'{"crc":"01234567","version":9,"sta')
    open_store().get("local", "w").head()
    assert (run.folder / "journal.torn").read_bytes() == b'{"crc":"01234567","version":9,"sta'


def test_a_run_that_cannot_be_opened_now_is_there_and_comes_back(store, open_store, manifest):
    finished(store, manifest)
    again = open_store()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        everything_works_with(again, manifest, {"w": "Error"})
        message = again.get("local", "w").status["message"]
        assert "cannot be read at present: Too many open files" in message
        with pytest.raises(OSError, match="Too many open files"):
            again.get("local", "w").update(status={"phase": "Running"})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    everything_works_with(again, manifest, {"w": "Succeeded"})


def test_a_folder_that_appears_meanwhile_is_not_removed_by_a_run_of_its_name(
    store, manifest, tmp_path
):
    run = finished(store, manifest)
    shutil.copytree(run.folder, run.folder.parent / "x")
    with pytest.raises(AlreadyExists):
        store.create(manifest("x"))
    assert (run.folder.parent / "x" / "journal.jsonl").exists()


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes: a write that does is cut there, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("restart", [False, True])
def test_after_a_full_disk_every_run_resumes(store, open_store, manifest, capsys, seed, restart):
    source = random.Random(seed)
    run = lived(store, manifest)
    journal = journal_of(run)
    with full_disk(journal.stat().st_size + source.randrange(1500)):
        for number in range(source.randrange(1, 20)):
            key = f"w-{number}"
            run.update(nodes={key: {**NODE, "id": key}}, remove_nodes=[f"w-{number - 4}"])
        if source.random() < 0.5:
            run.update(status={"phase": "Error", "finishedAt": END})
            run.document()
    if "cannot be written" in (said := capsys.readouterr().err):
        assert said.count("cannot be written") == 1 and "runs/w/journal.jsonl" in said
    if not restart:
        before = run.as_dict()["status"]["nodes"]
        run.update(status={"phase": "Error", "finishedAt": END})
        assert open_store().get("local", "w").as_dict()["status"]["nodes"] == before
    again = open_store().get("local", "w") if restart else run
    assert again.as_dict()["status"]["phase"] == "Error"
    assert all(json.loads(line)["crc"] for line in journal.read_bytes().splitlines())
    again.update(status={"phase": "Running", "finishedAt": None}, nodes={"w-99": NODE})
    again.update(status={"phase": "Succeeded", "finishedAt": END})
    last = open_store().get("local", "w").as_dict()
    assert last == again.as_dict()
    assert "damaged" not in str(last) and "w-99" in last["status"]["nodes"]


def test_what_had_no_room_is_written_when_there_is_some(store, open_store, manifest):
    run = lived(store, manifest)
    with full_disk(journal_of(run).stat().st_size + 10):
        run.update(status={"phase": "Succeeded", "finishedAt": END})
        assert run.finished
        assert not run.forget()
        assert store.close() == ["w"]
    assert store.close() == []
    assert open_store().get("local", "w").document() == run.document()


def test_a_workflow_that_has_no_room_is_refused_and_leaves_nothing(store, manifest):
    with full_disk(20), pytest.raises(OSError):
        store.create(manifest())
    assert not (store.root / "runs" / "w").exists()
    assert store.runs() == []
    store.create(manifest())
