"""An engine over a real store, with a runtime that runs Python in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

from polling import until

from hera_experiment.local.engine.controller import Engine
from hera_experiment.local.runtimes.base import Pod, PodResult
from hera_experiment.local.store import Run, Store

Json = dict[str, Any]


class FakeRuntime:
    """Runs the source of a script in this process.

    Besides Python the source may use ``write(path, text)`` for output parameters, ``wait(name)``,
    which blocks until the test calls ``open(name)`` or the engine stops the pod, and ``broken``.
    """

    name = "fake"
    heeds_users = False
    sees_files = False

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.unsure: list[str] = []
        self.pods: list[Pod] = []
        self.running = self.most_running = 0
        self.stopped: list[str] = []
        self._lock = threading.Lock()
        self._gates: dict[str, threading.Event] = {}
        self._stops: dict[str, threading.Event] = {}

    def refusals(self, workflow: Any) -> list[str]:
        return self.refused

    def warnings(self, workflow: Any) -> list[str]:
        return self.unsure

    def open(self, name: str) -> None:
        self._gate(name).set()

    def stop(self, node_id: str, grace_seconds: float) -> None:
        self.stopped.append(node_id)
        self._stop_of(node_id).set()

    def run(self, pod: Pod, announce: Callable[[str], None]) -> PodResult:
        announce("installing")
        with self._lock:
            self.pods.append(pod)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        announce("")
        try:
            return self._run(pod)
        finally:
            with self._lock:
                self.running -= 1

    def _run(self, pod: Pod) -> PodResult:
        printed: list[str] = []
        written: dict[str, str] = {}
        scope = {
            "print": lambda *words: printed.append(" ".join(map(str, words))),
            "write": written.__setitem__,
            "wait": lambda name: self._wait(name, pod.node_id),
        }
        source = pod.template["script"]["source"]
        if source == "broken":
            raise RuntimeError("the runtime is broken")
        if source == "error":
            return PodResult(None, "no such image", error=True)
        status = 0
        try:
            exec(source, scope)
        except SystemExit as end:
            status = int(end.code or 0)
        parameters = {}
        for parameter in (pod.template.get("outputs") or {}).get("parameters") or ():
            if "valueFrom" not in parameter:
                continue
            value = written.get(parameter["valueFrom"]["path"])
            value = parameter["valueFrom"].get("default") if value is None else value
            if value is not None:
                parameters[parameter["name"]] = value
        message = f"main: Error (exit code {status})" if status else ""
        result = "\n".join(printed) if pod.capture_result else None
        return PodResult(status, message, False, result, parameters)

    def _wait(self, name: str, node_id: str) -> None:
        while not self._gate(name).wait(0.01):
            if self._stop_of(node_id).is_set():
                raise SystemExit(143)

    def _gate(self, name: str) -> threading.Event:
        with self._lock:
            return self._gates.setdefault(name, threading.Event())

    def _stop_of(self, node_id: str) -> threading.Event:
        with self._lock:
            return self._stops.setdefault(node_id, threading.Event())


class Bench:
    """What a test needs of the engine, in few words."""

    def __init__(self, root: Path, parallelism: int) -> None:
        self.set_by = timedelta()
        self.store = Store(root, self.clock)
        self.runtime = FakeRuntime()
        numbers = count()
        self.engine = Engine(
            store=self.store,
            runtime=lambda name: self.runtime,
            parallelism=parallelism,
            clock=self.clock,
            random_suffix=lambda: f"{next(numbers):05d}",
        )

    def clock(self) -> datetime:
        """Return what a clock shows that somebody has set by ``set_by``."""
        return datetime.now(timezone.utc) + self.set_by

    def create(self, workflow: Json, **options: Any) -> str:
        name: str = self.engine.create(workflow, **options)["metadata"]["name"]
        return name

    def run(self, workflow: Json) -> Json:
        """Run a workflow to its end."""
        return self.ended(self.create(workflow))

    def ended(self, name: str) -> Json:
        return self.until(name, lambda run: run.finished and not self.engine.busy()).as_dict()

    def until(self, name: str, ready: Callable[[Run], bool]) -> Run:
        run = self.store.get("local", name)
        until(lambda: ready(run), 10, 0.002, seen=lambda: run.as_dict()["status"])
        return run

    def settle(self, name: str) -> None:
        """Wait until a running workflow has dealt with all that it was told so far."""
        operator = self.engine._operators["local", name]
        done = threading.Event()
        operator._post(lambda: operator._events.later(done.set))
        assert done.wait(10)

    def until_running(self, name: str, *displayed: str) -> None:
        def ready(run: Run) -> bool:
            phases = {
                n["displayName"]: n["phase"]
                for n in run.as_dict()["status"].get("nodes", {}).values()
            }
            return all(phases.get(each) == "Running" for each in displayed)

        self.until(name, ready)


def script(name: str, source: str, *inputs: str, **more: Any) -> Json:
    """Return a template that runs ``source``."""
    template: Json = {"name": name, "script": {"image": "python", "source": source}, **more}
    if inputs:
        template["inputs"] = {"parameters": [{"name": name} for name in inputs]}
    return template


def task(name: str, template: str = "", depends: str = "", /, **more: Any) -> Json:
    """Return a task or a step; ``with_`` are its arguments."""
    found: Json = {"name": name, "template": template or name}
    if depends:
        found["depends"] = depends
    arguments = more.pop("with_", {})
    if arguments:
        parameters = [{"name": key, "value": value} for key, value in arguments.items()]
        found["arguments"] = {"parameters": parameters}
    return {**found, **more}


def dag(*tasks: Json, name: str = "main", **more: Any) -> Json:
    return {"name": name, "dag": {"tasks": list(tasks)}, **more}


def steps(*groups: list[Json], name: str = "main", **more: Any) -> Json:
    return {"name": name, "steps": list(groups), **more}


def workflow(*templates: Json, **spec: Any) -> Json:
    """Return a workflow whose entry is the first template."""
    entry = templates[0]["name"]
    return {
        "metadata": {"generateName": "w-", "namespace": "local"},
        "spec": {"entrypoint": entry, "templates": list(templates), **spec},
    }


def by_name(done: Json) -> dict[str, Json]:
    """Return the nodes of a workflow by their display names."""
    return {node["displayName"]: node for node in done["status"]["nodes"].values()}


def phases(done: Json) -> dict[str, str]:
    return {name: node["phase"] for name, node in by_name(done).items()}


OK = script("ok", "print('ok')")
BAD = script("bad", "print('so far'); raise SystemExit(3)")
SAY = script("say", "print('{{inputs.parameters.text}}')", "text")
