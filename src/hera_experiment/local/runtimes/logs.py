"""The log file of a pod."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path


def open_log(path: Path) -> FileIO:
    """Open ``path`` for appending, unbuffered and for its owner alone; its folder is made."""
    try:
        return FileIO(path, "ab", opener=_private)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return FileIO(path, "ab", opener=_private)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
