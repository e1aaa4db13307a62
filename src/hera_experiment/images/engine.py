"""Container engines as programs: Docker, Podman, Buildah."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hera_experiment.errors import UserError

BUILDERS = ("docker", "podman", "buildah")
RUNNERS = ("docker", "podman")

_GRACE = 10.0
_LINE_END = re.compile(rb"[\r\n]+")


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


class Ended(Exception):
    """A program was ended because we were told to stop."""


class Programs:
    """Runs programs side by side with the environment ``environ``; :meth:`stop` ends them all."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    def runner(self, heard: Callable[[str], None] = lambda line: None) -> Runner:
        """Return a runner that tells ``heard`` each line as it comes.

        It raises :class:`Ended` once :meth:`stop` was called.
        """

        def run(argv: Sequence[str]) -> Completed:
            process = self._started(argv)
            assert process.stdout is not None
            output = bytearray()
            try:
                with process.stdout as stream:
                    while data := stream.read1(1 << 16):  # type: ignore[attr-defined]
                        begin = _last_line(output)
                        output += data
                        for line in _LINE_END.split(bytes(output[begin:]))[:-1]:
                            heard(line.decode("utf-8", "replace"))
                status = process.wait()
            finally:
                with self._lock:
                    self._running.discard(process)
            if self._stopping:
                raise Ended
            return Completed(status, output.decode("utf-8", "replace"))

        return run

    def stop(self) -> None:
        """End every program, politely at first; no other one starts."""
        with self._lock:
            self._stopping = True
            running = list(self._running)
        for process in running:
            process.terminate()
        end = time.monotonic() + _GRACE
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, end - time.monotonic()))
            if process.poll() is None:
                process.kill()

    def _started(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopping:
                raise Ended
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._environ,
            )
            self._running.add(process)
            return process


def _last_line(output: bytearray) -> int:
    """Return where the line begins that has no end yet."""
    return max(output.rfind(b"\n"), output.rfind(b"\r")) + 1


def refuse_unknown_engine(wanted: str, where: str) -> None:
    """Raise ``UserError`` unless ``wanted``, which came from ``where``, is empty or known."""
    if wanted and wanted not in BUILDERS:
        raise UserError(
            f"there is no container engine {wanted!r}",
            where,
            next_step=f"use one of {', '.join(BUILDERS)}",
        )


def find_engine(
    wanted: str,
    environ: Mapping[str, str],
    run: Runner,
    *,
    among: Sequence[str] = BUILDERS,
    otherwise: str = "run without containers: RUNTIME=process",
) -> str:
    """Return the name of the engine to use: ``wanted``, one ``among`` them, or the first to answer.

    Raises
    ------
    UserError
        When it is not installed, or its service does not answer; ``otherwise`` is what can be
        done without one.
    """
    trouble = ""
    for name in (wanted,) if wanted else among:
        if shutil.which(name, path=environ.get("PATH")) is None:
            continue
        if name == "buildah":
            return name
        answer = run([name, "version"])
        if answer.exit_code == 0:
            return name
        trouble = trouble or f"{name} is installed but does not answer: {last_line(answer.output)}"
    if trouble:
        raise UserError(trouble, next_step="start it, or ask for the right to use it")
    names = wanted or ", ".join(among)
    raise UserError(
        f"no container engine is installed here ({names})",
        next_step=f"install one, or {otherwise}",
    )


def last_line(output: str) -> str:
    """Return the last line of ``output`` that says something."""
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it gave no reason"
