"""Packing what a task leaves behind and unpacking what it gets, without holding it in memory.

Source: ``util/archive/archive.go``, and ``untar``, ``unzip``, ``unpack``, ``isTarball`` and
``chmod`` in ``workflow/executor/executor.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import gzip
import os
import posixpath
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from hera_experiment.contained_files import Found
from hera_experiment.local.artifacts.errors import ArtifactFailure, NotPackable
from hera_experiment.local.artifacts.repository import PIECE

_DEFAULT_LEVEL = 6
_ANYBODY = 0o666


def compression_level(archive: Mapping[str, Any] | None) -> int:
    """Return the level of gzip that an archive strategy asks for."""
    level = ((archive or {}).get("tar") or {}).get("compressionLevel")
    return _DEFAULT_LEVEL if level is None or int(level) < 0 else int(level)


def tar_gz(found: Iterable[Found], base: str, level: int, out: BinaryIO) -> None:
    """Write ``found``, a file or a folder called ``base``, as a compressed tar.

    Links stay what they are. Raises :class:`NotPackable` for a socket.
    """
    with (
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=level, mtime=0, filename="") as packed,
        tarfile.open(fileobj=cast(BinaryIO, packed), mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for each in found:
            name = posixpath.join(base, each.path) if each.path else base
            header = _header(name, each)
            if each.is_file:
                with each.open() as file:
                    tar.addfile(header, _Sized(file, header.size))
            else:
                tar.addfile(header)


class _Sized:
    """A file of which exactly ``size`` bytes are read: one that shrinks is filled up."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, length: int = -1) -> bytes:
        wanted = self._left if length < 0 else min(length, self._left)
        data = self._file.read(wanted)
        self._left -= wanted
        return data.ljust(wanted, b"\0")


def _header(name: str, found: Found) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.mode = stat.S_IMODE(found.mode)
    header.mtime = int(found.changed)
    if found.is_file:
        header.size = found.size
    elif stat.S_ISDIR(found.mode):
        header.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(found.mode):
        header.type, header.linkname = tarfile.SYMTYPE, found.target
    elif stat.S_ISSOCK(found.mode):
        raise NotPackable("archive/tar: sockets not supported")
    else:
        header.type = tarfile.FIFOTYPE
    return header


def zipped(found: Iterable[Found], base: str, out: BinaryIO) -> None:
    """Write ``found``, a file or a folder called ``base``, as a zip: files alone, without modes.

    What is no regular file becomes an empty one, as Argo has it.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in found:
            if stat.S_ISDIR(each.mode):
                continue
            name = posixpath.join(base, each.path) if each.path else base
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as target:
                if each.is_file:
                    with each.open() as file:
                        shutil.copyfileobj(file, target, PIECE)


def check_links(found: Iterable[Found], base: str) -> Iterator[Found]:
    """Yield ``found``; raises :class:`ArtifactFailure` for a link that leads out of the folder."""
    for each in found:
        if stat.S_ISLNK(each.mode):
            _check_link(posixpath.join(base, each.path), each.target)
        yield each


def is_tarball(path: Path) -> bool:
    """Tell whether a file is a compressed tar."""
    try:
        with gzip.open(path, "rb") as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            return tar.next() is not None
    except (OSError, EOFError, zlib.error, tarfile.TarError):
        return False


def untar(source: Path, destination: Path) -> None:
    """Unpack a compressed tar: a single entry becomes ``destination``, several lie in it.

    Raises :class:`ArtifactFailure`.
    """
    folder = _beside(destination)
    try:
        with gzip.open(source, "rb") as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            for member in tar:
                _untar(tar, member, folder)
    except (EOFError, zlib.error) as error:
        raise ArtifactFailure("unexpected EOF") from error
    except gzip.BadGzipFile as error:
        raise ArtifactFailure(_no_gzip(source.stat().st_size)) from error
    except tarfile.TarError as error:
        empty = not source.stat().st_size
        raise ArtifactFailure("EOF" if empty else "archive/tar: invalid tar header") from error
    _settle(folder, destination)


def _no_gzip(size: int) -> str:
    """Return Go's words for ``size`` bytes that are no gzip, whose header has ten."""
    return "unexpected EOF" if size < 10 else "gzip: invalid header"


def unzip(source: Path, destination: Path) -> None:
    """Unpack a zip, as :func:`untar` does."""
    folder = _beside(destination)
    try:
        with zipfile.ZipFile(source) as archive:
            modes: dict[str, int] = {}
            for member in archive.infolist():
                _unzip(archive, member, folder, modes)
    except zipfile.BadZipFile as error:
        raise ArtifactFailure("zip: not a valid zip file") from error
    _settle(folder, destination)


def change_mode(path: Path, mode: int, *, recurse: bool) -> None:
    """Give a file or folder its ``mode``, and with ``recurse`` all below it, links apart."""
    inner = sorted(path.rglob("*"), reverse=True) if recurse and not path.is_symlink() else []
    for each in [*inner, path]:
        if not each.is_symlink():
            each.chmod(mode)


def _beside(destination: Path) -> Path:
    folder = destination.with_name(f"{destination.name}.tmpdir")
    folder.mkdir(parents=True)
    return folder


def _settle(folder: Path, destination: Path) -> None:
    """Give what was unpacked its name."""
    inside = os.listdir(folder)
    if len(inside) == 1:
        os.rename(folder / inside[0], destination)
        folder.rmdir()
    else:
        folder.rename(destination)


def _untar(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    name = posixpath.normpath(member.name)
    if not _stays_below(name):
        raise ArtifactFailure(f"illegal file path: {member.name}")
    target = folder / name
    if member.issym():
        _check_link(member.name, member.linkname)
        _parents(target, folder, member.name)
        target.symlink_to(member.linkname)
    elif member.isdir():
        _parents(target, folder, member.name)
        target.mkdir(mode=0o755, exist_ok=True)
    elif member.isreg():
        _parents(target, folder, member.name)
        content = tar.extractfile(member)
        assert content is not None
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(target, flags, 0o600)
        with open(descriptor, "wb") as file:
            shutil.copyfileobj(content, file, PIECE)
            os.fchmod(descriptor, member.mode & 0o7777)
        os.utime(target, (member.mtime, member.mtime))


def _parents(target: Path, folder: Path, name: str) -> None:
    """Make the folders above ``target``; none of them may be a link that leads out."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise ArtifactFailure(
            f"illegal file path after symlink resolution: {name} resolves outside destination"
        )


def _stays_below(name: str) -> bool:
    return not name.startswith("/") and name.split("/")[0] not in ("..", ".", "")


def _check_link(name: str, target: str) -> None:
    led = posixpath.normpath(posixpath.join(posixpath.dirname(posixpath.normpath(name)), target))
    if target.startswith("/") or not _stays_below(led):
        raise ArtifactFailure(f"illegal symlink target: {name} -> {target}")


def _unzip(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, modes: dict[str, int]
) -> None:
    """Unpack one entry; the folders that it brings about get its own mode, as Argo has it."""
    name = posixpath.normpath(member.filename.lstrip("/"))
    if not _stays_below(name):
        raise ArtifactFailure(f"{folder}/{member.filename}: Illegal file path")
    mode = (member.external_attr >> 16) & 0o777 or (0o755 if member.is_dir() else _ANYBODY)
    *above, last = name.split("/")
    known = ""
    for part in [*above, last] if member.is_dir() else above:
        _enter(
            modes,
            known,
            f"mkdir {_shown(folder, known, part)}",
            part not in os.listdir(folder / known),
        )
        known = posixpath.join(known, part)
        if known not in modes:
            (folder / known).mkdir(exist_ok=True)
            modes[known] = mode
    if member.is_dir():
        return
    _enter(modes, known, f"open {_shown(folder, known, last)}", True)
    target = folder / name
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(target, flags, 0o600)
    with open(descriptor, "wb") as file, archive.open(member) as content:
        shutil.copyfileobj(content, file, PIECE)
        os.fchmod(descriptor, mode)


def _shown(folder: Path, *names: str) -> str:
    return posixpath.join("/argo/inputs/artifacts", folder.name, *names)


def _enter(modes: Mapping[str, int], folder: str, what: str, asked: bool) -> None:
    """Raise when nobody but root can enter ``folder``: Argo's executor is not root."""
    if asked and folder and not modes[folder] & 0o100:
        raise ArtifactFailure(f"{what}: permission denied")
