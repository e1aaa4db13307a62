"""The process of a script and its output.

It imports little, so that a script can be started before anything else is ready.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from hera_experiment.context.context import Context
    from hera_experiment.context.endpoint_address import EndpointAddress
    from hera_experiment.environment.inputs import InputChoice

INTERPRETER = (sys.executable, "-m", "hera_experiment.environment.interpreter")
"""The command that runs a script as ``__main__``, before the script and its arguments."""
WAITING = "--waiting"
"""In place of a script: what to run is read from the descriptor that follows."""


@dataclass(frozen=True)
class ScriptWrote:
    """The script printed ``data``."""

    data: bytes


@dataclass(frozen=True)
class ScriptEnded:
    """The script is over; ``status`` as a shell sees it, 128 + n when signal n ended it."""

    status: int


class ScriptProcess:
    """A script that runs beside us.

    With ``terminal`` its standard output and error (where they are this process's terminal) go
    through a terminal of its own to the inbox, since we draw on the real one; otherwise they are
    inherited; ``output`` is the descriptor that takes the place of standard output. Standard input
    is inherited.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        terminal: bool,
        pass_fds: Sequence[int] = (),
        output: int | None = None,
    ) -> None:
        self._terminal: int | None = None
        error = None
        if terminal:
            self._terminal, output = os.openpty()
            _copy_size(1, output)
            error = output if os.isatty(2) else None
        self._process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=error, pass_fds=pass_fds
        )
        if terminal and output is not None:
            os.close(output)

    def report_to(self, inbox: SimpleQueue[Any]) -> None:
        """Put what it writes to its terminal, and its end, into ``inbox`` from now on."""
        reader: threading.Thread | None = None
        if self._terminal is not None:
            reader = threading.Thread(target=_read, args=(self._terminal, inbox), daemon=True)
            reader.start()
        threading.Thread(target=self._wait, args=(reader, inbox), daemon=True).start()

    def _wait(self, reader: threading.Thread | None, inbox: SimpleQueue[Any]) -> None:
        status = self._process.wait()
        if reader is not None:
            # A process that the script left behind may hold its terminal for ever.
            reader.join(timeout=1.0)
        inbox.put(ScriptEnded(status if status >= 0 else 128 - status))

    def send(self, number: int) -> None:
        """Send a signal to the script; nothing happens when it is over."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End the script if it is not over."""
        self._process.kill()


class WaitingScript(ScriptProcess):
    """An interpreter that imports Hera until it is told what to run, or is closed."""

    def __init__(self, environment: Mapping[str, str], *, terminal: bool) -> None:
        theirs, self._order = os.pipe()
        try:
            command = [*INTERPRETER, WAITING, str(theirs)]
            super().__init__(command, environment, terminal=terminal, pass_fds=(theirs,))
        finally:
            os.close(theirs)

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a script with its arguments, in that environment."""
        order = json.dumps({"command": command, "environment": dict(environment)}).encode()
        pipe, self._order = self._order, -1
        # It reads once Hera is imported, and a pipe does not hold every environment.
        threading.Thread(target=_write, args=(pipe, order), daemon=True).start()

    def close(self) -> None:
        """Let it go, unless it was told to run something."""
        if self._order >= 0:
            os.close(self._order)
            self._order = -1
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


def for_python(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return ``environ`` for a script that finds the context module in ``folder``."""
    path = os.pathsep.join(filter(None, [str(folder), environ.get("PYTHONPATH", "")]))
    # What the script prints must not wait for its end when it goes to a file or a pipe.
    found = {"PYTHONUNBUFFERED": "1", **environ, "PYTHONPATH": path}
    for name in ("NO_PROXY", "no_proxy"):  # the endpoint is on this machine
        hosts = [host for host in environ.get(name, "").split(",") if host.strip()]
        found[name] = ",".join(dict.fromkeys([*hosts, "127.0.0.1"]))
    return found


def script_environment(
    context: Context,
    endpoint: EndpointAddress,
    inputs: InputChoice,
    environ: Mapping[str, str] = os.environ,
    *,
    fixed: bool = True,
) -> dict[str, str]:
    """Return ``environ`` for a script of ``context`` whose requests go to ``endpoint``.

    It finds the context module, and ``inputs`` in the place of its own where they are chosen. What
    is typed after the script's name changes the context unless it is ``fixed``.
    """
    from hera_experiment.context.handing_on import handed_on

    variables = {**environ, **handed_on(context, endpoint, fixed=fixed), **inputs.variables()}
    return for_python(variables, context.module_folder())


def is_live(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Say whether ``stream`` is a terminal that can move its cursor."""
    return stream.isatty() and environ.get("TERM", "dumb") != "dumb"


def _read(terminal: int, inbox: SimpleQueue[Any]) -> None:
    # Linux ends the stream of a terminal that nobody holds any more with EIO, macOS with b"".
    try:
        while data := os.read(terminal, 65536):
            inbox.put(ScriptWrote(data))
    except OSError:
        pass
    finally:
        os.close(terminal)


def _write(pipe: int, order: bytes) -> None:
    # It may have been ended meanwhile, which its status tells.
    with contextlib.suppress(OSError), open(pipe, "wb") as file:
        file.write(order)


def _copy_size(source: int, target: int) -> None:
    # termios.tcgetwinsize came with Python 3.11.
    blank = struct.pack("HHHH", 0, 0, 0, 0)
    size = fcntl.ioctl(source, termios.TIOCGWINSZ, blank)
    fcntl.ioctl(target, termios.TIOCSWINSZ, size)
