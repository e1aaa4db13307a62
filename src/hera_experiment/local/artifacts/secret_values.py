"""The values of Secrets that artifacts name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hera_experiment.local.artifacts.errors import ArtifactFailure
from hera_experiment.local.errors import ApiError
from hera_experiment.local.store.objects import SECRETS, Objects

Secret = Callable[[Mapping[str, Any]], str]
"""Returns the value that a reference to a key of a Secret means; raises ArtifactFailure."""


def secret_value(objects: Objects, reference: Mapping[str, Any]) -> str:
    """Return the value that ``reference`` means; raises :class:`ArtifactFailure`."""
    name, key = str(reference.get("name") or ""), str(reference.get("key") or "")
    try:
        return objects.get(SECRETS, name)[key].decode("utf-8", "surrogateescape")
    except (ApiError, KeyError):
        raise ArtifactFailure(
            f"needs the key {key!r} of the Secret {name!r}: write the file"
            f" .hera/secrets/{name}/{key}"
        ) from None
