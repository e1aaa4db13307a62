"""Workflows in the store: merging, the journal, and what survives a server."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone

import pytest

from hera_experiment.local.errors import AlreadyExists, InvalidWorkflow, NotFound
from hera_experiment.local.store import Store
from hera_experiment.local.store import body as body_module
from hera_experiment.local.store import run as run_module
from hera_experiment.local.store.body import encode_nodes
from hera_experiment.local.store.run import INTERRUPTED

END = "2026-11-05T08:00:09Z"
NODE = {"id": "w-1", "name": "w.a", "type": "Pod", "phase": "Running"}


def finish(run, phase="Succeeded"):
    run.update(status={"phase": phase, "finishedAt": END})


def test_a_new_workflow_reads_as_argo_would_answer_it(store, manifest):
    run = store.create(manifest())
    document = json.loads(run.document())
    assert document["spec"] == manifest()["spec"]
    assert document["status"] == {"startedAt": None, "finishedAt": None}
    assert document["metadata"]["resourceVersion"] == str(run.version)
    assert document["metadata"]["name"] == "w"
    assert document == run.as_dict()
    assert not run.finished


def test_updates_merge_by_key_and_none_removes(store, manifest):
    run = store.create(manifest(team="a"))
    run.update(
        status={"phase": "Running", "message": "x"},
        nodes={"w-1": NODE, "w-2": {**NODE, "id": "w-2"}},
        labels={"phase": "Running", "team": None},
        spec={"shutdown": "Stop"},
    )
    run.update(status={"message": None, "progress": "0/1"}, remove_nodes=["w-2"])
    run.update(nodes={"w-1": {**NODE, "phase": "Failed"}}, spec={"shutdown": None})
    document = run.as_dict()
    assert document["status"] == {
        "startedAt": None,
        "finishedAt": None,
        "phase": "Running",
        "progress": "0/1",
        "nodes": {"w-1": {**NODE, "phase": "Failed"}},
    }
    assert document["metadata"]["labels"] == {"phase": "Running"}
    assert "shutdown" not in document["spec"]
    assert run.nodes["w-1"]["phase"] == "Failed"
    assert run.status["progress"] == "0/1"
    assert run.pods() == [{**NODE, "phase": "Failed"}]


def test_a_removed_node_may_come_back_in_the_same_update(store, manifest, open_store):
    run = store.create(manifest())
    run.update(nodes={"w-1": NODE})
    run.update(nodes={"w-1": {**NODE, "phase": "Pending"}}, remove_nodes=["w-1"])
    finish(run)
    assert run.nodes["w-1"]["phase"] == "Pending"
    assert open_store().get("local", "w").nodes["w-1"]["phase"] == "Pending"


def test_children_come_to_those_that_a_node_has(store, manifest, open_store):
    run = store.create(manifest())
    run.update(nodes={"w": {**NODE, "id": "w"}, "w-1": NODE})
    before = run.nodes["w"]
    run.update(children={"w": ["w-1"], "nobody": ["w-1"]})
    run.update(children={"w": ["w-2", "w-3"]})
    assert "children" not in before
    assert run.nodes["w"]["children"] == ["w-1", "w-2", "w-3"]
    assert list(run.as_dict()["status"]["nodes"]) == ["w", "w-1"]
    assert open_store().get("local", "w").nodes["w"]["children"] == ["w-1", "w-2", "w-3"]


def test_a_line_for_new_children_is_as_short_for_many_as_for_few(store, manifest):
    run = store.create(manifest())
    journal = run.folder / "journal.jsonl"
    run.update(nodes={"w": {**NODE, "id": "w", "children": [f"w-{n}" for n in range(1000)]}})
    before = journal.stat().st_size
    run.update(children={"w": ["w-1000"]})
    assert journal.stat().st_size - before < 100


def test_every_update_is_one_whole_line(store, manifest):
    run = store.create(manifest())
    journal = run.folder / "journal.jsonl"
    for number in range(3):
        run.update(nodes={"w-1": {**NODE, "message": f"line\n{number} é\ud800"}})
        assert len(journal.read_bytes().splitlines()) == number + 2
        assert journal.read_bytes().endswith(b"\n")
    run.update()
    assert len(journal.read_bytes().splitlines()) == 4


def test_what_json_cannot_hold_changes_nothing(store, manifest):
    run = store.create(manifest())
    run.update(status={"phase": "Running"}, nodes={"w-1": NODE})
    before, journal = run.document(), (run.folder / "journal.jsonl").read_bytes()
    for patch in (
        {"status": {"phase": "Failed", "load": float("nan")}},
        {"nodes": {"w-1": {**NODE, "load": float("inf")}}, "remove_nodes": ["w-1"]},
    ):
        with pytest.raises(ValueError):
            run.update(**patch)
    assert run.document() == before
    assert (run.folder / "journal.jsonl").read_bytes() == journal


def test_a_finished_workflow_is_the_same_for_the_next_server(store, open_store, manifest):
    run = store.create(manifest(team="a"))
    run.update(status={"phase": "Running", "startedAt": END}, nodes={"w-1": NODE})
    run.update(nodes={"w-1": {**NODE, "phase": "Succeeded"}}, labels={"done": "true"})
    finish(run)
    again = open_store().get("local", "w")
    assert again.document() == run.document()
    assert (again.version, again.created) == (run.version, run.created)
    assert again.finished


def test_a_workflow_that_its_server_left_running_is_closed_as_error(store, open_store, manifest):
    run = store.create(manifest())
    done = {**NODE, "id": "w-2", "phase": "Succeeded", "finishedAt": END}
    run.update(
        status={
            "phase": "Running",
            "startedAt": END,
            "conditions": [{"type": "PodRunning", "status": "True"}],
        },
        nodes={"w-1": NODE, "w-2": done},
        labels={"workflows.argoproj.io/phase": "Running"},
    )
    for attempt in range(2):
        closed = open_store().get("local", "w").as_dict()
        assert closed["status"]["phase"] == "Error", attempt
        assert closed["status"]["message"] == INTERRUPTED
        assert closed["status"]["finishedAt"]
        assert {"type": "Completed", "status": "True"} in closed["status"]["conditions"]
        assert {"type": "PodRunning", "status": "False"} in closed["status"]["conditions"]
        assert closed["status"]["nodes"]["w-1"]["phase"] == "Error"
        assert closed["status"]["nodes"]["w-1"]["finishedAt"]
        assert closed["status"]["nodes"]["w-2"] == done
        assert closed["metadata"]["labels"] == {
            "workflows.argoproj.io/phase": "Error",
            "workflows.argoproj.io/completed": "true",
        }


@pytest.mark.parametrize("torn", [b'{"version":9', b"\xff\xfe{", b'{"version":9,"status":{}}'])
def test_a_torn_last_line_is_left_out_and_removed(store, open_store, manifest, torn):
    run = store.create(manifest())
    run.update(nodes={"w-1": NODE})
    with (run.folder / "journal.jsonl").open("ab") as journal:
        journal.write(torn)
    reread = open_store().get("local", "w")
    assert reread.status["phase"] == "Error"
    lines = (run.folder / "journal.jsonl").read_bytes().splitlines()
    assert len(lines) == 3
    assert all(json.loads(line) for line in lines)
    assert open_store().get("local", "w").document() == reread.document()


def test_a_workflow_whose_first_line_is_torn_never_was(store, open_store, manifest):
    run = store.create(manifest())
    (run.folder / "journal.jsonl").write_bytes(b'{"version":1,"manif')
    empty = store.root / "runs" / "empty"
    empty.mkdir()
    again = open_store()
    assert again.runs() == []
    with pytest.raises(NotFound):
        again.get("local", "w")
    again.create(manifest())
    again.create(manifest("empty"))
    assert {run.name for run in again.runs()} == {"w", "empty"}


def test_a_resumed_workflow_goes_on_in_the_same_journal(store, open_store, manifest):
    finish(store.create(manifest()), "Failed")
    second = open_store()
    run = second.get("local", "w")
    run.update(status={"phase": "Running", "finishedAt": None}, nodes={"w-1": NODE})
    assert not run.finished
    assert run.live
    finish(run)
    assert open_store().get("local", "w").as_dict() == run.as_dict()


def test_names_are_taken_once(store, open_store, manifest):
    finish(store.create(manifest()))
    for opened in (store, open_store()):
        with pytest.raises(AlreadyExists, match=r'workflows.argoproj.io "w" already exists'):
            opened.create(manifest())


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", "A", "a_b", ".w", "w.", "a" * 254, "é"])
def test_a_name_never_leads_out_of_its_folder(store, manifest, name):
    with pytest.raises(InvalidWorkflow):
        store.create(manifest(name))
    with pytest.raises(NotFound):
        store.get("local", name)


@pytest.mark.parametrize("node", ["", "..", "a/b", "../../x", ".hidden"])
def test_a_node_never_leads_out_of_the_logs(store, manifest, node):
    run = store.create(manifest())
    assert run.log_path("w-1").parent == run.folder / "logs"
    assert run.log_path("w-1").parent.is_dir()
    with pytest.raises(NotFound):
        run.log_path(node)


def test_the_newest_comes_first_and_namespaces_are_apart(store, open_store, manifest):
    for number in range(5):
        finish(store.create(manifest(f"w{number}", "even" if number % 2 == 0 else "odd")))
    for opened in (store, open_store()):
        assert [run.name for run in opened.runs()] == ["w4", "w3", "w2", "w1", "w0"]
        assert [run.name for run in opened.runs("odd")] == ["w3", "w1"]
        with pytest.raises(NotFound, match=r'workflows.argoproj.io "w1" not found'):
            opened.get("even", "w1")
        assert opened.get("", "w1").namespace == "odd"


def test_deletion_removes_journal_and_logs_but_no_claim(store, open_store, manifest):
    run = store.create(manifest())
    run.update(nodes={"w-1": NODE})
    run.log_path("w-1").write_text("hello")
    claim = store.objects.put("persistentvolumeclaims", "results")
    (claim / "w").mkdir()
    before = store.milestone
    store.delete("local", "w")
    assert store.milestone > before
    assert run.deleted
    assert run.as_dict()["status"]["nodes"]["w-1"] == NODE
    run.update(status={"phase": "Failed"})
    assert not run.folder.exists()
    assert (claim / "w").is_dir()
    assert store.runs() == open_store().runs() == []
    with pytest.raises(NotFound):
        store.delete("local", "w")
    store.create(manifest())


def test_a_deletion_that_was_cut_short_is_completed(store, open_store, manifest):
    half = store.root / "runs" / ".w.17"
    half.mkdir()
    (half / "journal.jsonl").write_text("{}")
    assert open_store().runs() == []
    assert not half.exists()


def test_versions_grow_from_server_to_server(store, open_store, manifest):
    run = store.create(manifest())
    seen = [run.version]
    for phase in ("Pending", "Running"):
        run.update(status={"phase": phase})
        seen.append(run.version)
    finish(run)
    seen += [run.version, open_store().create(manifest("x")).version]
    assert seen == sorted(set(seen))


def test_versions_grow_although_the_clock_is_set_back(root, manifest):
    seen = []
    for name, hour in (("a", 12), ("b", 11), ("c", 3), ("d", 13)):
        store = Store(root, lambda hour=hour: datetime(2026, 11, 5, hour, tzinfo=timezone.utc))
        finish(store.create(manifest(name)))
        seen.append(store.version)
    assert seen == sorted(set(seen))
    assert [run.name for run in store.runs()] == ["d", "c", "b", "a"]


def test_waiting_ends_with_the_next_change_and_milestones_are_fewer(store, manifest):
    run = store.create(manifest())
    version, milestone = store.version, store.milestone
    assert store.wait(version, 0.01) == version
    timer = threading.Timer(0.05, lambda: run.update(status={"phase": "Running"}))
    timer.start()
    assert store.wait(version, 10) == run.version > version
    timer.join()
    assert store.wait_milestone(milestone, 0.01) == milestone
    threading.Timer(0.05, lambda: finish(run)).start()
    assert store.wait_milestone(milestone, 10) > milestone


def test_concurrent_updates_and_readers_agree(store, open_store, manifest):
    run = store.create(manifest())
    stop = threading.Event()
    documents = []

    def write(writer: int) -> None:
        for number in range(100):
            key = f"w-{writer}-{number}"
            run.update(nodes={key: {**NODE, "id": key}}, status={f"by{writer}": number})

    def read() -> None:
        while not stop.wait(0.001):
            documents.append(json.loads(run.document()))

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    versions = [int(document["metadata"]["resourceVersion"]) for document in documents]
    assert versions == sorted(versions)
    assert len(run.nodes) == 400
    finish(run)
    assert open_store().get("local", "w").as_dict() == run.as_dict()


def test_finished_workflows_leave_memory_and_come_back(store, manifest):
    runs = [store.create(manifest(f"w{number}")) for number in range(20)]
    for number, run in enumerate(runs):
        run.update(nodes={"n-1": {**NODE, "message": str(number)}})
        finish(run)
    assert runs[0]._body is None
    assert runs[-1]._body is not None
    assert [run.nodes["n-1"]["message"] for run in runs] == [str(n) for n in range(20)]
    assert sum(run._body is not None for run in runs) <= 16


def test_a_list_reads_no_whole_journal(store, open_store, manifest):
    run = store.create(manifest())
    run.update(nodes={f"w-{n}": {**NODE, "message": "x" * 500} for n in range(1000)})
    finish(run)
    again = open_store().get("local", "w")
    assert again.head()["status"]["phase"] == "Succeeded"
    assert "nodes" not in again.head()["status"]
    assert again._body is None
    assert len(again.nodes) == 1000


def test_the_folder_is_private(root, store, manifest):
    store.create(manifest())
    assert root.stat().st_mode & 0o777 == 0o700
    assert (root / "runs" / "w" / "journal.jsonl").stat().st_mode & 0o777 == 0o600


def test_each_node_is_encoded_once(store, manifest, monkeypatch):
    run = store.create(manifest())
    encoded = []

    def counting(nodes):
        encoded.extend(nodes)
        return encode_nodes(nodes)

    for module in (body_module, run_module):
        monkeypatch.setattr(module, "encode_nodes", counting)
    run.update(nodes={f"w-{n}": {**NODE, "id": f"w-{n}"} for n in range(1000)})
    documents = [run.document() for _ in range(5)]
    run.update(nodes={"w-7": {**NODE, "id": "w-7", "message": "other"}})
    assert json.loads(run.document())["status"]["nodes"]["w-7"]["message"] == "other"
    assert len(encoded) == 1001
    assert len(json.loads(documents[0])["status"]["nodes"]) == 1000
