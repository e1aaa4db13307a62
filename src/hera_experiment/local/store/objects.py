"""Claims, ConfigMaps and Secrets of the laptop: plain folders and files.

``claims/<claim>/`` is the volume itself; ``configmaps/<name>/<KEY>`` and ``secrets/<name>/<KEY>``
hold one value a file, as a mounted ConfigMap does. Unlike on a cluster they belong to no
namespace.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hera_experiment.local.errors import InvalidWorkflow, NotFound

CLAIMS = "persistentvolumeclaims"
CONFIGMAPS = "configmaps"
SECRETS = "secrets"
KINDS = (CLAIMS, CONFIGMAPS, SECRETS)

_FOLDERS = {CLAIMS: "claims", CONFIGMAPS: "configmaps", SECRETS: "secrets"}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")


class Objects:
    """The objects below ``root`` (``.hera``). ``kind`` is one of :data:`KINDS`.

    Every method raises :class:`InvalidWorkflow` for a name that RFC 1123 (or, for a key,
    Kubernetes) refuses, so that no name leads out of its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self, kind: str) -> list[str]:
        """Return the names of all objects of this kind, sorted."""
        folder = self.root / _FOLDERS[kind]
        if not folder.is_dir():
            return []
        return sorted(p.name for p in folder.iterdir() if p.is_dir() and _NAME.fullmatch(p.name))

    def exists(self, kind: str, name: str) -> bool:
        """Tell whether there is such an object."""
        return self._folder(kind, name).is_dir()

    def get(self, kind: str, name: str) -> dict[str, bytes]:
        """Return the values by key (none for a claim); raises :class:`NotFound`."""
        folder = self.path(kind, name)
        if kind == CLAIMS:
            return {}
        files = (p for p in sorted(folder.iterdir()) if p.is_file() and _is_key(p.name))
        return {path.name: path.read_bytes() for path in files}

    def put(self, kind: str, name: str, values: Mapping[str, bytes] | None = None) -> Path:
        """Create the object, or give it exactly these values, and return its folder."""
        folder = self._folder(kind, name)
        values = values or {}
        for key in values:
            if not _is_key(key):
                raise InvalidWorkflow(
                    f"{key!r} is not a valid key of {kind} {name!r}: use letters, digits, '-', '_'"
                    " and '.'"
                )
        private_folder(folder)
        if kind != CLAIMS:
            for key, value in values.items():
                write_private(folder / key, value)
            for path in folder.iterdir():
                if path.is_file() and path.name not in values:
                    path.unlink()
        return folder

    def remove(self, kind: str, name: str) -> None:
        """Remove the object with all that it holds; well when there is none."""
        folder = self._folder(kind, name)
        with suppress(FileNotFoundError):
            # Renamed first: no name that a claim can have, so half of one is never seen.
            shutil.rmtree(folder.rename(folder.with_name(f"..{name[:200]}")), ignore_errors=True)

    def claim_path(self, name: str) -> Path:
        """Return the folder that is the volume of this claim; raises :class:`NotFound`."""
        return self.path(CLAIMS, name)

    def path(self, kind: str, name: str) -> Path:
        """Return the folder of an object; raises :class:`NotFound`."""
        folder = self._folder(kind, name)
        if not folder.is_dir():
            raise NotFound(f'{kind} "{name}" not found')
        return folder

    def _folder(self, kind: str, name: str) -> Path:
        check_name(name)
        return self.root / _FOLDERS[kind] / name


def check_name(name: str) -> None:
    """Raise :class:`InvalidWorkflow` unless ``name`` is an RFC 1123 subdomain."""
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise InvalidWorkflow(
            f"{name!r} is not a valid name: use lower-case letters, digits, '-' and '.', beginning "
            "and ending with a letter or digit (RFC 1123)"
        )


def _is_key(key: str) -> bool:
    return bool(_KEY.fullmatch(key)) and len(key) <= 253 and not key.startswith("..") and key != "."


def private_folder(path: Path) -> Path:
    """Make ``path`` and what is missing above it, each with mode 700, and return it."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write ``path`` with mode 600, whole or not at all."""
    # A leading '..' is no valid key, so the temporary name collides with none.
    temporary = path.with_name(f"..{path.name[:200]}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)
