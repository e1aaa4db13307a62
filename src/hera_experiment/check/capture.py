"""Learns what the experiment would submit, by running its script; nothing is sent to a cluster."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from hera_experiment.argo.objects import Captured
from hera_experiment.check.outcome import CannotTell
from hera_experiment.context.context import Context
from hera_experiment.endpoint.address import alone
from hera_experiment.endpoint.capture import Capture
from hera_experiment.endpoint.server import Endpoint
from hera_experiment.environment.inputs import InputChoice
from hera_experiment.environment.script_process import INTERPRETER, script_environment
from hera_experiment.errors import UserError

LIMIT = 60.0
"""Seconds that a script has to submit."""
AFTERWARDS = 7.0
"""Seconds after which a script that has submitted is taken to submit no more.

``w.create(wait=True)`` sleeps for five before it looks.
"""
_POLL = 0.02


def capture(
    script: Path | None,
    arguments: tuple[str, ...],
    context: Context,
    environ: Mapping[str, str],
    *,
    limit: float = LIMIT,
) -> Captured:
    """Return all that ``script`` submits when it runs for ``context``, the first first.

    It is ended when it goes on for long without submitting anything more. When it fails after a
    submission, which may be for want of a real server, that is remarked.

    Raises
    ------
    CannotTell
        When there is no script, or it ends without submitting anything.
    UserError
        When it fails before.
    """
    if script is None:
        raise CannotTell("there is no workflow.py here: name the script to check")
    taken = Capture()
    endpoint = Endpoint(taken)
    inputs = InputChoice.of(environ)
    try:
        # A file, not a pipe: a script that writes much must not wait for someone to read it.
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [*INTERPRETER, str(script.absolute()), *arguments],
                cwd=context.experiment.folder,
                env=script_environment(*alone(context, endpoint), inputs, environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            status = _wait(process, taken, limit)
            errors.seek(0)
            written = errors.read().decode(errors="replace")
    finally:
        endpoint.close(grace=0)
    if taken.submitted:
        last = f"{script.name} failed after it submitted {taken.submitted[-1].name}"
        return Captured(taken.submitted, f"{last}: {_last(written)}" if status else "")
    if status is None:
        raise UserError(
            f"{script.name} submitted nothing within {limit:g} s",
            str(script),
            "run it by itself to see where it stops",
        )
    if status != 0:
        named = "" if script.name == "workflow.py" else f" SCRIPT={script.name}"
        raise UserError(
            f"{script.name} ended with exit status {status} before it submitted: {_last(written)}",
            str(script),
            f"correct what it says, then try it on this machine: make run{named}",
        )
    raise CannotTell(f"{script.name} submits nothing")


def _wait(process: subprocess.Popen[bytes], taken: Capture, limit: float) -> int | None:
    """Wait until the script ends, submits no more, or has had its time; None when it is ended."""
    end = time.monotonic() + limit
    while time.monotonic() < end and not (taken.submitted and taken.silence > AFTERWARDS):
        try:
            return process.wait(timeout=_POLL)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()
    return None


def _last(errors: str) -> str:
    """Return the last line that a script wrote, which names its exception."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it wrote nothing"
