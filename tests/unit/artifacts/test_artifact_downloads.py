"""Artifacts are downloaded by the paths of Argo's own server."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from laptop_runs import Laptop, dag, inputs, leaf, node, outputs, task

from hera_experiment.local.server import Server

SECRET = "s3cret"

MAKE = leaf(
    "make",
    "mkdir -p /tmp/out/inner && echo one > /tmp/out/one.txt && echo two > '/tmp/out/inner/a b'",
    **outputs(
        {"name": "folder", "path": "/tmp/out", "archive": {"none": {}}},
        {"name": "file", "path": "/tmp/out/one.txt", "archive": {"none": {}}},
        {"name": "packed", "path": "/tmp/out"},
    ),
)
READ = leaf("read", "true", **inputs({"name": "in", "path": "/data/in"}))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


Get = Callable[..., Answer]


@pytest.fixture
def get(laptop: Laptop) -> Iterator[Get]:
    server = Server(laptop.store, laptop.engine, SECRET)
    server.start(0.02)

    def ask(path: str, token: str = SECRET) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return Answer(answer.status, dict(answer.getheaders()), body)

    yield ask
    server.close()


@pytest.fixture
def done(laptop: Laptop) -> dict[str, Any]:
    raw = {"name": "in", "raw": {"data": "written down"}}
    found = laptop.run(dag(task("make", "make"), task("read", "read", raw)), MAKE, READ)
    assert found["status"]["phase"] == "Succeeded"
    return found


def paths(workflow: dict[str, Any], name: str) -> tuple[str, str]:
    """Return what leads to a node of a workflow, by its name and by its uid."""
    key, metadata = node(workflow, name)["id"], workflow["metadata"]
    return f"local/{metadata['name']}/{key}", f"{metadata['uid']}/{key}"


def test_whole_artifacts(get: Get, done: dict[str, Any]) -> None:
    by_name, by_uid = paths(done, "make")
    for path in (f"/artifacts/{by_name}/file", f"/artifacts-by-uid/{by_uid}/file"):
        answer = get(path)
        assert (answer.status, answer.body) == (200, b"one\n")
    assert answer.headers["Content-Disposition"] == 'filename="one.txt"'
    assert answer.headers["Content-Type"] == "text/plain"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert get(f"/artifacts/{by_name}/packed").body.startswith(b"\x1f\x8b")
    by_name, by_uid = paths(done, "read")
    for path in (f"/input-artifacts/{by_name}/in", f"/input-artifacts-by-uid/{by_uid}/in"):
        assert get(path).body == b"written down"


def test_folders_and_what_is_in_them(get: Get, done: dict[str, Any]) -> None:
    name, key = done["metadata"]["name"], node(done, "make")["id"]
    top = f"/artifact-files/local/workflows/{name}/{key}/outputs/folder"
    moved = get(top)
    assert (moved.status, moved.headers["Location"]) == (307, "folder/")
    listed = get(f"{top}/").body.decode()
    assert '<a href="./inner/">inner/</a>' in listed
    assert '<a href="./one.txt">one.txt</a>' in listed
    assert get(f"{top}/one.txt").body == b"one\n"
    assert get(f"{top}/inner").headers["Location"] == "inner/"
    assert '"./a%20b"' in get(f"{top}/inner/").body.decode()
    assert get(f"{top}/inner/a%20b").body == b"two\n"
    uid = done["metadata"]["uid"]
    archived = f"/artifact-files/local/archived-workflows/{uid}/{key}/outputs/file"
    assert get(archived).body == b"one\n"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/artifacts/local/nothing/x/file", 404, "not found"),
        ("/artifacts/{by_name}/nothing", 500, "artifact not found: nothing, isInput=false"),
        ("/artifacts/local/{name}/x/file", 500, "was not able to retrieve node x"),
        ("/artifacts/{by_name}/folder", 501, "Directory Stream capability"),
        ("/artifacts-by-uid/nobody/x/file", 404, "nobody"),
        ("/artifact-files/{where}/outputs/folder/nothing", 404, "key does not exist"),
        ("/artifact-files/{where}/outputs/folder/../../../secrets/x", 404, "key does not exist"),
        ("/artifact-files/{where}/sideways/file", 400, "inputs"),
        ("/artifact-files/local/others/{name}/x/outputs/file", 400, "workflows"),
    ],
)
def test_what_is_not_there(
    path: str, status: int, words: str, get: Get, done: dict[str, Any], laptop: Laptop
) -> None:
    laptop.store.objects.put("secrets", "x", {"key": b"hidden"})
    name, key = done["metadata"]["name"], node(done, "make")["id"]
    by_name = f"local/{name}/{key}"
    answer = get(path.format(name=name, by_name=by_name, where=f"local/workflows/{name}/{key}"))
    assert answer.status == status
    assert words in answer.body.decode()
    assert "hidden" not in answer.body.decode()


def test_downloads_want_the_token(get: Get, done: dict[str, Any]) -> None:
    by_name, _ = paths(done, "make")
    assert get(f"/artifacts/{by_name}/file", token="wrong").status == 401


def test_what_was_collected_is_gone(get: Get, laptop: Laptop) -> None:
    done = laptop.run(MAKE, artifactGC={"strategy": "OnWorkflowCompletion"})
    name = done["metadata"]["name"]
    answer = get(f"/artifacts/local/{name}/{name}/file")
    assert (answer.status, b"does not exist" in answer.body) == (404, True)
