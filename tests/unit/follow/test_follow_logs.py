"""Logs are read once, whatever breaks, and written for a person or a file."""

from __future__ import annotations

import io
import random
import socket
import threading

import pytest

from hera_experiment.follow.lines import LogOutput, as_seen
from hera_experiment.follow.log_position import ByCount, ByTime, Position, TaskLine, is_of
from hera_experiment.platform import http_session
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.argo_logs import Executor

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


def test_argos_own_lines_are_told_from_a_tasks() -> None:
    executor = Executor()
    start = 'time="2026-11-21T09:47:28.831Z" level=info'
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
