"""Buckets of a real S3 server, by the extra ``s3`` of the library.

Source: ``workflow/artifacts/s3/s3.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, BinaryIO

from hera_experiment.local.artifacts.errors import NO_SUCH_KEY, ArtifactFailure, ArtifactNotFound
from hera_experiment.local.artifacts.references import Artifact, kind_of
from hera_experiment.local.artifacts.secret_values import Secret

_PIECE = 1 << 20


class Bucket:
    """One bucket; every method raises :class:`ArtifactFailure`."""

    def __init__(self, described: Mapping[str, Any], secret: Secret) -> None:
        self._obstore = import_module("obstore")
        insecure = bool(described.get("insecure"))
        scheme = "http" if insecure else "https"
        keys = {
            "access_key_id": secret(described["accessKeySecret"]),
            "secret_access_key": secret(described["secretKeySecret"]),
        }
        if token := described.get("sessionTokenSecret"):
            keys["session_token"] = secret(token)
        self._store = import_module("obstore.store").S3Store(
            str(described["bucket"]),
            endpoint=f"{scheme}://{described['endpoint']}",
            region=str(described.get("region") or "us-east-1"),
            virtual_hosted_style_request=False,
            client_options={"allow_http": insecure},
            **keys,
        )

    def get(self, key: str, file: BinaryIO) -> None:
        """Write what is at ``key`` to ``file``."""
        with self._failures():
            for piece in self._obstore.get(self._store, key).stream(min_chunk_size=_PIECE):
                file.write(piece)

    def put(self, key: str, file: BinaryIO) -> None:
        """Keep ``file``, from its beginning, at ``key``."""
        file.seek(0)
        with self._failures():
            self._obstore.put(self._store, key, file)

    def names(self, key: str) -> Iterator[str]:
        """Yield the ends of all keys below ``key``."""
        prefix = f"{key.rstrip('/')}/"
        with self._failures():
            for found in self._obstore.list(self._store, prefix):
                yield from (str(each["path"])[len(prefix) :] for each in found)

    def is_folder(self, key: str) -> bool:
        """Tell whether there are keys below ``key``."""
        return next(self.names(key), None) is not None

    def remove(self, key: str) -> None:
        """Remove what is at ``key`` and below it."""
        gone = [posixpath.join(key, name) for name in self.names(key)]
        with self._failures():
            self._obstore.delete(self._store, gone or [key])

    def _failures(self) -> _Failures:
        return _Failures(import_module("obstore.exceptions"))


class _Failures:
    """Says what the store said in the words of Argo's executor."""

    def __init__(self, exceptions: Any) -> None:
        self._exceptions = exceptions

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, (FileNotFoundError, self._exceptions.NotFoundError)):
            raise ArtifactNotFound(NO_SUCH_KEY) from None
        if isinstance(error, self._exceptions.BaseError):
            first = str(error).strip().partition("\n")[0]
            raise ArtifactFailure(f"the S3 server does not do it: {first}") from None


def bucket_of(location: Artifact, secret: Secret) -> Bucket | None:
    """Return the bucket of ``location`` where it can be asked, None where a folder stands for it.

    It can when the location names the server and Secrets that are here, and the extra is installed.
    """
    described = location.get("s3") or {}
    needed = ("endpoint", "bucket", "accessKeySecret", "secretKeySecret")
    if kind_of(location) != "s3" or not all(described.get(name) for name in needed):
        return None
    if find_spec("obstore") is None:
        return None
    try:
        for name in needed[2:]:
            secret(described[name])
    except ArtifactFailure:
        return None
    return Bucket(described, secret)
