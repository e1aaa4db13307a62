"""What a task leaves behind: the end of its standard output, its parameters, its verdict.

Source of the words: ``workflow/executor/executor.go``, ``cmd/argoexec/commands/emissary.go`` and
``inferFailedReason`` in ``workflow/controller/operator.go`` of argo-workflows v3.7.18.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hera_experiment.contained_files import NotReadable, read_contained
from hera_experiment.local.runtimes.base import NEVER_RAN, PodResult
from hera_experiment.local.runtimes.container import MAIN
from hera_experiment.local.runtimes.volumes import Mount, mount_of

RESULT_LIMIT = 256 * 1024
PARAMETERS_LIMIT = 3 << 19
"""Bytes of all output parameters of a task: Argo keeps them in one object, and etcd takes no more.

Source: ``DefaultMaxRequestBytes`` of etcd's ``server/embed/config.go``; tried on Argo 3.7.18.
"""

OUT_OF_MEMORY = "OOMKilled"
MEMORY_ADVICE = (
    "this machine had no memory left: let fewer tasks run at the same time"
    " (Workflow(parallelism=1)), or have each of them hold less at once"
)
VMSTAT = Path("/proc/vmstat")


def memory_kills() -> int:
    """Return how many processes Linux has ended for want of memory since the machine started."""
    try:
        found = re.search(r"^oom_kill (\d+)$", VMSTAT.read_text("ascii"), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


class Tail:
    """Keeps the last 256 KiB (and one newline more) of a stream."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def write(self, data: bytes) -> None:
        """Append ``data``, forgetting what is too old to be part of the result."""
        self._kept += data
        # Cut seldom: each cut moves everything that is kept.
        if len(self._kept) > 4 * RESULT_LIMIT:
            del self._kept[: -(RESULT_LIMIT + 1)]

    def text(self) -> str:
        """Return ``outputs.result``: without one trailing newline, then at most 256 KiB."""
        data = bytes(self._kept[-(RESULT_LIMIT + 1) :])
        if data.endswith(b"\n"):
            data = data[:-1]
        return data[-RESULT_LIMIT:].decode("utf-8", "replace")


def output_paths(template: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    """Return name, path and default (None: none) of each output parameter read from a file."""
    found = []
    for parameter in (template.get("outputs") or {}).get("parameters") or ():
        source = parameter.get("valueFrom") or {}
        if source.get("path"):
            default = source.get("default")
            found.append(
                (parameter["name"], source["path"], None if default is None else str(default))
            )
    return found


def finished(
    container: str,
    template: Mapping[str, Any],
    exit_code: int,
    result: str | None,
    read: Callable[[str], bytes | None],
    mounts: Sequence[Mount],
    message: str = "",
    reason: str = "Error",
) -> PodResult:
    """Return how a container ended that ended with ``exit_code``; ``main`` has the outputs.

    ``read(path)`` returns the content of a file of the container, None when there is none, and
    raises :class:`NotReadable`; ``message`` says more about a failure, ``reason`` is Kubernetes'
    word for it.
    """
    parameters: dict[str, str] = {}
    error = ""
    left = PARAMETERS_LIMIT
    for name, path, default in output_paths(template) if container == MAIN else ():
        try:
            data = read(path)
            left -= len(data or b"")
            if left < 0:
                raise NotReadable("makes them too large")
        except NotReadable as why:
            error = error or _not_read(name, path, str(why))
            continue
        value = default if data is None else data.decode("utf-8", "replace")
        if value is not None:
            parameters[name] = value[:-1] if value.endswith("\n") else value
        elif not error:
            where = "/mainctrfs" if mount_of(path, mounts) else "/var/run/argo/outputs/parameters"
            error = (
                f"wait: Error (exit code {NEVER_RAN}): open {where}{path}: "
                "no such file or directory"
            )
    if exit_code != 0:
        # A failure of the task itself says more than the file that is missing because of it.
        words = failure(exit_code, message, reason, container)
        never_ran = exit_code == NEVER_RAN and bool(message)
        return PodResult(exit_code, words, False, None if never_ran else result, parameters)
    return PodResult(exit_code, error, bool(error), result, parameters)


def _not_read(name: str, path: str, reason: str) -> str:
    sentence = f"the output parameter {name!r} is not taken: {path} {reason}"
    if "more than" in reason or "too large" in reason:
        sentence += (
            f" (the output parameters of a task have {PARAMETERS_LIMIT >> 10} KiB at most): write "
            "the data to a volume and pass on its path"
        )
    return f"wait: Error (exit code {NEVER_RAN}): {sentence}"


def failure(exit_code: int, message: str = "", reason: str = "Error", container: str = MAIN) -> str:
    """Return Argo's message for a container that ended with ``exit_code``."""
    text = f"{container}: {reason} (exit code {exit_code})"
    return f"{text}: {message}" if message else text


def not_started(message: str) -> PodResult:
    """Return the result of a pod that could not be run at all."""
    return PodResult(None, message, error=True)


def not_executable(program: str, reason: str) -> str:
    """Return what Argo's executor says of a program that cannot be started (Go's words)."""
    if reason == "Permission denied":
        why = "permission denied"
    elif reason != "No such file or directory":
        return f"failed to start command: fork/exec {program}: {reason.lower()}"
    elif "/" in program:
        why = f"stat {program}: no such file or directory"
    else:
        why = "executable file not found in $PATH"
    return f"failed to find name in PATH: exec: {_quoted(program)}: {why}"


def _quoted(program: str) -> str:
    # Imported where a program is missing: most are there.
    from hera_experiment.argo.expr.lexer import quoted

    return quoted(program)


def read_output(path: str, mounts: Sequence[Mount], root: str = "") -> bytes | None:
    """Return the content of a container's file that lies on this machine, None when there is none.

    That is in one of ``mounts``, else below ``root``. Raises :class:`NotReadable`.
    """
    mount = mount_of(path, mounts)
    folder, inner = (mount.source, path[len(mount.path) :]) if mount else (Path(root), path)
    if mount and not inner.strip("/") and not folder.is_dir():
        # One file of a volume is mounted, not a folder.
        folder, inner = folder.parent, folder.name
    try:
        return read_contained(folder, inner, PARAMETERS_LIMIT)
    except (OSError, ValueError):  # a path that no file can have
        return None
