"""Which Argo and which Kubernetes a cluster has, as far as they tell."""

from __future__ import annotations

from contextlib import suppress

from hera_experiment.errors import UserError
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.cluster import Cluster
from hera_experiment.platform.kubernetes_access import KubernetesAccess

_TIMEOUT = (2.0, 2.0)
"""Seconds to connect and to wait: nothing but a note depends on Kubernetes' answer."""


def versions_of(client: ArgoClient, cluster: Cluster | None) -> dict[str, str]:
    """Ask both for their version; who does not answer is not in what is returned."""
    found = {}
    with suppress(OSError, UserError):
        found["argo"] = str(client.version().get("version") or "")
    if isinstance(cluster, KubernetesAccess) and cluster.has_access:
        with suppress(OSError, UserError):
            answer = KubernetesAccess(cluster.args, timeout=_TIMEOUT).client.get("/version")
            found["kubernetes"] = str((answer.document or {}).get("gitVersion") or "")
    return {name: version for name, version in found.items() if version}
