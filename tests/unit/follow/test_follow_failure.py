from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from follow_workflows import NOW, node, workflow

from hera_experiment.argo.names import pod_name
from hera_experiment.argo.tasks import Task
from hera_experiment.follow.failure import last_lines, report
from hera_experiment.follow.task_log import TaskLogs


class Logs:
    """Answers for logs only."""

    def __init__(self, logs: dict[str, list[str] | OSError]) -> None:
        # Argo's server knows a log by its pod, which is named after template and node.
        self.logs = {pod_name("wf", f"wf.{name[3:]}", "tmpl"): log for name, log in logs.items()}

    def get_workflow(self, *args: Any, **options: Any) -> dict[str, Any]:
        raise AssertionError

    def list_workflows(self, *args: Any, **options: Any) -> list[dict[str, Any]]:
        raise AssertionError

    def watch_workflows(self, *args: Any, **options: Any) -> Iterator[Any]:
        raise AssertionError

    def workflow_logs(
        self, namespace: str, name: str, *, pod: str, tail_lines: int | None = None
    ) -> Iterator[str]:
        assert (namespace, name) == ("local", "wf")
        log = self.logs[pod]
        if isinstance(log, OSError):
            raise log
        yield from log[-tail_lines:] if tail_lines else log


class Facts:
    """Knows of no pod, or of each."""

    def __init__(self, exists: bool | None) -> None:
        self._exists = exists

    def texts(self, namespace: str, workflow: str) -> dict[str, list[str]]:
        return {}

    def exists(self, namespace: str, pod: str) -> bool | None:
        return self._exists


def whole_log(task: Task) -> str:
    assert task.pod is not None
    return f".hera/runs/wf/logs/{task.pod['id']}.log"


def printed_by(program: str) -> list[str]:
    """Return what a real interpreter prints when it runs ``program``."""
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.STDOUT, stdout=subprocess.PIPE
    )
    return done.stdout.decode().splitlines()


def test_the_last_lines_alone_when_there_is_no_trace() -> None:
    log = [f"line {number}" for number in range(100)]
    assert last_lines(log, 3) == ["line 97", "line 98", "line 99"]
    assert last_lines([*log, "", " "], 1) == ["line 99"]
    assert last_lines([]) == []


def test_a_trace_is_never_cut() -> None:
    depth = "".join(f"def f{n}(): f{n + 1}()\n" for n in range(50))
    log = printed_by(f"print('before')\n{depth}def f50(): raise ValueError('deep')\nf0()")
    shown = last_lines(log, 5)
    assert shown[0] == "Traceback (most recent call last):"
    assert shown[-1] == "ValueError: deep"
    assert len(shown) > 50


def test_chained_traces_stay_together() -> None:
    program = """
try:
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise KeyError('second') from error
except KeyError:
    raise RuntimeError('third')
"""
    log = printed_by("print('x\\n' * 30)" + program)
    shown = last_lines(log, 3)
    assert shown == log[log.index("Traceback (most recent call last):") :]
    assert sum(line.startswith("Traceback") for line in shown) == 3


def test_a_message_of_many_lines_keeps_its_trace() -> None:
    log = printed_by("raise ValueError('\\n'.join(map(str, range(30))))")
    assert last_lines(log, 4) == log


def test_a_trace_that_was_dealt_with_long_ago_is_left_out() -> None:
    log = [*printed_by("1 / 0"), *(f"later {number}" for number in range(100))]
    assert last_lines(log, 2) == ["later 98", "later 99"]


def failed(*nodes: dict[str, Any], message: str = "") -> dict[str, Any]:
    return workflow(*nodes, phase="Failed", end=9, message=message)


def test_each_failed_task_is_explained() -> None:
    log = [*(f"line {number}" for number in range(40)), *printed_by("1 / 0")]
    broken = node("broken", "Failed", end=42, message="Error (exit code 1)", exit_code="1")
    silent = node("silent", "Error", start=3, end=3, message="cannot start")
    lines = report(
        failed(node("fine"), broken, silent),
        TaskLogs(Logs({"wf-broken": log, "wf-silent": []})),
        NOW,
        whole_log,
    )
    text = [line.text for line in lines]
    assert text[1] == "broken: Failed after 42s: Error (exit code 1)"
    assert text[2] == "    the end of its output:"
    assert "    Traceback (most recent call last):" in text
    assert "    ZeroDivisionError: division by zero" in text
    assert "    line 5" not in text
    assert "    its whole log: .hera/runs/wf/logs/wf-broken.log" in text
    assert "silent: Error after <1s: cannot start" in text
    assert "    it printed nothing" in text
    assert not any("fine" in line for line in text)


def test_a_log_that_cannot_be_read_says_so() -> None:
    lines = report(failed(node("a", "Failed")), TaskLogs(Logs({"wf-a": OSError("gone")})), NOW)
    assert lines[-1].text == "    its log cannot be read: gone"


def test_many_failures_are_counted_and_those_we_ended_explain_nothing() -> None:
    nodes = [node(f"n{number}", "Failed", message="Error") for number in range(7)]
    ended = node("ended", "Failed", message="workflow shutdown with strategy: Terminate")
    logs = TaskLogs(Logs({f"wf-n{n}": ["x"] for n in range(7)}))
    lines = report(failed(*nodes, ended), logs, NOW)
    text = [line.text for line in lines]
    assert text[-1] == "… and 2 more failed tasks"
    assert not any("ended" in line for line in text)


def test_the_last_attempt_is_the_one_explained() -> None:
    lines = report(
        failed(
            node("flaky", "Failed", type="Retry", children=("flaky(0)", "flaky(1)")),
            node("flaky(0)", "Failed"),
            node("flaky(1)", "Failed", message="Error (exit code 3)"),
        ),
        TaskLogs(Logs({"wf-flaky(1)": ["second"]})),
        NOW,
    )
    text = [line.text for line in lines]
    assert text[1] == "flaky: Failed after 1s in the last of 2 attempts: Error (exit code 3)"
    assert text[2] == "    second"


def archived(*nodes: dict[str, Any]) -> dict[str, Any]:
    for each in nodes:
        each["outputs"] = {"exitCode": "1", "artifacts": [{"name": "main-logs"}]}
    return failed(*nodes)


def test_a_pod_that_is_gone_leaves_its_archived_log() -> None:
    def archive(namespace: str, workflow: str, node: str) -> Iterator[str]:
        assert (namespace, workflow, node) == ("local", "wf", "wf-a")
        yield from printed_by("print('before'); 1 / 0")

    logs = TaskLogs(Logs({"wf-a": []}), Facts(False), archive)
    text = [line.text for line in report(archived(node("a", "Failed")), logs, NOW)]
    assert "    ZeroDivisionError: division by zero" in text
    assert text[-1] == "    its pod is gone, its log was archived"


@pytest.mark.parametrize(
    ("exists", "said"),
    [
        (False, "its pod is gone and its log was not archived: only this message remains"),
        (None, "it printed nothing, or its pod is gone: only this message remains"),
        (True, "it printed nothing"),
    ],
)
def test_where_no_log_is_left_it_is_said(exists: bool | None, said: str) -> None:
    logs = TaskLogs(Logs({"wf-a": []}), Facts(exists))
    lines = report(failed(node("a", "Failed", message="Error (exit code 1)")), logs, NOW)
    assert [line.text for line in lines][1:] == [
        "a: Failed after 1s: Error (exit code 1)",
        f"    {said}",
    ]


def test_what_a_progress_bar_wrote_over_and_escapes_stay_away() -> None:
    log = ["10%\r50%\r100%\r", "\x1b[2J\x1b[31mred\x1b[0m\x07", "x" * 5000]
    lines = report(failed(node("a", "Failed")), TaskLogs(Logs({"wf-a": log})), NOW)
    text = [line.text for line in lines][2:]
    assert text == ["    100%", "    red", f"    {'x' * 2000}"]


def test_a_message_that_is_understood_comes_with_advice() -> None:
    broken = node("a", "Error", message='serviceaccount "ghost" not found')
    text = [line.text for line in report(failed(broken), TaskLogs(Logs({"wf-a": []})), NOW)]
    assert text[2] == (
        "    the service account 'ghost' does not exist: correct ARGO_SERVICE_ACCOUNT"
    )
