"""The repository of artifacts on this machine: folders, whose files are called by their keys.

What no bucket is named for lies in ``artifacts/KEY`` below the server's state, a bucket's (or a
container's, or a host's) in ``buckets/NAME/KEY``, whatever its kind. As in such a store there are
only files: a folder is what the keys of several begin with. Where the server of a bucket can be
asked, it is, see ``s3.py``.

Source: ``workflow/artifacts/s3/s3.go`` of argoproj/argo-workflows, whose words the errors are.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from hera_experiment.contained_files import NotReadable, contained_path, walk_in_trees
from hera_experiment.contained_files import tree_of as contained_tree
from hera_experiment.local.artifacts.errors import (
    NO_SUCH_KEY,
    ArtifactFailure,
    ArtifactNotFound,
    of_system,
)
from hera_experiment.local.artifacts.references import key_of, kind_of
from hera_experiment.local.artifacts.s3 import Bucket, bucket_of
from hera_experiment.local.artifacts.secret_values import Secret
from hera_experiment.local.store.objects import private_folder

STORED = ("s3", "gcs", "oss", "azure", "hdfs", "artifactory")
"""The kinds of location that are kept here."""

PIECE = 1 << 20
"""Bytes that are held of a file at a time."""

_DEFAULT, _BUCKETS, _DRAFTS = "artifacts", "buckets", "artifact-drafts"
Location = Mapping[str, Any]


def no_secret(reference: Mapping[str, Any]) -> str:
    """Know no Secret."""
    raise ArtifactFailure(f"there is no Secret {reference.get('name')!r}")


class Repository:
    """The artifacts below ``root`` (``.hera``), for the one server process that has its lock.

    ``secret`` returns the values of Secrets. Every method raises :class:`ArtifactFailure`.
    """

    def __init__(self, root: Path, secret: Secret = no_secret) -> None:
        self.root = root
        self._secret = secret
        # What a server that was killed had not finished.
        shutil.rmtree(root / _DRAFTS, ignore_errors=True)

    def fetch(self, location: Location, destination: Path) -> None:
        """Copy a file, or a folder with the files in it, to ``destination``."""
        if self.is_folder(location):
            for name in self.names(location):
                target = destination / name
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._copy(location, name, target)
        else:
            self._copy(location, "", destination)

    def keep(self, location: Location, write: Callable[[BinaryIO], None], inner: str = "") -> None:
        """Keep what ``write`` writes as a file, whole or not at all; ``inner`` ends its key."""
        folder, name = self._place(location, inner)
        bucket = self._bucket(location)
        try:
            with self.draft() as file:
                write(file)
                file.flush()
                if bucket is not None:
                    bucket.put(name, file)
                    return
                parent = contained_path(private_folder(folder), posixpath.dirname(name), 0o700)
                target = parent / posixpath.basename(name)
                if target.is_dir():
                    raise ArtifactFailure(f"the key {name} is that of a folder: use another key")
                os.replace(file.name, target)
        except NotADirectoryError:
            raise ArtifactFailure(f"the key {name} lies below that of a file") from None
        except NotReadable as error:
            raise ArtifactFailure(f"the key {name} {error}") from None
        except OSError as error:
            raise of_system(error, str(self.root)) from None

    @contextmanager
    def draft(self) -> Iterator[BinaryIO]:
        """Open a file that is gone in the end, unless it has got another name."""
        descriptor, path = tempfile.mkstemp(dir=private_folder(self.root / _DRAFTS))
        try:
            with open(path, "w+b") as file:
                os.close(descriptor)
                yield file
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)

    def open(self, location: Location, inner: str = "") -> BinaryIO:
        """Open a file to be read; ``inner`` ends its key."""
        folder, name = self._place(location, inner)
        bucket = self._bucket(location)
        if bucket is None:
            return _open(folder, name)
        with self.draft() as file:
            bucket.get(name, file)
            file.flush()
            # Its name goes, what is open stays.
            return open(file.name, "rb")

    def is_folder(self, location: Location) -> bool:
        """Tell whether keys begin with this one."""
        folder, name = self._place(location)
        bucket = self._bucket(location)
        return (folder / name).is_dir() if bucket is None else bucket.is_folder(name)

    def names(self, location: Location) -> Iterator[str]:
        """Yield the ends of all keys that begin with this one."""
        folder, name = self._place(location)
        if (bucket := self._bucket(location)) is not None:
            yield from bucket.names(name)
            return
        try:
            for found in walk_in_trees([contained_tree(folder)], name):
                if found.is_file:
                    yield found.path
        except (OSError, NotReadable) as error:
            raise ArtifactFailure(str(error)) from None

    def remove(self, location: Location) -> None:
        """Remove a file, or a folder with all in it, and the folders that are empty then."""
        folder, name = self._place(location)
        if (bucket := self._bucket(location)) is not None:
            bucket.remove(name)
            return
        path = folder / name
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise of_system(error, str(self.root)) from None
        with suppress(OSError):
            for above in list(path.relative_to(folder).parents)[:-1]:
                (folder / above).rmdir()

    def _copy(self, location: Location, inner: str, target: Path) -> None:
        try:
            with self.open(location, inner) as source, target.open("xb") as file:
                os.fchmod(file.fileno(), 0o600)
                shutil.copyfileobj(source, file, PIECE)
        except OSError as error:
            raise of_system(error, str(target.parent)) from None

    def _bucket(self, location: Location) -> Bucket | None:
        return bucket_of(location, self._secret)

    def _place(self, location: Location, inner: str = "") -> tuple[Path, str]:
        """Return the folder of a location, and the key in it, which leads nowhere else."""
        kind = kind_of(location)
        if kind not in STORED:
            raise ArtifactFailure(f"Unsupported artifact driver for {kind or 'an artifact'}")
        key = posixpath.normpath("/" + posixpath.join(key_of(location), inner)).lstrip("/")
        if not key or "\0" in key:
            raise ArtifactFailure(f"{key_of(location)!r} cannot be a key")
        bucket = _bucket(kind, location[kind])
        if not bucket:
            return self.root / _DEFAULT, key
        return self.root / _BUCKETS / bucket.replace("/", "_").lstrip("."), key


def _open(folder: Path, name: str) -> BinaryIO:
    try:
        for found in walk_in_trees([contained_tree(folder)], name):
            if found.is_file:
                return found.open()
            break
    except (OSError, ValueError, NotReadable):
        pass
    raise ArtifactNotFound(NO_SUCH_KEY)


def _bucket(kind: str, described: Mapping[str, Any]) -> str:
    if kind == "artifactory":
        return urlsplit(str(described.get("url") or "")).hostname or ""
    if kind == "hdfs":
        return str(next(iter(described.get("addresses") or ()), ""))
    return str(described.get("container" if kind == "azure" else "bucket") or "")
