"""Signals that end a program: what it has begun is ended in order first."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Ending:
    """While it is entered, Ctrl-C, SIGTERM and SIGHUP end :meth:`wait` instead of the program.

    A handler runs in the middle of whatever the main thread does, so it must take no lock, as an
    Event does: here it writes into a pipe. Asked a second time the program ends as without us.
    """

    def __enter__(self) -> Ending:
        self._came = False
        self._reader, self._writer = os.pipe()
        for each in (self._reader, self._writer):
            os.set_blocking(each, False)
        self._previous = {
            number: signal.signal(number, self._handle) for number in (signal.SIGINT, *_ENDING)
        }
        # The system may hand a signal to another thread: this wakes the main one all the same.
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        for each in (self._reader, self._writer):
            os.close(each)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for a signal, at most so long; tell whether there was one."""
        end = None if seconds is None else time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        while not self._came:
            left = None if end is None else max(0.0, end - time.monotonic()) * 1000
            if not poll.poll(left):
                break
            with suppress(BlockingIOError):
                os.read(self._reader, 4096)
        return self._came

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._came:
            for again in self._previous:
                signal.signal(again, signal.SIG_DFL)
        self._came = True
        # What woke us may have been read before this ran.
        with suppress(OSError):
            os.write(self._writer, b"\0")


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, by an exception.

    Who handles them already goes on doing so. In another thread than the main one nothing changes.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handled([each for each in _ENDING if signal.getsignal(each) == signal.SIG_DFL], leave):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold off Ctrl-C, SIGTERM and SIGHUP; the last of them counts after the block."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    heeded = [
        each for each in (signal.SIGINT, *_ENDING) if signal.getsignal(each) != signal.SIG_IGN
    ]
    with _handled(heeded, note):
        yield
    if came:
        signal.raise_signal(came[-1])


def discard_output(*descriptors: int) -> None:
    """Let what is written to ``descriptors`` go nowhere, where nobody reads it any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for each in descriptors:
        os.dup2(nowhere, each)
    os.close(nowhere)


@contextmanager
def _handled(numbers: list[signal.Signals], handler: signal._HANDLER) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)
