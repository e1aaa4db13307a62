"""Runs containers in a container engine: Docker or Podman."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hera_experiment.argo.images import container_of
from hera_experiment.errors import UserError
from hera_experiment.images.builder import Builder
from hera_experiment.images.context import DOCKERFILE
from hera_experiment.images.engine import RUNNERS, Runner, find_engine, runner
from hera_experiment.images.source import BuildSettings
from hera_experiment.local.runtimes.base import Pod, PodResult
from hera_experiment.local.runtimes.checks import common_refusals
from hera_experiment.local.runtimes.children import Children, Stopped
from hera_experiment.local.runtimes.container import MainContainer, containers_of, main_container
from hera_experiment.local.runtimes.engine_client import EngineClient
from hera_experiment.local.runtimes.engine_options import (
    command_options,
    init_options,
    mount_options,
    user_options,
    variable_options,
)
from hera_experiment.local.runtimes.logs import open_log
from hera_experiment.local.runtimes.objects import ClusterObjects
from hera_experiment.local.runtimes.outputs import NEVER_RAN, Tail, finished, not_started, read_file
from hera_experiment.local.runtimes.variables import (
    MissingObject,
    container_environment,
    script_source,
)
from hera_experiment.local.runtimes.volumes import Mount, make_mounts

_LABEL = "hera-experiment"
_NO_WORKDIR = "does not exist on container"
_NOT_FOUND = re.compile(
    r'exec: "([^"]*)": (executable file not found in \$PATH|stat [^:]*: no such'
    r" file or directory|permission denied)"
)
_INIT_FAILED = re.compile(r"(?:tini|catatonit)[^\n]*exec[^\n]*", re.IGNORECASE)

Announce = Callable[[str], None]


@dataclass(frozen=True)
class _Ending:
    """How a container ended: no exit code when it could not be run at all."""

    exit_code: int | None
    message: str = ""
    reason: str = "Error"


class EngineRuntime:
    """Runs each pod as a container of ``engine``, ``docker`` or ``podman``.

    Images of the experiment are built first, others are pulled. What is written to a claim
    belongs to the user.

    Raises :class:`UserError` when the engine is not there.
    """

    def __init__(
        self,
        engine: str,
        *,
        slug: str,
        containers: Path,
        state: Path,
        objects: ClusterObjects,
        environ: Mapping[str, str],
        settings: BuildSettings,
    ) -> None:
        run = runner(environ)
        self._engine = find_engine(engine, environ, run, among=RUNNERS)
        self._slug = slug
        self._containers = containers
        self._objects = objects
        self._client = EngineClient(self._engine, environ)
        self._label = f"{_LABEL}.state={state}"
        # Nodes of two experiments may have one name; their containers may not.
        self._mark = hashlib.sha256(str(state).encode()).hexdigest()[:8]
        self._builder = Builder(
            self._engine, run, slug=slug, containers=containers, settings=settings, environ=environ
        )
        self._user = user_options(self._engine, run, os.getuid(), os.getgid(), sys.platform)
        self._init = init_options(self._engine, environ, sys.platform)
        self._lock = threading.Lock()
        self._pods: dict[str, Children] = {}
        self._images: dict[tuple[str, str, str], str] = {}
        # Containers of a server that was killed: one server at a time has this folder.
        if leftovers := self._client.labelled(self._label):
            self._client.remove(*leftovers)

    def refusals(self, workflow: Mapping[str, Any]) -> list[str]:
        """Name what an engine cannot honour in ``workflow``; see :class:`Runtime`.

        The workflow's images are looked at anew: call it before a retry as well.
        """
        metadata = workflow.get("metadata") or {}
        mine = (str(metadata.get("namespace")), str(metadata.get("name")))
        with self._lock:
            for key in [key for key in self._images if key[:2] == mine]:
                del self._images[key]
        found = list(common_refusals(workflow, self._objects))
        for template, container in containers_of(workflow):
            name = container_of(container.image, self._slug)
            if name is None or "{{" in container.image:
                continue
            try:
                self._builder.source(name)
            except (UserError, OSError) as error:
                found.append(f"template {template.get('name')!r}: {error}")
        return list(dict.fromkeys(found))

    def run(self, pod: Pod, announce: Announce) -> PodResult:
        """Run ``pod`` to its end; see :class:`Runtime`."""
        container = main_container(pod.template)
        if container is None:
            return not_started("a container engine runs container and script templates only")
        children = Children()
        with self._lock:
            self._pods[pod.node_id] = children
        try:
            return self._run(pod, container, children, announce)
        except Stopped:
            return not_started("stopped before its process started")
        except (MissingObject, UserError, ValueError) as error:
            return not_started(str(error))
        except OSError as error:
            return not_started(f"cannot prepare the container: {error}")
        finally:
            with self._lock:
                self._pods.pop(pod.node_id, None)
            shutil.rmtree(pod.folder, ignore_errors=True)

    def stop(self, node_id: str, grace_seconds: float) -> None:
        """End a pod's container; see :class:`Runtime`."""
        with self._lock:
            children = self._pods.get(node_id)
        if children is not None:
            # The engine's client hands the signal on; once it is gone the container is removed.
            children.stop(grace_seconds)

    def _run(
        self, pod: Pod, container: MainContainer, children: Children, announce: Announce
    ) -> PodResult:
        variables = container_environment(container, pod, self._objects)
        image = self._image(pod, container.image, announce, self._client.stoppable(children))
        mounts = make_mounts(container, pod, self._objects)
        script = self._stage_script(pod, container)
        before, after = command_options(container, variables)
        settings, environ = variable_options(variables, self._client.environ)
        name = re.sub(r"[^\w.-]", "-", f"hera-{pod.node_id}-{self._mark}")
        options = [
            *(self._engine, "run", "--name", name, "--hostname", pod.name[:63], *self._init),
            *("--label", self._label, "--label", f"{_LABEL}.workflow={pod.workflow_name}"),
            *("--security-opt", "label=disable", *self._user, *settings),
            *(("--workdir", container.working_dir) if container.working_dir else ()),
            *mount_options(mounts, script),
        ]
        command = [*before, image, *after]
        tail = Tail() if pod.capture_result else None
        try:
            with open_log(pod.log) as log:
                begin = os.fstat(log.fileno()).st_size

                def start(*more: str) -> int:
                    return children.run(
                        [*options, *more, *command],
                        environment=environ,
                        folder="/",
                        log=log.fileno(),
                        tee=tail.write if tail else None,
                        started=lambda: announce(""),
                    )

                status = start()
                if status == 126 and _NO_WORKDIR in _text_from(pod.log, begin):
                    # Docker and Kubernetes make the working folder, Podman wants it there.
                    self._client.remove(name)
                    os.ftruncate(log.fileno(), begin)
                    workdir = pod.folder / "workdir"
                    workdir.mkdir(parents=True, mode=0o700)
                    status = start(
                        *mount_options([Mount(container.working_dir, workdir, "")], None)
                    )
            ending = self._explained(name, status, _text_from(pod.log, begin) if status else "")
            if ending.exit_code is None:
                return not_started(ending.message)

            def read(path: str) -> bytes | None:
                mount = _mount_of(path, mounts)
                if mount is None or mount.memory:
                    return self._client.read(name, path)
                return read_file(mount.source / path[len(mount.path) :].lstrip("/"))

            def in_volume(path: str) -> bool:
                return _mount_of(path, mounts) is not None

            result = None if tail is None else tail.text()
            return finished(
                pod.template,
                ending.exit_code,
                result,
                read,
                in_volume,
                ending.message,
                ending.reason,
            )
        finally:
            self._client.remove(name)

    def _image(self, pod: Pod, image: str, announce: Announce, run: Runner) -> str:
        """Return what to run for ``image``: of one workflow always the same."""
        key = (pod.namespace, pod.workflow_name, image)
        if key not in self._images:
            name = container_of(image, self._slug)
            if name is not None and (self._containers / name / DOCKERFILE).is_file():
                found = self._builder.ensure(name, announce, run)
            else:
                found = self._pulled(image, announce, run)
            self._images.setdefault(key, found)
        return self._images[key]

    def _pulled(self, image: str, announce: Announce, run: Runner) -> str:
        if not self._builder.exists(image, run):
            # Where Kubernetes would look; Podman would ask which registry is meant.
            full = image if "/" in image else f"docker.io/library/{image}"
            announce(f"pulling {full}")
            done = run([self._engine, "pull", "--quiet", full])
            if done.exit_code != 0:
                lines = done.output.strip().splitlines() or ["no reason given"]
                raise UserError(f"the image {image!r} cannot be pulled: {lines[-1]}")
            return full
        return image

    def _stage_script(self, pod: Pod, container: MainContainer) -> Path | None:
        if container.source is None:
            return None
        pod.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = pod.folder / "script"
        path.write_text(script_source(container, pod), encoding="utf-8", errors="surrogatepass")
        path.chmod(0o755)
        return path

    def _explained(self, name: str, status: int, output: str) -> _Ending:
        """Say in Argo's terms how a container ended, given what its client printed."""
        if status not in (125, 126, 127, 137):
            return _Ending(status)
        state = self._client.state(name)
        error = str(state.get("Error") or "")
        if found := _NOT_FOUND.search(f"{error}\n{output}"):
            return _Ending(NEVER_RAN, f"failed to find name in PATH: {found[0]}")
        if status == 127 and (failed := _INIT_FAILED.search(output)):
            return _Ending(NEVER_RAN, f"failed to start command: {failed[0].strip()}")
        if state.get("OOMKilled"):
            return _Ending(status, reason="OOMKilled")
        if status == 125 and (error or state.get("Status") in (None, "created")):
            lines = [line for line in output.splitlines() if line.strip()]
            text = error or (lines or ["no reason given"])[-1]
            return _Ending(None, f"{self._engine} cannot run it: {text}")
        return _Ending(status)


def _text_from(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(begin)
        return file.read().decode("utf-8", "replace")


def _mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """Return the deepest mount that ``path`` lies in."""
    around = [m for m in mounts if path == m.path or path.startswith(f"{m.path}/")]
    return max(around, key=lambda mount: len(mount.path), default=None)
