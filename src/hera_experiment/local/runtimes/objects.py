"""What a runtime asks of the store: claims, ConfigMaps and Secrets by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

CONFIGMAPS = "configmaps"
SECRETS = "secrets"


class ClusterObjects(Protocol):
    """The objects of the laptop cluster, read by name."""

    def claim_path(self, name: str) -> Path:
        """Return the folder that is the volume of this claim.

        Raises :class:`hera_experiment.local.errors.ApiError` when there is none.
        """

    def get(self, kind: str, name: str) -> Mapping[str, bytes]:
        """Return the values by key of one of :data:`CONFIGMAPS` or :data:`SECRETS`.

        Raises :class:`hera_experiment.local.errors.ApiError` when there is none.
        """
