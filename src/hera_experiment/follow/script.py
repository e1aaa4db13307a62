"""The process of a script, its output, and the signals meant for the run as a whole.

Everything that happens arrives in one queue, so that one thread decides and one thread writes.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType

from hera_experiment.argo.tasks import Workflow
from hera_experiment.errors import UserError
from hera_experiment.follow.pending import Reasons
from hera_experiment.follow.watch import Seen


@dataclass(frozen=True)
class ScriptWrote:
    """The script printed ``data``."""

    data: bytes


@dataclass(frozen=True)
class ScriptEnded:
    """The script is over; ``status`` as a shell sees it, 128 + n when signal n ended it."""

    status: int


@dataclass(frozen=True)
class Signalled:
    """Signal ``number`` was sent to this process."""

    number: int


@dataclass(frozen=True)
class Lost:
    """Following ended with ``error``: nothing more will be heard of the workflows."""

    error: UserError


@dataclass(frozen=True)
class Noted:
    """Something that a person should know, or (when empty) that it has passed."""

    text: str


@dataclass(frozen=True)
class Explained:
    """Why tasks of ``workflow`` do not start, as far as it could be found out."""

    workflow: Workflow
    reasons: Reasons


Happening = Seen | ScriptWrote | ScriptEnded | Signalled | Lost | Noted | Explained
Inbox = SimpleQueue[Happening]


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


@contextmanager
def signals_into(inbox: Inbox) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into happenings for as long as the block runs.

    A signal that this process was started to ignore (``nohup``) stays ignored. Only for the main
    thread.
    """

    def note(number: int, frame: FrameType | None) -> None:
        # SimpleQueue.put may interrupt itself, which other queues may not.
        inbox.put(Signalled(number))

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
