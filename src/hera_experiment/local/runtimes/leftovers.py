"""What tasks leave running: programs that left the session of their task, or outlived a server."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hera_experiment.local.runtimes.children import RUNNING, STARTING, children_of

_PROC = Path("/proc")
_TASK_MARK = b"ARGO_NODE_ID="
_ROUNDS = 5
_MOST_GENERATIONS = 100
_PATIENCE_MS = 2000
_PR_SET_CHILD_SUBREAPER = 36

_adopting = threading.Event()
_ending = threading.Lock()


def adopt_orphans() -> None:
    """Become the parent of what tasks leave behind, so that it is found; on Linux alone.

    This is for a process that has no other children than tasks: a server.
    """
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _adopting.set()


def end_orphans(is_left: Callable[[int], bool]) -> None:
    """Kill the adopted processes for which ``is_left(number)``, with all that they started.

    A process that dies hands its own children on to this one. Those that ended are reaped.
    """
    if not _adopting.is_set():
        return
    # One thread at a time: who alone reaps them knows whose number a number is.
    with _ending:
        for _ in range(_MOST_GENERATIONS):
            if not [number for number in _adopted() if _is_ended(number, is_left)]:
                return


def _adopted() -> list[int]:
    """Return the children that nobody here started: orphans come to the first thread."""
    with STARTING:
        listed = children_of(os.getpid())
        numbers = [number for number in listed if number not in RUNNING]
    own = os.getsid(0)
    found = []
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):
            # What the engine itself asks (docker, git) stays in its session.
            if os.getsid(number) != own:
                found.append(number)
    return found


def _is_ended(number: int, is_left: Callable[[int], bool]) -> bool:
    with contextlib.suppress(OSError):
        if os.waitpid(number, os.WNOHANG)[0]:
            return True
        if is_left(number):
            with contextlib.ExitStack() as handles:
                handle = os.pidfd_open(number)
                handles.callback(os.close, handle)
                _kill([handle])
            return bool(os.waitpid(number, os.WNOHANG)[0])
    return False


def _kill(handles: Sequence[int]) -> int:
    """Kill processes and wait until they have ended; return how many were still there."""
    there = 0
    for handle in handles:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            there += 1
    for handle in handles:
        gone = select.poll()
        gone.register(handle, select.POLLIN)
        gone.poll(_PATIENCE_MS)
    return there


def is_below(number: int, folder: str) -> bool:
    """Tell whether a process has its working folder in ``folder``."""
    with contextlib.suppress(OSError):
        current = os.readlink(_PROC / str(number) / "cwd")
        return current == folder or current.startswith(f"{folder}/")
    return False


def node_of(number: int, *scratch: bytes) -> str:
    """Return the node whose task a process is, told by its variables; empty for none.

    Its working folder or one of its variables must be below one of ``scratch``, too.
    """
    try:
        variables = (_PROC / str(number) / "environ").read_bytes().split(b"\0")
        folder = os.readlink(os.fsencode(_PROC / str(number) / "cwd"))
    except OSError:
        return ""
    marks = [each for each in variables if each.startswith(_TASK_MARK)]
    below = [each + b"/" for each in scratch]
    if not marks or not any(
        folder.startswith(each) or any(each in variable for variable in variables) for each in below
    ):
        return ""
    return os.fsdecode(marks[-1][len(_TASK_MARK) :])


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
            ended += _kill(found)
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
            if node_of(number, scratch):
                sessions.add(session)
    return [handle for handle, session in seen if session in sessions]


def _numbers() -> Iterator[int]:
    with os.scandir(_PROC) as entries:
        yield from (int(entry.name) for entry in entries if entry.name.isdigit())
