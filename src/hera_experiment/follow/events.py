"""What happens while runs are followed.

All of it arrives in one queue, so that one thread decides and one thread writes.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import FrameType

from hera_experiment.argo.tasks import Workflow
from hera_experiment.environment.script_process import ScriptEnded, ScriptWrote
from hera_experiment.errors import UserError
from hera_experiment.follow.pending import Reasons
from hera_experiment.follow.watch import WorkflowEvent, key_of


@dataclass(frozen=True)
class SignalReceived:
    """Signal ``number`` was sent to this process."""

    number: int


@dataclass(frozen=True)
class FollowFailed:
    """Following ended with ``error``: nothing more will be heard of the workflows."""

    error: UserError


@dataclass(frozen=True)
class Notice:
    """Something that a person should know, or (when empty) that it has passed."""

    text: str


@dataclass(frozen=True)
class ReasonsFound:
    """Why tasks of ``workflow`` do not start, as far as it could be found out."""

    workflow: Workflow
    reasons: Reasons


Event = (
    WorkflowEvent
    | ScriptWrote
    | ScriptEnded
    | SignalReceived
    | FollowFailed
    | Notice
    | ReasonsFound
)
Inbox = SimpleQueue[Event]


def next_events(inbox: Inbox, seconds: float | None = None) -> list[Event]:
    """Wait for something to happen, so many seconds at most where they are given.

    Of several states of a workflow the last alone is returned: they may come faster than they can
    be shown.
    """
    try:
        events = [inbox.get(timeout=seconds)]
        while True:
            events.append(inbox.get_nowait())
    except Empty:
        pass
    last = {key_of(each.workflow): each for each in events if isinstance(each, WorkflowEvent)}
    return [
        each
        for each in events
        if not isinstance(each, WorkflowEvent) or last[key_of(each.workflow)] is each
    ]


@contextmanager
def signals_into(inbox: Inbox) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into events for as long as the block runs.

    A signal that this process was started to ignore (``nohup``) stays ignored. Only for the main
    thread.
    """

    def note(number: int, frame: FrameType | None) -> None:
        # SimpleQueue.put may interrupt itself, which other queues may not.
        inbox.put(SignalReceived(number))

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
