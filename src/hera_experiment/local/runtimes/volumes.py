"""Volumes and their mounts: where on this machine the folders of a container lie."""

from __future__ import annotations

import os
import posixpath
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hera_experiment.contained_files import NotReadable, contained_path
from hera_experiment.local.errors import ApiError
from hera_experiment.local.runtimes.base import Pod
from hera_experiment.local.runtimes.container import (
    Container,
    Json,
    MissingObject,
    missing_object,
    values_of,
)
from hera_experiment.local.store.objects import CONFIGMAPS, SECRETS, Objects

CLAIM = "persistentVolumeClaim"
EMPTY = "emptyDir"
CONFIGMAP = "configMap"
SECRET = "secret"
VOLUMES = ".volumes"
"""The folder, in that of a pod, of the volumes that live as long as it does."""

_FILES, _NOW = "..1970_01_01_00_00_00.0", "..data"
"""The folder of a ConfigMap's files, which the kubelet names by the time, and the link to it."""

_MAKING = threading.Lock()
"""Containers of a pod begin together, and the first makes what they share."""

KINDS = (CLAIM, EMPTY, CONFIGMAP, SECRET)


@dataclass(frozen=True)
class Mount:
    """One mounted folder or file: ``path`` in the container, ``source`` on this machine.

    ``kind`` is the volume's; ``memory`` is true for an emptyDir of medium Memory, ``size`` its
    limit in Kubernetes' notation, empty for none.
    """

    path: str
    source: Path
    kind: str
    read_only: bool = False
    memory: bool = False
    size: str = ""


def mount_path(mount: Json) -> str:
    """Return the absolute, normal form of a mount's path."""
    return posixpath.normpath("/" + str(mount.get("mountPath") or "").lstrip("/"))


def make_mounts(container: Container, pod: Pod, objects: Objects) -> list[Mount]:
    """Make the volumes of ``pod`` below its folder and return the mounts of ``container``.

    Raises
    ------
    MissingObject
        When a claim, ConfigMap, Secret or key does not exist, or a sub-path leads out of its
        volume.
    """
    if not container.mounts:
        return []
    volumes = {str(volume.get("name")): volume for volume in pod.volumes}
    made: dict[str, Path] = {}
    mounts = []
    for mount in container.mounts:
        name = str(mount.get("name"))
        if name not in volumes:
            raise MissingObject(f"mounts the volume {name!r}, which nobody declares")
        volume = volumes[name]
        kind = volume_kind(volume)
        if name not in made:
            with _MAKING:
                made[name] = _make(kind, volume, pod.folder / VOLUMES / name, objects)
        # Made where it is missing, in whatever volume: so does the kubelet.
        source = _below(made[name], str(mount.get("subPath") or ""))
        empty = volume.get(EMPTY) or {}
        mounts.append(
            Mount(
                mount_path(mount),
                source,
                kind,
                read_only=bool(mount.get("readOnly")) or kind in (CONFIGMAP, SECRET),
                # In memory it would belong to one container.
                memory=empty.get("medium") == "Memory" and not pod.shared,
                size=str(empty.get("sizeLimit") or ""),
            )
        )
    return mounts


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """Return the deepest mount that ``path`` lies in."""
    around = [m for m in mounts if path == m.path or path.startswith(f"{m.path}/")]
    return max(around, key=lambda mount: len(mount.path), default=None)


def nested_in_claim(mounts: Sequence[tuple[str, str]]) -> str:
    """Say which of these mounts (path, kind) lies inside a claim's; empty for none.

    A process sees a mount through a symbolic link, and one inside a claim would stay there.
    """
    for path, kind in mounts:
        for inner, _ in mounts:
            if kind == CLAIM and inner.startswith(f"{path}/"):
                return (
                    f"mounts {inner} inside the claim at {path}, which a process cannot honour:"
                    " run it with RUNTIME=docker (or podman)"
                )
    return ""


def claimed_volumes(spec: Json, workflow: str) -> list[dict[str, Any]]:
    """Return the volumes that the ``volumeClaimTemplates`` of ``spec`` become in ``workflow``."""
    names = [
        str((template.get("metadata") or {}).get("name") or "")
        for template in spec.get("volumeClaimTemplates") or ()
    ]
    return [{"name": name, CLAIM: {"claimName": f"{workflow}-{name}"}} for name in names]


def declared_volumes(spec: Json, template: Json) -> list[Json]:
    """Return what ``template`` can mount before anything runs; of one name the last counts."""
    own = claimed_volumes(spec, "{{workflow.name}}")
    return [*own, *(spec.get("volumes") or ()), *(template.get("volumes") or ())]


def volume_kind(volume: Json) -> str:
    """Return the key that tells a volume's type; an empty declaration is an emptyDir."""
    return next((key for key in volume if key != "name"), EMPTY)


def _make(kind: str, volume: Json, folder: Path, objects: Objects) -> Path:
    specification = volume.get(kind) or {}
    if kind == CLAIM:
        claim = str(specification.get("claimName") or "")
        try:
            return objects.claim_path(claim).resolve()
        except ApiError:
            raise MissingObject(_no_claim(claim)) from None
    if folder.is_dir():  # Another container of the pod has it.
        return folder
    folder.mkdir(parents=True)
    # Whoever a task runs as: the pod's own folder lets in nobody else. A Secret is in memory there.
    folder.chmod(0o1777 if kind == SECRET else 0o777)
    if kind in (CONFIGMAP, SECRET):
        _write_files(kind, specification, folder, objects)
    elif kind != EMPTY:
        raise MissingObject(_no_kind(str(volume.get("name")), kind))
    return folder


def _reference(kind: str, specification: Json) -> tuple[str, Json]:
    """Return what a ConfigMap's or Secret's volume refers to, as a variable would."""
    group, key = (CONFIGMAPS, "name") if kind == CONFIGMAP else (SECRETS, "secretName")
    return group, {"name": specification.get(key), "optional": specification.get("optional")}


def _write_files(kind: str, specification: Json, folder: Path, objects: Objects) -> None:
    """Write a ConfigMap's or Secret's values as files, ``items`` telling key from path.

    They are reached by links, as the kubelet has it, which exchanges all of them at once.
    """
    group, reference = _reference(kind, specification)
    values = values_of(objects, group, reference)
    default_mode = int(specification.get("defaultMode") or 0o644)
    wanted: Sequence[Json] = specification.get("items") or [
        {"key": key, "path": key} for key in values
    ]
    data = folder / _FILES
    data.mkdir(mode=0o755)
    names: dict[str, None] = {}
    for item in wanted:
        if item["key"] not in values:
            if reference["optional"]:
                continue
            name = reference["name"] or ""
            raise MissingObject(f"needs the key {item['key']!r} of {group}/{name}")
        place = str(item["path"])
        path = _below(data, place, parent=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(values[item["key"]])
            # As asked for: the pod's own folder lets in nobody else.
            os.fchmod(descriptor, int(item.get("mode") or default_mode) & 0o777)
        names[place.partition("/")[0]] = None
    (folder / _NOW).symlink_to(_FILES)
    for name in names:
        (folder / name).symlink_to(f"{_NOW}/{name}")


def _below(folder: Path, path: str, *, parent: bool = False) -> Path:
    """Return ``path`` below ``folder``, which is made where it is missing, or its parent is."""
    if not path:
        return folder
    if path.startswith("/") or ".." in path.split("/"):
        raise MissingObject(f"has the sub-path {path!r}, which leads out of its volume")
    above, _, last = path.rpartition("/")
    try:
        if parent:
            return contained_path(folder, above) / last
        return contained_path(folder, path, stat.S_IMODE(folder.stat().st_mode))
    except NotReadable as error:
        raise MissingObject(f"has the sub-path {path!r}, which {error}") from None


def volume_refusals(
    container: Container, volumes: Sequence[Json], objects: Objects
) -> Iterator[str]:
    """Yield what the mounts of ``container`` ask for that is missing or not honoured here."""
    declared = {str(volume.get("name")): volume for volume in volumes}
    for mount in container.mounts:
        name = str(mount.get("name"))
        if mount.get("subPathExpr"):
            yield f"mounts {name!r} with subPathExpr, which is not interpreted here: use subPath"
        if name not in declared:
            # Which one a variable names is known when the task begins.
            if "{{" not in name:
                yield f"mounts the volume {name!r}, which neither the workflow nor it declares"
            continue
        kind = volume_kind(declared[name])
        if kind not in KINDS:
            yield _no_kind(name, kind)
            continue
        yield from _missing(kind, declared[name].get(kind) or {}, objects)


def _missing(kind: str, specification: Json, objects: Objects) -> Iterator[str]:
    if kind in (CONFIGMAP, SECRET):
        yield from missing_object(objects, *_reference(kind, specification))
    elif kind == CLAIM and "{{" not in (name := str(specification.get("claimName") or "")):
        try:
            objects.claim_path(name)
        except ApiError:
            yield _no_claim(name)


def _no_claim(name: str) -> str:
    return (
        f"mounts the claim {name!r}, which does not exist here: make the folder .hera/claims/{name}"
    )


def _no_kind(name: str, kind: str) -> str:
    return f"mounts the volume {name!r} of type {kind}, which does not exist on this machine"
