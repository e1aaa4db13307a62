"""Docker's and Podman's program: what it is asked, and the options a container is created with."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from hera_experiment.argo.quantities import number_of
from hera_experiment.contained_files import Found, NotReadable, kind_of
from hera_experiment.errors import UserError
from hera_experiment.images.engine import Completed, Runner
from hera_experiment.local.runtimes.children import Children, Stopped
from hera_experiment.local.runtimes.container import SCRIPT_PATH, Container, expand
from hera_experiment.local.runtimes.volumes import Mount

_INIT_FOLDERS = ("/usr/libexec/podman", "/usr/lib/podman", "/usr/libexec/catatonit")
# What the programs docker and podman, their libraries and the loader read for themselves.
_OF_CLIENT = re.compile(
    r"(?:DOCKER|PODMAN|BUILDKIT|BUILDX|BUILDAH|_?CONTAINERS|XDG|LD|LC|OTEL)_\w*"
    r"|CONTAINER_(?:HOST|SSHKEY|PROXY|CONNECTION|PASSPHRASE|TLS\w*)|STORAGE_(?:DRIVER|OPTS)"
    r"|REGISTRY_AUTH_FILE|SSH_(?:AUTH_SOCK|ASKPASS)|SSL_CERT_(?:FILE|DIR)"
    r"|GO(?:DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK)|PATH|HOME|USER|LANG|TERM|TMPDIR|NO_COLOR"
    r"|(?i:https?|all|no|ftp)_(?i:proxy)"
)
_MODES = {
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.FIFOTYPE: stat.S_IFIFO,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.SYMTYPE: stat.S_IFLNK,
}
# Podman reads more than one line between quotes; the programs read 64 KiB of a line.
_ONE_LINE = re.compile(r"(?![\"'`])[^\r\n\0]{0,50000}")


def user_options(engine: str, run: Runner, user: int, group: int, platform: str) -> list[str]:
    """Return the options that make what a container writes to a claim belong to its user.

    ``user`` and ``group`` are those of this process, ``platform`` is :data:`sys.platform`.
    """
    if platform == "darwin":
        # The engine's virtual machine maps owners by itself.
        return []
    if user == 0 or _rootless(engine, run):
        # Root inside is the user outside, whatever USER the image has.
        return ["--user", "0:0"]
    # Nobody inside has this number, and so no home folder either.
    return ["--user", f"{user}:{group}", "--env", "HOME=/tmp"]


def init_options(engine: str, environ: Mapping[str, str], platform: str) -> list[str]:
    """Return the options for a small process 1 that hands signals on to the command.

    Without one the kernel keeps SIGTERM from a command that does not handle it. Podman looks
    for its own in one place and runs nothing when it is not there.
    """
    if engine == "docker" or platform == "darwin":
        return ["--init"]
    path = environ.get("PATH", "")
    for folder in (*_INIT_FOLDERS, *path.split(":")):
        for name in ("catatonit", "tini", "docker-init"):
            if os.access(f"{folder}/{name}", os.X_OK):
                return ["--init", "--init-path", f"{folder}/{name}"]
    return []


def security_options(context: Mapping[str, Any]) -> list[str]:
    """Return the options for what a security context says, but whom it runs as: see above."""
    options = ["--read-only"] if context.get("readOnlyRootFilesystem") else []
    if context.get("allowPrivilegeEscalation") is False:
        options += ["--security-opt", "no-new-privileges"]
    capabilities = context.get("capabilities") or {}
    for name in capabilities.get("drop") or ():
        options += ["--cap-drop", str(name)]
    for name in capabilities.get("add") or ():
        options += ["--cap-add", str(name)]
    return options


def _rootless(engine: str, run: Runner) -> bool:
    if engine == "podman":
        answer = run([engine, "info", "--format", "{{.Host.Security.Rootless}}"])
        return "true" in answer.output.split()
    return "rootless" in run([engine, "info", "--format", "{{json .SecurityOptions}}"]).output


def mount_options(mounts: Sequence[Mount], script: Path | None) -> list[str]:
    """Return the options that mount the volumes of a pod, and a script's source."""
    options: list[str] = []
    for mount in sorted(mounts, key=lambda each: len(each.path)):
        if mount.memory:
            size = f",size={int(number_of(mount.size))}" if mount.size else ""
            options += ["--tmpfs", f"{mount.path}:rw,exec,mode=1777{size}"]
        else:
            options += ["--mount", _bind(mount.source, mount.path, mount.read_only)]
    if script is not None:
        options += ["--mount", _bind(script, SCRIPT_PATH, True)]
    return options


def _bind(source: Path, target: str, read_only: bool) -> str:
    fields = ["type=bind", f"source={source}", f"target={target}"]
    line = io.StringIO()
    # Comma-separated with quotes where a path has a comma itself.
    csv.writer(line, lineterminator="").writerow([*fields, "readonly"] if read_only else fields)
    return line.getvalue()


def variable_options(
    variables: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[list[str], dict[str, str], str]:
    """Return options that set ``variables``, the environment to start the engine with, and a file.

    No value stands in the list of processes, where others see it: it travels in the environment of
    the engine's client or, where it would change the client itself, in the text of an
    ``--env-file``, which is returned last.

    Raises
    ------
    UserError
        When such a value has more than one line, which that file cannot hold.
    """
    options: list[str] = []
    client = dict(environ)
    lines = ""
    for name, value in variables.items():
        of_client = _OF_CLIENT.fullmatch(name) is not None
        if (of_client or name in environ) and _ONE_LINE.fullmatch(value):
            lines += f"{name}={value}\n"
        elif of_client:
            raise UserError(
                f"the variable {name} is one that a container engine reads itself, and its value "
                "cannot be handed on",
                next_step="give the variable another name, or mount the value as a file",
            )
        else:
            options += ["--env", name]
            client[name] = value
    return options, client, lines


def command_options(
    container: Container, variables: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Return the options before the image and the words after it that say what to run.

    A command replaces the image's ENTRYPOINT, and with it its CMD; arguments alone replace CMD.
    """
    words = [expand(word, variables) for word in (*container.command, *container.args)]
    if container.source is not None:
        words.append(SCRIPT_PATH)
    if container.command:
        return ["--entrypoint", words[0]], words[1:]
    return [], words


class EngineClient:
    """Calls ``engine``, ``docker`` or ``podman``, with the user's environment."""

    def __init__(self, engine: str, environ: Mapping[str, str]) -> None:
        self.engine = engine
        self.environ = dict(environ)

    def stoppable(self, children: Children) -> Runner:
        """Return a runner of the engine's programs that ends when the pod is stopped."""

        def run(argv: Sequence[str]) -> Completed:
            with tempfile.TemporaryFile() as output:
                status = children.run(
                    argv, environment=self.environ, folder="/", log=output.fileno()
                )
                if children.stopping:
                    raise Stopped
                output.seek(0)
                return Completed(status, output.read().decode("utf-8", "replace"))

        return run

    def state(self, name: str) -> dict[str, Any]:
        """Return the state of a container, empty when there is no such container."""
        asked = self._call("container", "inspect", "--format", "{{json .State}}", name)
        try:
            state: dict[str, Any] = json.loads(asked.stdout)
        except ValueError:
            return {}
        return state

    def read(self, name: str, path: str, limit: int) -> bytes | None:
        """Return the content of a file in a container, None when there is none.

        Links are the container's own. Raises :class:`NotReadable` for what is no regular file or
        has more than ``limit`` bytes.
        """
        process = self._copy(name, path)
        assert process.stdout is not None
        with process, contextlib.suppress(tarfile.TarError):
            try:
                with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                    member = archive.next()
                    if member is None:
                        return None
                    if not member.isreg():
                        raise NotReadable(f"is {_kind(member)}, not a file")
                    if member.size > limit:
                        raise NotReadable(f"has more than {limit >> 10} KiB")
                    file = archive.extractfile(member)
                    return None if file is None else file.read()
            finally:
                process.kill()
        return None

    def walk(self, name: str, path: str) -> Generator[Found]:
        """Yield what is at a path of a container and below it, one after the other as it comes.

        Raises ``FileNotFoundError`` when there is nothing.
        """
        process = self._copy(name, path)
        assert process.stdout is not None
        with process:
            try:
                with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                    top = ""
                    for member in archive:
                        top = top or member.name
                        inner = member.name[len(top) :].strip("/")
                        if member.islnk():
                            # One more name of a file that has passed by.
                            linked = self.walk(name, f"{path}/{inner}")
                            yield replace(next(linked), path=inner)
                            linked.close()
                        else:
                            yield _found(archive, member, inner)
            except tarfile.ReadError:
                # Nothing was printed.
                raise FileNotFoundError(path) from None
            finally:
                process.kill()

    def _copy(self, name: str, path: str) -> subprocess.Popen[bytes]:
        """Begin to write what is at a path of a container to a pipe, as a tar archive."""
        follow = ("--follow-link",) if self.engine == "docker" else ()
        return subprocess.Popen(
            [self.engine, "cp", *follow, f"{name}:{path}", "-"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environ,
        )

    def enter(self, name: str, argv: Sequence[str], timeout: float) -> int:
        """Run ``argv`` in a container for ``timeout`` seconds at most; return its exit status."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._call("exec", name, *argv, timeout=timeout).returncode
        return 1

    def remove(self, *names: str) -> None:
        """Remove containers, running or not, with their anonymous volumes."""
        # Docker kills at once, Podman would wait ten seconds for each.
        now = ("--time", "0") if self.engine == "podman" else ()
        self._call("rm", "--force", "--volumes", *now, *names)

    def labelled(self, label: str) -> list[str]:
        """Return the ids of all containers with this label."""
        listed = self._call("ps", "--all", "--quiet", "--filter", f"label={label}")
        words = listed.stdout.decode("utf-8", "replace").split()
        return [word for word in words if re.fullmatch(r"[0-9a-f]{12,}", word)]

    def _call(
        self, *words: str, timeout: float | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self.engine, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self.environ,
            check=False,
            timeout=timeout,
        )


def _found(archive: tarfile.TarFile, member: tarfile.TarInfo, inner: str) -> Found:
    def opened() -> BinaryIO:
        content = archive.extractfile(member)
        assert content is not None
        return cast(BinaryIO, content)

    mode = _MODES.get(member.type, stat.S_IFREG) | member.mode
    target = member.linkname if member.issym() else ""
    return Found(inner, mode, member.size, member.mtime, opened, target)


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym():
        return "a link that leads nowhere"
    return kind_of(_MODES.get(member.type, 0))
