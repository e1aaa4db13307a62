"""One Argo server that runs are on, reached and signed in to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hera_experiment.argo.names import EXPERIMENT_LABEL
from hera_experiment.closable import Closable
from hera_experiment.context.context import Context
from hera_experiment.context.profiles import LOCAL
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.cluster import Cluster

_HEAD = (
    "metadata",
    "spec.shutdown",
    "status.phase",
    "status.message",
    "status.startedAt",
    "status.finishedAt",
    "status.progress",
)


@dataclass
class Server(Closable):
    """An Argo server that answers, and the cluster it belongs to.

    ``label`` is ``local``, the profile's name, or empty for a cluster that comes from settings
    other than a profile. On a cluster the experiment's runs are those of ``namespace`` that carry
    its label; on the laptop they are all there are, whatever their namespace. ``account`` is whose
    token it is asked with, ``token_ends`` when that ends, where it says.
    """

    label: str
    context: Context
    client: ArgoClient
    namespace: str
    cluster: Cluster
    account: str = ""
    token_ends: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it is the laptop's."""
        return self.label == LOCAL

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.label or self.client.url.partition("://")[2].rstrip("/")

    @property
    def searched(self) -> str:
        """The namespace that runs are looked for in, empty for all of them."""
        return "" if self.is_local else self.namespace

    def heads(self) -> list[dict[str, Any]]:
        """Return the experiment's workflows without specification and nodes, newest first."""
        labels = "" if self.is_local else f"{EXPERIMENT_LABEL}={self.context.experiment.slug}"
        found = self.client.list_workflows(self.searched, labels=labels, fields=",".join(_HEAD))
        return sorted(found, key=age, reverse=True)

    def get(self, name: str) -> dict[str, Any]:
        """Return one workflow, whole; raises ``ArgoRefusal`` with status 404 for none."""
        return self.client.get_workflow(self.searched, name)

    def close(self) -> None:
        """Close the connections; the laptop's server may leave then."""
        self.client.close()
        self.cluster.close()


def open_server(context: Context) -> Server:
    """Reach the server that ``context`` designates; the laptop's is started when none is up.

    Raises :class:`~hera_experiment.errors.UserError` when it does not answer or accepts no token.
    """
    cluster = context.open_cluster()
    argo = context.open_argo_server(cluster)
    if not context.is_local:
        argo.assert_accessible()
    return Server(
        context.cluster,
        context,
        argo.client,
        argo.namespace,
        cluster,
        argo.account,
        argo.token_ends,
    )


def age(workflow: dict[str, Any]) -> tuple[str, int]:
    """Return what puts workflows in the order in which they were created."""
    metadata = workflow["metadata"]
    version = str(metadata.get("resourceVersion") or "0")
    # Dates are whole seconds; of one second, the version tells which one changed last.
    return str(metadata.get("creationTimestamp") or ""), int(version) if version.isdigit() else 0
