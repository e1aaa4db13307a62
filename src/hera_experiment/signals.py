"""Signals that end a program: what it has begun is ended in order first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


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
