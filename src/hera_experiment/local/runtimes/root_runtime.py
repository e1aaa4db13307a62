"""Runs each pod in a root file system of its own: the default where Linux lets a user make one."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.argo.images import built_here, container_of
from hera_experiment.contained_files import Found, NotReadable
from hera_experiment.errors import UserError
from hera_experiment.images.engine import Ended
from hera_experiment.local.cache.tracer import Tracer
from hera_experiment.local.runtimes.artifact_files import (
    declared_paths,
    input_points,
    place_inputs,
    with_artifacts,
)
from hera_experiment.local.runtimes.base import BUBBLEWRAP, NEVER_RAN, Announce, Pod, PodResult
from hera_experiment.local.runtimes.base_runtime import BaseRuntime
from hera_experiment.local.runtimes.bubblewrap import (
    Sandbox,
    command_line,
    first_process,
    options,
)
from hera_experiment.local.runtimes.children import Children, Stopped, open_log
from hera_experiment.local.runtimes.container import (
    MAIN,
    PROGRESS_PATH,
    SCRIPT_PATH,
    Container,
    Json,
    container_environment,
    containers_of,
    offload,
    script_source,
)
from hera_experiment.local.runtimes.devices import devices_of, missing_devices
from hera_experiment.local.runtimes.done_tasks import run_unless_done
from hera_experiment.local.runtimes.entering import enter
from hera_experiment.local.runtimes.image_view import ImageViews
from hera_experiment.local.runtimes.isolation import Isolation
from hera_experiment.local.runtimes.machine_root import Interpreter, MachineRoot
from hera_experiment.local.runtimes.memory import MemoryVolumes
from hera_experiment.local.runtimes.outputs import (
    MEMORY_ADVICE,
    OUT_OF_MEMORY,
    PARAMETERS_LIMIT,
    Tail,
    finished,
    not_executable,
    not_started,
    output_paths,
)
from hera_experiment.local.runtimes.root_files import (
    Layers,
    read_from_root,
    real_path,
    walk_root,
)
from hera_experiment.local.runtimes.root_image import (
    Account,
    NoSuchAccount,
    RootImage,
    account_of,
    own_image,
    stored_image,
)
from hera_experiment.local.runtimes.scratch import Scratch
from hera_experiment.local.runtimes.security import NotAllowed, security_of
from hera_experiment.local.runtimes.task_root import TaskRoot
from hera_experiment.local.runtimes.virtualenvs import InstallationFailed, VirtualEnvironments
from hera_experiment.local.runtimes.volumes import Mount, make_mounts, mount_path
from hera_experiment.local.store import Objects

if TYPE_CHECKING:
    from hera_experiment.images.store import ImageStore

_FAILED = re.compile(rb"bwrap: (?:execvp (.*): (.*)|(.*))\n", re.DOTALL)
_LAST_BYTES = 1 << 12


class RootRuntime(BaseRuntime):
    """Runs each pod with bubblewrap: it sees its image, its volumes and its processes, no more.

    The experiment's containers and Python's own images are made of this machine's system; all
    other images, and what is named by digest, are pulled. ``isolation`` tells with which program;
    the other parameters are those of :class:`~.process_runtime.ProcessRuntime`.
    """

    name = BUBBLEWRAP
    heeds_users = True
    sees_files = True
    what = "a process"
    prepared = "the task's root"
    failures = (
        *BaseRuntime.failures,
        InstallationFailed,
        NoSuchAccount,
        NotAllowed,
        NotReadable,
        ValueError,
    )

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
        self._environ = environ
        self._scratch = Scratch(isolation.folder)
        interpreter = Interpreter.here()
        self._machine = MachineRoot(Path(self._scratch.path, "machine"), interpreter)
        self._views = ImageViews(slug, containers, state / "layers", modes=True)
        self._environments = VirtualEnvironments(
            state / "venvs",
            environ,
            interpreter.program,
            place=interpreter.home,
            bubblewrap=self._program,
        )
        self._made: dict[int, RootImage] = {}
        self._pulled: dict[tuple[str, str, str], RootImage] = {}
        self._accounts: dict[tuple[RootImage, str], Account] = {}

    def _shared_folder(self, pod: Pod) -> Path:
        # It goes even with a server that is killed.
        return Path(self._scratch.path, f"pod-{pod.node_id}")

    def _forget(self, namespace: str, workflow: str) -> None:
        self._views.forget(namespace, workflow)
        with self._lock:
            for key in [key for key in self._pulled if key[:2] == (namespace, workflow)]:
                del self._pulled[key]

    def _refusals(self, workflow: Json, namespace: str, name: str) -> Iterator[str]:
        for template, container in containers_of(workflow):
            words = f"template {template.get('name')!r}"
            if "{{" in container.image or not self._is_own(container.image):
                continue
            try:
                view = self._views.of(namespace, name, container.image)
            except (UserError, OSError) as error:
                yield f"{words}: {error}"
                continue
            yield from view.refused
            if not view.refused and not container.argv(view.entrypoint, view.command, {}):
                yield f"{words} has no command, and neither has its image"

    def _warnings(self, workflow: Json, namespace: str, name: str) -> Iterator[str]:
        spec = workflow.get("spec") or {}
        for template, container in containers_of(workflow):
            pod = template.get("securityContext") or spec.get("securityContext") or {}
            words = f"template {template.get('name')!r}"
            if (user := {**pod, **container.security}.get("runAsUser")) not in (None, 0):
                yield (
                    f"{words} runs as user {user}, whom all files of its image belong to on this"
                    " machine: what only root may write on a cluster, it may write here"
                )
            for key in ("fsGroup", "supplementalGroups"):
                if pod.get(key) is not None:
                    yield f"{words} asks for {key}, which one user alone cannot have"
            for resource in missing_devices(container.limits):
                yield f"{words} asks for {resource}, of which this machine has too few"

    @cached_property
    def _store(self) -> ImageStore:
        # Imported late: what speaks to registries takes longer to import than a server to start.
        from hera_experiment.images.store import ImageStore, images_folder

        return ImageStore(images_folder(self._environ), self._environ)

    def _is_own(self, image: str) -> bool:
        """Tell whether ``image`` is made here: of the experiment, but not a certain one of them."""
        if container_of(image, self._slug) is not None:
            return built_here(image, self._slug) is not None
        return self._views.exists(image)

    def _prepare(self, pod: Pod, image: str, children: Children, announce: Announce) -> None:
        # A foreign image may belong to a task that never runs, and may not be there for it.
        if self._is_own(image):
            self._own(pod, image, children, announce)

    def _image(self, pod: Pod, image: str, children: Children, announce: Announce) -> RootImage:
        if self._is_own(image):
            return self._own(pod, image, children, announce)
        key = (pod.namespace, pod.workflow_name, image)
        if key not in self._pulled:
            try:
                found = self._store.provide(image, announce, lambda: children.stopping)
            except Ended:
                raise Stopped from None
            with self._lock:
                self._pulled.setdefault(key, stored_image(found, str(self._machine.empty)))
        return self._pulled[key]

    def _own(self, pod: Pod, image: str, children: Children, announce: Announce) -> RootImage:
        view = self._views.of(pod.namespace, pod.workflow_name, image)
        if view.refused:
            raise UserError(view.refused[0])
        packages = self._environments.provide(view.installs, view.label, children, announce)
        with self._lock:
            if id(view) not in self._made:
                folder = f"{self._scratch.path}/image-{len(self._made)}"
                view.tree.make(folder, view.folders)
                self._made[id(view)] = own_image(view, folder, str(packages), self._machine)
            return self._made[id(view)]

    def _account(self, image: RootImage, text: str) -> Account:
        """Return whom ``text`` names in ``image``; looked up once."""
        if (image, text) not in self._accounts:

            def read(path: str) -> bytes | None:
                return read_from_root(path, image.layers, (), PARAMETERS_LIMIT)

            self._accounts[image, text] = account_of(text, read)
        return self._accounts[image, text]

    def _run(
        self, pod: Pod, container: Container, children: Children, announce: Announce
    ) -> PodResult:
        image = self._image(pod, container.image, children, announce)
        variables = container_environment(container, pod, self._objects)
        argv = container.argv(image.entrypoint, image.command, variables)
        if not argv:
            return not_started("neither the template nor its image has a command")
        files = _network_files(pod)
        argv[1:], words = offload(argv[1:], container.args)
        files.update((path, (text, 0o644)) for path, text in words.items())
        if container.source is not None:
            files[SCRIPT_PATH] = (script_source(container, pod), 0o755)
        account = partial(self._account, image)
        security = security_of(pod.security, container.security, image.user, account)
        workdir = posixpath.normpath(posixpath.join("/", container.working_dir or image.workdir))
        artifacts = input_points(pod.template, container)
        mounted = [*(mount_path(mount) for mount in container.mounts), *artifacts]
        folders = (*image.folders, posixpath.dirname(PROGRESS_PATH))
        key = (image, workdir, *mounted, *files)

        def make(path: str) -> TaskRoot:
            binds = (path for _, path in image.binds)
            points = (workdir, *mounted, *files, *binds, *folders)
            # Bubblewrap would follow a link as if it were this machine's.
            places = {point: real_path(point, image.layers, ()) for point in points}
            return TaskRoot(path, image.overlays, places)

        names = {"HOME": security.home, "HOSTNAME": pod.name}
        root = self._scratch.take(key, make)
        try:
            # What containers share is not in the root of one of them.
            holder = pod if pod.shared else replace(pod, folder=Path(root.path))
            mounts = make_mounts(container, holder, self._objects)
            mounts += place_inputs(holder, container, mounts)
            volumes = tuple(mounts)
            mounts += root.write(files)
            place = partial(_place, lower=image.layers, mounts=mounts, places=root.places)
            sandbox = Sandbox(
                image.overlays,
                root.upper,
                place(workdir),
                [place(folder) for folder in folders],
                image.binds,
                [replace(mount, path=place(mount.path)) for mount in mounts],
                devices=list(devices_of(container.limits)),
                hostname=pod.name[:63],
                user=security.user,
                group=security.group,
                capabilities=security.capabilities,
                read_only=security.read_only,
                environment={**names, **image.environment, **variables},
            )

            def run(tracer: Tracer | None) -> PodResult:
                return self._execute(pod, container, argv, sandbox, children, announce, tracer)

            if pod.done_tasks is None or not pod.takes_over:
                return run(None)
            user = (security.user, security.group, security.capabilities, security.read_only)
            material = {
                "argv": argv,
                "words": words,
                "source": files.get(SCRIPT_PATH),
                "variables": variables,
                "workdir": workdir,
                "user": user,
            }
            return run_unless_done(pod.done_tasks, pod, image, volumes, material, run)
        finally:
            root.forget(artifacts)
            self._scratch.give_back(key, root)

    def _execute(
        self,
        pod: Pod,
        container: Container,
        argv: Sequence[str],
        sandbox: Sandbox,
        children: Children,
        announce: Announce,
        tracer: Tracer | None = None,
    ) -> PodResult:
        is_main = container.name == MAIN
        paths = [path for _, path, _ in output_paths(pod.template)] if is_main else []
        paths += declared_paths(pod.template, "outputs") if is_main else []
        tail = Tail() if pod.capture_result and is_main else None
        layers = [
            Layers(overlay.path, (upper, *reversed(overlay.lower)))
            for overlay, (upper, _) in zip(sandbox.overlays, sandbox.upper, strict=True)
        ]
        with ExitStack() as opened:
            memory = opened.enter_context(MemoryVolumes(sandbox.mounts, paths))
            log = opened.enter_context(open_log(pod.log))
            info = os.memfd_create("info", os.MFD_CLOEXEC)
            opened.callback(os.close, info)
            sandbox = replace(sandbox, block=memory.descriptor, info=info)
            descriptor = opened.enter_context(options(sandbox))
            begin = 0

            def started() -> None:
                announce("")
                memory.hold(children.first_in_namespace)

            def run(attempt: int) -> int:
                nonlocal begin
                begin = os.fstat(log.fileno()).st_size
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.ftruncate(info, 0)
                os.lseek(info, 0, os.SEEK_SET)
                return children.run(
                    command_line(self._program, descriptor, argv),
                    environment={"HERA_SCRATCH": self._scratch.mark},
                    folder="/",
                    log=log.fileno(),
                    tee=tail.write if tail else None,
                    started=started,
                    first=partial(first_process, info),
                    descriptors=(descriptor, info, *memory.descriptors),
                    tracer=tracer,
                    terminal=bool(container.written.get("tty")),
                    waits=bool(container.written.get("stdin")),
                )

            def read(path: str) -> bytes | None:
                return read_from_root(path, layers, memory.mounts, PARAMETERS_LIMIT)

            def progress() -> bytes | None:
                with suppress(NotReadable, OSError):
                    return read(PROGRESS_PATH)
                return None

            children.progress = progress
            children.enter = partial(enter, children, sandbox)
            status = children.attempts(run)
            message, reason = "", "Error"
            if status == 1 and (failed := _failed(pod.log, begin)):
                os.ftruncate(log.fileno(), begin)
                if failed[3] is not None:
                    return not_started(f"cannot prepare its root: {os.fsdecode(failed[3])}")
                message = not_executable(argv[0], os.fsdecode(failed[2]))
                log.write(f"Error: {message}\n".encode())
                status = NEVER_RAN
            if status == 137 and not children.stopping and self.memory_is_short():
                message, reason = MEMORY_ADVICE, OUT_OF_MEMORY
            result = None if tail is None else tail.text()

            def look(path: str) -> Iterator[Found]:
                return walk_root(path, layers, memory.mounts)

            done = finished(
                container.name, pod.template, status, result, read, memory.mounts, message, reason
            )
            return with_artifacts(pod, container, done, look, memory.mounts)


def _place(
    path: str, lower: Sequence[Layers], mounts: Sequence[Mount], places: Mapping[str, str]
) -> str:
    """Return where ``path`` leads in a root; raises :class:`NotReadable` for out of a volume."""
    around = [mount for mount in mounts if path.startswith(f"{mount.path}/")]
    return real_path(path, lower, around) if around else places[path]


def _network_files(pod: Pod) -> dict[str, tuple[str, int]]:
    """Return the files by which a pod knows its name, and this machine's name service."""
    texts = {"/etc/hostname": f"{pod.name}\n", "/etc/hosts": "", "/etc/resolv.conf": ""}
    for path in ("/etc/hosts", "/etc/resolv.conf"):
        with suppress(OSError):
            texts[path] = Path(path).read_text("utf-8", "surrogateescape")
    texts["/etc/hosts"] += f"127.0.0.1\t{pod.name[:63]}\n"
    for alias in pod.hosts:
        names = [str(name) for name in alias.get("hostnames") or ()]
        texts["/etc/hosts"] += "\t".join([str(alias["ip"]), *names]) + "\n"
    return {path: (text, 0o644) for path, text in texts.items()}


def _failed(log: Path, begin: int) -> re.Match[bytes] | None:
    """Return what bubblewrap alone wrote to ``log`` since ``begin``; None when it ran a program."""
    with log.open("rb") as file:
        file.seek(begin)
        return _FAILED.fullmatch(file.read(_LAST_BYTES))
