"""Follows the logs of a run until it has ended, with the tasks that start meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from time import monotonic

from hera_experiment.argo.tasks import is_finished
from hera_experiment.errors import UserError
from hera_experiment.follow.log_position import Reading, TaskLine
from hera_experiment.follow.log_reader import LogReader
from hera_experiment.follow.watch import Follower, WorkflowEvent
from hera_experiment.platform.argo_logs import LogEntry
from hera_experiment.runs.find import Run
from hera_experiment.waiting import Backoff

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0

_LINGERS = 3.0
"""Seconds that the last lines of a pod that is gone may take to come through Argo's server."""

_Inbox = SimpleQueue[WorkflowEvent | UserError | tuple[LogEntry, Reading] | None]


def follow_logs(
    run: Run,
    reader: LogReader,
    patience: float = 600.0,
    clock: Callable[[], float] = monotonic,
) -> Iterator[TaskLine]:
    """Yield each line once, soon after it was written, until the run has ended or is deleted.

    Raises
    ------
    UserError
        When the server refuses, or does not answer for ``patience`` seconds.
    """
    inbox: _Inbox = SimpleQueue()
    done = threading.Event()
    finished = is_finished(run.workflow)
    try:
        if not finished:
            for target in (_watch, _stream):
                arguments = (run, reader, inbox, done, patience)
                threading.Thread(target=target, args=arguments, daemon=True).start()
        end = float("inf")
        while not finished and clock() < end:
            try:
                event = inbox.get(timeout=None if end == float("inf") else max(0, end - clock()))
            except Empty:
                break
            match event:
                case UserError():
                    raise event
                case WorkflowEvent(_, True):
                    return
                case WorkflowEvent(workflow, False):
                    reader.update(workflow)
                    over = is_finished(workflow)
                    yield from reader.rest()
                    if over:
                        end = min(end, clock() + (_LINGERS if _may_linger(reader) else 0.0))
                case (entry, reading):
                    line = reader.accept(entry, reading)
                    if line is not None:
                        yield line
        if finished:
            yield from reader.all()
        yield from reader.archived()
    finally:
        done.set()


def _may_linger(reader: LogReader) -> bool:
    return any(not pod.closed for pod in reader.wanted())


def _watch(
    run: Run, reader: LogReader, inbox: _Inbox, done: threading.Event, patience: float
) -> None:
    try:
        follower = Follower(run.server.client, run.namespace, name=run.name, patience=patience)
        for event in follower.until_finished():
            inbox.put(event)
            if done.is_set():
                return
    except UserError as error:
        inbox.put(error)


def _stream(
    run: Run, reader: LogReader, inbox: _Inbox, done: threading.Event, patience: float
) -> None:
    backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, done.wait)
    while not done.is_set():
        reading = Reading()
        try:
            for entry in reader.stream(follow=True):
                inbox.put((entry, reading))
                backoff.reset()
                if done.is_set():
                    return
        except (OSError, UserError):
            # Whether the server has gone for good is for the other thread to say.
            pass
        backoff.pause()
