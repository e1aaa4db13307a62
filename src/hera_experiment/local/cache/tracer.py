"""Sees which files a program opens: the kernel asks before it does so.

Source: ``seccomp_unotify(2)``, and ``include/uapi/linux/seccomp.h`` of Linux.
"""

from __future__ import annotations

import fcntl
import os
import posixpath
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from hera_experiment.local.cache import system_calls
from hera_experiment.local.cache.accesses import Accesses
from hera_experiment.local.cache.system_calls import Call, Processor, processor

_LAUNCH = str(Path(__file__).with_name("launch.py"))
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTIFICATION = struct.Struct("QIIiIQ6Q")
_ANSWER = struct.Struct("QqiI")
_GO_ON = 1
_WORKING_FOLDER = 0xFFFFFF9C
_LONGEST = 4096
_ACCESS, _CREATE, _EXCLUSIVE, _TRUNCATE = 3, 0o100, 0o200, 0o1000
_PATH_ONLY = 0o10000000
_PATIENCE = 30.0
_FAMILIES = (2, 10)
_SYSTEM = tuple(f"/{name}/" for name in "usr lib lib64 bin sbin etc proc sys dev".split())


class NotTraced(Exception):
    """The kernel does not show what programs do; the text is its reason."""


class Tracer:
    """Tells ``accesses`` what one program does, from :meth:`command` to :meth:`close`.

    Raises :class:`NotTraced` on a processor that is not known here.
    """

    def __init__(self, accesses: Accesses) -> None:
        found = processor()
        if found is None:
            raise NotTraced("this processor's calls to the kernel are not known here")
        self._processor: Processor = found
        self._accesses = accesses
        self._ours, self._theirs = socket.socketpair()
        self._thread: threading.Thread | None = None
        self._acts: dict[str, Callable[[Call, int, Sequence[int]], None]] = {
            system_calls.OPEN: self._open,
            system_calls.OPEN_HOW: self._open_how,
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

    @property
    def descriptor(self) -> int:
        """The file that the program has to have open as well."""
        return self._theirs.fileno()

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the words that begin ``argv`` so that it is seen."""
        number, code = str(self._processor.seccomp), self._processor.filter().hex()
        return [sys.executable, "-IS", _LAUNCH, str(self.descriptor), number, code, *argv]

    def begin(self) -> None:
        """Look on, in a thread, from now to the end of the program, which has been started."""
        self._theirs.close()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait until all has been seen: the program and all that it began have ended."""
        if self._thread is not None:
            self._thread.join(_PATIENCE)
            if self._thread.is_alive():
                self._accesses.problem("what it began has not ended")
        self._ours.close()
        with suppress(OSError):
            self._theirs.close()

    def _watch(self) -> None:
        try:
            message, control, _, _ = self._ours.recvmsg(256, socket.CMSG_SPACE(4))
        except OSError as error:
            message, control = str(error).encode(), []
        if not control:
            why = message.decode(errors="replace") or "it ended before"
            self._accesses.problem(f"what it does is not seen: {why}")
            return
        (listener,) = struct.unpack("i", control[0][2])
        try:
            self._listen(listener)
        finally:
            os.close(listener)

    def _listen(self, listener: int) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        empty = bytes(_NOTIFICATION.size)
        while True:
            ((_, events),) = poll.poll()
            if not events & select.POLLIN:
                return
            buffer = bytearray(empty)
            try:
                fcntl.ioctl(listener, _RECEIVE, buffer, True)
            except OSError:
                continue  # The one that asked has ended.
            identity, process, _, number, architecture, _, *arguments = _NOTIFICATION.unpack(buffer)
            try:
                self._take_down(process, number, architecture, arguments)
            except (OSError, ValueError) as error:
                self._accesses.problem(f"what it does is not seen: {error}")
            finally:
                with suppress(OSError):
                    fcntl.ioctl(listener, _SEND, _ANSWER.pack(identity, 0, 0, _GO_ON))

    def _take_down(
        self, process: int, number: int, architecture: int, arguments: Sequence[int]
    ) -> None:
        call = self._processor.calls.get(number)
        if architecture != self._processor.architecture or call is None:
            self._accesses.problem("it runs programs of another kind of processor")
            return
        self._acts[call.does](call, process, arguments)

    def _path(self, process: int, folder: int | None, address: int) -> str:
        """Return a path as the task sees it, absolute and normal; empty for none."""
        text = os.fsdecode(_text(process, address))
        if not text:
            return ""
        if not text.startswith("/"):
            is_here = folder is None or folder & 0xFFFFFFFF == _WORKING_FOLDER
            link = "cwd" if is_here else f"fd/{folder}"
            text = posixpath.join(os.readlink(f"/proc/{process}/{link}"), text)
        path = posixpath.normpath(text)
        return path if path.startswith(_SYSTEM) else _resolved(process, path)

    def _of(self, call: Call, process: int, arguments: Sequence[int]) -> str:
        folder = None if call.folder is None else arguments[call.folder]
        return self._path(process, folder, arguments[call.path])

    def _other(self, call: Call, process: int, arguments: Sequence[int]) -> str:
        assert call.other is not None
        folder, path = call.other
        return self._path(process, None if folder is None else arguments[folder], arguments[path])

    def _open(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        assert call.flags is not None
        self._opened(self._of(call, process, arguments), arguments[call.flags])

    def _open_how(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        assert call.flags is not None
        (flags,) = struct.unpack("Q", _memory(process, arguments[call.flags], 8))
        self._opened(self._of(call, process, arguments), flags)

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

    def _create(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        self._accesses.wrote(self._of(call, process, arguments))

    def _look(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        if path := self._of(call, process, arguments):
            self._accesses.looked(path)

    def _execute(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        if path := self._of(call, process, arguments):
            self._accesses.read(path)

    def _move(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        new = self._other(call, process, arguments)
        self._accesses.moved(self._of(call, process, arguments), new)

    def _link_to(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        old = self._of(call, process, arguments)
        if old:
            self._accesses.read(old)
        self._accesses.made_link(self._other(call, process, arguments))

    def _link_at(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        self._accesses.made_link(self._of(call, process, arguments))

    def _remove(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        self._accesses.removed(self._of(call, process, arguments))

    def _folder(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        self._accesses.made_folder(self._of(call, process, arguments))

    def _cut(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        self._accesses.wrote(self._of(call, process, arguments), keeps=True)

    def _connect(self, call: Call, process: int, arguments: Sequence[int]) -> None:
        (family,) = struct.unpack("H", _memory(process, arguments[call.path], 2))
        if family in _FAMILIES:
            self._accesses.problem("it uses the network")


def _memory(process: int, address: int, size: int) -> bytes:
    """Return what a process has in memory, less where that ends before."""
    descriptor = os.open(f"/proc/{process}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, address)
    finally:
        os.close(descriptor)


def _text(process: int, address: int) -> bytes:
    if not address:
        return b""
    for size in (256, _LONGEST):
        text, end, _ = _memory(process, address, size).partition(b"\0")
        if end:
            return text
    return text


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
