"""What can be wrong with an artifact, in Argo's words where it has them."""

from __future__ import annotations

import errno

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


NO_SUCH_KEY = "The specified key does not exist."


class ArtifactFailure(Exception):
    """An artifact cannot be fetched, packed or kept."""


class ArtifactNotFound(ArtifactFailure):
    """There is no such artifact: an optional one is passed over."""


class NotPackable(ArtifactFailure):
    """The task's own container fails to pack what it leaves behind."""


def of_system(error: OSError, where: str) -> ArtifactFailure:
    """Return what the operating system says, as Go would, or how to make room in ``where``."""
    reason = (error.strerror or str(error)).lower()
    if error.errno in _FULL:
        return ArtifactFailure(f"{reason}: make room for artifacts in {where}")
    named = f"{error.filename}: " if error.filename else ""
    return ArtifactFailure(f"{named}{reason}")
