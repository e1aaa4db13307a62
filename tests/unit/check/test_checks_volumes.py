"""Checks of volume claims, each broken and mended."""

from __future__ import annotations

from typing import Any

import pytest
from recorded_cluster import SPACE, RecordedCluster, node

CLAIM = f"GET {SPACE}/persistentvolumeclaims/results"
CLASSES = "GET /apis/storage.k8s.io/v1/storageclasses"
VOLUMES = "GET /api/v1/persistentvolumes"


def modes(recorded: RecordedCluster, *names: str) -> None:
    """Give the claim these access modes."""
    recorded.kubernetes.change(CLAIM, status={"phase": "Bound", "accessModes": list(names)})


def one_pod_at_a_time(recorded: RecordedCluster) -> None:
    del recorded.spec["templates"][1]


def test_claim_bound(recorded: RecordedCluster) -> None:
    assert recorded.ok("CLAIM-BOUND") == "results"
    recorded.kubernetes.change(CLAIM, status={"phase": "Pending"})
    failed = recorded.failure("CLAIM-BOUND")
    assert "is Pending: storageClassName 'by-hand', ReadWriteMany, 5Gi" in failed.cause
    assert failed.advice.endswith("claimRef experiments/results")
    about = {"kind": "PersistentVolumeClaim", "name": "results"}
    waits = {"reason": "WaitForFirstConsumer", "involvedObject": about}
    recorded.kubernetes[f"GET {SPACE}/events"] = 200, {"items": [waits]}
    assert "made for the first pod" in recorded.warning("CLAIM-BOUND").cause
    recorded.kubernetes.change(CLAIM, status={"phase": "Lost"})
    assert "its volume is gone" in recorded.failure("CLAIM-BOUND").advice


def test_claim_bound_that_is_missing(recorded: RecordedCluster) -> None:
    recorded.settings["KUBEVOLUMECLAIMNAME"] = "other"
    failed = recorded.failure("CLAIM-BOUND")
    assert "there is no volume claim 'other' in 'experiments'" in failed.cause
    assert "KUBEVOLUMECLAIMNAME" in failed.cause and "name: other" in failed.paste
    assert failed.advice.startswith("correct KUBEVOLUMECLAIMNAME, create it with: make provision,")
    there = [{"metadata": {"name": name}} for name in ("results", "scratch")]
    recorded.kubernetes[f"GET {SPACE}/persistentvolumeclaims"] = 200, {"items": there}
    assert recorded.failure("CLAIM-BOUND").cause.endswith("; there are 'results', 'scratch'")
    recorded.kubernetes.forbid(f"GET {SPACE}/persistentvolumeclaims")
    assert "there are" not in recorded.failure("CLAIM-BOUND").cause
    recorded.kubernetes.forbid(f"GET {SPACE}/persistentvolumeclaims/other")
    assert "you may not read" in recorded.unknown("CLAIM-BOUND")


def test_claim_access(recorded: RecordedCluster) -> None:
    assert recorded.ok("CLAIM-ACCESS") == "results: ReadWriteMany"
    modes(recorded, "ReadWriteOnce")
    assert "ReadWriteMany, unless" in recorded.warning("CLAIM-ACCESS").advice
    recorded.nodes(node())
    assert "the cluster has one node" in recorded.ok("CLAIM-ACCESS")
    recorded.nodes(node("n1"), node("n2"))
    failed = recorded.failure("CLAIM-ACCESS")
    assert "only one of the 2 nodes at a time" in failed.cause
    assert "KUBEVOLUMECLAIMNAME=results-shared" in failed.advice
    assert "name: results-shared" in failed.paste
    modes(recorded, "ReadWriteOncePod")
    assert "only one pod at a time" in recorded.failure("CLAIM-ACCESS").cause
    one_pod_at_a_time(recorded)
    assert "one pod at a time" in recorded.ok("CLAIM-ACCESS")
    modes(recorded, "ReadOnlyMany")
    assert "nothing can be written" in recorded.failure("CLAIM-ACCESS").cause


def holder(**spec: Any) -> dict[str, Any]:
    volume = {"persistentVolumeClaim": {"claimName": "results"}}
    spec = {"nodeName": "n1", "volumes": [volume], **spec}
    return {"metadata": {"name": "other"}, "spec": spec, "status": {"phase": "Running"}}


def test_claim_node(recorded: RecordedCluster) -> None:
    assert recorded.ok("CLAIM-NODE") == "results: many may use it"
    recorded.kubernetes[f"GET {SPACE}/pods"] = 200, {"items": []}
    modes(recorded, "ReadWriteOnce")
    assert recorded.ok("CLAIM-NODE") == "results: free"
    recorded.kubernetes[f"GET {SPACE}/pods"] = 200, {"items": [holder()]}
    assert "on the node 'n1'" in recorded.warning("CLAIM-NODE").cause
    recorded.nodes(node("n1"), node("n2"))
    failed = recorded.failure("CLAIM-NODE")
    assert "may go to 'n2'" in failed.cause
    assert failed.advice.endswith("kubectl -n experiments delete pod other")
    recorded.spec["nodeSelector"] = {"disk": "fast"}
    recorded.nodes(node("n1", labels={"disk": "fast"}), node("n2"))
    assert "where the workflow's pods go too" in recorded.ok("CLAIM-NODE")
    modes(recorded, "ReadWriteOncePod")
    assert "only one pod at a time" in recorded.failure("CLAIM-NODE").cause


@pytest.mark.parametrize(
    ("provisioner", "well"), [("disks.example.org", True), ("kubernetes.io/no-provisioner", False)]
)
def test_storage_class(recorded: RecordedCluster, provisioner: str, well: bool) -> None:
    assert recorded.ok("STORAGE-CLASS") == "it uses none"
    claim = {
        "metadata": {"name": "scratch"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "fast",
            "resources": {"requests": {"storage": "2Gi"}},
        },
    }
    recorded.spec["volumeClaimTemplates"] = [claim]
    recorded.kubernetes.forbid(CLASSES)
    assert "the storage classes" in recorded.unknown("STORAGE-CLASS")
    found = {"metadata": {"name": "fast"}, "provisioner": provisioner}
    recorded.kubernetes[CLASSES] = 200, {"items": [found]}
    if well:
        assert recorded.ok("STORAGE-CLASS") == "scratch: fast"
        claim["spec"]["storageClassName"] = "slow"  # type: ignore[index]
    recorded.kubernetes.forbid(VOLUMES)
    assert "only a volume made by hand" in recorded.warning("STORAGE-CLASS").cause
    recorded.kubernetes[VOLUMES] = 200, {"items": []}
    failed = recorded.failure("STORAGE-CLASS")
    assert "no volume made by hand is free for it" in failed.cause
    assert "storage_class_name=one of 'fast'" in failed.advice
    free = {
        "spec": {
            "storageClassName": "slow" if well else "fast",
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "2Gi"},
        },
        "status": {"phase": "Available"},
    }
    recorded.kubernetes[VOLUMES] = 200, {"items": [free]}
    assert recorded.ok("STORAGE-CLASS") == "scratch: a volume made by hand"
