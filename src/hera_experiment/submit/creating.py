"""What happens when a script creates a workflow: checks, files, the request, a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TextIO

from hera_experiment.check.requirements import Requirements
from hera_experiment.errors import tell
from hera_experiment.runs.server import Server
from hera_experiment.submit.preflight import Preflight
from hera_experiment.submit.told import created

DATA = "data"
"""The folder whose files are copied to the claim."""


class Creating:
    """Stands before the creation of each workflow on ``server``, and tells of it on ``out``.

    ``notice`` is called when a script creates a workflow.
    """

    def __init__(
        self, server: Server, out: TextIO, notice: Callable[[], None] = lambda: None
    ) -> None:
        self._server = server
        self._notice = notice
        self._out = out
        self._preflight = None if server.is_local else Preflight(server.context, server.client)
        self._with_data: set[str] = set()

    def take_over(self) -> None:
        """Be asked whenever a script creates a workflow."""
        from hera_experiment.submission.service import call_around

        call_around(self.before, self.after)

    def before(self, namespace: str, manifest: Mapping[str, Any]) -> None:
        """Check what must be true for ``manifest``, and copy the experiment's data.

        Raises
        ------
        UserError
            When the workflow cannot work: it is not to be created.
        """
        self._notice()
        if self._preflight is not None:
            self._preflight(namespace, manifest)
        folder = self._server.context.experiment.folder / DATA
        if not folder.is_dir():
            return
        claim = self._claim(manifest)
        if claim in self._with_data:
            return
        self._with_data.add(claim)
        if not claim:
            tell(f"{DATA}/ is copied nowhere: the workflow uses no volume claim")
            return
        from hera_experiment.results.claim_files import upload_data

        upload_data(self._server, folder, claim, tell, manifest)

    def _claim(self, manifest: Mapping[str, Any]) -> str:
        claims = Requirements([manifest]).claims
        named = self._server.context.k8s_volume_claim_name
        return named if named in claims else (claims[0] if claims else "")

    def after(self, workflow: Mapping[str, Any]) -> None:
        """Tell of ``workflow``, which exists now."""
        metadata = workflow["metadata"]
        line = created(
            self._server.client.url,
            str(metadata.get("namespace") or self._server.namespace),
            str(metadata["name"]),
            is_local=self._server.is_local,
        )
        print(line, file=self._out, flush=True)
