"""Logs are read once, whatever breaks, and written for a person or a file."""

from __future__ import annotations

import io
import json
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from types import SimpleNamespace

import pytest

from hera_experiment.experiment import Experiment
from hera_experiment.follow.lines import LogOutput, as_seen
from hera_experiment.follow.log_position import ByCount, ByTime, Position, TaskLine, is_of
from hera_experiment.follow.log_reader import LogReader
from hera_experiment.platform import http_session
from hera_experiment.platform.argo_client import ArgoClient, StreamBroken
from hera_experiment.platform.argo_logs import Executor, log_blocks

Lines = list[tuple[str, str]]


def a_log(source: random.Random, count: int) -> Lines:
    """A log of two streams: times hardly go back, many lines are alike."""
    moment, lines = 0.0, []
    for _ in range(count):
        moment += source.choice((0, 0, 0, 1e-6, 0.3, 4.0))
        written = moment - source.choice((0, 0, 2e-6))
        whole = int(max(0.0, written))
        fraction = f"{max(0.0, written) - whole:.9f}"[1:]
        stamp = f"2026-11-21T10:{whole // 60:02d}:{whole % 60:02d}{fraction}Z"
        lines.append((stamp, source.choice("ab")))
    return lines


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", [ByTime, ByCount])
def test_no_line_is_lost_or_repeated_when_a_log_is_read_in_pieces(
    kind: type[Position], seed: int
) -> None:
    source = random.Random(seed)
    log = a_log(source, 300)
    position = kind()
    read: Lines = []
    end = 0
    while len(read) < len(log):
        end = min(len(log), end + source.randrange(0, 40))
        since = position.since
        fresh = position.again()
        # What a server gives: the lines of that second and later.
        for stamp, text in (line for line in log[:end] if line[0][:19] >= since[:19]):
            if fresh(stamp, text):
                position.add(stamp, text)
                read.append((stamp, text))
        assert read == log[: len(read)]
        assert len(read) == end
    assert position.count == len(log)


def test_a_log_that_was_rotated_is_not_mistaken_for_one_that_was_read() -> None:
    position = ByTime()
    for second in range(5):
        position.add(f"2026-11-21T10:00:0{second}.1Z", "line")
    fresh = position.again()
    assert not fresh("2026-11-21T10:00:04.1Z", "line")
    assert fresh("2026-11-21T10:00:05.1Z", "line")


def test_the_rest_of_a_very_long_line_comes_once() -> None:
    position = ByTime()
    for stamp, text in (("2026-11-21T10:00:04.1Z", "start"), ("", "more"), ("", "more")):
        position.add(stamp, text)
    fresh = position.again()
    again = [("", "more"), ("2026-11-21T10:00:04.1Z", "start"), ("", "more"), ("", "new")]
    assert [fresh(*line) for line in again] == [False, False, False, True]


@pytest.mark.parametrize(
    "start",
    ['time="2026-11-21T09:47:28.831Z" level=info', "time=2026-11-26T19:16:44.579Z level=INFO"],
    ids=["3.7", "4.0"],
)
def test_argos_own_lines_are_told_from_a_tasks(start: str) -> None:
    executor = Executor()
    lines = [
        "Error: exit status 1",
        f'{start} msg="capturing logs" argo=true',
        "a line",
        f'{start} msg="sub-process exited" argo=true error="<nil>"',
        "Error: exit status 1",
    ]
    assert [executor.wrote(line) for line in lines] == [False, True, False, True, True]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("plain é 漢", "plain é 漢"),
        ("10%\r50%\r100%", "100%"),
        ("100%\r", "100%"),
        ("\r", ""),
        ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        ("a\x1b[2J\x1b[H\x07b\x00\x9bc", "abc"),
        ("\x1b]0;title\x07text\x1b]8;;http://x\x1b\\", "text"),
        ("tab\there", "tab\there"),
        ("cut \x1b", "cut "),
    ],
)
def test_a_line_is_made_fit_for_a_terminal(line: str, seen: str) -> None:
    assert as_seen(line) == seen
    assert "\x1b" not in as_seen(line, colours=False)


def written(*lines: TaskLine, terminal: bool = False, prefixed: bool = True) -> str:
    stream = io.StringIO()
    tasks = [line.task for line in lines]
    output = LogOutput(stream, tasks=tasks, prefixed=prefixed, terminal=terminal)
    for line in lines:
        output.write(*line)
    return stream.getvalue()


def test_each_line_has_its_task_before_it_in_a_column() -> None:
    lines = [TaskLine("a", "one"), TaskLine("longer", ""), TaskLine("a", "  two\r3")]
    assert written(*lines) == "a      | one\nlonger | \na      |   two\r3\n"
    assert written(*lines, prefixed=False) == "one\n\n  two\r3\n"


def test_on_a_terminal_tasks_have_colours_and_none_runs_over() -> None:
    text = written(TaskLine("a", "\x1b[31mred"), TaskLine("b", "1\r2"), terminal=True)
    assert text == "\x1b[36ma |\x1b[0m \x1b[31mred\x1b[0m\n\x1b[33mb |\x1b[0m 2\n"


def test_what_a_terminal_cannot_show_does_not_end_the_output() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    output = LogOutput(stream, tasks=["a"], terminal=False)
    output.write("a", "é \ud800")
    output.flush()
    assert raw.getvalue() == b"a | ? ?\n"


def test_a_name_means_a_task_its_loop_and_what_is_in_it() -> None:
    assert is_of("a", "a") and is_of("a(0:x)", "a") and is_of("a.b", "a")
    assert not is_of("ab", "a")


def test_a_stream_that_is_cut_at_any_byte_is_never_taken_for_a_whole_one() -> None:
    frames = [b'data: {"result":{"content":"%d","podName":"p"}}\n\n' % n for n in range(3)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(frame), frame) for frame in frames)
    head = b"HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = head + chunks + b"0\r\n\r\n"
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for length in range(len(answer) + 1):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer[:length])

    threading.Thread(target=serve, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    whole = 0
    for _ in range(len(answer) + 1):
        client = ArgoClient(url, http_session.Session(lambda: ""))
        try:
            assert list(client.workflow_logs("local", "wf")) == ["0", "1", "2"]
            whole += 1
        except OSError:
            pass
        client.close()
    listener.close()
    # What follows the last chunk's length says nothing more.
    assert 1 <= whole <= len(b"\r\n\r\n") + 1


def entry(text: str, pod: str) -> bytes:
    result = {"result": {"content": text, "podName": pod}}
    return b"data: " + json.dumps(result, separators=(",", ":")).encode() + b"\n\n"


@pytest.mark.parametrize("seed", range(40))
def test_lines_that_are_read_many_at_a_time_are_those_that_are_read_one_by_one(seed: int) -> None:
    source = random.Random(seed)
    parts = [
        "a",
        '"',
        "\\",
        "é",
        "\t",
        "\x1b[31m",
        '","podName":"p"}}',
        "\\n",
        " ",
        "漢",
        "data: {",
    ]
    frames, expected = [], []
    for _ in range(60):
        text = "".join(source.choice(parts) for _ in range(source.randrange(6)))
        pod = source.choice(("p", "p", "p", "q.1")) if seed % 2 else "p"
        frames.append(entry(text, pod))
        expected.append((pod, text))
    body = b"".join(frames)
    cuts = sorted(source.randrange(len(body)) for _ in range(5))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    served = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
    client = ArgoClient(serve_once(served + b"0\r\n\r\n"), http_session.Session(lambda: ""))
    blocks = log_blocks(client, "local", "wf")
    assert [(pod, text) for pod, lines in blocks for text in lines] == expected
    client.close()


def serve_once(body: bytes) -> str:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


class Breaking:
    """A server whose answers end after so many lines, until one is whole."""

    def __init__(self, lines: list[str], after: list[int]) -> None:
        self.lines = lines
        self.after = after
        self.client = self

    is_local = True
    context = SimpleNamespace(experiment=Experiment(Path("/absent"), "Try", "try"))

    def stream_blocks(self, path: str, params: dict[str, str]) -> Iterator[bytes]:
        stop = self.after.pop(0) if self.after else len(self.lines)
        for begin in range(0, stop, 7):
            block = self.lines[begin : min(stop, begin + 7)]
            yield b"".join(entry(text, "wf") for text in block)
        if stop < len(self.lines):
            raise StreamBroken("broken")

    def messages(self, block: bytes) -> Iterator[dict[str, str]]:
        raise AssertionError("all of it is of one pod")


def test_a_log_that_is_read_many_lines_at_a_time_has_each_once_whatever_breaks() -> None:
    lines = [f"line {n}" for n in range(100)]
    server = Breaking(lines, [3, 50, 20, 51])
    found = {"metadata": {"name": "wf"}, "status": {"nodes": {"wf": POD}}}
    run = SimpleNamespace(server=server, workflow=found, namespace="local", name="wf")
    reader = LogReader(run, pause=lambda seconds: None)  # type: ignore[arg-type]
    assert [text for _, texts in reader.blocks() for text in texts] == lines


def test_a_log_names_the_files_that_a_person_edits(tmp_path: Path) -> None:
    folder = tmp_path / "containers" / "chart"
    folder.mkdir(parents=True)
    (folder / "chart.py").touch()
    (folder / "Dockerfile").write_text("FROM python:3.13-slim\nWORKDIR /app\nCOPY . .\n")
    server = Breaking(['  File "/app/chart.py", line 9'], [])
    server.context = SimpleNamespace(experiment=Experiment(tmp_path, "Try", "try"))
    found = {
        "metadata": {"name": "wf"},
        "spec": {"templates": [{"name": "t", "container": {"image": "r.org/try-chart:abc"}}]},
        "status": {"nodes": {"wf": {**POD, "templateName": "t"}}},
    }
    run = SimpleNamespace(server=server, workflow=found, namespace="local", name="wf")
    reader = LogReader(run)  # type: ignore[arg-type]
    shown = [text for _, texts in reader.blocks() for text in texts]
    assert shown == ['  File "containers/chart/chart.py", line 9']


POD = {"id": "wf", "name": "wf", "type": "Pod", "phase": "Succeeded"}


def test_two_million_lines_take_seconds() -> None:
    lines = [f"line {n} of many, about fifty bytes altogether" for n in range(200_000)]
    block = b"".join(entry(text, "wf") for text in lines)
    server = Breaking(lines, [])
    server.stream_blocks = lambda path, params: iter([block])  # type: ignore[method-assign]
    found = {"metadata": {"name": "wf"}, "status": {"nodes": {"wf": POD}}}
    run = SimpleNamespace(server=server, workflow=found, namespace="local", name="wf")
    sink = io.StringIO()
    began = process_time()
    output = LogOutput(sink, tasks=["wf"], terminal=False)
    for task, texts in LogReader(run).blocks():  # type: ignore[arg-type]
        output.write_many(task, texts)
    # 20 MB/s on a machine that has much else to do; one by one it is 3.
    assert len(sink.getvalue()) / (process_time() - began) > 20e6
    assert sink.getvalue().splitlines()[-1] == f"wf | {lines[-1]}"
