"""Runs containers as plain processes: the default, which needs no container engine."""

from __future__ import annotations

import os
import posixpath
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hera_experiment.contained_files import (
    Found,
    NotReadable,
    read_contained,
    tree_of,
    walk_in_trees,
)
from hera_experiment.local.runtimes.artifact_files import (
    declared_paths,
    has_inputs,
    input_points,
    place_inputs,
    with_artifacts,
)
from hera_experiment.local.runtimes.base import NEVER_RAN, PROCESS, Announce, Pod, PodResult
from hera_experiment.local.runtimes.base_runtime import BaseRuntime
from hera_experiment.local.runtimes.checks import (
    process_refusals,
    process_warnings,
    unmapped_sentence,
)
from hera_experiment.local.runtimes.children import Children, open_log
from hera_experiment.local.runtimes.container import (
    MAIN,
    SCRIPT_PATH,
    Container,
    Json,
    container_environment,
    offload,
    script_source,
)
from hera_experiment.local.runtimes.image_view import ImageView, ImageViews
from hera_experiment.local.runtimes.leftovers import end_orphans, is_below, node_of
from hera_experiment.local.runtimes.outputs import (
    MEMORY_ADVICE,
    OUT_OF_MEMORY,
    PARAMETERS_LIMIT,
    Tail,
    finished,
    not_started,
    output_paths,
    read_output,
)
from hera_experiment.local.runtimes.path_checks import path_findings, unmapped
from hera_experiment.local.runtimes.paths import (
    HOME,
    SYSTEM,
    SYSTEM_FOLDERS,
    TEMPORARY,
    NotExecutable,
    PathRules,
    Programs,
    image_path,
    is_of_system,
    rewrite_source,
)
from hera_experiment.local.runtimes.scratch import SCRATCH, Root, Scratch, shown_as_inside
from hera_experiment.local.runtimes.tree import Layout, above
from hera_experiment.local.runtimes.virtualenvs import InstallationFailed, VirtualEnvironments
from hera_experiment.local.runtimes.volumes import Mount, make_mounts, mount_path, nested_in_claim
from hera_experiment.local.store import Objects

# macOS knows no C.UTF-8.
_LANG = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"

STAGED_SCRIPT = "/.script"
"""Where a script's source lies below the root: right there, since each folder costs its time."""

PROGRESS = "/.progress"
"""Where a task writes how far it has come, for the same reason."""


@dataclass
class _Plan:
    """How the pods of one template are laid out; equal keys are equal plans.

    ``system`` are the system's folders of programs that the image adds to; ``programs`` are known
    once the environment of its image is there.
    """

    key: tuple[object, ...]
    view: ImageView
    rules: PathRules
    layout: Layout
    workdir: str
    home: str
    system: tuple[str, ...]
    programs: Programs | None = None


class ProcessRuntime(BaseRuntime):
    """Runs each pod as a process in a scratch folder, with a virtual environment.

    ``containers`` is the experiment's folder of build contexts, ``state`` where environments and
    copies of contexts are kept, ``environ`` the user's environment, of which pip alone sees a
    part. It says ``instead`` of each workflow: why nothing better is there.
    """

    name = PROCESS
    what = "a process"
    prepared = "the task's folder"
    failures = (*BaseRuntime.failures, InstallationFailed)

    def __init__(
        self,
        *,
        slug: str,
        containers: Path,
        state: Path,
        objects: Objects,
        environ: Mapping[str, str],
        instead: str = "",
    ) -> None:
        super().__init__(objects)
        self._instead = instead
        self._views = ImageViews(slug, containers, state / "contexts")
        self._environments = VirtualEnvironments(state / "venvs", environ)
        self._scratch = Scratch(state / SCRATCH, plain=True)
        self._plans: dict[tuple[object, ...], _Plan] = {}

    def run(self, pod: Pod, announce: Announce) -> PodResult:
        """Run ``pod`` to its end, and end what its containers have left."""
        try:
            return super().run(pod, announce)
        finally:
            if pod.shared:
                end_orphans(lambda number: self._is_left(number, pod.node_id))

    def _shared_folder(self, pod: Pod) -> Path:
        # It goes even with a server that is killed.
        return Path(self._scratch.path, f"pod-{pod.node_id}")

    def _forget(self, namespace: str, workflow: str) -> None:
        self._views.forget(namespace, workflow)

    def _refusals(self, workflow: Json, namespace: str, name: str) -> Iterator[str]:
        return process_refusals(
            workflow,
            self._views.exists,
            lambda image: self._views.of(namespace, name, image),
            path_rules,
        )

    def _warnings(self, workflow: Json, namespace: str, name: str) -> Iterator[str]:
        if self._instead:
            yield self._instead
        yield from process_warnings(
            workflow, lambda image: self._views.of(namespace, name, image), path_rules
        )

    def _prepare(self, pod: Pod, image: str, children: Children, announce: Announce) -> None:
        view = self._views.of(pod.namespace, pod.workflow_name, image)
        if not view.refused:
            self._environments.provide(view.installs, view.label, children, announce)

    def _run(
        self, pod: Pod, container: Container, children: Children, announce: Announce
    ) -> PodResult:
        plan = self._plan(pod, container)
        view = plan.view
        if view.refused:
            return not_started(view.refused[0])
        variables = container_environment(container, pod, self._objects)
        argv = container.argv(view.entrypoint, view.command, variables)
        if not argv:
            return not_started("neither the template nor its image has a command")
        short, files = offload(argv[1:], container.args)
        argv[1:] = short
        if lost := unmapped(argv, plan.rules):
            return not_started(unmapped_sentence(str(pod.template.get("name")), lost[0]))
        is_main = container.name == MAIN
        source = "" if container.source is None else script_source(container, pod)
        if lost := path_findings(pod.template, container, argv, [source], view, plan.rules).refused:
            return not_started(lost[0])
        programs = plan.programs
        if programs is None:
            folder = self._environments.provide(view.installs, view.label, children, announce)
            programs = plan.programs = Programs(folder / "bin")

        mounts = make_mounts(container, pod, self._objects)
        if nested := nested_in_claim([(mount.path, mount.kind) for mount in mounts]):
            return not_started(nested)
        mounts += place_inputs(pod, container, mounts)
        key = (plan.key, tuple((mount.path, mount.source) for mount in mounts))
        root = self._scratch.take(key, lambda path: Root(path, plan.layout, mounts, plan.workdir))
        try:

            def rewrite(text: str, root: str = root.path) -> str:
                return programs.rewrite(plan.rules.rewrite(text, root))

            for path, text in files.items():
                root.write_program(path, rewrite(text))
            words = list(map(rewrite, argv))
            if container.source is not None:
                root.write_program(STAGED_SCRIPT, rewrite_source(source, rewrite), every=True)
            process = _Process(
                words=words,
                written=argv[0],
                folder=root.path + plan.workdir,
                environment=_environment(pod, plan, variables, root.path, programs),
                terminal=bool(container.written.get("tty")),
                waits=bool(container.written.get("stdin")),
            )
            tail = Tail() if pod.capture_result and is_main else None
            children.progress = partial(_progress, root.path)
            children.enter = partial(_enter, process, rewrite)
            status, message = _execute(process, programs, children, pod.log, tail, announce)
            # What left its folder may be of a container that goes on.
            node = "" if pod.shared else pod.node_id
            end_orphans(lambda number: self._is_left(number, node, root.path))
            reason = "Error"
            if status == 137 and not children.stopping and self.memory_is_short():
                message, reason = MEMORY_ADVICE, OUT_OF_MEMORY
            return _result(pod, container, plan, status, message, reason, tail, mounts, root)
        finally:
            self._scratch.give_back(key, root)

    def _is_left(self, number: int, node: str, root: str = "") -> bool:
        """Tell whether a process was left by the task ``node``, or by one that ended before.

        What is below ``root`` belongs to the container that had it.
        """
        if root and is_below(number, os.path.realpath(root)):
            return True
        of = node_of(number, *self._scratch.names)
        return of != "" and (of == node or not self.runs(of))

    def _plan(self, pod: Pod, container: Container) -> _Plan:
        view = self._views.of(pod.namespace, pod.workflow_name, container.image)
        key = _plan_key(pod.template, container, view)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _make_plan(key, pod.template, container, view)
        return plan


@dataclass(frozen=True)
class _Process:
    """A command ready to run; ``written`` is its program as the container has it."""

    words: list[str]
    written: str
    folder: str
    environment: Mapping[str, str]
    terminal: bool = False
    waits: bool = False


def _execute(
    process: _Process,
    programs: Programs,
    children: Children,
    log_path: Path,
    tail: Tail | None,
    announce: Announce,
) -> tuple[int, str]:
    """Run ``process`` and return its exit status with what went wrong before it began."""
    with open_log(log_path) as log:
        try:
            program = programs.executable(
                process.words[0], process.written, process.environment["PATH"], process.folder
            )

            def run(attempt: int) -> int:
                return children.run(
                    [program, *process.words[1:]],
                    environment=process.environment,
                    folder=process.folder,
                    log=log.fileno(),
                    tee=tail.write if tail else None,
                    started=lambda: announce(""),
                    terminal=process.terminal,
                    waits=process.waits,
                )

            return children.attempts(run), ""
        except NotExecutable as error:
            message = f"failed to find name in PATH: {error}"
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            message = f"failed to start command: fork/exec {process.written}: {reason}"
        log.write(f"Error: {message}\n".encode())
        return NEVER_RAN, message


def _enter(
    process: _Process, rewrite: Callable[[str], str], argv: Sequence[str], timeout: float
) -> int:
    """Run ``argv`` as ``process`` runs, for ``timeout`` seconds at most; return its exit status."""
    with suppress(subprocess.TimeoutExpired):
        return subprocess.run(
            [rewrite(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=process.folder,
            env=process.environment,
            timeout=timeout,
            check=False,
        ).returncode
    return 1


def _progress(root: str) -> bytes | None:
    with suppress(NotReadable, OSError, ValueError):
        return read_contained(Path(root), PROGRESS, PARAMETERS_LIMIT)
    return None


def _environment(
    pod: Pod, plan: _Plan, variables: Mapping[str, str], root: str, programs: Programs
) -> dict[str, str]:
    environment = {
        "LANG": _LANG,
        "HOME": plan.home,
        "TMPDIR": TEMPORARY,
        "HOSTNAME": pod.name,
        **plan.view.environment,
        **variables,
    }
    own = environment.pop("PATH", "")
    rewrite = plan.rules.rewrite
    environment = {name: rewrite(value, root) for name, value in environment.items()}
    folders = image_path(own, plan.rules, root) if own else []
    # What the image adds to the system's programs: COPY tool /usr/local/bin/
    folders += [root + folder for folder in plan.system]
    environment["PATH"] = ":".join([*folders, programs.path])
    environment["ARGO_PROGRESS_FILE"] = root + PROGRESS
    return environment


def _result(
    pod: Pod,
    container: Container,
    plan: _Plan,
    status: int,
    message: str,
    reason: str,
    tail: Tail | None,
    mounts: Sequence[Mount],
    place: Root,
) -> PodResult:
    root = place.path
    elsewhere = {root + STAGED_SCRIPT: SCRIPT_PATH}
    elsewhere.update((str(mount.source), mount.path) for mount in mounts)
    roots = list(dict.fromkeys((root, place.real)))

    def inside(text: str) -> str:
        return shown_as_inside(text, roots, elsewhere)

    def read(path: str) -> bytes | None:
        data = read_output(path, mounts, root) if plan.rules.covers(path) else None
        if data is None and is_of_system(path):
            data = read_output(path, (), "/")
        return None if data is None else inside(data.decode("utf-8", "replace")).encode()

    def look(path: str) -> Iterator[Found]:
        trees = [tree_of(Path(root), *roots)]
        trees += (
            replace(tree_of(mount.source, mount.path, root + mount.path), path=mount.path)
            for mount in mounts
        )
        for found in walk_in_trees(trees, path):
            yield replace(found, target=inside(found.target))

    result = None if tail is None else inside(tail.text())
    done = finished(container.name, pod.template, status, result, read, mounts, message, reason)
    return with_artifacts(pod, container, done, look, mounts)


def path_rules(template: Json, container: Container, view: ImageView) -> PathRules:
    """Return which absolute paths a pod of ``template`` can use."""
    covered = list(view.prefixes)
    for mount in container.mounts:
        path = mount_path(mount)
        # The folders above a mount are made with it.
        covered += [path, *(folder for folder in above(path) if folder not in SYSTEM)]
    if container.working_dir:
        covered.append(_workdir(container, view))
    for _, path, _ in output_paths(template) if container.name == MAIN else ():
        folder = posixpath.dirname(posixpath.normpath(path))
        covered.append(path if folder in SYSTEM else folder)
    for path in declared_paths(template, "inputs") if has_inputs(container) else ():
        covered += [path, *(folder for folder in above(path) if folder not in SYSTEM)]
    for path in declared_paths(template, "outputs") if container.name == MAIN else ():
        folder = posixpath.dirname(path)
        covered.append(path if folder in SYSTEM else folder)
    moved = {} if container.source is None else {SCRIPT_PATH: STAGED_SCRIPT}
    return PathRules((path for path in covered if "{{" not in path), moved)


def _make_plan(
    key: tuple[object, ...], template: Json, container: Container, view: ImageView
) -> _Plan:
    """Return how pods of ``template`` are run; ``container`` is its main one."""
    home = view.environment.get("HOME", HOME)
    folders = [HOME, TEMPORARY, *view.folders]
    points = [
        *(mount_path(mount) for mount in container.mounts),
        *input_points(template, container),
    ]
    layout = view.tree.layout(folders, points)
    rules = path_rules(template, container, view)
    system = tuple(folder for folder in SYSTEM_FOLDERS if view.tree.is_folder(folder))
    return _Plan(key, view, rules, layout, _workdir(container, view), home, system)


def _plan_key(template: Json, container: Container, view: ImageView) -> tuple[object, ...]:
    """Return what :func:`make_plan` depends on, to look one up."""
    return (
        id(view),
        container.name == MAIN,
        has_inputs(container),
        container.working_dir,
        container.source is None,
        tuple(mount.get("mountPath") for mount in container.mounts),
        tuple(path for _, path, _ in output_paths(template)),
        tuple(input_points(template, container)),
        tuple(declared_paths(template, "inputs")),
        tuple(declared_paths(template, "outputs")),
    )


def _workdir(container: Container, view: ImageView) -> str:
    return posixpath.normpath(posixpath.join("/", container.working_dir or view.workdir))
