"""Every example of the page on volumes and containers, on the real cluster."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from polling import until
from real_cluster import Project, RealCluster

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from documented import PRINTED, TABLE, TOKEN, type_at_terminal, write_project

VOLUME = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: {size}}}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: "{storage_class}"
  hostPath: {{path: {path}}}
{claim}
---
"""
SECONDS = 180


@pytest.fixture
def namespace(new_workplace: Callable[[], str]) -> str:
    """A workplace for each try: a claim of the try before would have another class."""
    return new_workplace()


@pytest.fixture
def storage(cluster: RealCluster, namespace: str) -> Iterator[tuple[str, Path]]:
    """Volumes made by hand, as the test cluster makes none, and where the claimed ones lie."""
    folder = Path(tempfile.mkdtemp(prefix="hera-documented-"))
    folder.chmod(0o755)
    # A class of our own: no claim of anybody else can take what waits for the workflow's.
    own = f"hera-{secrets.token_hex(4)}"
    text = ""
    for name, size, storage_class in (
        ("documented-results", "50Gi", own),
        ("reference-data", "5Gi", ""),
        ("scratch", "1Gi", own),
    ):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
        claim = f"  claimRef: {{namespace: {namespace}, name: {name}}}" if name != "scratch" else ""
        volume = {"name": f"{own}-{name}", "size": size, "storage_class": storage_class}
        text += VOLUME.format(**volume, path=folder / name, claim=claim)
    (folder / "reference-data" / "table.csv").write_text(TABLE)
    cluster.apply(text)
    yield own, folder
    names = [f"{own}-{name}" for name in ("documented-results", "reference-data", "scratch")]
    cluster.kubectl("delete", "pv", *names, "--wait=false")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def experiment(
    project: Project, cluster: RealCluster, namespace: str, storage: tuple[str, Path]
) -> Project:
    """The experiment that the page makes, in a namespace of its own."""
    write_project(project.folder, storage[0])
    project.secrets.append(TOKEN)
    registry = cluster["REGISTRY"]
    auth = base64.b64encode(b"me:pass-of-the-registry").decode()
    project.write("docker/config.json", json.dumps({"auths": {registry: {"auth": auth}}}))
    project.secrets += ["pass-of-the-registry", auth]
    project.environ |= {
        "DOCKER_CONFIG": str(project.folder / "docker"),
        "KUBECONFIG": cluster["KUBECONFIG"],
        "ARGO_SERVER": cluster["ARGO_SERVER"],
        "ARGO_SECURE": "false",
        "ARGO_NAMESPACE": namespace,
        "ARGO_SERVICE_ACCOUNT": "argo-user",
        "REGISTRY": registry,
    }
    return project


def ended(cluster: RealCluster, namespace: str, name: str) -> dict[str, Any]:
    workflow: dict[str, Any] = {}

    def has_ended() -> bool:
        got = cluster.kubectl("get", "-n", namespace, "workflow", name, "-o", "json")
        workflow.update(json.loads(got))
        return bool((workflow.get("status") or {}).get("finishedAt"))

    until(has_ended, SECONDS, 1, seen=lambda: workflow.get("status"))
    return workflow


def test_every_example_runs_on_the_cluster(
    experiment: Project, cluster: RealCluster, namespace: str, storage: tuple[str, Path]
) -> None:
    administrator = {**experiment.environ, "KUBECONFIG": cluster["ADMIN_KUBECONFIG"]}
    status, seen = type_at_terminal(
        experiment.command("hera_utils", "provision", "--yes=1"),
        experiment.folder,
        administrator,
        {"TOKEN of the Secret 'archive' (not shown): ": TOKEN},
    )
    assert status == 0, seen
    experiment.assert_no_secret(seen)
    again = experiment.run("hera_utils", "provision", KUBECONFIG=cluster["ADMIN_KUBECONFIG"])
    assert again.status == 0 and again.out.rstrip().endswith("nothing to do"), again.all

    # A researcher may not read Secrets: that one is there is unknown, and said to be.
    done = experiment.run("python", "documented.py")
    assert done.status == 0, done.all
    assert "unknown whether the Secret 'archive' exists" in done.err
    name = done.out.split()[-1]
    workflow = ended(cluster, namespace, name)

    nodes = workflow["status"]["nodes"].values()
    phases = {n["displayName"]: n["phase"] for n in nodes if n["type"] == "Pod"}
    assert phases == dict.fromkeys(PRINTED, "Succeeded"), workflow["status"]
    for pod in json.loads(cluster.kubectl("get", "-n", namespace, "pods", "-o", "json"))["items"]:
        task = pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"].rpartition(".")[2]
        logs = cluster.kubectl("logs", "-n", namespace, pod["metadata"]["name"], "-c", "main")
        lines = [line for line in logs.splitlines() if "sub-process exited" not in line]
        assert "\n".join(lines).strip() == PRINTED[task].strip(), task
        assert {"name": "registry"} in pod["spec"]["imagePullSecrets"]
        if task == "compute":
            assert pod["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}
            assert "large-memory" in [each.get("key") for each in pod["spec"]["tolerations"]]
    assert (storage[1] / "documented-results" / "answer").read_text() == "42"
    kept = {f"persistentvolumeclaim/{name}" for name in ("documented-results", "reference-data")}

    def claims() -> set[str]:
        return set(cluster.kubectl("get", "-n", namespace, "pvc", "-o", "name").split())

    # Kubernetes removes the workflow's own when the last pod lets go of it, after its success.
    until(lambda: claims() == kept, SECONDS, 1, seen=claims)


def test_a_secret_that_is_missing_is_named(
    experiment: Project, cluster: RealCluster, new_namespace: Any
) -> None:
    fresh = new_namespace()
    environ = {"KUBECONFIG": cluster["ADMIN_KUBECONFIG"], "ARGO_NAMESPACE": fresh}
    shown = experiment.run("hera_utils", "provision", **environ)
    assert shown.status == 1
    command = f"kubectl -n {fresh} create secret generic archive --from-file=TOKEN=FILE"
    assert command in shown.out
    cluster.apply(VOLUMELESS.format(namespace=fresh))
    done = experiment.run("python", "-c", ENVIRONMENT_ALONE, **environ)
    assert done.status == 1
    assert f"the namespace '{fresh}' has no Secret 'archive' with TOKEN" in done.err

    token = experiment.write("token", TOKEN)
    words = command.replace("FILE", str(token)).split()[1:]
    cluster.kubectl(*words)
    assert experiment.run("python", "-c", ENVIRONMENT_ALONE, **environ).status == 0
    again = experiment.run("hera_utils", "provision", **environ)
    assert "Secret 'archive' (TOKEN, for tasks): is there" in again.out


ENVIRONMENT_ALONE = """
import hera_utils
from environment import numerical_experiment_environment

args = hera_utils.parse_arguments()
try:
    numerical_experiment_environment(hera_utils.k8s_cluster(args), args)
except hera_utils.UserError as error:
    raise SystemExit(str(error))
"""

VOLUMELESS = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: documented-results, namespace: {namespace}}}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: absent
  resources: {{requests: {{storage: 1Gi}}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: reference-data, namespace: {namespace}}}
spec: {{accessModes: [ReadWriteOnce], storageClassName: absent, resources: {{requests: {{storage: 1Gi}}}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: proxies, namespace: {namespace}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: model-settings, namespace: {namespace}}}
"""  # noqa: E501
