"""The files of ``data/``, copied to the claim of a workflow before it is created."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from hera_experiment.check.requirements import Requirements
from hera_experiment.context.context import Context
from hera_experiment.results.data_files import FOLDER, DataFile, data_files
from hera_experiment.runs.server import Server


class Data:
    """The files of ``data/`` as they are when they are first asked for."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def is_there(self) -> bool:
        """Whether the experiment has the folder."""
        return (self._context.experiment.folder / FOLDER).is_dir()

    @cached_property
    def files(self) -> Sequence[DataFile]:
        """All of them; raises :class:`UserError` for what cannot be read."""
        return data_files(self._context.experiment.folder / FOLDER) if self.is_there else ()

    @property
    def sums(self) -> Mapping[str, str]:
        """Their digests, by their paths."""
        return {os.fsdecode(each.path): each.sum for each in self.files}

    def claim_of(self, manifest: Mapping[str, Any]) -> str:
        """Return the claim that ``manifest`` has them on, empty if it mounts none."""
        claims = Requirements([manifest]).claims
        named = self._context.k8s_volume_claim_name
        return named if named in claims else (claims[0] if claims else "")


class DataUpload:
    """Copies ``data`` once to each claim; ``say`` hears of it."""

    def __init__(self, server: Server, data: Data, say: Callable[[str], None]) -> None:
        self._server = server
        self._data = data
        self._say = say
        self._done: set[str] = set()

    def __call__(self, namespace: str, manifest: Mapping[str, Any]) -> None:
        """Make sure that the claim of ``manifest`` has them; raises :class:`UserError`."""
        if not self._data.is_there:
            return
        claim = self._data.claim_of(manifest)
        if claim in self._done:
            return
        self._done.add(claim)
        if not claim:
            self._say(f"{FOLDER}/ is copied nowhere: the workflow uses no volume claim")
            return
        from hera_experiment.results.claim_files import upload_data

        upload_data(self._server, self._data.files, claim, self._say, manifest)
