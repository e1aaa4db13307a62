"""What decides what a container in a root of its own does, so that it need not do it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hera_experiment.argo.usage import Touched
from hera_experiment.images.context import content_hash
from hera_experiment.local.artifacts.errors import ArtifactFailure
from hera_experiment.local.cache.notifications import NotTraced
from hera_experiment.local.cache.states import Area, Areas
from hera_experiment.local.cache.tasks import Done, DoneTasks, Names, Task
from hera_experiment.local.cache.tracer import Tracer
from hera_experiment.local.runtimes.base import Pod, PodResult
from hera_experiment.local.runtimes.root_image import RootImage
from hera_experiment.local.runtimes.volumes import CLAIM, Mount

Run = Callable[["Tracer | None"], PodResult]


def run_unless_done(
    known: DoneTasks,
    pod: Pod,
    image: RootImage,
    mounts: Sequence[Mount],
    material: Mapping[str, Any],
    run: Run,
) -> PodResult:
    """Return the result of ``pod``, taken over if that is proven to be the same, else by ``run``.

    ``material`` is what decides about it beside its image, volumes and files; ``run`` is given what
    looks on.
    """
    names = Names(pod.workflow_name, pod.name, pod.node_id)
    areas = list(_areas(image, mounts))
    task = Task(
        known,
        names,
        Areas(areas),
        {
            "image": image.identity,
            "mounts": [_described(mount, areas) for mount in mounts],
            "inputs": _inputs(pod.template),
            "outputs": pod.template.get("outputs"),
            "result": pod.capture_result,
            **material,
        },
    )
    done = task.find()
    if done is not None and _has_artifacts(pod, done):
        try:
            task.take_over(done, pod.log)
        except OSError:
            pass  # It runs, and says itself what it has no room for.
        else:
            return _taken_over(done, task.key, task.touched(done.reads, done.writes))
    try:
        tracer = Tracer(task.accesses)
    except NotTraced as error:
        return _with_remark(run(None), (str(error),))
    try:
        result = run(tracer)
    finally:
        tracer.close()
    trace = task.accesses.finish()
    result = replace(result, files=task.touched(trace.reads, trace.writes))
    if result.exit_code != 0 or result.message:
        return result
    outcome = {
        "result": result.result,
        "parameters": dict(result.parameters),
        "artifacts": dict(result.artifacts),
    }
    task.remember(trace, outcome, pod.log)
    return _with_remark(result, trace.problems)


def _areas(image: RootImage, mounts: Iterable[Mount]) -> Iterable[Area]:
    for path, source in image.own:
        yield Area(f"image{path}".replace(":", "%3A"), path, Path(source), private=True)
    for mount in mounts:
        if mount.kind == CLAIM:
            # A claim lies in .hera/claims, a sub-path below it.
            place = str(mount.source).rpartition("/claims/")[2]
            yield Area(f"claim/{place}".replace(":", "%3A"), mount.path, mount.source)


def _inputs(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the inputs of a task, its artifacts by what they are, not by where they lie."""
    inputs = template.get("inputs") or {}
    artifacts = [
        {key: artifact.get(key) for key in ("name", "path", "mode", "archive")}
        for artifact in inputs.get("artifacts") or ()
    ]
    return {"parameters": inputs.get("parameters"), "artifacts": artifacts}


def _has_artifacts(pod: Pod, done: Done) -> bool:
    """Tell whether the artifacts that ``done`` left are still there."""
    for artifact in (done.outcome.get("artifacts") or {}).values():
        if pod.artifacts is None:
            return False
        try:
            location = pod.artifacts.location(artifact)
            if not pod.artifacts.is_folder(location):
                pod.artifacts.open(location).close()
        except (ArtifactFailure, OSError):
            return False
    return True


def _described(mount: Mount, areas: Sequence[Area]) -> list[str]:
    """Return what a mount is to a task: a claim by its name, all else by its files."""
    what = next((area.name for area in areas if area.path == mount.path), mount.kind)
    if mount.kind != CLAIM and not mount.memory:
        source = mount.source
        inner = sorted(str(path.relative_to(source)) for path in source.rglob("*"))
        folder, entries = (source, inner) if source.is_dir() else (source.parent, [source.name])
        what = content_hash(folder, entries, {})
    return [mount.path, what, str(mount.read_only)]


def _taken_over(done: Done, key: str, files: Touched) -> PodResult:
    return PodResult(
        0,
        result=done.outcome.get("result"),
        parameters=done.outcome.get("parameters") or {},
        artifacts=done.outcome.get("artifacts") or {},
        remark=f"taken over from {done.workflow}",
        taken_from=done.workflow,
        key=key,
        files=files,
    )


def _with_remark(result: PodResult, problems: Sequence[str]) -> PodResult:
    return replace(result, remark=f"not remembered: {problems[0]}") if problems else result
