"""Runs containers in a container engine: Docker or Podman."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hera_experiment.argo.images import built_here
from hera_experiment.contained_files import (
    Found,
    NotReadable,
    read_contained,
    tree_of,
    walk_in_trees,
)
from hera_experiment.errors import UserError
from hera_experiment.images.builder import Builder
from hera_experiment.images.context import (
    DOCKERFILE,
    container_names,
    context_entries,
    no_container,
)
from hera_experiment.images.engine import RUNNERS, Runner, find_engine, runner
from hera_experiment.images.recipe import read_recipe
from hera_experiment.images.source import BuildSettings
from hera_experiment.local.runtimes.artifact_files import place_inputs, with_artifacts
from hera_experiment.local.runtimes.base import HERE, NEVER_RAN, Announce, Pod, PodResult
from hera_experiment.local.runtimes.base_runtime import BaseRuntime
from hera_experiment.local.runtimes.children import Children, open_log
from hera_experiment.local.runtimes.container import (
    MAIN,
    PROGRESS_PATH,
    Container,
    Json,
    container_environment,
    containers_of,
    offload,
    script_source,
)
from hera_experiment.local.runtimes.engine_client import (
    EngineClient,
    command_options,
    init_options,
    mount_options,
    security_options,
    user_options,
    variable_options,
)
from hera_experiment.local.runtimes.image_view import missing_files
from hera_experiment.local.runtimes.leftovers import end_orphans
from hera_experiment.local.runtimes.outputs import (
    MEMORY_ADVICE,
    OUT_OF_MEMORY,
    PARAMETERS_LIMIT,
    Tail,
    finished,
    not_executable,
    not_started,
    read_output,
)
from hera_experiment.local.runtimes.volumes import Mount, make_mounts, mount_of
from hera_experiment.local.store import Objects

_LABEL = "hera-experiment"
_LAST_BYTES = 1 << 16
_NO_WORKDIR = "does not exist on container"
_NOT_FOUND = re.compile(
    r'exec: "([^"]*)": (executable file not found in \$PATH|stat [^:]*: no such'
    r" file or directory|permission denied)"
)
_INIT_FAILED = re.compile(
    r"(?:tini|catatonit)[^\n]*exec(?: ([^\n]*) failed: ([^\n]*)|[^\n]*)", re.IGNORECASE
)


@dataclass(frozen=True)
class _Ending:
    """How a container ended: no exit code when it could not be run at all."""

    exit_code: int | None
    message: str = ""
    reason: str = "Error"


class ContainerRuntime(BaseRuntime):
    """Runs each pod as a container of ``engine``, ``docker`` or ``podman``.

    Images of the experiment are built first, others are pulled. What is written to a claim
    belongs to the user.

    Raises :class:`UserError` when the engine is not there.
    """

    what = "a container engine"
    prepared = "the container"
    failures = (*BaseRuntime.failures, ValueError)
    measures = False  # what runs here is the engine's client

    def __init__(
        self,
        engine: str,
        *,
        slug: str,
        containers: Path,
        state: Path,
        objects: Objects,
        environ: Mapping[str, str],
        settings: BuildSettings,
    ) -> None:
        super().__init__(objects)
        self.name = engine
        run = runner(environ)
        self._engine = find_engine(engine, environ, run, among=RUNNERS)
        self._slug = slug
        self._containers = containers
        self._client = EngineClient(self._engine, environ)
        self._label = f"{_LABEL}.state={state}"
        # Nodes of two experiments may have one name; their containers may not.
        self._mark = hashlib.sha256(str(state).encode()).hexdigest()[:8]
        self._builder = Builder(
            self._engine, run, slug=slug, containers=containers, settings=settings, environ=environ
        )
        user = user_options(self._engine, run, os.getuid(), os.getgid(), sys.platform)
        self._user, self._home = user[:2], user[2:]
        self._init = init_options(self._engine, environ, sys.platform)
        self._images: dict[tuple[str, str, str], str] = {}
        # Containers of a server that was killed: one server at a time has this folder.
        if leftovers := self._client.labelled(self._label):
            self._client.remove(*leftovers)

    def _forget(self, namespace: str, workflow: str) -> None:
        with self._lock:
            for key in [key for key in self._images if key[:2] == (namespace, workflow)]:
                del self._images[key]

    def _refusals(self, workflow: Json, namespace: str, name: str) -> Iterator[str]:
        for template, container in containers_of(workflow):
            built = built_here(container.image, self._slug)
            if built is None or "{{" in container.image:
                continue
            try:
                if built not in container_names(self._containers):
                    raise no_container(self._containers, built)
                source = self._builder.source(built)
                recipe = read_recipe(source.dockerfile, source.arguments)
                label = f"{self._containers.name}/{built}"
                yield from missing_files(
                    recipe, context_entries(source.folder), label, source.folder
                )
            except (UserError, OSError) as error:
                yield f"template {template.get('name')!r}: {error}"

    def _prepare(self, pod: Pod, image: str, children: Children, announce: Announce) -> None:
        # A foreign image may belong to a task that never runs, and may not be there for it.
        if built_here(image, self._slug) is not None:
            self._image(pod, image, announce, self._client.stoppable(children))

    def _run(
        self, pod: Pod, container: Container, children: Children, announce: Announce
    ) -> PodResult:
        variables = container_environment(container, pod, self._objects)
        image = self._image(pod, container.image, announce, self._client.stoppable(children))
        mounts = make_mounts(container, pod, self._objects)
        mounts += place_inputs(pod, container, mounts)
        mounts.append(Mount(posixpath.dirname(PROGRESS_PATH), _argo_folder(pod.folder), ""))
        script = self._stage_script(pod, container)
        before, words = command_options(container, variables)
        words, files = offload(words, container.args)
        for path, text in files.items():
            file = self._stage(pod, f"{container.name}.{posixpath.basename(path)}", text, 0o644)
            mounts.append(Mount(path, file, "", read_only=True))
        settings, environ, lines = variable_options(variables, self._client.environ)
        # An option would count more than a file of variables.
        home = () if "HOME" in variables else self._home
        if lines:
            file = self._stage(pod, f"{container.name}.variables", lines, 0o600)
            settings += ["--env-file", str(file)]
        is_main = container.name == MAIN
        role = "" if is_main else f"-{container.name}"
        name = re.sub(r"[^\w.-]", "-", f"hera-{pod.node_id}{role}-{self._mark}")
        terminal = ["--tty"] if container.written.get("tty") else []
        waits = bool(container.written.get("stdin")) and not terminal
        options = [
            *(self._engine, "run", "--name", name, "--hostname", pod.name[:63], *self._init),
            *("--network", "host", *terminal, *(["--interactive"] if waits else [])),
            *("--label", self._label, "--label", f"{_LABEL}.workflow={pod.workflow_name}"),
            *("--security-opt", "label=disable", *self._user, *home, *settings),
            # With this machine's network a container has its names of hosts, not its own.
            f"--add-host={pod.name[:63]}:{HERE}",
            *(
                f"--add-host={name}:{alias['ip']}"
                for alias in pod.hosts
                for name in alias.get("hostnames") or ()
            ),
            *security_options({**pod.security, **container.security}),
            *(("--workdir", container.working_dir) if container.working_dir else ()),
            *mount_options(mounts, script),
        ]
        command = [*before, image, *words]
        tail = Tail() if pod.capture_result and is_main else None
        children.progress = partial(_progress, pod.folder)
        children.enter = partial(self._client.enter, name)
        try:
            with open_log(pod.log) as log:
                begin = os.fstat(log.fileno()).st_size

                def run(argv: Sequence[str]) -> int:
                    return children.run(
                        argv,
                        environment=environ,
                        folder="/",
                        log=log.fileno(),
                        tee=tail.write if tail else None,
                        started=lambda: announce(""),
                        waits=waits,
                    )

                def start(*more: str) -> int:
                    return run([*options, *more, *command])

                again = [self._engine, "start", "--attach", name]
                status = children.attempts(lambda at: run(again) if at else start())
                if status == 126 and _NO_WORKDIR in _text_from(pod.log, begin):
                    # Docker and Kubernetes make the working folder, Podman wants it there.
                    self._client.remove(name)
                    os.ftruncate(log.fileno(), begin)
                    workdir = pod.folder / f"{container.name}.workdir"
                    workdir.mkdir(parents=True, mode=0o700)
                    status = start(
                        *mount_options([Mount(container.working_dir, workdir, "")], None)
                    )
            end_orphans(lambda number: False)  # Podman's helpers, which ended
            said = _text_from(pod.log, begin) if status else ""
            ending = self._explained(name, status, said, children.stopping)
            if ending.exit_code is None:
                return not_started(ending.message)

            def read(path: str) -> bytes | None:
                mount = mount_of(path, mounts)
                if mount is None or mount.memory:
                    return self._client.read(name, path, PARAMETERS_LIMIT)
                return read_output(path, mounts)

            def look(path: str) -> Iterator[Found]:
                mount = mount_of(path, mounts)
                if mount is None or mount.memory:
                    return self._client.walk(name, path)
                trees = [tree_of(mount.source.parent, mount.path)]
                inner = path[len(mount.path) :]
                if mount.source.is_dir():
                    return walk_in_trees([tree_of(mount.source, mount.path)], inner)
                return walk_in_trees(trees, mount.source.name + inner)

            result = None if tail is None else tail.text()
            done = finished(
                container.name,
                pod.template,
                ending.exit_code,
                result,
                read,
                mounts,
                ending.message,
                ending.reason,
            )
            return with_artifacts(pod, container, done, look, mounts)
        finally:
            self._client.remove(name)

    def _image(self, pod: Pod, image: str, announce: Announce, run: Runner) -> str:
        """Return what to run for ``image``: of one workflow always the same."""
        key = (pod.namespace, pod.workflow_name, image)
        if key not in self._images:
            name = built_here(image, self._slug)
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

    def _stage_script(self, pod: Pod, container: Container) -> Path | None:
        if container.source is None:
            return None
        return self._stage(pod, f"{container.name}.script", script_source(container, pod), 0o755)

    def _stage(self, pod: Pod, name: str, text: str, mode: int) -> Path:
        """Write a file that the container, or the engine's client, reads."""
        pod.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = pod.folder / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(
            os.open(path, flags, 0o600), "w", encoding="utf-8", errors="surrogatepass"
        ) as file:
            file.write(text)
        path.chmod(mode)
        return path

    def _explained(self, name: str, status: int, output: str, stopped: bool) -> _Ending:
        """Say in Argo's terms how a container ended, given what its client printed."""
        if status not in (125, 126, 127, 137):
            return _Ending(status)
        state = self._client.state(name)
        error = str(state.get("Error") or "")
        if found := _NOT_FOUND.search(f"{error}\n{output}"):
            return _Ending(NEVER_RAN, f"failed to find name in PATH: {found[0]}")
        if status in (126, 127) and (failed := _INIT_FAILED.search(output)):
            if failed[1]:
                return _Ending(NEVER_RAN, not_executable(failed[1], failed[2]))
            return _Ending(NEVER_RAN, f"failed to start command: {failed[0].strip()}")
        if state.get("OOMKilled") or (status == 137 and not stopped and self.memory_is_short()):
            return _Ending(status, MEMORY_ADVICE, OUT_OF_MEMORY)
        if status == 125 and (error or state.get("Status") in (None, "created")):
            lines = [line for line in output.splitlines() if line.strip()]
            text = error or (lines or ["no reason given"])[-1]
            return _Ending(None, f"{self._engine} cannot run it: {text}")
        return _Ending(status)


def _argo_folder(pod: Path) -> Path:
    """Return the folder, made unless another container did, where a task tells of its progress."""
    folder = pod / "argo"
    folder.mkdir(parents=True, exist_ok=True)
    # Whoever a task runs as: the pod's own folder lets in nobody else.
    folder.chmod(0o777)
    return folder


def _progress(pod: Path) -> bytes | None:
    with suppress(NotReadable, OSError, ValueError):
        return read_contained(pod / "argo", posixpath.basename(PROGRESS_PATH), PARAMETERS_LIMIT)
    return None


def _text_from(log: Path, begin: int) -> str:
    """Return the end of what was written to ``log`` since it had ``begin`` bytes."""
    with log.open("rb") as file:
        file.seek(max(begin, file.seek(0, os.SEEK_END) - _LAST_BYTES))
        return file.read().decode("utf-8", "replace")
