"""The artifacts of a pod in its file system: inputs before it runs, outputs once it has ended."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hera_experiment.contained_files import NotReadable, contained_path
from hera_experiment.local.artifacts.errors import ArtifactFailure, of_system
from hera_experiment.local.artifacts.pod import (
    Look,
    Saved,
    input_paths,
    output_artifacts,
    plain_path,
)
from hera_experiment.local.runtimes.base import NEVER_RAN, Pod, PodResult
from hera_experiment.local.runtimes.container import MAIN, Container
from hera_experiment.local.runtimes.outputs import failure
from hera_experiment.local.runtimes.volumes import EMPTY, VOLUMES, Mount, mount_of, mount_path

_INPUTS, _FETCHED = "..inputs", "..fetched"
"""The folder of artifacts among a pod's volumes, which no volume can be called, and a mark."""


class InputsFailed(Exception):
    """An input cannot be had: the pod does not run."""

    def __init__(self, why: object) -> None:
        super().__init__(f"init: Error (exit code {NEVER_RAN}): {why}")


def has_inputs(container: Container) -> bool:
    """Tell whether ``container`` sees the input artifacts of its pod, as ``main`` does."""
    return container.name == MAIN or bool(container.written.get("mirrorVolumeMounts"))


def input_points(template: Mapping[str, Any], container: Container) -> list[str]:
    """Return the paths of artifacts mounted in ``container``: those that lie on no volume."""
    if not has_inputs(container):
        return []
    try:
        paths = [path for _, path in input_paths(template)]
    except ArtifactFailure:
        return []
    mounts = [mount_path(mount) for mount in container.mounts]
    return [path for path in paths if not any(_is_at(path, mount) for mount in mounts)]


def declared_paths(template: Mapping[str, Any], kind: str) -> list[str]:
    """Return the paths of the artifacts of a template, ``kind`` being inputs or outputs."""
    found = []
    for artifact in (template.get(kind) or {}).get("artifacts") or ():
        try:
            found.append(plain_path(artifact))
        except ArtifactFailure:
            continue
    return found


def place_inputs(pod: Pod, container: Container, mounts: Sequence[Mount]) -> list[Mount]:
    """Fetch the input artifacts of ``pod`` and return how they are mounted in ``container``.

    One whose path lies on a volume among ``mounts`` is put there, as Argo has it. Where containers
    share a pod, the first call fetches them. Raises :class:`InputsFailed`.
    """
    if pod.artifacts is None or not has_inputs(container):
        return []
    placed = []
    done = pod.folder / VOLUMES / _FETCHED
    again = pod.shared and done.exists()
    try:
        for artifact, path in input_paths(pod.template):
            mount = mount_of(path, mounts)
            if mount is not None and not mount.memory:
                if not again:
                    pod.artifacts.load(artifact, _on_volume(path, mount))
                continue
            folder = pod.folder / VOLUMES / _INPUTS / artifact["name"]
            if not again and not pod.artifacts.load(artifact, folder):
                # Kubernetes makes a folder where there is nothing to mount.
                folder.mkdir(parents=True)
            placed.append(Mount(path, folder, EMPTY))
        if pod.shared and not again:
            done.parent.mkdir(parents=True, exist_ok=True)
            done.touch()
    except ArtifactFailure as error:
        raise InputsFailed(error) from None
    except OSError as error:
        raise InputsFailed(of_system(error, str(pod.folder))) from None
    return placed


def with_artifacts(
    pod: Pod, container: Container, result: PodResult, look: Look, mounts: Sequence[Mount]
) -> PodResult:
    """Return the ``result`` of a container that has ended with what was kept of its artifacts.

    Only ``main`` has any.
    """
    if pod.artifacts is None or result.exit_code is None or container.name != MAIN:
        return result
    volumes = [mount for mount in mounts if mount.kind]
    saved = pod.artifacts.save(
        output_artifacts(pod.template), look, lambda path: mount_of(path, volumes) is not None
    )
    logs = pod.artifacts.save_log(pod.log)
    artifacts = {**saved.artifacts, **logs.artifacts}
    if saved.failure:
        # Argo's executor, which is that container's first process, ends for that.
        message = failure(NEVER_RAN, saved.failure)
        return replace(
            result, exit_code=NEVER_RAN, message=message, error=False, artifacts=artifacts
        )
    error = _first(saved, logs)
    if error and result.exit_code == 0 and not result.message:
        message = f"wait: Error (exit code {NEVER_RAN}): {error}"
        return replace(result, message=message, error=True, artifacts=artifacts)
    return replace(result, artifacts=artifacts)


def _first(*saved: Saved) -> str:
    return next((each.error for each in saved if each.error), "")


def _on_volume(path: str, mount: Mount) -> Path:
    inner = path[len(mount.path) :].strip("/")
    try:
        folder = contained_path(mount.source, posixpath.dirname(inner), 0o777)
    except NotReadable as error:
        raise ArtifactFailure(f"the input artifact at {path} {error}") from None
    return folder / posixpath.basename(inner)


def _is_at(path: str, mount: str) -> bool:
    return path == mount or path.startswith(f"{mount}/")
