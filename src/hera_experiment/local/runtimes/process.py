"""Runs containers as plain processes: the default, which needs no container engine."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.local.runtimes.base import Pod, PodResult
from hera_experiment.local.runtimes.checks import process_refusals, unmapped_sentence
from hera_experiment.local.runtimes.children import Children, Stopped
from hera_experiment.local.runtimes.container import SCRIPT_PATH, MainContainer, main_container
from hera_experiment.local.runtimes.logs import open_log
from hera_experiment.local.runtimes.objects import ClusterObjects
from hera_experiment.local.runtimes.outputs import NEVER_RAN, Tail, finished, not_started, read_file
from hera_experiment.local.runtimes.paths import TEMPORARY, image_path, rewrite_source
from hera_experiment.local.runtimes.plans import (
    STAGED_SCRIPT,
    Plan,
    make_plan,
    path_rules,
    plan_key,
)
from hera_experiment.local.runtimes.programs import NotExecutable, Programs
from hera_experiment.local.runtimes.scratch import Scratch, shown_as_inside
from hera_experiment.local.runtimes.variables import (
    MissingObject,
    container_environment,
    script_source,
)
from hera_experiment.local.runtimes.views import Views
from hera_experiment.local.runtimes.virtualenvs import InstallationFailed, VirtualEnvironments
from hera_experiment.local.runtimes.volumes import Mount, make_mounts, nested_in_claim

# macOS knows no C.UTF-8.
_LANG = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"

SCRATCH = "scratch"
"""Where the folders of tasks lie, below the state; it goes with the server, unless it is killed."""

Announce = Callable[[str], None]


class ProcessRuntime:
    """Runs each pod as a process in a scratch folder, with a virtual environment.

    ``containers`` is the experiment's folder of build contexts, ``state`` where environments and
    copies of contexts are kept, ``environ`` the user's environment, of which pip alone sees a
    part.
    """

    def __init__(
        self,
        *,
        slug: str,
        containers: Path,
        state: Path,
        objects: ClusterObjects,
        environ: Mapping[str, str],
    ) -> None:
        self._objects = objects
        self._views = Views(slug, containers, state / "contexts")
        self._environments = VirtualEnvironments(state / "venvs", environ)
        self._scratch = Scratch(state / SCRATCH)
        self._lock = threading.Lock()
        self._pods: dict[str, Children] = {}
        self._plans: dict[tuple[object, ...], Plan] = {}
        self._programs: dict[Path, Programs] = {}

    def refusals(self, workflow: Mapping[str, Any]) -> list[str]:
        """Name what a process cannot honour in ``workflow``; see :class:`Runtime`.

        The workflow's images are looked at anew: call it before a retry as well.
        """
        metadata = workflow.get("metadata") or {}
        namespace, name = str(metadata.get("namespace")), str(metadata.get("name"))
        self._views.forget(namespace, name)
        return process_refusals(
            workflow,
            self._objects,
            self._views.exists,
            lambda image: self._views.of(namespace, name, image),
            path_rules,
        )

    def run(self, pod: Pod, announce: Announce) -> PodResult:
        """Run ``pod`` to its end; see :class:`Runtime`."""
        container = main_container(pod.template)
        if container is None:
            return not_started("a process runs container and script templates only")
        children = Children()
        with self._lock:
            self._pods[pod.node_id] = children
        try:
            return self._run(pod, container, children, announce)
        except Stopped:
            return not_started("stopped before its process started")
        except (MissingObject, InstallationFailed, UserError) as error:
            return not_started(str(error))
        except OSError as error:
            return not_started(f"cannot prepare the task's folder: {error}")
        finally:
            with self._lock:
                self._pods.pop(pod.node_id, None)

    def stop(self, node_id: str, grace_seconds: float) -> None:
        """End the processes of a pod; see :class:`Runtime`."""
        with self._lock:
            children = self._pods.get(node_id)
        if children is not None:
            children.stop(grace_seconds)

    def _run(
        self, pod: Pod, container: MainContainer, children: Children, announce: Announce
    ) -> PodResult:
        plan = self._plan(pod, container)
        view = plan.view
        if view.refused:
            return not_started(view.refused[0])
        variables = container_environment(container, pod, self._objects)
        argv = container.argv(view.entrypoint, view.command, variables)
        if not argv:
            return not_started("neither the template nor its image has a command")
        if lost := plan.rules.unmapped(argv):
            return not_started(unmapped_sentence(str(pod.template.get("name")), lost[0]))
        folder = self._environments.provide(view.installs, view.label, children, announce)
        programs = self._programs.setdefault(folder, Programs(folder))

        try:
            mounts = make_mounts(container, pod, self._objects)
            if nested := nested_in_claim([(mount.path, mount.kind) for mount in mounts]):
                return not_started(nested)
            root = self._scratch.take(plan.key, plan.layout, mounts, plan.workdir)
            try:

                def rewrite(text: str, root: str = root.path) -> str:
                    return programs.rewrite(plan.rules.rewrite(text, root))

                words = list(map(rewrite, argv))
                if container.source is not None:
                    source = rewrite_source(script_source(container, pod), rewrite)
                    root.write_program(STAGED_SCRIPT, source)
                process = _Process(
                    words=words,
                    written=argv[0],
                    folder=root.path + plan.workdir,
                    environment=_environment(pod, plan, variables, root.path, programs),
                )
                tail = Tail() if pod.capture_result else None
                status, message = _execute(process, programs, children, pod.log, tail, announce)
                return _result(pod, plan, status, message, tail, mounts, root.path)
            finally:
                self._scratch.give_back(plan.key, mounts, root)
        finally:
            if container.mounts:
                shutil.rmtree(pod.folder, ignore_errors=True)

    def _plan(self, pod: Pod, container: MainContainer) -> Plan:
        view = self._views.of(pod.namespace, pod.workflow_name, container.image)
        key = plan_key(pod.template, container, view)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = make_plan(key, pod.template, container, view)
        return plan


@dataclass(frozen=True)
class _Process:
    """A command ready to run; ``written`` is its program as the container has it."""

    words: list[str]
    written: str
    folder: str
    environment: Mapping[str, str]


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
            status = children.run(
                [program, *process.words[1:]],
                environment=process.environment,
                folder=process.folder,
                log=log.fileno(),
                tee=tail.write if tail else None,
                started=lambda: announce(""),
            )
            return status, ""
        except NotExecutable as error:
            message = f"failed to find name in PATH: {error}"
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            message = f"failed to start command: fork/exec {process.written}: {reason}"
        log.write(f"Error: {message}\n".encode())
        return NEVER_RAN, message


def _environment(
    pod: Pod, plan: Plan, variables: Mapping[str, str], root: str, programs: Programs
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
    environment["PATH"] = ":".join([*folders, programs.path])
    return environment


def _result(
    pod: Pod,
    plan: Plan,
    status: int,
    message: str,
    tail: Tail | None,
    mounts: Sequence[Mount],
    root: str,
) -> PodResult:
    elsewhere = {root + STAGED_SCRIPT: SCRIPT_PATH}
    elsewhere.update((str(mount.source), mount.path) for mount in mounts)
    roots = list(dict.fromkeys((root, os.path.realpath(root))))

    def inside(text: str) -> str:
        return shown_as_inside(text, roots, elsewhere)

    def read(path: str) -> bytes | None:
        data = read_file(Path(root + path)) if plan.rules.covers(path) else None
        return None if data is None else inside(data.decode("utf-8", "replace")).encode()

    def in_volume(path: str) -> bool:
        return any(path == mount.path or path.startswith(f"{mount.path}/") for mount in mounts)

    result = None if tail is None else inside(tail.text())
    return finished(pod.template, status, result, read, in_volume, message)
