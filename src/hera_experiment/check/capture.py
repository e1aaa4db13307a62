"""Learns what the experiment would submit, by running its script; nothing is sent to a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from hera_experiment.check.capture_server import CaptureServer
from hera_experiment.check.outcome import CannotTell
from hera_experiment.check.submitted import Captured
from hera_experiment.context.context import Context
from hera_experiment.context.inherited import handed_on
from hera_experiment.context.masking import Secret
from hera_experiment.context.sources import Origin, Source
from hera_experiment.environment.script_process import for_python
from hera_experiment.errors import UserError

LIMIT = 60.0
"""Seconds that a script has to submit."""
AFTERWARDS = 2.0
"""Seconds after which a script that has submitted is taken to submit no more."""
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
    server = CaptureServer()
    try:
        # A file, not a pipe: a script that writes much must not wait for someone to read it.
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "hera_experiment.check.captured_script",
                    str(script.absolute()),
                    *arguments,
                ],
                cwd=context.experiment.folder,
                env=environment(context, environ, server.address),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            status = _wait(process, server, limit)
            errors.seek(0)
            written = errors.read().decode(errors="replace")
    finally:
        server.close()
    if server.submitted:
        last = f"{script.name} failed after it submitted {server.submitted[-1].name}"
        return Captured(server.submitted, f"{last}: {_last(written)}" if status else "")
    if status is None:
        raise UserError(
            f"{script.name} submitted nothing within {limit:g} s",
            str(script),
            "run it by itself to see where it stops",
        )
    if status != 0:
        raise UserError(
            f"{script.name} ended with exit status {status} before it submitted: {_last(written)}",
            str(script),
            f"correct what it says, then try it on this machine: "
            f"{Path(sys.executable).name} -m hera_utils run {script.name}",
        )
    raise CannotTell(f"{script.name} submits nothing")


def _wait(process: subprocess.Popen[bytes], server: CaptureServer, limit: float) -> int | None:
    """Wait until the script ends, submits no more, or has had its time; None when it is ended."""
    end = time.monotonic() + limit
    while time.monotonic() < end and not (server.submitted and server.silence > AFTERWARDS):
        try:
            return process.wait(timeout=_POLL)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()
    return None


def environment(context: Context, environ: Mapping[str, str], address: str) -> dict[str, str]:
    """Return ``environ`` changed so that any Hera script submits to ``address``.

    What tells the experiment's needs (claim, ConfigMap, namespace, account, registry) stays; what
    leads to a cluster, and every token, does not: what the script asserts about the cluster is
    unknown to it, and the checks find it out by themselves.
    """
    handed = handed_on(_without_cluster(context, address), fixed=True)
    changed = for_python({**environ, **handed}, context.module_folder())
    for name in ("NO_PROXY", "no_proxy"):
        changed[name] = ",".join(filter(None, [environ.get(name, ""), "127.0.0.1"]))
    return changed


def _without_cluster(context: Context, address: str) -> Context:
    return context.changed(
        Source(Origin.STAND_IN),
        k8s_config_file=os.devnull,
        argo_server=address,
        argo_token=Secret("none"),
        argo_base_href="",
        argo_secure=False,
        argo_insecure_skip_verify=False,
        ca_bundle="",
    )


def _last(errors: str) -> str:
    """Return the last line that a script wrote, which names its exception."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it wrote nothing"
