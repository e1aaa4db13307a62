"""Layers of images as a test writes them."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
from pathlib import Path

TIME = 1_600_000_000


def entry(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """Return a file; ``fields`` are those of TarInfo."""
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(content), TIME, 0o644
    for field, value in fields.items():
        setattr(member, field, value)
    return member, content


def folder(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.SYMTYPE, linkname=target)


def hard_link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.LNKTYPE, linkname=target)


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, content in entries:
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def packed(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    return gzip.compress(tar(*entries), 1, mtime=0)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tree(root: Path) -> dict[str, str]:
    """Return what is below ``root``: mode and content of files, targets of links, whiteouts."""
    found = {}
    for path in sorted(root.rglob("*")):
        state = path.lstat()
        mode, name = state.st_mode, str(path.relative_to(root))
        if stat.S_ISLNK(mode):
            found[name] = f"-> {os.readlink(path)}"
        elif stat.S_ISDIR(mode):
            hides = "user.overlay.opaque" in os.listxattr(path)
            found[name] = f"{'opaque ' if hides else ''}folder {stat.S_IMODE(mode):o}"
        elif stat.S_ISCHR(mode):
            found[name] = "removed" if state.st_rdev == 0 else "device"
        elif stat.S_ISFIFO(mode):
            found[name] = f"pipe {stat.S_IMODE(mode):o}"
        else:
            text = path.read_bytes().decode("utf-8", "replace")
            found[name] = f"file {stat.S_IMODE(mode):o} {text}"
    return found
