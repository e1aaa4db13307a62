"""Ends the processes that a local server left running when it was killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_MARK = b"ARGO_NODE_ID="
_ROUNDS = 5
_PATIENCE_MS = 2000


def end_leftovers(scratch: Path) -> int:
    """Kill what tasks run below ``scratch``, a folder of no living server; return how many.

    A process is a task's when it has this user, a task's variables and its working folder or a
    variable below ``scratch``, or when it is in the session of one that has: its number alone says
    nothing, for numbers are used again. Without Linux's ``/proc`` none is found.
    """
    if not scratch.is_dir() or not hasattr(os, "pidfd_open") or not _PROC.is_dir():
        return 0
    ended = 0
    # What is found may have started others meanwhile.
    for _ in range(_ROUNDS):
        with contextlib.ExitStack() as handles:
            found = _tasks(os.fsencode(scratch.resolve()), handles)
            for handle in found:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    ended += 1
            for handle in found:
                gone = select.poll()
                gone.register(handle, select.POLLIN)
                gone.poll(_PATIENCE_MS)
        if not found:
            break
    return ended


def _tasks(scratch: bytes, handles: contextlib.ExitStack) -> list[int]:
    """Return a handle of each process of a task: it stays that one's, whatever its number is."""
    seen: list[tuple[int, int]] = []
    sessions = set()
    for number in _numbers():
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(number)
            handles.callback(os.close, handle)
            session = os.getsid(number)
            if (_PROC / str(number)).stat().st_uid != os.getuid() or session == os.getsid(0):
                continue
            seen.append((handle, session))
            if _is_task(number, scratch):
                sessions.add(session)
    return [handle for handle, session in seen if session in sessions]


def _numbers() -> Iterator[int]:
    with os.scandir(_PROC) as entries:
        yield from (int(entry.name) for entry in entries if entry.name.isdigit())


def _is_task(number: int, scratch: bytes) -> bool:
    variables = (_PROC / str(number) / "environ").read_bytes().split(b"\0")
    if not any(variable.startswith(_MARK) for variable in variables):
        return False
    below = scratch + b"/"
    folder = os.readlink(os.fsencode(_PROC / str(number) / "cwd"))
    return folder.startswith(below) or any(below in variable for variable in variables)
