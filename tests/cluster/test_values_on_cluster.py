"""Whatever is sent arrives as it was sent: through scripts and containers, on the cluster."""

from __future__ import annotations

from typing import Any

from both_sides import Argo, finished
from real_cluster import RealCluster
from sent_values import differences, workflow_of

SEED = 11


def test_what_went_in_comes_back(cluster: RealCluster, namespace: str) -> None:
    argo = Argo(cluster["ARGO_SERVER"], cluster.token("argo-user", namespace), namespace)
    workflow, expected = workflow_of(SEED, namespace=namespace, service_account_name="argo-user")
    done = argo.wait(argo.create(workflow.to_dict()), finished)
    nodes: dict[str, Any] = done["status"].get("nodes") or {}
    failed = [n for n in nodes.values() if n["phase"] != "Succeeded"]
    assert done["status"]["phase"] == "Succeeded", (done["status"].get("message"), failed)
    assert differences(done, expected) == []
