"""Container engines as programs: Docker, Podman, Buildah."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hera_utils.errors import UserError

BUILDERS = ("docker", "podman", "buildah")
RUNNERS = ("docker", "podman")


@dataclass(frozen=True)
class Completed:
    """How a program ended; ``output`` is both of its streams."""

    exit_code: int
    output: str


Runner = Callable[[Sequence[str]], Completed]
"""Runs a command to its end. Raises OSError when it cannot be started."""


def runner(environ: Mapping[str, str]) -> Runner:
    """Return what runs the programs of an engine with the user's environment."""

    def run(argv: Sequence[str]) -> Completed:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            check=False,
        )
        return Completed(done.returncode, done.stdout.decode("utf-8", "replace"))

    return run


def find_engine(
    wanted: str, environ: Mapping[str, str], run: Runner, *, among: Sequence[str] = BUILDERS
) -> str:
    """Return the name of the engine to use: ``wanted``, or the first that answers.

    Raises
    ------
    UserError
        When it is not installed, or its service does not answer.
    """
    if wanted and wanted not in among:
        raise UserError(
            f"there is no container engine {wanted!r}",
            next_step=f"use one of {', '.join(among)}",
        )
    trouble = ""
    for name in (wanted,) if wanted else among:
        if shutil.which(name, path=environ.get("PATH")) is None:
            continue
        if name == "buildah":
            return name
        answer = run([name, "version"])
        if answer.exit_code == 0:
            return name
        trouble = trouble or f"{name} is installed but does not answer: {_last_line(answer)}"
    if trouble:
        raise UserError(trouble, next_step="start it, or ask for the right to use it")
    names = wanted or ", ".join(among)
    raise UserError(
        f"no container engine is installed here ({names})",
        next_step="install one, or run without containers: RUNTIME=process",
    )


def _last_line(answer: Completed) -> str:
    lines = [line for line in answer.output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit status {answer.exit_code}"
