"""The folder of the local state, and the kernel's locks in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from hera_experiment.errors import UserError
from hera_experiment.waiting import poll

T = TypeVar("T")

SHARED, EXCLUSIVE = fcntl.LOCK_SH, fcntl.LOCK_EX
_PAUSE = 0.02


def prepare(state: Path) -> Path:
    """Make the folder ``state``, which only its owner may read and git does not see."""
    try:
        state.mkdir(mode=0o700, exist_ok=True)
        ignore = state / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")
    except OSError as error:
        raise UserError(
            f"the folder of the local state cannot be written: {error.strerror}",
            where=str(state),
            next_step="run from a folder that is yours",
        ) from None
    return state


def open_lock(path: Path) -> int:
    """Return a descriptor of the lock file ``path``, made when absent; it locks nothing yet."""
    try:
        # Open for writing, without which NFS grants no exclusive lock; and for nobody else, for
        # whoever can open a file can hold its lock.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != 0o600:
            with contextlib.suppress(PermissionError):
                os.fchmod(descriptor, 0o600)
        return descriptor
    except OSError as error:
        raise UserError(f"a lock cannot be opened: {error.strerror}", where=str(path)) from None


def try_lock(descriptor: int, kind: int) -> bool:
    """Take the lock, SHARED or EXCLUSIVE, unless somebody holds it against us."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False  # PermissionError is how some servers of NFS say so
    except OSError as error:
        raise UserError(
            f"the file system of this folder has no locks: {error.strerror}",
            next_step="use a folder on a disk of this machine",
        ) from None
    return True


def lock_until(descriptor: int, kind: int, deadline: float, state: Path) -> None:
    """Take the lock as soon as it is free; see :func:`until` for ``deadline``."""
    until(lambda: try_lock(descriptor, kind), deadline, state)


@contextlib.contextmanager
def held(path: Path, deadline: float) -> Iterator[None]:
    """Hold the lock file ``path`` exclusively; see :func:`until` for ``deadline``."""
    descriptor = open_lock(path)
    try:
        lock_until(descriptor, EXCLUSIVE, deadline, path.parent)
        yield
    finally:
        os.close(descriptor)


def until(condition: Callable[[], T | None], deadline: float, state: Path) -> T:
    """Return what ``condition`` returns once it is true.

    Raises :class:`UserError` past ``deadline`` (of ``time.monotonic``).
    """
    found = poll(condition, deadline - time.monotonic(), _PAUSE)
    if found:
        return found
    raise UserError(
        "the local server neither answers nor ends",
        where=str(state / "server.lock"),
        next_step=f"see {state / 'server.log'}, end that process and try again",
    )
