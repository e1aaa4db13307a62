"""The calls to the kernel that tell which files a program reads and writes, by processor.

Source: ``arch/x86/entry/syscalls/syscall_64.tbl``, ``include/uapi/asm-generic/unistd.h``,
``include/uapi/linux/{seccomp,audit,filter}.h`` of Linux.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
ALLOW, NOTIFY, NO_SUCH_CALL = 0x7FFF0000, 0x7FC00000, 0x00050000 | 38


@dataclass(frozen=True)
class Call:
    """A call: ``does`` says what, ``folder`` and ``path`` which of its arguments they are.

    Without a ``folder`` a path is relative to the working folder. ``other`` are those of a second
    path, ``flags`` the one with the flags of an opening.
    """

    does: str
    path: int = 0
    folder: int | None = None
    flags: int | None = None
    other: tuple[int | None, int] | None = None
    is_struct: bool = False


OPEN, CREATE, LOOK, EXECUTE = "open", "create", "look", "execute"
MOVE, LINK_TO, LINK_AT, REMOVE, FOLDER, CUT, CONNECT = (
    "move",
    "link to",
    "link at",
    "remove",
    "make folder",
    "cut",
    "connect",
)

_AT = {
    "openat": Call(OPEN, 1, 0, flags=2),
    "openat2": Call(OPEN, 1, 0, flags=2, is_struct=True),
    "newfstatat": Call(LOOK, 1, 0),
    "statx": Call(LOOK, 1, 0),
    "faccessat": Call(LOOK, 1, 0),
    "faccessat2": Call(LOOK, 1, 0),
    "readlinkat": Call(LOOK, 1, 0),
    "renameat": Call(MOVE, 1, 0, other=(2, 3)),
    "renameat2": Call(MOVE, 1, 0, other=(2, 3)),
    "linkat": Call(LINK_TO, 1, 0, other=(2, 3)),
    "symlinkat": Call(LINK_AT, 2, 1),
    "unlinkat": Call(REMOVE, 1, 0),
    "mkdirat": Call(FOLDER, 1, 0),
    "truncate": Call(CUT, 0),
    "execve": Call(EXECUTE, 0),
    "execveat": Call(EXECUTE, 1, 0),
    "connect": Call(CONNECT, 1),
}
_OLD = {
    "open": Call(OPEN, 0, flags=1),
    "creat": Call(CREATE, 0),
    "stat": Call(LOOK, 0),
    "lstat": Call(LOOK, 0),
    "access": Call(LOOK, 0),
    "readlink": Call(LOOK, 0),
    "rename": Call(MOVE, 0, other=(None, 1)),
    "link": Call(LINK_TO, 0, other=(None, 1)),
    "symlink": Call(LINK_AT, 1),
    "unlink": Call(REMOVE, 0),
    "rmdir": Call(REMOVE, 0),
    "mkdir": Call(FOLDER, 0),
}

_X86_64 = {
    "openat": 257,
    "openat2": 437,
    "newfstatat": 262,
    "statx": 332,
    "faccessat": 269,
    "faccessat2": 439,
    "readlinkat": 267,
    "renameat": 264,
    "renameat2": 316,
    "linkat": 265,
    "symlinkat": 266,
    "unlinkat": 263,
    "mkdirat": 258,
    "truncate": 76,
    "execve": 59,
    "execveat": 322,
    "connect": 42,
    "open": 2,
    "creat": 85,
    "stat": 4,
    "lstat": 6,
    "access": 21,
    "readlink": 89,
    "rename": 82,
    "link": 86,
    "symlink": 88,
    "unlink": 87,
    "rmdir": 84,
    "mkdir": 83,
}
_AARCH64 = {
    "openat": 56,
    "openat2": 437,
    "newfstatat": 79,
    "statx": 291,
    "faccessat": 48,
    "faccessat2": 439,
    "readlinkat": 78,
    "renameat": 38,
    "renameat2": 276,
    "linkat": 37,
    "symlinkat": 36,
    "unlinkat": 35,
    "mkdirat": 34,
    "truncate": 45,
    "execve": 221,
    "execveat": 281,
    "connect": 203,
}
_IO_URING_SETUP = 425


@dataclass(frozen=True)
class Processor:
    """The calls of one kind of processor by number; ``seccomp`` is that call's own."""

    architecture: int
    seccomp: int
    calls: Mapping[int, Call]

    def only(self, does: Collection[str]) -> Processor:
        """Return it with the calls alone that do one of ``does``."""
        return replace(self, calls={n: call for n, call in self.calls.items() if call.does in does})

    def filter(self) -> bytes:
        """Return the program for the kernel that shows the calls, and lets all others be.

        Programs of another kind of processor are shown in all they do. A ring of requests, which
        would open files unseen, is refused as by a kernel that has none.
        """
        numbers = sorted(self.calls)
        last = len(numbers)
        code = [
            (_LOAD, 0, 0, _ARCHITECTURE),
            (_EQUAL, 1, 0, self.architecture),
            (_RETURN, 0, 0, NOTIFY),
            (_LOAD, 0, 0, _NUMBER),
            (_EQUAL, 0, 1, _IO_URING_SETUP),
            (_RETURN, 0, 0, NO_SUCH_CALL),
            *((_EQUAL, last - at, 0, number) for at, number in enumerate(numbers)),
            (_RETURN, 0, 0, ALLOW),
            (_RETURN, 0, 0, NOTIFY),
        ]
        return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _processor(architecture: int, seccomp: int, numbers: Mapping[str, int]) -> Processor:
    known = {**_AT, **_OLD}
    return Processor(architecture, seccomp, {n: known[name] for name, n in numbers.items()})


def processor(machine: str = platform.machine()) -> Processor | None:
    """Return the calls of this machine's processor, None for one that is not known here."""
    if machine == "x86_64":
        return _processor(0xC000003E, 317, _X86_64)
    if machine in ("aarch64", "arm64"):
        return _processor(0xC00000B7, 277, _AARCH64)
    return None
