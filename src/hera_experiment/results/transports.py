"""Chooses the way to a workflow's claims: folders here, on a cluster a pod or else a workflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from hera_experiment.results.data_files import DataFile
from hera_experiment.results.folder_transport import FolderTransport
from hera_experiment.results.outcome import Results, nothing_written
from hera_experiment.results.transport import TransferRequest, Transport, TransportUnavailable
from hera_experiment.results.workflows import claims_of

T = TypeVar("T")


def transport_of(request: TransferRequest) -> Transport:
    """Return the way to the claims of the workflow."""
    if request.server.is_local:
        claims = request.server.context.experiment.state / "claims"
        return FolderTransport(request.workflow, claims, request.say)
    return ClusterTransport(request)


class ClusterTransport:
    """A pod, and a workflow where pods may not be made or entered."""

    def __init__(self, request: TransferRequest) -> None:
        self._request = request

    def download(self, destination: Path) -> Results:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        results = self._first_possible(lambda transport: transport.download(destination))
        if results.files or results.remarks:
            return results
        workflow = self._request.workflow
        return replace(results, remarks=(nothing_written(self._request.name, claims_of(workflow)),))

    def upload(self, claim: str, files: Sequence[DataFile]) -> None:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        self._first_possible(lambda transport: transport.upload(claim, files))

    def _first_possible(self, action: Callable[[Transport], T]) -> T:
        from hera_experiment.results.pod_transport import PodTransport
        from hera_experiment.results.workflow_transport import WorkflowTransport

        try:
            return action(PodTransport(self._request))
        except TransportUnavailable as error:
            why = str(error)
        return action(WorkflowTransport(self._request, why))
