"""Which run of the laptop each workflow of a script goes on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hera_experiment.argo.names import (
    ANNOTATION_FROM,
    ANNOTATION_ONLY,
    ANNOTATION_RESUME,
    SUFFIX_LENGTH,
    generated_name,
)


class Resumption:
    """The names of the runs that a script made before, in its order; each is taken once.

    ``begin`` names the tasks that run again, with what follows them; ``only`` the one that runs.
    """

    def __init__(self, runs: Sequence[str], begin: str = "", only: str = "") -> None:
        self._runs = list(runs)
        words = {ANNOTATION_RESUME: "1", ANNOTATION_FROM: begin, ANNOTATION_ONLY: only}
        self._annotations = {name: value for name, value in words.items() if value}

    def of(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Return the manifest of a workflow that is created, as that of the run it goes on with.

        What the script did not make before begins anew.
        """
        metadata = manifest.get("metadata") or {}
        found = next((name for name in self._runs if is_named(name, metadata)), None)
        if found is None:
            return dict(manifest)
        self._runs.remove(found)
        kept = {key: value for key, value in metadata.items() if key != "generateName"}
        annotations = {**(metadata.get("annotations") or {}), **self._annotations}
        return {**manifest, "metadata": {**kept, "name": found, "annotations": annotations}}


def is_named(name: str, metadata: Mapping[str, Any]) -> bool:
    """Tell whether a run of that name may have been made of ``metadata``."""
    if given := metadata.get("name"):
        return bool(name == given)
    suffix = name[-SUFFIX_LENGTH:]
    return name == generated_name(metadata.get("generateName") or "", suffix)
