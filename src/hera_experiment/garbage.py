"""How Python and the C library let go of memory, for programs that hold a run of 10 000 tasks."""

from __future__ import annotations

import gc
from contextlib import suppress

_NEW, _ROUNDS, _OLD = 5_000, 20, 50
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Of glibc's ``malloc.h``."""

_LARGE = 1 << 17


def look_seldom() -> None:
    """Look for garbage seldom: what is imported and what a run holds stays, and is most of all."""
    gc.set_threshold(_NEW, _ROUNDS, _OLD)


def keep_what_is() -> None:
    """Look no more through what there is now, at the end of the program either."""
    gc.freeze()


def give_back_large() -> None:
    """Let the system have large blocks again as soon as they are free, where C's library can.

    The JSON of a large workflow has megabytes, and goes through many threads. glibc would keep what
    one of them frees for its next.
    """
    import ctypes

    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_M_ARENA_MAX, 1)
