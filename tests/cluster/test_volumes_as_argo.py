"""Claims of one workflow, and what Kubernetes expands: the same on Argo and on this machine."""

from __future__ import annotations

import copy
import secrets
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from both_sides import NAMESPACE, Argo, Json, Local, finished
from comparison import differences
from real_cluster import RealCluster

VOLUME = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: {name}
  hostPath: {{path: /tmp/{name}, type: DirectoryOrCreate}}
"""

CLAIMING = """
metadata: {generateName: claiming-, namespace: experiments}
spec:
  entrypoint: main
  serviceAccountName: experiment
  volumes:
  - {name: same, persistentVolumeClaim: {claimName: "{{workflow.name}}-scratch"}}
  volumeClaimTemplates:
  - metadata: {name: scratch}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
  templates:
  - name: main
    steps:
    - - {name: write, template: write}
    - - {name: read, template: read}
  - name: write
    container:
      image: python:3.13-slim
      imagePullPolicy: IfNotPresent
      command: [sh, -c, "echo kept >> /scratch/x"]
      volumeMounts: [{name: scratch, mountPath: /scratch}]
  - name: read
    outputs: {parameters: [{name: found, valueFrom: {path: /tmp/found}}]}
    container:
      image: python:3.13-slim
      imagePullPolicy: IfNotPresent
      command: [sh, -c, "cat /same/x > /tmp/found; exit STATUS"]
      volumeMounts: [{name: same, mountPath: /same}]
"""

EXPANDING = r"""
metadata: {generateName: expanding-, namespace: experiments}
spec:
  entrypoint: main
  serviceAccountName: experiment
  templates:
  - name: main
    dag:
      tasks:
      - {name: container, template: container}
      - {name: script, template: script}
  - name: container
    outputs: {parameters: [{name: words, valueFrom: {path: /tmp/words}}]}
    container: &container
      image: python:3.13-slim
      imagePullPolicy: IfNotPresent
      command: [sh, -c, 'printf "%s\n" "$@" "$B" "$C" > /tmp/words', "$(A)"]
      args: ["$$", "$$$$", "$(A)", "$$(A)", "$(ARGO_CONTAINER_NAME)", "$(NOPE $(A))", "$é", "$(",
             "$()", "$(C)", "$(settings.toml)", "$( A)", "$$$(A)", "$(P_LEVEL)", "$(TOKEN)"]
      env:
      - {name: A, value: a}
      - {name: B, value: "$(A)|$(LEVEL)|$(C)|$$(A)|$(ARGO_CONTAINER_NAME)"}
      - {name: A, value: again}
      - {name: C, value: "$(A)$$(A)"}
      - {name: TOKEN, valueFrom: {secretKeyRef: {name: OBJECT, key: TOKEN}}}
      envFrom:
      - {configMapRef: {name: OBJECT}}
      - {prefix: P_, configMapRef: {name: OBJECT}}
  - name: script
    outputs: {parameters: [{name: words, valueFrom: {path: /tmp/words}}]}
    script:
      image: python:3.13-slim
      imagePullPolicy: IfNotPresent
      command: [sh]
      env: [{name: A, value: a}]
      source: |
        cat > /tmp/words <<'END'
        1:$$ 2:$$$$ 3:$(A) 4:$$(A) 5:$(ARGO_CONTAINER_NAME) 6:$(NOPE $$ $(A)) 7:$( 8:$(ARGO_WORKFLOW_NAME)
        END
"""  # noqa: E501


@pytest.fixture
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    local = Local(tmp_path_factory.mktemp("local"))
    yield local
    local.close()


@pytest.fixture
def claiming(cluster: RealCluster) -> Iterator[Callable[..., Json]]:
    """Make the workflow, with a volume of a class of its own: the test cluster makes none."""
    made: list[str] = []

    def make(status: int = 0, **spec: Any) -> Json:
        made.append(f"hera-claiming-{secrets.token_hex(4)}")
        cluster.apply(VOLUME.format(name=made[-1]))
        workflow: Json = yaml.safe_load(CLAIMING.replace("STATUS", str(status)))
        workflow["spec"].update(spec)
        (template,) = workflow["spec"]["volumeClaimTemplates"]
        template["spec"]["storageClassName"] = made[-1]
        return workflow

    yield make
    cluster.kubectl("delete", "pv", *made, "--wait=false")
    for name in made:
        shutil.rmtree(f"/tmp/{name}", ignore_errors=True)


def claims(workflow: Json) -> list[Json]:
    """Return the claims that the status lists, without the workflow's name in theirs."""
    name = workflow["metadata"]["name"]
    return [
        {**volume["persistentVolumeClaim"], "claimName": claim.replace(name, "WF")}
        for volume in workflow["status"].get("persistentVolumeClaims") or ()
        for claim in [volume["persistentVolumeClaim"]["claimName"]]
    ]


def exists(cluster: RealCluster, local: Local, there: str, here: str) -> tuple[bool, bool]:
    found = cluster.kubectl(
        "get", "-n", NAMESPACE, "pvc", f"{there}-scratch", "--ignore-not-found", "-o", "name"
    )
    return bool(found), local.store.objects.exists("persistentvolumeclaims", f"{here}-scratch")


@pytest.mark.parametrize(
    ("status", "strategy", "stays"),
    [(0, None, False), (1, None, True), (1, "OnWorkflowCompletion", False)],
)
def test_a_claim_comes_and_goes_alike(
    status: int,
    strategy: str | None,
    stays: bool,
    claiming: Callable[..., Json],
    argo: Argo,
    local: Local,
    cluster: RealCluster,
) -> None:
    gc = {"volumeClaimGC": {"strategy": strategy}} if strategy else {}
    workflow = claiming(status, **gc)
    there, here = argo.create(copy.deepcopy(workflow)), local.create(workflow)
    for _ in range(2 if stays else 1):
        ended, other = argo.wait(there, finished), local.wait(here, finished)
        assert differences(ended, other) == []
        assert claims(ended) == claims(other) == [{"claimName": "WF-scratch"}] * stays
        assert exists(cluster, local, there, here) == (stays, stays)
        if stays:
            argo.change(there, "retry")
            local.engine.retry(NAMESPACE, here)
    if stays:
        argo.wait(there, finished)
        local.wait(here, finished)
        argo.request("DELETE", f"/workflows/{NAMESPACE}/{there}")
        local.engine.delete(NAMESPACE, here)
        cluster.kubectl("wait", "-n", NAMESPACE, "--for=delete", f"pvc/{there}-scratch")
        assert exists(cluster, local, there, here) == (False, False)


def test_a_claim_of_another_is_refused_alike(
    claiming: Callable[..., Json], argo: Argo, local: Local, cluster: RealCluster
) -> None:
    workflow = claiming()
    name = f"taken-{secrets.token_hex(4)}"
    workflow["metadata"] = {"name": name, "namespace": NAMESPACE}
    local.store.objects.put("persistentvolumeclaims", f"{name}-scratch")
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    claim |= copy.deepcopy(workflow["spec"]["volumeClaimTemplates"][0])
    claim["metadata"] = {"name": f"{name}-scratch", "namespace": NAMESPACE}
    cluster.apply(yaml.safe_dump(claim))
    try:
        argo.create(copy.deepcopy(workflow))
        local.create(workflow)
        ended, other = argo.wait(name, finished), local.wait(name, finished)
        assert ended["status"]["phase"] == "Error"
        # Argo says whether pods run once there are any.
        ended["status"]["conditions"] = other["status"]["conditions"]
        assert differences(ended, other) == []
    finally:
        cluster.kubectl("delete", "-n", NAMESPACE, "pvc", f"{name}-scratch", "--wait=false")


def test_variables_expand_alike(argo: Argo, local: Local, cluster: RealCluster) -> None:
    name = f"expanding-{secrets.token_hex(4)}"
    entries = {"LEVEL": "3", "settings.toml": "x = 1"}
    literals = [f"--from-literal={key}={value}" for key, value in entries.items()]
    cluster.kubectl("create", "configmap", name, "-n", NAMESPACE, *literals)
    token = "--from-literal=TOKEN=not-so-secret"
    cluster.kubectl("create", "secret", "generic", name, "-n", NAMESPACE, token)
    local.store.objects.put("configmaps", name, {k: v.encode() for k, v in entries.items()})
    local.store.objects.put("secrets", name, {"TOKEN": b"not-so-secret"})
    try:
        workflow = yaml.safe_load(EXPANDING.replace("OBJECT", name))
        there, here = argo.create(copy.deepcopy(workflow)), local.create(workflow)
        ended, other = argo.wait(there, finished), local.wait(here, finished)
        assert ended["status"]["phase"] == "Succeeded", ended["status"]
        assert differences(ended, other) == []
    finally:
        cluster.kubectl("delete", "-n", NAMESPACE, f"configmap/{name}", f"secret/{name}")
