"""Checks of quotas, limit ranges and nodes, each broken and mended."""

from __future__ import annotations

from typing import Any

import pytest
from recorded_cluster import SPACE, RecordedCluster, node

QUOTAS = f"GET {SPACE}/resourcequotas"
RANGES = f"GET {SPACE}/limitranges"


def quota(recorded: RecordedCluster, key: str, hard: str, used: str = "0") -> None:
    status = {"hard": {key: hard}, "used": {key: used}}
    recorded.kubernetes[QUOTAS] = 200, {"items": [{"metadata": {"name": "q"}, "status": status}]}


def asks(recorded: RecordedCluster, **requests: str) -> None:
    named = {name.replace("gpu", "nvidia.com/gpu"): value for name, value in requests.items()}
    recorded.pod["container"]["resources"] = {"requests": named}


def test_quota(recorded: RecordedCluster) -> None:
    assert recorded.ok("QUOTA") == "there are none"
    quota(recorded, "requests.memory", "1Gi")
    failed = recorded.failure("QUOTA")
    assert (
        "wants requests.memory of each container, and the template 'one' says none" in failed.cause
    )
    asks(recorded, memory="512Mi")
    assert recorded.ok("QUOTA") == "q"
    quota(recorded, "requests.memory", "1Gi", "768Mi")
    assert "768Mi of 1Gi used" in recorded.warning("QUOTA").cause
    quota(recorded, "requests.memory", "256Mi")
    failed = recorded.failure("QUOTA")
    assert "the template 'one' needs requests.memory 536870912" in failed.cause
    assert '"requests.memory":"536870912"' in failed.advice
    quota(recorded, "count/workflows.argoproj.io", "5", "5")
    assert "5 of them used" in recorded.failure("QUOTA").cause
    recorded.kubernetes.forbid(QUOTAS)
    assert recorded.unknown("QUOTA") == "you may not read resourcequotas"


@pytest.mark.parametrize(
    ("kind", "bound", "word"),
    [("Container", "max", "more"), ("Container", "min", "less"), ("Pod", "max", "more")],
)
def test_limit_range(recorded: RecordedCluster, kind: str, bound: str, word: str) -> None:
    assert recorded.ok("LIMIT-RANGE") == "there are none"
    item: dict[str, Any] = {"type": kind, bound: {"cpu": "1"}}
    found = {"metadata": {"name": "r"}, "spec": {"limits": [item]}}
    recorded.kubernetes[RANGES] = 200, {"items": [found]}
    asks(recorded, cpu="1")
    assert recorded.ok("LIMIT-RANGE") == "r"
    asks(recorded, cpu="2" if bound == "max" else "500m")
    failed = recorded.failure("LIMIT-RANGE")
    assert f"{word} than the limit range 'r' of 'experiments' allows (1)" in failed.cause
    assert f"/spec/limits/0/{bound}/cpu" in failed.advice


def test_taints(recorded: RecordedCluster) -> None:
    assert recorded.unknown("TAINTS") == "you may not read the nodes"
    recorded.nodes(node(), node("n2", taint="gpu"))
    assert recorded.ok("TAINTS") == "1 of 2 nodes"
    recorded.nodes(node(taint="gpu"))
    failed = recorded.failure("TAINTS")
    assert "does not tolerate the taint gpu:NoSchedule of 'n1'" in failed.cause
    assert "Toleration(key='gpu', operator='Exists', effect='NoSchedule')" in failed.advice
    recorded.spec["tolerations"] = [{"key": "gpu", "operator": "Exists"}]
    assert recorded.ok("TAINTS") == "1 of 1 nodes"
    asks(recorded, cpu="8")
    assert "asks for cpu 8, and the largest node has 4" in recorded.failure("TAINTS").cause
    recorded.spec["nodeSelector"] = {"disk": "fast"}
    assert recorded.failure("TAINTS").advice.endswith("kubectl label node n1 disk=fast")
    recorded.nodes(node(ready="False"))
    assert recorded.failure("TAINTS").message == "no node is ready"


def test_taints_that_kubernetes_sets(recorded: RecordedCluster) -> None:
    recorded.nodes(node(taint="node.kubernetes.io/disk-pressure"))
    assert recorded.failure("TAINTS").advice.endswith("kubectl describe node n1")


def test_gpu(recorded: RecordedCluster) -> None:
    assert recorded.ok("GPU") == "it asks for none"
    asks(recorded, gpu="2")
    assert recorded.unknown("GPU") == "you may not read the nodes"
    recorded.nodes(node(allocatable={"nvidia.com/gpu": "1"}))
    failed = recorded.failure("GPU")
    assert "asks for 2 nvidia.com/gpu" in failed.cause and "ask for 1" in failed.advice
    recorded.nodes(node(allocatable={"nvidia.com/gpu": "4"}))
    assert recorded.ok("GPU") == "nvidia.com/gpu: 2 of 4"
