"""The workflow of one task asks for the very pod that the task had, in every case of fidelity."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from both_sides import CASES
from polling import until

from hera_experiment.argo.tasks import Task, tasks_of
from hera_experiment.errors import UserError
from hera_experiment.local.engine.config_values import config_value
from hera_experiment.local.engine.controller import Engine
from hera_experiment.local.errors import ApiError
from hera_experiment.local.runtimes.base import Pod, PodResult
from hera_experiment.local.store import Store
from hera_experiment.local.store.objects import CONFIGMAPS
from hera_experiment.replay.one_task import one_task, template_of

Json = dict[str, Any]
COMPARED = ("container", "script", "containerSet", "initContainers", "sidecars", "securityContext")
KEPT = ("ConfigMap", "WorkflowTemplate", "ClusterWorkflowTemplate")
_DURATION = re.compile(r"\b\d+\.\d{6}\b")
"""How long the workflow had run, which Argo's whole seconds do not tell."""
FEWEST = 190
"""Cases of which a pod ran at least: fewer, and the comparison has lost its objects."""


class Recorder:
    """A runtime that runs nothing: each pod ends well, and is remembered by its node."""

    name = "recorder"
    heeds_users = False
    sees_files = False

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}

    def refusals(self, workflow: Any) -> list[str]:
        return []

    warnings = refusals

    def stop(self, node_id: str, grace_seconds: float) -> None:
        pass

    def run(self, pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        announce("")
        self.pods[pod.node_id] = pod
        parameters = {
            parameter["name"]: "[1]"
            for parameter in (pod.template.get("outputs") or {}).get("parameters") or ()
        }
        return PodResult(0, result="[1]", parameters=parameters)


class Bench:
    """An engine with that runtime."""

    def __init__(self, root: Path) -> None:
        def now() -> datetime:
            return datetime.now(timezone.utc)

        self.runtime = Recorder()
        self.store = Store(root, now)
        numbers = count()
        self.engine = Engine(
            store=self.store,
            runtime=lambda name: self.runtime,
            parallelism=4,
            clock=now,
            random_suffix=lambda: f"{next(numbers):05d}",
        )

    def keep(self, document: Json) -> None:
        """Keep an object that a workflow refers to."""
        metadata = {**document["metadata"], "namespace": "local"}
        if document["kind"] == "ConfigMap":
            data = {key: str(value).encode() for key, value in document["data"].items()}
            self.store.objects.put(CONFIGMAPS, metadata["name"], data)
        else:
            self.engine.keeper.create(document["kind"], {**document, "metadata": metadata})

    def ended(self, workflow: Json, seconds: float = 10) -> Json:
        """Run a workflow to its end, or until it has had its time."""
        made = self.engine.create({**workflow, "metadata": _local(workflow)})
        run = self.store.get("local", made["metadata"]["name"])
        over = threading.Event()
        try:
            until(lambda: run.finished, seconds, 0.005)
        except AssertionError:
            over.set()
        found = run.as_dict()
        if over.is_set():
            self.engine.terminate("local", run.name)
        return found


def _local(workflow: Json) -> Json:
    return {**(workflow.get("metadata") or {}), "namespace": "local"}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    made: list[Bench] = []

    def make() -> Bench:
        made.append(Bench(tmp_path / str(len(made))))
        return made[-1]

    yield make
    for each in made:
        each.engine.close()


def of_pod(pod: Pod) -> Json:
    """Return what of a pod is compared: what runs in it, and its volumes by name."""
    found = {key: pod.template[key] for key in COMPARED if key in pod.template}
    mounted = json.dumps(found)
    found = json.loads(_DURATION.sub("0.0", json.dumps(found)))
    volumes = [each for each in pod.volumes if f'"{each.get("name")}"' in mounted]
    return {**found, "volumes": sorted(volumes, key=lambda each: str(each.get("name")))}


def compared(there: Bench, here: Bench, run: Json, task: Task) -> tuple[Json, Json]:
    assert task.pod is not None
    config = partial(config_value, there.store.objects)
    manifest = one_task(run, task, config)
    manifest["metadata"]["name"] = f"again-{len(here.runtime.pods)}"
    before = len(here.runtime.pods)
    here.ended(manifest)
    again = list(here.runtime.pods.values())
    assert len(again) == before + 1, template_of(manifest)
    return of_pod(there.runtime.pods[task.pod["id"]]), of_pod(again[-1])


def cases() -> Iterator[tuple[str, list[Any]]]:
    for path in sorted(CASES.glob("*/*.yaml")):
        yield f"{path.parent.name}/{path.stem}", list(yaml.safe_load_all(path.read_text()))


def test_each_pod_of_each_case_is_asked_for_again(bench: Callable[[], Bench]) -> None:
    looked_at = 0
    here = bench()
    for name, documents in cases():
        there = bench()
        workflow = next(
            each for each in documents if isinstance(each, dict) and each.get("kind") not in KEPT
        )
        if any(isinstance(each, list) for each in documents):
            continue  # Somebody has to act while it runs.
        try:
            for each in documents:
                if each is not workflow:
                    there.keep(each)
            run = there.ended(workflow, 1)
        except ApiError:
            continue  # Argo refuses it too.
        finally:
            there.engine.close()
        tasks = [
            each for each in tasks_of(run) if each.pod and each.pod["id"] in there.runtime.pods
        ]
        for task in tasks[:4]:
            one, other = compared(there, here, run, task)
            assert one == other, f"{name}: {task.name}"
        looked_at += bool(tasks)
    assert looked_at >= FEWEST


def run_of(template: Json, **spec: Any) -> Json:
    return {
        "metadata": {"generateName": "w-"},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", **template}], **spec},
    }


def test_braces_in_a_value_stay_as_they_were(bench: Callable[[], Bench]) -> None:
    there, here = bench(), bench()
    source = "print('''{{inputs.parameters.text}}''')"
    inputs = {"parameters": [{"name": "text"}]}
    template = {"script": {"image": "python", "source": source}, "inputs": inputs}
    text = "{{user.name}} and {{{{ and }}"
    arguments = {"parameters": [{"name": "text", "value": text}]}

    run = there.ended(run_of(template, arguments=arguments))
    (task,) = tasks_of(run)

    one, other = compared(there, here, run, task)
    assert one == other
    assert text in other["script"]["source"]


def test_a_task_without_a_pod_is_refused(bench: Callable[[], Bench]) -> None:
    run = bench().ended(run_of({"suspend": {"duration": "0"}}))
    (task,) = tasks_of(run)

    with pytest.raises(UserError, match="no pod") as error:
        one_task(run, task)

    assert "make status" in error.value.next_step
