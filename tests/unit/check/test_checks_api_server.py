"""Checks of the API server, the person and the namespace, each broken and mended."""

from __future__ import annotations

import pytest
from recorded_cluster import REVIEWS, SPACE, RecordedCluster

WHO = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews"


def test_api_reachable(recorded: RecordedCluster) -> None:
    assert recorded.ok("API-REACHABLE") == f"http://{recorded.kubernetes.address}"
    recorded.kubernetes["GET /version"] = 200, "<html>a login page</html>"
    failed = recorded.failure("API-REACHABLE")
    assert "does not answer as Kubernetes does" in failed.cause
    assert "config set-cluster c --server https://HOST:PORT" in failed.advice


def test_api_reachable_where_nothing_listens(recorded: RecordedCluster) -> None:
    recorded.kubernetes.close()
    failed = recorded.failure("API-REACHABLE")
    assert failed.message == "no answer" and failed.advice.startswith("join the VPN, or correct it")


def test_api_ready(recorded: RecordedCluster) -> None:
    assert recorded.ok("API-READY") == "ready"
    recorded.kubernetes["GET /readyz"] = 500, "[+]ping ok\n[-]etcd failed: reason withheld\n"
    failed = recorded.failure("API-READY")
    assert failed.cause.endswith("is starting, stopping or unhealthy: etcd")
    assert "make check-cluster CLUSTER=NAME WAIT=120" in failed.advice
    recorded.kubernetes.forbid("GET /readyz")
    assert recorded.unknown("API-READY") == "it does not tell you"


@pytest.mark.parametrize(("version", "old"), [("v1.27.16", True), ("v1.28.0-rc1", False)])
def test_api_version(recorded: RecordedCluster, version: str, old: bool) -> None:
    assert recorded.ok("API-VERSION") == "v1.34.4"
    recorded.kubernetes["GET /version"] = 200, {"gitVersion": version}
    if old:
        failed = recorded.failure("API-VERSION")
        assert "v1.27.16 is older than 1.28" in failed.cause
        assert "upgrade Kubernetes to 1.28 or later" in failed.advice
    else:
        assert recorded.ok("API-VERSION") == version
    recorded.kubernetes["GET /version"] = 200, {"gitVersion": "main"}
    recorded.unknown("API-VERSION")


def test_identity(recorded: RecordedCluster) -> None:
    assert recorded.ok("IDENTITY") == "system:serviceaccount:experiments:researcher"
    recorded.kubernetes[WHO] = 401, {"message": "Unauthorized"}
    failed = recorded.failure("IDENTITY")
    assert failed.message == "not accepted" and "user 'me' in " in failed.cause
    assert "new kubeconfig" in failed.advice
    recorded.kubernetes[WHO] = 403, {"message": 'User "system:anonymous" cannot create'}
    assert "holds no credentials" in recorded.failure("IDENTITY").cause
    recorded.kubernetes[WHO] = 500, {"message": "etcd is gone"}
    assert "etcd is gone" in recorded.unknown("IDENTITY")


def test_namespace(recorded: RecordedCluster) -> None:
    assert recorded.ok("NAMESPACE") == "experiments"
    recorded.kubernetes.change(f"GET {SPACE}", status={"phase": "Terminating"})
    assert "is being deleted" in recorded.failure("NAMESPACE").cause
    del recorded.kubernetes.answers[f"GET {SPACE}"]
    failed = recorded.failure("NAMESPACE")
    assert failed.advice.endswith("kubectl create namespace experiments")
    assert "ARGO_NAMESPACE" in failed.cause
    del recorded.settings["ARGO_NAMESPACE"]
    assert recorded.failure("NAMESPACE").advice == "set ARGO_NAMESPACE"


def test_a_namespace_that_may_not_be_read(recorded: RecordedCluster) -> None:
    recorded.kubernetes.forbid(f"GET {SPACE}")
    assert "may not read but submit to" in recorded.ok("NAMESPACE")
    recorded.no_right("workflows")
    failed = recorded.failure("NAMESPACE")
    assert failed.message == "'experiments' is missing or closed"
    assert "kind: Namespace" in failed.paste and "workflows" in failed.paste
    recorded.kubernetes[f"POST {REVIEWS}/selfsubjectrulesreviews"] = 500, {"message": "no"}
    assert "does not tell your rights" in recorded.unknown("NAMESPACE")
