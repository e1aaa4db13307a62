"""Hears what a program is about to ask of the kernel, which waits for an answer.

Source: ``seccomp_unotify(2)``, and ``include/uapi/linux/seccomp.h`` of Linux.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.local.cache.system_calls import EXECUTE, Call, Processor, processor

_LAUNCH = str(Path(__file__).with_name("launch.py"))
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTIFICATION = struct.Struct("QIIiIQ6Q")
_ANSWER = struct.Struct("QqiI")
_GO_ON = 1
_WORKING_FOLDER = 0xFFFFFF9C
_LONGEST = 4096
_SOON = 5.0


class NotTraced(Exception):
    """The kernel does not show what programs do; the text is its reason."""


@dataclass(frozen=True)
class Asked:
    """One call of a thread that waits for :meth:`Notifications.answer`.

    ``call`` is None for one of a program of another kind of processor.
    """

    identity: int
    process: int
    call: Call | None
    arguments: Sequence[int]


class Notifications:
    """The calls of a program, and of all that it begins, from :meth:`command` to :meth:`close`.

    Those that do one of ``does``, all that are known unless given. Raises :class:`NotTraced` on a
    processor that is not known here.
    """

    def __init__(self, does: Collection[str] = ()) -> None:
        found = processor()
        if found is None:
            raise NotTraced("this processor's calls to the kernel are not known here")
        self._processor: Processor = found.only(does) if does else found
        self._ours, self._theirs = socket.socketpair()
        self._thread: threading.Thread | None = None
        self._listener = -1

    @property
    def descriptor(self) -> int:
        """The file that the program has to have open as well."""
        return self._theirs.fileno()

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the words that begin ``argv`` so that it is heard."""
        number, code = str(self._processor.seccomp), self._processor.filter().hex()
        return [sys.executable, "-IS", _LAUNCH, str(self.descriptor), number, code, *argv]

    def begin(self, heard: Callable[[Asked], None], failed: Callable[[str], None]) -> None:
        """Listen, in a thread, from now to the end of the program, which has been started.

        ``heard`` is called with each call, and has it answered, at once or later. ``failed`` is
        told why nothing is heard.
        """
        self._theirs.close()
        self._thread = threading.Thread(target=self._run, args=(heard, failed), daemon=True)
        self._thread.start()

    def answer(self, asked: Asked, error: int = 0) -> None:
        """Let the kernel go on with a call, or fail it with the number of an ``error``."""
        answer = _ANSWER.pack(asked.identity, 0, -error, 0 if error else _GO_ON)
        # Whoever asked may have ended, and all that is heard with it: then there is no listener.
        with suppress(OSError, ValueError):
            fcntl.ioctl(self._listener, _SEND, answer)

    def close(self, patience: float) -> bool:
        """Wait until the program and all that it began have ended; tell whether they have."""
        ended = True
        if self._thread is not None:
            self._thread.join(patience)
            ended = not self._thread.is_alive()
        self._ours.close()
        with suppress(OSError):
            self._theirs.close()
        return ended

    def _run(self, heard: Callable[[Asked], None], failed: Callable[[str], None]) -> None:
        try:
            message, control, _, _ = self._ours.recvmsg(256, socket.CMSG_SPACE(4))
        except OSError as error:
            message, control = str(error).encode(), []
        if not control:
            failed(message.decode(errors="replace") or "it ended before")
            return
        (self._listener,) = struct.unpack("i", control[0][2])
        try:
            self._listen(heard)
        finally:
            listener, self._listener = self._listener, -1
            os.close(listener)

    def _listen(self, heard: Callable[[Asked], None]) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        empty = bytes(_NOTIFICATION.size)
        while True:
            ((_, events),) = poll.poll()
            if not events & select.POLLIN:
                return
            buffer = bytearray(empty)
            try:
                fcntl.ioctl(self._listener, _RECEIVE, buffer, True)
            except OSError:
                continue  # The one that asked has ended.
            identity, process, _, number, architecture, _, *arguments = _NOTIFICATION.unpack(buffer)
            is_known = architecture == self._processor.architecture
            call = self._processor.calls.get(number) if is_known else None
            heard(Asked(identity, process, call, arguments))


def why_unheard() -> str:
    """Return why no program can be heard on this machine; empty where one can."""
    if sys.platform != "linux":
        return "only Linux tells which files are opened"
    said: list[str] = []
    try:
        notifications = Notifications([EXECUTE])
    except NotTraced as error:
        return str(error)
    words = notifications.command([sys.executable, "-IS", "-c", ""])
    process = subprocess.Popen(words, pass_fds=[notifications.descriptor])
    notifications.begin(notifications.answer, said.append)
    process.wait()
    notifications.close(_SOON)
    return "".join(f"the kernel does not tell which files are opened: {why}" for why in said)


def memory_of(process: int, address: int, size: int) -> bytes:
    """Return what a process has in memory, less where that ends before.

    Raises ``OSError`` when it has ended, may not be looked into, or has nothing there.
    """
    descriptor = os.open(f"/proc/{process}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, address)
    except OverflowError:  # No memory is there, but a program may say so.
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT)) from None
    finally:
        os.close(descriptor)


def is_working_folder(folder: int) -> bool:
    """Tell whether a call's argument stands for the working folder, and is no descriptor."""
    return folder & 0xFFFFFFFF == _WORKING_FOLDER


def path_of(process: int, folder: int | None, address: int) -> str:
    """Return a path that is in a process's memory, as it sees it, absolute; empty for none.

    It is relative to the process's descriptor ``folder``, None for its working folder.
    """
    text = os.fsdecode(_text(process, address))
    if not text or text.startswith("/"):
        return text
    is_here = folder is None or is_working_folder(folder)
    link = "cwd" if is_here else f"fd/{folder}"
    return f"{os.readlink(f'/proc/{process}/{link}').rstrip('/')}/{text}"


def path_asked(asked: Asked) -> str:
    """Return the first path that a call names, see :func:`path_of`."""
    call = asked.call
    assert call is not None
    folder = None if call.folder is None else asked.arguments[call.folder]
    return path_of(asked.process, folder, asked.arguments[call.path])


def flags_of(asked: Asked) -> int:
    """Return the flags of an opening."""
    call = asked.call
    assert call is not None and call.flags is not None
    if call.is_struct:
        return int.from_bytes(memory_of(asked.process, asked.arguments[call.flags], 8), "little")
    return asked.arguments[call.flags]


def _text(process: int, address: int) -> bytes:
    if not address:
        return b""
    for size in (256, _LONGEST):
        text, end, _ = memory_of(process, address, size).partition(b"\0")
        if end:
            return text
    return text
