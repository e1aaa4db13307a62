"""Begins a program whose calls to the kernel about files are shown to whoever started this.

``python -IS launch.py SOCKET SYSCALL FILTER PROGRAM …``: SOCKET is a descriptor to which the
listener is sent, SYSCALL the number of ``seccomp``, FILTER its program in hexadecimal. It stands
alone, so that it begins soon.
"""

import array
import ctypes
import os
import socket
import sys

_NO_NEW_PRIVILEGES = 38
_SET_MODE_FILTER = 1
_NEW_LISTENER = 1 << 3


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def main() -> None:
    """Set the filter, send its listener, and become the program."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    code = bytes.fromhex(sys.argv[3])
    libc = ctypes.CDLL(None, use_errno=True)
    kept = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(kept))
    listener = -1
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
        number = int(sys.argv[2])
        listener = libc.syscall(number, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program))
    if listener < 0:
        channel.send(os.strerror(ctypes.get_errno()).encode())
    else:
        descriptors = array.array("i", [listener])
        channel.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        os.close(listener)
    channel.close()
    os.execv(sys.argv[4], sys.argv[4:])


main()
