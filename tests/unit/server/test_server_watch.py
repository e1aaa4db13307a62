"""Watching: at once what is, later what changed, and not too often."""

from __future__ import annotations

import json
import threading
import time

import pytest
from polling import until

from hera_experiment.local.server import watch

EVENTS = "/api/v1/workflow-events/local"
ONE = f"{EVENTS}?listOptions.fieldSelector=metadata.name%3D"
END = "2026-11-05T08:00:09Z"


def event(response):
    """The next event of a stream of server-sent events, comments left out."""
    for line in response:
        if line.startswith(b"data: "):
            assert response.readline() == b"\n"
            result = json.loads(line[6:])["result"]
            return result["type"], result["object"]
    return None


def test_a_finished_workflow_is_sent_at_once(call, workflow):
    workflow(finished=END)
    response = call.stream(f"{ONE}w")
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Connection"] == "close"
    kind, document = event(response)
    assert kind == "ADDED"
    assert document["status"]["finishedAt"] == END


def test_without_the_accept_header_it_is_json_lines(call, workflow):
    workflow()
    response = call.stream(f"{ONE}w", events=False)
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(response.readline())["result"]["type"] == "ADDED"


def test_changes_follow_and_the_finish_does_not_wait(call, workflow, pod):
    run = workflow()
    response = call.stream(f"{ONE}w")
    assert event(response)[0] == "ADDED"
    # Large enough that the next frame would be due in seconds only.
    run.update(nodes={f"w-{n}": pod(f"w-{n}", message="x" * 500) for n in range(2000)})
    kind, document = event(response)
    assert (kind, len(document["status"]["nodes"])) == ("MODIFIED", 2000)
    run.update(status={"phase": "Running"})
    started = time.monotonic()
    run.update(status={"phase": "Succeeded", "finishedAt": END})
    kind, document = event(response)
    assert time.monotonic() - started < 1
    assert (kind, document["status"]["finishedAt"]) == ("MODIFIED", END)


def test_a_thousand_changes_are_few_events(call, workflow, pod):
    run = workflow()
    response = call.stream(f"{ONE}w")
    seen = [event(response)]
    for number in range(1000):
        run.update(status={"progress": f"{number}/1000"})
        if number == 500:
            seen.append(event(response))
    run.update(status={"phase": "Succeeded", "finishedAt": END})
    while not seen[-1][1]["status"]["finishedAt"]:
        seen.append(event(response))
    assert seen[-1][1]["status"]["progress"] == "999/1000"
    assert len(seen) <= 8


@pytest.mark.parametrize("size, seconds", [(100, 0.2), (400_000, 1.0), (10**9, 5.0)])
def test_large_documents_are_sent_rarely(size, seconds):
    assert watch._interval(size) == seconds


def test_creation_deletion_and_labels_in_a_namespace(call, workflow, store):
    workflow("old", team="a")
    workflow("elsewhere", "other", team="a")
    response = call.stream(f"{EVENTS}?listOptions.labelSelector=team%3Da")
    assert [event(response)[1]["metadata"]["name"]] == ["old"]
    workflow("unlabelled")
    run = workflow("new", team="a")
    kind, document = event(response)
    assert (kind, document["metadata"]["name"]) == ("ADDED", "new")
    run.update(labels={"team": "b"})
    kind, document = event(response)
    assert (kind, document["metadata"]["name"]) == ("DELETED", "new")
    store.delete("local", "old")
    kind, document = event(response)
    assert (kind, document["metadata"]["name"]) == ("DELETED", "old")


def test_all_namespaces(call, workflow):
    workflow("a", "local")
    workflow("b", "other")
    response = call.stream("/api/v1/workflow-events/")
    assert [event(response)[1]["metadata"]["name"] for _ in range(2)] == ["a", "b"]


def test_a_workflow_of_the_same_name_is_another(call, workflow, store):
    workflow()
    response = call.stream(f"{ONE}w")
    first = event(response)
    store.delete("local", "w")
    workflow()
    kinds = [event(response) for _ in range(2)]
    assert [kind for kind, _ in kinds] == ["DELETED", "ADDED"]
    assert kinds[0][1] == {**first[1], "metadata": kinds[0][1]["metadata"]}


def test_a_missing_workflow_is_a_plain_404(call):
    answer = call("GET", f"{ONE}x", Accept="text/event-stream")
    assert (answer.status, answer.json["code"]) == (404, 5)


def test_fields_and_alias(call, workflow, pod):
    workflow().update(nodes={"w-1": pod()})
    selected = "&fields=result.object.metadata.name,result.object.status.phase"
    assert event(call.stream(f"{ONE}%40latest{selected}"))[1] == {
        "metadata": {"name": "w"},
        "status": {},
    }


def test_from_a_resource_version_only_what_came_later(call, workflow):
    workflow("before")
    run = workflow("w")
    response = call.stream(f"{EVENTS}?listOptions.resourceVersion={run.version}")
    run.update(status={"phase": "Running"})
    kind, document = event(response)
    assert (kind, document["metadata"]["name"]) == ("MODIFIED", "w")


def test_a_watch_with_a_time_out_ends_cleanly(call, workflow):
    workflow()
    response = call.stream(f"{ONE}w&listOptions.timeoutSeconds=1")
    assert event(response)[0] == "ADDED"
    assert event(response) is None


def test_a_sign_of_life_every_fifteen_seconds(call, workflow, monkeypatch):
    monkeypatch.setattr(watch, "KEEP_ALIVE_SECONDS", 0.05)
    workflow()
    response = call.stream(f"{ONE}w")
    assert event(response)[0] == "ADDED"
    assert [response.readline() for _ in range(3)] == [b":\n"] * 3


def test_a_client_that_leaves_ends_its_thread(call, workflow, monkeypatch, server):
    monkeypatch.setattr(watch, "KEEP_ALIVE_SECONDS", 0.05)
    workflow()
    for events in (True, False):
        response = call.stream(f"{ONE}w", events)
        response.readline()
        assert server._streams == 1
        response.close()
        call._open.pop().close()
        until(lambda: server._streams == 0, 5, 0.01)


def test_streams_end_whole_when_the_server_does(call, workflow, server):
    workflow()
    response = call.stream(f"{ONE}w")
    assert event(response)[0] == "ADDED"
    closing = threading.Thread(target=server.close)
    closing.start()
    assert response.read() == b""  # IncompleteRead without the last chunk
    closing.join()
