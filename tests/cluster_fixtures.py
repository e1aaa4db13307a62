"""What the tests of a real cluster share: the cluster, whose turn it is, and both servers."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from both_sides import NAMESPACE, Argo, Local
from real_cluster import ENV_FILE, RealCluster, absent, read_env

from hera_experiment.local.runtimes.base import AUTO


@pytest.fixture(scope="session")
def cluster() -> RealCluster:
    path = Path(os.environ.get("HERA_TEST_CLUSTER_ENV", ENV_FILE))
    if not path.is_file():
        absent(f"no test cluster: {path} is not there")
    return read_env(path)


@pytest.fixture(scope="module")
def turn(request: pytest.FixtureRequest, cluster: RealCluster) -> Iterator[None]:
    """Wait for the files that may not run beside this one, in this run or in another.

    A disruptive file holds the cluster alone, the others share it. Who waits to have it alone
    holds the queue, or those who share it would keep it for ever.
    """
    alone = request.node.get_closest_marker("disruptive") is not None
    with open(cluster.env_file) as shared, open(cluster["ADMIN_KUBECONFIG"]) as queue:
        fcntl.flock(queue, fcntl.LOCK_EX)
        fcntl.flock(shared, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(queue, fcntl.LOCK_UN)
        yield


# The agent, which sends the requests of HTTP templates, runs as the account that workflows name.
AGENT = f"""
apiVersion: v1
kind: Secret
metadata:
  name: experiment.service-account-token
  namespace: {NAMESPACE}
  annotations: {{kubernetes.io/service-account.name: experiment}}
type: kubernetes.io/service-account-token
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: argo-agent, namespace: {NAMESPACE}}}
rules:
- {{apiGroups: [argoproj.io], resources: [workflowtasksets], verbs: [list, watch]}}
- {{apiGroups: [argoproj.io], resources: [workflowtasksets/status], verbs: [patch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: argo-agent, namespace: {NAMESPACE}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: argo-agent}}
subjects:
- {{kind: ServiceAccount, name: experiment, namespace: {NAMESPACE}}}
"""


@pytest.fixture(scope="session")
def agent(cluster: RealCluster) -> None:
    """Let Argo's agent do its work."""
    cluster.apply(AGENT)


@pytest.fixture(scope="module")
def argo(cluster: RealCluster, agent: None) -> Iterator[Argo]:
    token = cluster.token("argo-user", NAMESPACE, "2h")
    argo = Argo(cluster["ARGO_SERVER"], token)
    yield argo
    for name in argo.created:
        argo.request("DELETE", f"/workflows/{NAMESPACE}/{name}")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    runtime = os.environ.get("HERA_TEST_RUNTIME", AUTO)
    local = Local(tmp_path_factory.mktemp("local"), runtime)
    yield local
    local.close()
