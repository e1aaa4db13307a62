"""Makes the wheel of this library with the standard library alone.

Where cookiecutter runs there is no build backend. What is written is what hatchling would write,
and a test holds the two equal; the same sources give the same bytes, with the same zlib.
Generating a project waits for this module and those beside it: they import little.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from binascii import b2a_base64
from threading import Thread

_LIBRARY = "hera_experiment"
_WHEEL = """\
Wheel-Version: 1.0
Generator: hera_experiment {version}
Root-Is-Purelib: true
Tag: py3-none-any
"""


def build(repository: str) -> tuple[str, bytes]:
    """Return the name of the wheel's file and its bytes.

    Parameters
    ----------
    repository:
        The template's folder, with ``src/hera_experiment`` and LICENSE.

    Raises
    ------
    OSError
        When a file cannot be read.
    ValueError
        When the sources name no version.
    """
    package = os.path.join(repository, "src", _LIBRARY)
    files = {name: _read(os.path.join(package, name)) for name in sources(package)}
    version = version_of(files["__init__.py"].decode())
    information = f"{_LIBRARY}-{version}.dist-info"
    metadata = files["packaging/METADATA"].replace(b"VERSION\n", version.encode() + b"\n", 1)
    content = {f"{_LIBRARY}/{name}": data for name, data in files.items()}
    content[f"{information}/METADATA"] = metadata
    content[f"{information}/WHEEL"] = _WHEEL.format(version=version).encode()
    content[f"{information}/licenses/LICENSE"] = _read(os.path.join(repository, "LICENSE"))
    record = "".join(
        f"{name},sha256={digest(data)},{len(data)}\n" for name, data in content.items()
    )
    content[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n".encode()
    return f"{_LIBRARY}-{version}-py3-none-any.whl", _zipped(content)


def sources(package: str) -> list[str]:
    """Return the files below the folder ``package`` in a fixed order, without any cache."""
    found = []
    for folder, folders, names in os.walk(package):
        folders[:] = [name for name in folders if name != "__pycache__" and name[0] != "."]
        inside = os.path.relpath(folder, package)
        kept = (name for name in names if name[0] != "." and not name.endswith(".pyc"))
        found += [os.path.normpath(os.path.join(inside, name)) for name in kept]
    return sorted(found)


def version_of(text: str) -> str:
    """Return the version that the text of ``hera_experiment/__init__.py`` names."""
    for line in text.splitlines():
        if line.startswith('__version__ = "'):
            return line.split('"')[1]
    raise ValueError("hera_experiment/__init__.py names no version")


def digest(data: bytes) -> str:
    """Return the hash of a file as RECORD has it."""
    text = b2a_base64(hashlib.sha256(data).digest(), newline=False).decode()
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        # A git that is told to (core.autocrlf) writes other line ends than were committed.
        return file.read().replace(b"\r\n", b"\n")


def _deflated(content: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files deflated, by two threads: zlib lets others run."""
    deflated = {}

    def deflate(names: list[str]) -> None:
        for name in names:
            packer = zlib.compressobj(6, zlib.DEFLATED, wbits=-13, memLevel=7)
            deflated[name] = packer.compress(content[name]) + packer.flush()

    names = list(content)
    other = Thread(target=deflate, args=(names[1::2],))
    other.start()
    deflate(names[::2])
    other.join()
    return deflated


def _zipped(content: dict[str, bytes]) -> bytes:
    """Return a zip of files that all are of 1980-01-01 and may be read by everyone.

    ``zipfile`` needs twice as long: its import, its checks, and zlib's large window, which small
    files do not fill.
    """
    files, directory, offset = [], [], 0
    deflated = _deflated(content)
    for name, data in content.items():
        packed = deflated[name]
        path = name.encode("ascii")
        # Needs version 2.0, no flags, deflated, time and date; then what both headers have.
        common = struct.pack("<5H3L2H", 20, 0, 8, 0, 0x21, zlib.crc32(data), len(packed), len(data),
                             len(path), 0)  # fmt: skip
        files += [b"PK\3\4", common, path, packed]
        # Made on Unix, which is why the rights of the file count; where it begins.
        rest = struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, offset)
        directory += [b"PK\1\2", struct.pack("<H", 3 << 8 | 20), common, rest, path]
        offset += 4 + len(common) + len(path) + len(packed)
    index = b"".join(directory)
    count = len(content)
    end = struct.pack("<4H2LH", 0, 0, count, count, len(index), offset, 0)
    return b"".join([*files, index, b"PK\5\6", end])
