"""Learns what the experiment would submit, by running its script; nothing is sent to a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hera_utils.check.capture_server import CaptureServer
from hera_utils.check.model import CannotTell
from hera_utils.context.arguments import ARGUMENTS
from hera_utils.context.cli_context import CLIContext
from hera_utils.errors import UserError

VARIABLE = "HERA_UTILS_CAPTURE"
"""Holds the values of the script's context, as JSON."""

LIMIT = 60.0
"""Seconds that a script has to submit."""
_AFTERWARDS = 1.0
_POLL = 0.02


def capture(
    script: Path | None,
    arguments: tuple[str, ...],
    context: CLIContext,
    environ: Mapping[str, str],
    *,
    limit: float = LIMIT,
) -> dict[str, Any]:
    """Return the first workflow that ``script`` submits when it runs for ``context``.

    Raises
    ------
    CannotTell
        When there is no script, or it ends without submitting one.
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
                    "hera_utils.check.captured_script",
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
        return server.submitted[0]
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
    raise CannotTell(f"{script.name} submits no workflow")


def _wait(process: subprocess.Popen[bytes], server: CaptureServer, limit: float) -> int | None:
    """Wait until the script ends, or has submitted and taken a moment more; None when it is ended.

    What a script does after its first workflow is of no interest here.
    """
    end = time.monotonic() + limit
    while process.poll() is None and time.monotonic() < end:
        if server.arrived.wait(_POLL):
            end = min(end, time.monotonic() + _AFTERWARDS)
            break
    try:
        return process.wait(timeout=max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def environment(context: CLIContext, environ: Mapping[str, str], address: str) -> dict[str, str]:
    """Return ``environ`` changed so that any Hera script submits to ``address``.

    What tells the experiment's needs (claim, ConfigMap, namespace, account, registry) stays; what
    leads to a cluster, and every token, does not.
    """
    package = str(Path(__file__).resolve().parents[2])
    values: dict[str, str | bool] = {each.name: getattr(context, each.name) for each in ARGUMENTS}
    del values["argo_token"]
    values.update(
        k8s_config_file=os.devnull,
        argo_server=address,
        argo_base_href="",
        argo_secure=False,
        argo_insecure_skip_verify=False,
        ca_bundle="",
    )
    changed = {name: value for name, value in environ.items() if name != "ARGO_BASE_HREF"}
    changed.update(
        {
            VARIABLE: json.dumps(values),
            "ARGO_SERVER": address,
            "ARGO_SECURE": "false",
            "ARGO_HTTP1": "true",
            "ARGO_TOKEN": "Bearer none",
            "ARGO_NAMESPACE": context.argo_namespace,
            "GLOBAL_CONFIG_HOST": f"http://{address}/",
            "GLOBAL_CONFIG_NAMESPACE": context.argo_namespace,
            "KUBECONFIG": os.devnull,
            "PYTHONPATH": os.pathsep.join(filter(None, [package, environ.get("PYTHONPATH", "")])),
        }
    )
    for name in ("NO_PROXY", "no_proxy"):
        changed[name] = ",".join(filter(None, [environ.get(name, ""), "127.0.0.1"]))
    return changed


def _last(errors: str) -> str:
    """Return the last line that a script wrote, which names its exception."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it wrote nothing"
