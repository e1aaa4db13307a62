"""Where an artifact is: the kinds of location, their keys, and what makes one complete.

Source: ``ArtifactLocation`` and its kinds in ``pkg/apis/workflow/v1alpha1/workflow_types.go`` of
argoproj/argo-workflows, whose words the errors are.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

Artifact = Mapping[str, Any]

KINDS = (
    "artifactory",
    "azure",
    "git",
    "gcs",
    "hdfs",
    "http",
    "oss",
    "raw",
    "s3",
    "plugin",
)
"""The kinds of location; of several in one artifact the first of this list counts."""

_KEYS = {"s3": "key", "gcs": "key", "oss": "key", "azure": "blob", "hdfs": "path", "plugin": "key"}
_WHOLE = {
    "s3": ("endpoint", "bucket", "key"),
    "gcs": ("bucket", "key"),
    "oss": ("endpoint", "bucket", "key"),
    "azure": ("endpoint", "container", "blob"),
    "hdfs": ("addresses",),
    "git": ("repo",),
    "http": ("url",),
    "artifactory": ("url", "usernameSecret"),
    "plugin": ("name", "configuration", "key"),
    "raw": (),
}
_KEYLESS = {"git": "git artifact does not have a key", "raw": "raw artifat does not have key"}
_NOT_CONFIGURED = (
    "artifact storage is not configured; see the docs for setup instructions: "
    "https://argo-workflows.readthedocs.io/en/latest/configure-artifact-repository/"
)


class LocationError(ValueError):
    """An artifact's location is incomplete, or cannot be changed as asked."""


def kind_of(holder: Artifact) -> str:
    """Return the kind of location that ``holder`` has, empty for none."""
    return next((kind for kind in KINDS if holder.get(kind) is not None), "")


def key_of(holder: Artifact) -> str:
    """Return the key of a location; raises :class:`LocationError` for a kind that has none."""
    kind = kind_of(holder)
    if not kind:
        raise LocationError(_NOT_CONFIGURED)
    if kind in _KEYLESS:
        raise LocationError(f"key unsupported: {_KEYLESS[kind]}")
    if kind in _KEYS:
        return str(holder[kind].get(_KEYS[kind]) or "")
    return urlsplit(str(holder[kind].get("url") or "")).path


def with_key(holder: Artifact, key: str) -> dict[str, Any]:
    """Return ``holder`` with another key; raises as :func:`key_of` does."""
    kind = kind_of(holder)
    if not kind:
        raise LocationError(_NOT_CONFIGURED)
    if kind in _KEYLESS:
        raise LocationError(f"key unsupported: cannot set key: {_KEYLESS[kind]}")
    if kind in _KEYS:
        return {**holder, kind: {**holder[kind], _KEYS[kind]: key}}
    url = urlsplit(str(holder[kind].get("url") or ""))
    return {**holder, kind: {**holder[kind], "url": urlunsplit(url._replace(path=key))}}


def below(holder: Artifact, path: str) -> dict[str, Any]:
    """Return ``holder`` with ``path`` added to its key; raises as :func:`key_of` does."""
    return with_key(holder, joined(key_of(holder), path))


def joined(*parts: str) -> str:
    """Return a key made of ``parts``, as Go joins paths: empty ones do not count."""
    found = "/".join(filter(None, parts))
    return posixpath.normpath(found).replace("//", "/", 1) if found else ""


def has_key(holder: Artifact) -> bool:
    """Tell whether there is a key."""
    try:
        return key_of(holder) != ""
    except LocationError:
        return False


def has_location(holder: Artifact) -> bool:
    """Tell whether a location is complete: without a repository one knows where it is."""
    kind = kind_of(holder)
    return bool(kind) and all(holder[kind].get(field) for field in _WHOLE[kind])


def has_location_or_key(holder: Artifact) -> bool:
    """Tell whether an artifact says where it is, alone or within a repository."""
    return has_location(holder) or has_key(holder)


def relocated(artifact: Artifact, archive: Artifact | None) -> dict[str, Any]:
    """Return the whole location of ``artifact``: its key within ``archive`` if that is all it has.

    Raises :class:`LocationError`.
    """
    if has_location(artifact):
        return {kind_of(artifact): artifact[kind_of(artifact)]}
    if archive is None:
        raise LocationError("template artifact location not set")
    return with_key(
        {kind: value for kind, value in archive.items() if kind in KINDS}, key_of(artifact)
    )
