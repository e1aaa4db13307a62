"""The process of a script, and its output."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence

from hera_experiment.follow.events import Inbox, ScriptEnded, ScriptWrote


class ScriptProcess:
    """A script that runs beside us.

    With ``terminal`` its standard output and error (where they are this process's terminal) go
    through a terminal of its own to the inbox, since we draw on the real one; otherwise they are
    inherited. Standard input is inherited.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        inbox: Inbox,
        *,
        terminal: bool,
    ) -> None:
        self._inbox = inbox
        self._reader: threading.Thread | None = None
        if terminal:
            ours, theirs = os.openpty()
            _copy_size(1, theirs)
            error = theirs if os.isatty(2) else None
            self._process = subprocess.Popen(command, env=environment, stdout=theirs, stderr=error)
            os.close(theirs)
            self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
            self._reader.start()
        else:
            self._process = subprocess.Popen(command, env=environment)
        threading.Thread(target=self._wait, daemon=True).start()

    def _read(self, terminal: int) -> None:
        # Linux ends the stream of a terminal that nobody holds any more with EIO, macOS with b"".
        try:
            while data := os.read(terminal, 65536):
                self._inbox.put(ScriptWrote(data))
        except OSError:
            pass
        finally:
            os.close(terminal)

    def _wait(self) -> None:
        status = self._process.wait()
        if self._reader is not None:
            # A process that the script left behind may hold its terminal for ever.
            self._reader.join(timeout=1.0)
        self._inbox.put(ScriptEnded(status if status >= 0 else 128 - status))

    def send(self, number: int) -> None:
        """Send a signal to the script; nothing happens when it is over."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End the script if it is not over."""
        self._process.kill()


def _copy_size(source: int, target: int) -> None:
    # termios.tcgetwinsize came with Python 3.11.
    blank = struct.pack("HHHH", 0, 0, 0, 0)
    size = fcntl.ioctl(source, termios.TIOCGWINSZ, blank)
    fcntl.ioctl(target, termios.TIOCSWINSZ, size)
