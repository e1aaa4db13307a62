"""The library's wheel in a project: the file, its lock, and the hashes of all that came along.

``requirements/library.txt`` names the file for pip. On the day that the library is on a public
index it may hold ``hera-experiment==X --hash=sha256:…`` instead, and the file can go.
"""

from __future__ import annotations

import hashlib
import os
import re

LOCK = os.path.join("requirements", "library.txt")
SUMS = os.path.join("vendor", "SHA256SUMS")

_LOCKED = re.compile(r"^\./(\S+\.whl)[\s\\]+--hash=sha256:([0-9a-f]{64})\s*$", re.MULTILINE)
_HEAD = """\
# The library, which is part of this repository: 'make verify' compares it, 'make update' replaces
# it. One from a public index is locked with: hera-experiment==X --hash=sha256:…
"""


def write(project: str, name: str, wheel: bytes) -> None:
    """Write the wheel, its lock, and the hashes of it and of ``hera_utils`` into ``project``.

    Raises
    ------
    OSError
        When a file cannot be written.
    """
    os.makedirs(os.path.join(project, "vendor"), exist_ok=True)
    path = f"vendor/{name}"
    with open(os.path.join(project, path), "wb") as file:
        file.write(wheel)
    lines = {path: hashlib.sha256(wheel).hexdigest(), **sums_of_utilities(project)}
    _write(project, LOCK, f"{_HEAD}./{path} --hash=sha256:{lines[path]}\n")
    # Two blanks, or '*' in the place of the second: 'sha256sum -c' takes both.
    _write(project, SUMS, "".join(f"{known}  {file}\n" for file, known in lines.items()))


def locked(project: str) -> tuple[str, str] | None:
    """Return the wheel that the lock names and its hash; None where it names no local file.

    Raises
    ------
    OSError
        When the lock cannot be read.
    """
    with open(os.path.join(project, LOCK), encoding="utf-8") as file:
        found = _LOCKED.search(file.read())
    return (found[1], found[2]) if found else None


def sums(project: str) -> dict[str, str]:
    """Return the hash of each file as it was shipped.

    Raises
    ------
    OSError
        When the file with the hashes cannot be read.
    """
    with open(os.path.join(project, SUMS), encoding="utf-8") as file:
        lines = [line.rstrip("\n").partition(" ") for line in file if line.strip()]
    return {name[1:]: known for known, _, name in lines}


def sums_of_utilities(project: str) -> dict[str, str]:
    """Return the hash of each file of ``hera_utils`` as it is."""
    folder = os.path.join(project, "hera_utils")
    found = {}
    for inside, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(name for name in names if name[0] != "."):
            path = os.path.join(inside, name)
            found[os.path.relpath(path, project)] = sum_of(path)
    return found


def sum_of(path: str) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _write(project: str, name: str, text: str) -> None:
    with open(os.path.join(project, name), "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
