"""What following asks of a client of Argo's server, on the laptop as on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol


class WorkflowSource(Protocol):
    """The read-only part of ``platform.argo_client.ArgoClient`` that following uses.

    All raise ``OSError`` when the connection cannot be made or drops, and
    :class:`~hera_experiment.errors.UserError` when the server refuses.
    """

    def get_workflow(self, namespace: str, name: str) -> dict[str, Any]:
        """Return one workflow; raises ``ArgoRefusal`` with status 404 for none."""

    def list_workflows(self, namespace: str, *, labels: str = "") -> list[dict[str, Any]]:
        """Return the workflows with these labels, of all namespaces when it is empty."""

    def watch_workflows(
        self, namespace: str, *, labels: str = "", fields: str = ""
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield ``("ADDED" | "MODIFIED" | "DELETED", workflow)``, those that exist first."""

    def workflow_logs(
        self, namespace: str, name: str, *, pod: str, tail_lines: int | None = None
    ) -> Iterator[str]:
        """Yield the lines of the main container of one pod."""


class WorkflowClient(WorkflowSource, Protocol):
    """What following and interrupting a session asks of it."""

    def terminate_workflow(self, namespace: str, name: str) -> Any:
        """End a workflow at once, exit handlers apart."""
