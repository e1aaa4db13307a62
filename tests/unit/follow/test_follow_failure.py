from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from follow_workflows import NOW, node, workflow

from hera_experiment.argo.names import pod_name
from hera_experiment.argo.tasks import Task, Workflow
from hera_experiment.experiment import Experiment
from hera_experiment.follow.failure import PRINTED_LINES, Reporter, last_lines
from hera_experiment.follow.lines import Line
from hera_experiment.follow.source_paths import SourcePaths
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


def report(
    found: Workflow,
    logs: TaskLogs,
    now: datetime,
    whole_log: Callable[[Task], str] | None = None,
    paths: SourcePaths | None = None,
) -> list[Line]:
    return Reporter(found, logs, whole_log, paths).failures(now)


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
    nodes = [node(f"n{n}", "Failed", message=f"Error {'x' * n}") for n in range(7)]
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


def test_what_many_died_of_in_the_same_way_is_told_once() -> None:
    def died(index: int, item: str) -> list[str]:
        return printed_by(f"raise ConnectionError('no answer about {item} after {index} s')")

    items = ["Bronx", "Queens", "Brooklyn", "Manhattan"]
    names = [f"collect({n}:{item})" for n, item in enumerate(items)]
    nodes = [node(name, "Failed", message="Error (exit code 1)") for name in names]
    other = node("collect(4:Staten Island)", "Failed", message="Error (exit code 1)")
    logs = {f"wf-{name}": died(n, items[n]) for n, name in enumerate(names)}
    logs["wf-collect(4:Staten Island)"] = printed_by("1 / 0")
    lines = report(failed(*nodes, other), TaskLogs(Logs({**logs})), NOW, whole_log)
    text = [line.text for line in lines]
    assert sum("ConnectionError" in line for line in text) == 1
    assert text[1] == ("collect(0:Bronx) and 3 more alike: Failed after 1s: Error (exit code 1)")
    assert "collect(4:Staten Island): Failed after 1s: Error (exit code 1)" in text
    assert "    ZeroDivisionError: division by zero" in text


def test_of_a_thousand_that_are_alike_few_logs_are_read() -> None:
    class Counting(Logs):
        reads = 0

        def workflow_logs(self, *args: Any, **options: Any) -> Iterator[str]:
            Counting.reads += 1
            yield from super().workflow_logs(*args, **options)

    names = [f"fan({n}:{n})" for n in range(1000)]
    logs = TaskLogs(Counting({f"wf-{name}": ["boom"] for name in names}))
    lines = report(failed(*(node(name, "Failed", message="Error") for name in names)), logs, NOW)
    assert [line.text for line in lines] == [
        "",
        "fan(0:0) and 999 more alike: Failed after 1s: Error",
        "    boom",
    ]
    assert Counting.reads <= 20


FORBIDDEN = (
    "wait: Error (exit code 64): workflowtaskresults.argoproj.io is forbidden: User "
    '"system:serviceaccount:experiments:default" cannot create resource "workflowtaskresults" in '
    'API group "argoproj.io" in the namespace "experiments"'
)


def test_an_account_without_the_right_to_report_is_one_cause_with_its_remedy() -> None:
    # What Argo 3.7 says where nobody named a service account.
    nodes = [node(f"a({n}:{n})", "Error", message=FORBIDDEN, exit_code="0") for n in range(9)]
    nodes.append(node("b", "Error", message=FORBIDDEN, exit_code="0"))
    text = [line.text for line in report(failed(*nodes), TaskLogs(Logs({})), NOW)]
    assert sum("forbidden" in line for line in text) == 1
    assert "and 9 more alike" in text[1]
    assert text[2].startswith("    the account 'default' of the pods may not report results")
    assert "ARGO_SERVICE_ACCOUNT" in text[2]
    import yaml

    role, binding = yaml.safe_load_all("\n".join(line[4:] for line in text[3:]))
    assert role["rules"][0]["resources"] == ["workflowtaskresults"]
    assert role["metadata"]["namespace"] == "experiments"
    assert binding["subjects"][0]["name"] == "default"


def test_what_is_shown_names_the_files_that_a_person_edits(tmp_path: Path) -> None:
    chart = tmp_path / "containers" / "chart"
    (chart / "lib").mkdir(parents=True)
    for name in ("chart.py", "lib/axes.py", "__init__.py"):
        (chart / name).touch()
    (chart / "Dockerfile").write_text("FROM python:3.13-slim\nWORKDIR /app\nCOPY . .\n")
    experiment = Experiment(tmp_path, "Try", "try")
    found = failed(node("a", "Failed"), node("s", "Failed"))
    found["status"]["nodes"]["wf-s"]["templateName"] = "script"
    found["spec"]["templates"] = [
        {"name": "tmpl", "container": {"image": "r.org/p/try-chart:abc"}},
        {"name": "script", "script": {"image": "python:3.13-slim"}},
    ]
    paths = SourcePaths(experiment, found)
    a, s = (found["status"]["nodes"][f"wf-{name}"] for name in "as")
    scratch = f"{tmp_path}/.hera/scratch"

    def shown(line: str, task: Any = a) -> str:
        return paths.shown(task, line)

    assert shown(f'  File "{scratch}/4/app/chart.py", line 9, in <module>') == (
        '  File "containers/chart/chart.py", line 9, in <module>'
    )
    assert (
        shown('  File "/app/lib/axes.py", line 1')
        == '  File "containers/chart/lib/axes.py", line 1'
    )
    for line in (
        '  File "/usr/local/lib/python3.13/json/__init__.py", line 1',
        "https://example.org/app/chart.py src/app/chart.py /app /app/other.py",
        "1/2 and 3/4",
    ):
        assert shown(line) == line
    assert shown(f'File "{scratch}/12/.script", line 3', s) == 'File "/argo/staging/script", line 3'
    assert shown(f"cannot open {scratch}/12/app/x.csv", s) == "cannot open /app/x.csv"


def test_what_tasks_printed_that_went_well_is_bounded() -> None:
    long = [f"line {n}" for n in range(200)]
    found = workflow(node("a"), node("b"), node("silent"), phase="Succeeded", end=1)
    logs = TaskLogs(
        Logs({"wf-a": long, "wf-b": ["\x1b[31mHello World\x1b[0m", ""], "wf-silent": []})
    )
    from hera_experiment.argo.tasks import tasks_of

    text = [line.text for line in Reporter(found, logs, whole_log).printed(tasks_of(found))]
    assert text[:2] == ["", "a:"]
    assert text[2 + PRINTED_LINES - 1] == "    line 199"
    assert "its whole log: .hera/runs/wf/logs/wf-a.log" in text[2 + PRINTED_LINES]
    assert text[-3:] == ["", "b:", "    Hello World"]
