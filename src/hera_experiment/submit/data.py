"""The files of ``data/``, copied to the claim of a workflow before it is created."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hera_experiment.check.requirements import Requirements
from hera_experiment.runs.server import Server

DATA = "data"
"""The folder whose files are copied to the claim."""


class DataUpload:
    """Copies them once to each claim; ``say`` hears of it."""

    def __init__(self, server: Server, say: Callable[[str], None]) -> None:
        self._server = server
        self._say = say
        self._done: set[str] = set()

    def __call__(self, namespace: str, manifest: Mapping[str, Any]) -> None:
        """Make sure that the claim of ``manifest`` has them; raises :class:`UserError`."""
        folder = self._server.context.experiment.folder / DATA
        if not folder.is_dir():
            return
        claims = Requirements([manifest]).claims
        named = self._server.context.k8s_volume_claim_name
        claim = named if named in claims else (claims[0] if claims else "")
        if claim in self._done:
            return
        self._done.add(claim)
        if not claim:
            self._say(f"{DATA}/ is copied nowhere: the workflow uses no volume claim")
            return
        from hera_experiment.results.claim_files import upload_data

        upload_data(self._server, folder, claim, self._say, manifest)
