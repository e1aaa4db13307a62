"""What happens while a script runs, and the signals meant for the run as a whole.

Everything that happens arrives in one queue, so that one thread decides and one thread writes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType

from hera_experiment.environment.script_process import ScriptEnded, ScriptWrote
from hera_experiment.errors import UserError
from hera_experiment.follow.pending import Reasons
from hera_experiment.follow.tasks import Workflow
from hera_experiment.follow.watch import Seen


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


def leave_terminal() -> None:
    """Let further output go nowhere: the terminal has hung up, and writing to it would fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
