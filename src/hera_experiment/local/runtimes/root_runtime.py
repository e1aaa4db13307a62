"""Runs each pod in a root file system of its own: the default where Linux lets a user make one."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from hera_experiment.errors import UserError
from hera_experiment.local.runtimes.base import BUBBLEWRAP, Announce, Pod, PodResult
from hera_experiment.local.runtimes.base_runtime import BaseRuntime
from hera_experiment.local.runtimes.bubblewrap import (
    Overlay,
    Sandbox,
    command_line,
    options,
)
from hera_experiment.local.runtimes.children import Children, open_log
from hera_experiment.local.runtimes.container import (
    SCRIPT_PATH,
    Json,
    MainContainer,
    container_environment,
    containers_of,
    offload,
    script_source,
)
from hera_experiment.local.runtimes.image_view import ImageView, ImageViews
from hera_experiment.local.runtimes.isolation import Isolation
from hera_experiment.local.runtimes.machine_root import LOCAL, Interpreter, MachineRoot
from hera_experiment.local.runtimes.outputs import (
    MEMORY_ADVICE,
    NEVER_RAN,
    OUT_OF_MEMORY,
    Tail,
    finished,
    not_started,
)
from hera_experiment.local.runtimes.scratch import Scratch
from hera_experiment.local.runtimes.task_root import TaskRoot
from hera_experiment.local.runtimes.virtualenvs import InstallationFailed, VirtualEnvironments
from hera_experiment.local.runtimes.volumes import make_mounts, mount_path
from hera_experiment.local.store import Objects

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FAILED = re.compile(rb"bwrap: (?:execvp (.*): (.*)|(.*))\n", re.DOTALL)
_LAST_BYTES = 1 << 12
_NOT_FOUND = b"No such file or directory"


@dataclass(frozen=True, eq=False)
class RootImage:
    """What an image is to a root: its files, and what its configuration says.

    ``overlays`` are the file system, the one at ``/`` first; ``binds`` what of this machine is
    seen as well, ``refused`` why the image cannot be run, or empty.
    """

    overlays: tuple[Overlay, ...] = ()
    binds: Sequence[tuple[str, str]] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    workdir: str = "/"
    user: str = ""
    refused: str = ""


class RootRuntime(BaseRuntime):
    """Runs each pod with bubblewrap: it sees its image, its volumes and its processes, no more.

    ``isolation`` tells with which program; the other parameters are those of
    :class:`~.process_runtime.ProcessRuntime`.
    """

    name = BUBBLEWRAP
    what = "a process"
    prepared = "the task's root"
    failures = (*BaseRuntime.failures, InstallationFailed, ValueError)

    def __init__(
        self,
        isolation: Isolation,
        *,
        slug: str,
        containers: Path,
        state: Path,
        objects: Objects,
        environ: Mapping[str, str],
    ) -> None:
        super().__init__(objects)
        self._slug = slug
        self._program = isolation.program
        self._interpreter = Interpreter.here()
        self._views = ImageViews(slug, containers, state / "layers", modes=True)
        self._environments = VirtualEnvironments(
            state / "venvs",
            environ,
            self._interpreter.program,
            place=self._interpreter.home,
            bubblewrap=self._program,
        )
        self._scratch = Scratch(isolation.folder)
        self._machine = MachineRoot(Path(self._scratch.path, "machine"), self._interpreter)
        self._images: dict[int, RootImage] = {}

    def _forget(self, namespace: str, workflow: str) -> None:
        self._views.forget(namespace, workflow)

    def _refusals(self, workflow: Json, namespace: str, name: str) -> Iterator[str]:
        for template, container in containers_of(workflow):
            if "{{" in container.image or not self._views.exists(container.image):
                continue
            try:
                view = self._views.of(namespace, name, container.image)
            except (UserError, OSError) as error:
                yield f"template {template.get('name')!r}: {error}"
                continue
            yield from view.refused
            if not view.refused and not container.argv(view.entrypoint, view.command, {}):
                yield f"template {template.get('name')!r} has no command, and neither has its image"

    def _prepare(self, pod: Pod, image: str, children: Children, announce: Announce) -> None:
        # A foreign image may belong to a task that never runs, and may not be there for it.
        if self._views.exists(image):
            self._image(pod, image, children, announce)

    def _image(self, pod: Pod, image: str, children: Children, announce: Announce) -> RootImage:
        view = self._views.of(pod.namespace, pod.workflow_name, image)
        if view.refused:
            return RootImage(refused=view.refused[0])
        packages = self._environments.provide(view.installs, view.label, children, announce)
        with self._lock:
            made = self._images.get(id(view))
            if made is None:
                made = self._images[id(view)] = self._own(view, str(packages))
            return made

    def _own(self, view: ImageView, packages: str) -> RootImage:
        """Return the image of a container of the experiment, which is made on this machine."""
        folder = f"{self._scratch.path}/image-{len(self._images)}"
        view.tree.make(folder, view.folders)
        home = self._interpreter.home
        path = _SYSTEM_PATH if home == LOCAL else f"{home}/bin:{_SYSTEM_PATH}"
        return RootImage(
            self._machine.overlays(folder, packages),
            self._machine.binds,
            {"PATH": path, "LANG": "C.UTF-8", **view.environment},
            view.entrypoint,
            view.command,
            view.workdir,
        )

    def _run(
        self, pod: Pod, container: MainContainer, children: Children, announce: Announce
    ) -> PodResult:
        image = self._image(pod, container.image, children, announce)
        if image.refused:
            return not_started(image.refused)
        variables = container_environment(container, pod, self._objects)
        argv = container.argv(image.entrypoint, image.command, variables)
        if not argv:
            return not_started("neither the template nor its image has a command")
        files = _network_files(pod)
        argv[1:], words = offload(argv[1:], container.args)
        files.update((path, (text, 0o644)) for path, text in words.items())
        if container.source is not None:
            files[SCRIPT_PATH] = (script_source(container, pod), 0o755)
        workdir = posixpath.normpath(posixpath.join("/", container.working_dir or image.workdir))
        mounted = [mount_path(mount) for mount in container.mounts]
        key = (image, workdir, *mounted, *files)

        def make(path: str) -> TaskRoot:
            binds = (path for _, path in image.binds)
            return TaskRoot(path, image.overlays, (workdir, *mounted, *files, *binds))

        root = self._scratch.take(key, make)
        try:
            mounts = make_mounts(container, replace(pod, folder=Path(root.path)), self._objects)
            mounts += root.write(files)
            sandbox = Sandbox(
                image.overlays,
                root.upper,
                workdir,
                image.binds,
                mounts,
                hostname=pod.name[:63],
            )
            environment = {"HOME": "/root", "HOSTNAME": pod.name, **image.environment, **variables}
            return self._execute(pod, argv, sandbox, environment, children, announce)
        finally:
            self._scratch.give_back(key, root)

    def _execute(
        self,
        pod: Pod,
        argv: Sequence[str],
        sandbox: Sandbox,
        environment: Mapping[str, str],
        children: Children,
        announce: Announce,
    ) -> PodResult:
        tail = Tail() if pod.capture_result else None
        with open_log(pod.log) as log, options(sandbox) as descriptor:
            begin = os.fstat(log.fileno()).st_size
            status = children.run(
                command_line(self._program, descriptor, argv),
                environment=environment,
                folder="/",
                log=log.fileno(),
                tee=tail.write if tail else None,
                started=lambda: announce(""),
                in_namespace=True,
                descriptors=(descriptor,),
            )
            message, reason = "", "Error"
            if status == 1 and (failed := _failed(pod.log, begin)):
                os.ftruncate(log.fileno(), begin)
                if failed[3] is not None:
                    return not_started(f"cannot prepare its root: {os.fsdecode(failed[3])}")
                message = _not_executable(argv[0], failed[2])
                log.write(f"Error: {message}\n".encode())
                status = NEVER_RAN
        if status == 137 and not children.stopping and self.memory_is_short():
            message, reason = MEMORY_ADVICE, OUT_OF_MEMORY

        def read(path: str) -> bytes | None:
            return None

        result = None if tail is None else tail.text()
        return finished(pod.template, status, result, read, sandbox.mounts, message, reason)


def _network_files(pod: Pod) -> dict[str, tuple[str, int]]:
    """Return the files by which a pod knows its name, and this machine's name service."""
    texts = {"/etc/hostname": f"{pod.name}\n", "/etc/hosts": "", "/etc/resolv.conf": ""}
    for path in ("/etc/hosts", "/etc/resolv.conf"):
        with suppress(OSError):
            texts[path] = Path(path).read_text("utf-8", "surrogateescape")
    texts["/etc/hosts"] += f"127.0.0.1\t{pod.name[:63]}\n"
    return {path: (text, 0o644) for path, text in texts.items()}


def _failed(log: Path, begin: int) -> re.Match[bytes] | None:
    """Return what bubblewrap alone wrote to ``log`` since ``begin``; None when it ran a program."""
    with log.open("rb") as file:
        file.seek(begin)
        return _FAILED.fullmatch(file.read(_LAST_BYTES))


def _not_executable(program: str, reason: bytes) -> str:
    """Return what Argo's executor says of a program that cannot be started (Go's words)."""
    if reason == b"Permission denied":
        why = "permission denied"
    elif reason != _NOT_FOUND:
        return f"failed to start command: fork/exec {program}: {os.fsdecode(reason).lower()}"
    elif "/" in program:
        why = f"stat {program}: no such file or directory"
    else:
        why = "executable file not found in $PATH"
    return f'failed to find name in PATH: exec: "{program}": {why}'
