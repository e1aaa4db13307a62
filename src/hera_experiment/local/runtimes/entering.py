"""Runs a command beside what runs in a sandbox: in its namespaces, and so in its root."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from hera_experiment.local.runtimes import namespaces
from hera_experiment.local.runtimes.bubblewrap import Sandbox
from hera_experiment.local.runtimes.children import Children


def enter(children: Children, sandbox: Sandbox, argv: Sequence[str], timeout: float) -> int:
    """Run ``argv`` for ``timeout`` seconds at most where ``children`` run; return its status.

    Raises :class:`OSError` when it cannot be started, for one because all has ended.
    """
    first = children.first_in_namespace()
    if first is None:
        raise ProcessLookupError
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", namespaces.__file__, str(first), sandbox.workdir, *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(sandbox.environment),
        start_new_session=True,
    )
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return 1
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
