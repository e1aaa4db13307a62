"""Runs that exist are followed to their end; leaving them does not end them."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from follow_workflows import NOW, node, workflow

from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.follow.display import LogDisplay
from hera_experiment.follow.run import follow
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.runs.find import Run
from hera_experiment.runs.server import Server

Step = tuple[str, dict[str, Any]] | Exception | Callable[[], None]


class Source:
    """Plays its steps over the watch, then is silent; its logs are one line."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)

    def watch_workflows(self, *args: Any, **options: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        while self.steps:
            step = self.steps.pop(0)
            if isinstance(step, Exception):
                raise step
            if callable(step):
                step()
            else:
                yield step
        raise OSError("silence")

    def get_workflow(self, namespace: str, name: str) -> dict[str, Any]:
        raise OSError("silence")

    def workflow_logs(self, *args: Any, **options: Any) -> Iterator[str]:
        yield "ValueError: why"


def run_of(source: Source, first: dict[str, Any], tmp_path: Path) -> Run:
    experiment = Experiment(tmp_path, "T", "t")
    context = SimpleNamespace(experiment=experiment)
    server = SimpleNamespace(label="local", is_local=True, context=context, client=source)
    server.namespace = "local"
    return Run(cast("Server", server), first)


def followed(tmp_path: Path, first: dict[str, Any], *steps: Step) -> tuple[int, str]:
    stream = io.StringIO()
    run = run_of(Source(*steps), first, tmp_path)
    status = follow([run], LogDisplay(stream), patience=0.3, now=lambda: NOW)
    return status, stream.getvalue()


def test_the_verdict_of_the_run_is_the_exit_status(tmp_path: Path) -> None:
    running = workflow(node("a", "Running"))
    well = workflow(node("a"), phase="Succeeded", version=2, end=5)
    status, text = followed(tmp_path, running, ("ADDED", running), ("MODIFIED", well))
    assert status == 0
    assert text.splitlines()[:2] == ["workflow wf is running", "Succeeded  a  1s"]
    assert text.splitlines()[-1] == "workflow wf: Succeeded after 5s"

    badly = workflow(node("a", "Failed", message="Error"), phase="Failed", version=2, end=5)
    status, text = followed(tmp_path, running, ("MODIFIED", badly))
    assert status == 1
    assert "a: Failed after 1s: Error\n    ValueError: why\n    its whole log: " in text


def test_a_servers_warning_is_told_once(tmp_path: Path) -> None:
    running = workflow(node("a", "Running"))
    warned = workflow(node("a", "Running"), version=2)
    well = workflow(node("a"), phase="Succeeded", version=3, end=5)
    for each in (warned, well):
        each["status"]["conditions"] = [
            {"type": "PodRunning", "status": "False"},
            {"type": "SpecWarning", "status": "True", "message": "template 'a' computes a path"},
        ]
    _, text = followed(tmp_path, running, ("MODIFIED", warned), ("MODIFIED", well))
    assert text.count("workflow wf: template 'a' computes a path\n") == text.count("computes") == 1


def test_of_a_run_that_had_ended_the_end_alone_is_told(tmp_path: Path) -> None:
    status, text = followed(tmp_path, workflow(node("a"), phase="Succeeded", end=5))
    assert status == 0
    assert text.splitlines()[1] == "└─ ✔ a  1s"


def test_an_older_state_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    late = workflow(node("a"), phase="Succeeded", version=9, end=5)
    stale = workflow(node("a", "Running"), version=8)
    status, _ = followed(tmp_path, workflow(version=7), ("MODIFIED", late), ("MODIFIED", stale))
    assert status == 0


def test_a_deleted_run_is_no_success(tmp_path: Path) -> None:
    running = workflow(node("a", "Running"))
    status, text = followed(tmp_path, running, ("ADDED", running), ("DELETED", running))
    assert status == 1
    assert "workflow wf was deleted while it was followed" in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_and_says_how_to_come_back(tmp_path: Path, number: signal.Signals) -> None:
    running = workflow(node("a", "Running"))
    before = signal.getsignal(number)
    status, text = followed(
        tmp_path, running, ("ADDED", running), lambda: os.kill(os.getpid(), number)
    )
    assert status == 128 + number
    assert "wf goes on: 'make watch RUN=wf' comes back to it, 'make stop RUN=wf' ends it" in text
    assert signal.getsignal(number) is before


def test_a_server_that_is_lost_or_refuses_is_one_sentence(tmp_path: Path) -> None:
    running = workflow(node("a", "Running"))
    with pytest.raises(UserError, match="has not answered for 0 seconds"):
        followed(tmp_path, running, ("ADDED", running), OSError("reset"))
    with pytest.raises(ArgoRefusal, match="bad selector"):
        followed(tmp_path, running, ArgoRefusal("bad selector", status=400))
