"""Logs: merged over pods, chosen by options, followed to the end."""

from __future__ import annotations

import json
import os
import resource
import time

import pytest
from polling import until

from hera_experiment.local.server import log_lines
from hera_experiment.local.store import container_log

LOG = "/api/v1/workflows/local/w/log"
END = "2026-11-05T08:00:09Z"


@pytest.fixture
def log(workflow, pod):
    """A workflow with tasks whose logs hold the given bytes, written at the given times."""

    def make(*contents: bytes, phase: str = "Succeeded", times: tuple[int, ...] = ()):
        run = workflow()
        for number, content in enumerate(contents, 1):
            run.update(nodes={f"w-{number}": pod(f"w-{number}", phase)})
            path = run.log_path(f"w-{number}")
            path.write_bytes(content)
            if times:
                os.utime(path, (times[number - 1], times[number - 1]))
        return run

    return make


def lines(call, query="", path=LOG):
    answer = call("GET", f"{path}?{query}", Accept="text/event-stream")
    assert answer.status == 200, answer.body
    frames = [part for part in answer.body.split(b"\n\n") if part]
    return [json.loads(frame.removeprefix(b"data: "))["result"] for frame in frames]


def texts(call, query="", path=LOG):
    return [line["content"] for line in lines(call, query, path)]


def test_every_line_names_its_pod(call, log):
    log(b"one\ntwo\n")
    assert lines(call, "logOptions.container=main") == [
        {"content": "one", "podName": "w-main-1"},
        {"content": "two", "podName": "w-main-1"},
    ]


def test_without_the_accept_header_it_is_json_lines(call, log):
    log(b"one\ntwo\n")
    body = call("GET", LOG).body
    assert [json.loads(line)["result"]["content"] for line in body.splitlines()] == ["one", "two"]


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"", []),
        (b"no end", ["no end"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"caf\xc3\xa9\n", ["caf\u00e9"]),
        (b"bad \xff\xfe bytes\n", ["bad \ufffd\ufffd bytes"]),
        (b"nul \x00 and \x1b[31m colour\n", ["nul \x00 and \x1b[31m colour"]),
        ("line\u2028separator\n".encode(), ["line\u2028separator"]),
    ],
)
def test_bytes_become_lines(call, log, content, expected):
    log(content)
    assert texts(call) == expected


def test_an_endless_line_is_cut(call, log, monkeypatch):
    monkeypatch.setattr(log_lines, "LONGEST_LINE", 4)
    log(b"abcdefghij\nk\n")
    assert texts(call) == ["abcd", "efgh", "ij", "k"]


def test_long_logs_are_read_block_by_block(call, log, monkeypatch):
    expected = [f"{number} {'x' * (number * 37 % 300)}" for number in range(500)]
    content = "\n".join(expected).encode()
    for first, block in ((16, 64), (64, 16), (1 << 13, 1 << 16)):
        monkeypatch.setattr(log_lines, "_FIRST_BLOCK", first)
        monkeypatch.setattr(log_lines, "_BLOCK", block)
        if first == 16:
            log(content)
        assert texts(call) == expected


def test_more_logs_than_files_may_be_open(call, workflow, pod):
    run = workflow()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = len(os.listdir("/dev/fd")) + 30
    run.update(nodes={f"w-{n}": pod(f"w-{n}", "Succeeded") for n in range(100)})
    for number in range(100):
        run.log_path(f"w-{number}").write_text(f"{number}\n")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        assert len(texts(call)) == 100
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_pods_are_merged_by_time(call, log):
    run = log(b"late\n", b"early\n", times=(200, 100))
    assert texts(call) == ["early", "late"]
    run.log_path("w-1").with_suffix(".times").write_text("5 50.000\n")
    assert texts(call) == ["late", "early"]


def test_one_pod(call, log):
    log(b"one\n", b"two\n")
    for path, query in (
        (LOG, "podName=w-main-2"),
        (LOG, "podName=w-2"),
        ("/api/v1/workflows/local/w/w-main-2/log", ""),
        ("/api/v1/workflows/local/@latest/w-main-2/log", ""),
    ):
        assert texts(call, query, path) == ["two"]
    assert texts(call, "podName=other") == []


def test_the_root_pod_has_the_name_of_the_workflow(call, log, pod):
    run = log(b"one\n")
    run.update(nodes={"w-1": pod("w-1", "Succeeded", name="w")})
    assert lines(call) == [{"content": "one", "podName": "w"}]


@pytest.mark.parametrize("query", ["logOptions.container=wait", "logOptions.previous=true"])
def test_other_containers_and_earlier_attempts_printed_nothing(call, log, query):
    log(b"one\n")
    assert texts(call, query) == []


def test_each_container_has_a_log(call, log):
    run = log(b"one\n")
    container_log(run.log_path("w-1"), "side").write_bytes(b"beside\n")
    assert lines(call, "logOptions.container=side") == [
        {"content": "beside", "podName": "w-main-1"}
    ]
    assert texts(call, "logOptions.container=main") == ["one"]
    for odd in ("../w-1", "S", "-", "a%2Fb"):
        assert texts(call, f"logOptions.container={odd}") == []


@pytest.mark.parametrize(
    "tail, expected",
    [(0, []), (1, ["d"]), (2, ["c", "d"]), (4, ["a", "b", "c", "d"]), (9, ["a", "b", "c", "d"])],
)
@pytest.mark.parametrize("content", [b"a\nb\nc\nd\n", b"a\nb\nc\nd"])
@pytest.mark.parametrize("block", [2, 3, 1 << 16])
def test_tail_lines(call, log, monkeypatch, tail, expected, content, block):
    monkeypatch.setattr(log_lines, "_BLOCK", block)
    log(content)
    assert texts(call, f"logOptions.tailLines={tail}") == expected


def test_since(call, log):
    run = log(b"old\nnew\n", times=(2_000_000_000,))
    run.log_path("w-1").with_suffix(".times").write_text("4 1000000000.000\n")
    assert texts(call, "logOptions.sinceTime.seconds=1500000000") == ["new"]
    assert texts(call, "logOptions.sinceTime=2017-07-14T02:40:00Z") == ["new"]
    assert texts(call, "logOptions.sinceTime=1999-01-01T00:00:00Z") == ["old", "new"]
    assert texts(call, f"logOptions.sinceSeconds={int(time.time()) - 1_500_000_000}") == ["new"]
    for wrong in ("sinceTime=noon", "sinceSeconds=x", "tailLines=x", f"sinceSeconds={10**400}"):
        assert call("GET", f"{LOG}?logOptions.{wrong}").status == 400


def test_timestamps_grep_and_limit(call, log):
    log(b"an apple\na pear\n", times=(1_500_000_000,))
    stamp = "2017-07-14T02:40:00.000000Z"
    assert texts(call, "logOptions.timestamps=true&grep=apple") == [f"{stamp} an apple"]
    assert texts(call, "grep=%5Ea%20p") == ["a pear"]
    assert texts(call, "logOptions.limitBytes=4") == ["an a"]
    answer = call("GET", f"{LOG}?grep=%5B")
    assert (answer.status, answer.json["code"]) == (500, 13)


def test_selector(call, workflow, pod):
    run = workflow()
    run.update(
        nodes={"w-1": pod("w-1", "Succeeded"), "w-2": pod("w-2", templateName="other")},
        spec={
            "podMetadata": {"labels": {"all": "yes"}},
            "templates": [{"name": "other", "metadata": {"labels": {"team": "b"}}}],
        },
    )
    run.log_path("w-1").write_text("one\n")
    run.log_path("w-2").write_text("two\n")
    assert texts(call, "selector=team%3Db") == ["two"]
    assert sorted(texts(call, "selector=all%3Dyes")) == ["one", "two"]
    assert texts(call, "selector=workflows.argoproj.io%2Fcompleted%3Dtrue") == ["one"]


def test_what_has_no_log_yet_is_no_error(call, workflow, pod):
    run = workflow()
    assert texts(call) == []
    run.update(nodes={"w-1": pod("w-1", "Pending"), "w": pod("w", type="DAG"), "w-2": pod("w-2")})
    assert texts(call) == []


def test_a_missing_workflow_is_a_plain_404(call):
    answer = call("GET", f"{LOG}?logOptions.follow=true", Accept="text/event-stream")
    assert (answer.status, answer.json["code"]) == (404, 5)


def test_follow_sees_lines_tasks_and_the_end(call, log, pod):
    run = log(b"first\npart", phase="Running")
    response = call.stream(f"{LOG}?logOptions.follow=true")

    def read():
        line = response.readline()
        assert response.readline() == b"\n"
        return json.loads(line[6:])["result"]["content"]

    assert read() == "first"
    with run.log_path("w-1").open("ab") as file:
        file.write(b"ial\nunfinished")
    assert read() == "partial"
    run.update(nodes={"w-2": pod("w-2")})
    run.log_path("w-2").write_bytes(b"second task\n")
    assert read() == "second task"
    run.update(nodes={"w-1": pod("w-1", "Succeeded")})
    assert read() == "unfinished"
    with run.log_path("w-2").open("ab") as file:
        file.write(b"last words")
    run.update(status={"phase": "Failed", "finishedAt": END})
    assert read() == "last words"
    assert response.read() == b""


def test_follow_with_tail_and_a_finished_workflow(call, log):
    run = log(b"a\nb\nc\n")
    run.update(status={"phase": "Succeeded", "finishedAt": END})
    assert texts(call, "logOptions.follow=true&logOptions.tailLines=2") == ["b", "c"]


def test_follow_ends_with_the_deletion(call, log, store):
    log(b"a\n", phase="Running")
    response = call.stream(f"{LOG}?logOptions.follow=true")
    response.readline()
    store.delete("local", "w")
    assert response.read() == b"\n"


def test_the_server_notes_when_logs_grow(call, log):
    run = log(b"a\n", phase="Running")
    times = run.log_path("w-1").with_suffix(".times")

    def noted():
        with run.log_path("w-1").open("ab") as file:
            file.write(b"more\n")
        return times.exists()

    until(noted, 10, 0.1)
