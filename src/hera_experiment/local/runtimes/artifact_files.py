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
from hera_experiment.local.runtimes.base import Pod, PodResult
from hera_experiment.local.runtimes.outputs import NEVER_RAN, failure
from hera_experiment.local.runtimes.volumes import EMPTY, VOLUMES, Mount, mount_of, mount_path

_INPUTS = "..inputs"
"""The folder of artifacts among a pod's volumes: no volume can be called that."""


class InputsFailed(Exception):
    """An input cannot be had: the pod does not run."""

    def __init__(self, why: object) -> None:
        super().__init__(f"init: Error (exit code {NEVER_RAN}): {why}")


def input_points(template: Mapping[str, Any]) -> list[str]:
    """Return the paths of artifacts that are mounted: those that lie on no volume."""
    try:
        paths = [path for _, path in input_paths(template)]
    except ArtifactFailure:
        return []
    main = template.get("script") or template.get("container") or {}
    mounts = [mount_path(mount) for mount in main.get("volumeMounts") or ()]
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


def place_inputs(pod: Pod, mounts: Sequence[Mount]) -> list[Mount]:
    """Fetch the input artifacts of ``pod`` and return how they are mounted.

    One whose path lies on a volume among ``mounts`` is put there, as Argo has it. Raises
    :class:`InputsFailed`.
    """
    if pod.artifacts is None:
        return []
    placed = []
    try:
        for artifact, path in input_paths(pod.template):
            mount = mount_of(path, mounts)
            if mount is not None and not mount.memory:
                pod.artifacts.load(artifact, _on_volume(path, mount))
                continue
            folder = pod.folder / VOLUMES / _INPUTS / artifact["name"]
            if not pod.artifacts.load(artifact, folder):
                # Kubernetes makes a folder where there is nothing to mount.
                folder.mkdir(parents=True)
            placed.append(Mount(path, folder, EMPTY))
    except ArtifactFailure as error:
        raise InputsFailed(error) from None
    except OSError as error:
        raise InputsFailed(of_system(error, str(pod.folder))) from None
    return placed


def with_artifacts(pod: Pod, result: PodResult, look: Look, mounts: Sequence[Mount]) -> PodResult:
    """Return the ``result`` of a pod that has ended with what was kept of its artifacts."""
    if pod.artifacts is None or result.exit_code is None:
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
