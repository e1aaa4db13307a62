"""What is to be fetched, from where, and to where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hera_experiment.runs.server import Server

_PARTS = ".parts"


class NoPods(Exception):
    """Why no reader pod can be had, in a sentence."""


@dataclass(frozen=True)
class Errand:
    """The results of one workflow on a cluster, and the folder here that receives them.

    ``image`` reads the claim in place of one of the workflow's own; ``label`` marks what is made on
    the cluster, see :func:`~hera_experiment.results.alone.alone`.
    """

    server: Server
    workflow: dict[str, Any]
    destination: Path
    say: Callable[[str], None]
    image: str
    label: str

    @property
    def name(self) -> str:
        """The workflow's name, which is that of its folder on a claim too."""
        return str(self.workflow["metadata"]["name"])

    @property
    def account(self) -> str:
        """The service account that pods run as where the workflow does not say."""
        return self.server.context.argo_service_account

    @property
    def drafts(self) -> Path:
        """Where files wait that have not arrived whole."""
        return self.destination.parent / _PARTS / self.destination.name
