"""Sees which files a program opens: the kernel asks before it does so.

Source: ``seccomp_unotify(2)``, and ``include/uapi/linux/seccomp.h`` of Linux.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable

from hera_experiment.local.cache import system_calls
from hera_experiment.local.cache.accesses import Accesses
from hera_experiment.local.cache.notifications import (
    Asked,
    Notifications,
    flags_of,
    memory_of,
    path_asked,
    path_of,
)

_ACCESS, _CREATE, _EXCLUSIVE, _TRUNCATE = 3, 0o100, 0o200, 0o1000
_PATH_ONLY = 0o10000000
_PATIENCE = 30.0
_FAMILIES = (2, 10)
_SYSTEM = tuple(f"/{name}/" for name in "usr lib lib64 bin sbin etc proc sys dev".split())


class Tracer:
    """Tells ``accesses`` what a program does that ``notifications`` has begun, to :meth:`close`.

    Raises :class:`~hera_experiment.local.cache.notifications.NotTraced` on a processor that is not
    known here.
    """

    def __init__(self, accesses: Accesses) -> None:
        self.notifications = Notifications()
        self._accesses = accesses
        self._acts: dict[str, Callable[[Asked], None]] = {
            system_calls.OPEN: self._open,
            system_calls.CREATE: self._create,
            system_calls.LOOK: self._look,
            system_calls.EXECUTE: self._execute,
            system_calls.MOVE: self._move,
            system_calls.LINK_TO: self._link_to,
            system_calls.LINK_AT: self._link_at,
            system_calls.REMOVE: self._remove,
            system_calls.FOLDER: self._folder,
            system_calls.CUT: self._cut,
            system_calls.CONNECT: self._connect,
        }

    def begin(self) -> None:
        """Look on, in a thread, from now to the end of the program, which has been started."""
        self.notifications.begin(self._heard, self._unseen)

    def close(self) -> None:
        """Wait until all has been seen: the program and all that it began have ended."""
        if not self.notifications.close(_PATIENCE):
            self._accesses.problem("what it began has not ended")

    def _heard(self, asked: Asked) -> None:
        try:
            if asked.call is None:
                self._accesses.problem("it runs programs of another kind of processor")
            else:
                self._acts[asked.call.does](asked)
        except (OSError, ValueError) as error:
            self._unseen(str(error))
        finally:
            self.notifications.answer(asked)

    def _unseen(self, why: str) -> None:
        self._accesses.problem(f"what it does is not seen: {why}")

    def _of(self, asked: Asked) -> str:
        return _normal(asked.process, path_asked(asked))

    def _other(self, asked: Asked) -> str:
        assert asked.call is not None and asked.call.other is not None
        folder, path = asked.call.other
        below = None if folder is None else asked.arguments[folder]
        return _normal(asked.process, path_of(asked.process, below, asked.arguments[path]))

    def _open(self, asked: Asked) -> None:
        self._opened(self._of(asked), flags_of(asked))

    def _opened(self, path: str, flags: int) -> None:
        if not path:
            return
        if flags & _PATH_ONLY:
            self._accesses.looked(path)
        elif flags & _ACCESS or flags & _TRUNCATE:
            keeps, exclusive = not flags & _TRUNCATE, bool(flags & _EXCLUSIVE)
            if flags & _CREATE or self._accesses.is_there(path):
                self._accesses.wrote(path, keeps=keeps, exclusive=exclusive)
            else:
                self._accesses.looked(path)
        elif flags & _CREATE and not self._accesses.is_there(path):
            self._accesses.wrote(path, exclusive=bool(flags & _EXCLUSIVE))
        else:
            self._accesses.read(path)

    def _create(self, asked: Asked) -> None:
        self._accesses.wrote(self._of(asked))

    def _look(self, asked: Asked) -> None:
        if path := self._of(asked):
            self._accesses.looked(path)

    def _execute(self, asked: Asked) -> None:
        if path := self._of(asked):
            self._accesses.read(path)

    def _move(self, asked: Asked) -> None:
        new = self._other(asked)
        self._accesses.moved(self._of(asked), new)

    def _link_to(self, asked: Asked) -> None:
        old = self._of(asked)
        if old:
            self._accesses.read(old)
        self._accesses.made_link(self._other(asked))

    def _link_at(self, asked: Asked) -> None:
        self._accesses.made_link(self._of(asked))

    def _remove(self, asked: Asked) -> None:
        self._accesses.removed(self._of(asked))

    def _folder(self, asked: Asked) -> None:
        self._accesses.made_folder(self._of(asked))

    def _cut(self, asked: Asked) -> None:
        self._accesses.wrote(self._of(asked), keeps=True)

    def _connect(self, asked: Asked) -> None:
        assert asked.call is not None
        address = asked.arguments[asked.call.path]
        family = int.from_bytes(memory_of(asked.process, address, 2), "little")
        if family in _FAMILIES:
            self._accesses.problem("it uses the network")


def _normal(process: int, text: str) -> str:
    """Return a path that a process names as normal, without links in the folders above it."""
    if not text:
        return ""
    path = posixpath.normpath(text)
    return path if path.startswith(_SYSTEM) else _resolved(process, path)


def _resolved(process: int, path: str) -> str:
    """Return ``path`` without the links in the folders above it, as that process sees them."""
    resolved = "/"
    parts = path.split("/")[1:]
    hops = 0
    while len(parts) > 1:
        step = posixpath.join(resolved, parts.pop(0))
        try:
            target = os.readlink(f"/proc/{process}/root{step}")
        except OSError:
            resolved = step
            continue
        hops += 1
        if hops > 40:
            raise ValueError(f"{path} has too many links")
        whole = posixpath.normpath(posixpath.join(resolved, target))
        parts = [*whole.split("/")[1:], *parts]
        resolved = "/"
    return posixpath.join(resolved, *parts)
