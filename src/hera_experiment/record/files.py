"""What records need of a file system, each step by itself."""

from __future__ import annotations

import os
from pathlib import Path


class Files:
    """The real file system. Each step may fail, or be the last one of a process that is ended."""

    def make_folder(self, folder: Path) -> None:
        """Make ``folder``, which only its owner may read, unless it is there."""
        folder.mkdir(mode=0o700, exist_ok=True)

    def open_draft(self, path: Path) -> int:
        """Return a descriptor of an empty file that only its owner may read."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, 0o600)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of ``data``."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, descriptor: int) -> None:
        """Return when what was written is on the disk."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close the descriptor."""
        os.close(descriptor)

    def replace(self, draft: Path, path: Path) -> None:
        """Let ``draft`` take the place of ``path``, in one step."""
        os.replace(draft, path)

    def sync_folder(self, folder: Path) -> None:
        """Return when the folder's own list of names is on the disk."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, path: Path) -> bytes:
        """Return what ``path`` holds."""
        return path.read_bytes()

    def remove(self, path: Path) -> None:
        """Remove ``path`` if it is there."""
        path.unlink(missing_ok=True)

    def modified(self, path: Path) -> int:
        """Return when ``path`` was last written, in nanoseconds."""
        return path.stat().st_mtime_ns
