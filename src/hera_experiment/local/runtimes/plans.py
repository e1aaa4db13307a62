"""What is the same for all pods of one template: the paths covered, the root to be made."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from hera_experiment.local.runtimes.container import SCRIPT_PATH, Json, MainContainer
from hera_experiment.local.runtimes.image_view import ImageView
from hera_experiment.local.runtimes.outputs import output_paths
from hera_experiment.local.runtimes.paths import HOME, SYSTEM_FOLDERS, TEMPORARY, PathRules
from hera_experiment.local.runtimes.tree import Layout, above
from hera_experiment.local.runtimes.volumes import mount_path

# Folders of the system itself: what lies in one of them covers itself alone.
_SYSTEM = ("/", "/etc", "/usr", "/var", "/dev", *SYSTEM_FOLDERS)

STAGED_SCRIPT = "/.script"
"""Where a script's source lies below the root: right there, since each folder costs its time."""


@dataclass(frozen=True)
class Plan:
    """How the pods of one template are laid out; equal keys are equal plans."""

    key: tuple[object, ...]
    view: ImageView
    rules: PathRules
    layout: Layout
    workdir: str
    home: str


def path_rules(template: Json, container: MainContainer, view: ImageView) -> PathRules:
    """Return which absolute paths a pod of ``template`` can use."""
    covered = list(view.prefixes)
    for mount in container.mounts:
        path = mount_path(mount)
        # The folders above a mount are made with it.
        covered += [path, *(folder for folder in above(path) if folder not in _SYSTEM)]
    if container.working_dir:
        covered.append(_workdir(container, view))
    for _, path, _ in output_paths(template):
        folder = posixpath.dirname(posixpath.normpath(path))
        covered.append(path if folder in _SYSTEM else folder)
    moved = {} if container.source is None else {SCRIPT_PATH: STAGED_SCRIPT}
    return PathRules((path for path in covered if "{{" not in path), moved)


def make_plan(
    key: tuple[object, ...], template: Json, container: MainContainer, view: ImageView
) -> Plan:
    """Return how pods of ``template`` are run; ``container`` is its main one."""
    home = view.environment.get("HOME", HOME)
    folders = [HOME, TEMPORARY, *view.folders]
    layout = view.tree.layout(folders, (mount_path(mount) for mount in container.mounts))
    rules = path_rules(template, container, view)
    return Plan(key, view, rules, layout, _workdir(container, view), home)


def plan_key(template: Json, container: MainContainer, view: ImageView) -> tuple[object, ...]:
    """Return what :func:`make_plan` depends on, to look one up."""
    return (
        id(view),
        container.working_dir,
        container.source is None,
        tuple(mount.get("mountPath") for mount in container.mounts),
        tuple(path for _, path, _ in output_paths(template)),
    )


def _workdir(container: MainContainer, view: ImageView) -> str:
    return posixpath.normpath(posixpath.join("/", container.working_dir or view.workdir))
