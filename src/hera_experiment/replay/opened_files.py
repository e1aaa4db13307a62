"""Lets each file of a claim come when the task opens it: the kernel asks before it does so.

What runs below the local server of a replay waits in ``open`` (and its like, ``execve``,
``truncate``) until this has looked which file is meant. It is known by its number, so it does not
matter by which path a task sees it, nor whether it was renamed or linked to.

Source: ``seccomp_unotify(2)``, ``openat2(2)``, ``execve(2)`` of Linux.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

from hera_experiment.local.cache.notifications import (
    Asked,
    Notifications,
    flags_of,
    is_working_folder,
    path_asked,
)
from hera_experiment.local.cache.system_calls import CREATE, CUT, EXECUTE, OPEN
from hera_experiment.replay.placeholders import Placeholder, Placeholders

_OPEN_HOW = 437
_INSIDE_ROOT = 0x10
_DESCRIPTOR = re.compile(r"/(?:proc/(?:self|thread-self)|dev)/fd/(\d+)")
_SOON = 5.0
_TRIES = 100
_FIRST_LINE = 256
"""Bytes of a program in which the kernel looks for the one that interprets it."""
_INTERPRETERS = 5
# Between its namespaces and the task's program bubblewrap may not be looked into.
_BEGIN_SANDBOXES = ("bwrap",)
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


class _Hidden(Exception):
    """The kernel lets nobody but root look into the program that asks."""


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


class OpenedFiles:
    """Fills those of ``placeholders`` that a program opens, to :meth:`close`.

    ``notifications`` begin it. Other files are let through by one thread, so that none waits for
    those that come by another. ``unseen`` says of which programs it was not seen what they open.
    """

    def __init__(self, placeholders: Placeholders) -> None:
        self._placeholders = placeholders
        self.notifications = Notifications([OPEN, CREATE, CUT, EXECUTE])
        self._wanted: SimpleQueue[tuple[Placeholder, Asked] | None] = SimpleQueue()
        self._filling = threading.Thread(target=self._fill, name="files to fetch", daemon=True)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.unseen: dict[str, None] = {}

    def begin(self) -> None:
        """Fill them from now on; the program has been started."""
        self._filling.start()
        self.notifications.begin(self._heard, self._unheard)

    def provide(self, path: str) -> None:
        """Fill the file at ``path``, whose opening may not be seen, before the program begins."""
        with suppress(OSError):
            found = self._placeholders.at(os.stat(path))
            if found is not None:
                self._placeholders.fill(found)

    def close(self) -> bool:
        """Stop, once the program has ended; tell whether all that it began has ended, too."""
        has_ended = self.notifications.close(_SOON)
        if self._filling.ident is not None:
            self._wanted.put(None)
            self._filling.join()
        return has_ended

    def _unheard(self, why: str) -> None:
        self.unseen[f"the task, of which nothing was heard ({why}),"] = None

    def _heard(self, asked: Asked) -> None:
        found = None
        try:
            found = self._meant(asked)
        except _Hidden:
            if _name(asked.process) not in _BEGIN_SANDBOXES:
                self.unseen["a program that lets nobody look at it"] = None
        except (OSError, ValueError) as error:
            # Else there is no such file, or who asked has ended.
            number = getattr(error, "errno", None)
            if number in _SHORT:
                self.notifications.answer(asked, number)
                return
        if found is None or found.is_filled:
            self.notifications.answer(asked)
        else:
            self._wanted.put((found, asked))

    def _fill(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            found, asked = wanted
            error = self._placeholders.fill(found)
            if not error and asked.call is not None and asked.call.does == EXECUTE:
                self._heard(asked)  # Now its first line can be read.
            else:
                self.notifications.answer(asked, error)

    def _meant(self, asked: Asked) -> Placeholder | None:
        """Return the placeholder whose content a call wants."""
        call = asked.call
        if call is None:
            self.unseen["a program of another kind of processor"] = None
            return None
        try:
            flags = flags_of(asked) if call.does == OPEN else 0
            path = path_asked(asked)
        except PermissionError:
            raise _Hidden from None
        if flags & os.O_PATH or (flags & os.O_CREAT and flags & os.O_EXCL):
            return None
        cuts = call.does == CREATE or bool(flags & os.O_TRUNC)
        if call.does == CUT:
            cuts = asked.arguments[call.path + 1] == 0
        with self._file(asked, path, flags & os.O_NOFOLLOW) as file:
            if call.does == EXECUTE:
                return self._run(asked, file)
            found = self._placeholders.at(os.fstat(file))
        if found is not None and cuts and not found.is_filled:
            # Its content goes, if this call succeeds.
            found.may_be_cut = True
            return None
        return found

    def _run(self, asked: Asked, program: int, most: int = _INTERPRETERS) -> Placeholder | None:
        """Return the next placeholder whose content the kernel wants to run a program."""
        found = self._placeholders.at(os.fstat(program))
        if found is not None and not found.is_filled:
            return found
        path = interpreter_of(f"/proc/self/fd/{program}")
        if not path or not most:
            return None
        if not path.startswith("/"):
            path = f"{os.readlink(f'/proc/{asked.process}/cwd').rstrip('/')}/{path}"
        with self._file(asked, path, 0) as file:
            return self._run(asked, file, most - 1)

    @contextmanager
    def _file(self, asked: Asked, path: str, flags: int) -> Iterator[int]:
        """Open what a call names, without its content."""
        assert asked.call is not None
        folder = None if asked.call.folder is None else asked.arguments[asked.call.folder]
        known = _DESCRIPTOR.fullmatch(path)
        number = int(known[1]) if known else None
        if not path and folder is not None and not is_working_folder(folder):
            number = folder & 0xFFFFFFFF
        if number is not None:
            file = os.open(f"/proc/{asked.process}/fd/{number}", os.O_PATH | os.O_CLOEXEC)
        else:
            root = os.open(f"/proc/{asked.process}/root", os.O_PATH | os.O_CLOEXEC)
            try:
                file = self._below(root, path, flags)
            finally:
                os.close(root)
        try:
            yield file
        finally:
            os.close(file)

    def _below(self, root: int, path: str, flags: int) -> int:
        """Open a path as whoever has the root ``root`` sees it."""
        how = _How(os.O_PATH | os.O_CLOEXEC | flags, 0, _INSIDE_ROOT)
        name = ctypes.c_char_p(os.fsencode(path))
        size = ctypes.c_size_t(ctypes.sizeof(how))
        for _ in range(_TRIES):
            file = self._libc.syscall(
                ctypes.c_long(_OPEN_HOW), ctypes.c_long(root), name, ctypes.byref(how), size
            )
            if file >= 0:
                return int(file)
            number = ctypes.get_errno()
            if number != errno.EAGAIN:  # Something was renamed meanwhile.
                break
        raise OSError(number, os.strerror(number))


def interpreter_of(program: str) -> str:
    """Return what the first line of a program names to run it, empty for none."""
    # Whatever has the name may be a pipe.
    file = os.open(program, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        is_file = stat.S_ISREG(os.fstat(file).st_mode)
        line = os.pread(file, _FIRST_LINE, 0).partition(b"\n")[0] if is_file else b""
    finally:
        os.close(file)
    words = line.removeprefix(b"#!").split() if line.startswith(b"#!") else []
    return os.fsdecode(words[0]) if words else ""


def _name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        return ""
