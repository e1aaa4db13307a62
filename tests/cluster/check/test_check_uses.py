"""Each check of what the workflow uses and asks for, broken in that one way and mended."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from check_place import (
    SECRETS_RULE,
    Place,
    objects_of,
    one_pod_at_a_time,
    uses_claim,
)
from real_cluster import TEMPLATE

from hera_experiment.check.outcome import Status
from hera_experiment.images.source import ImageSource


@pytest.fixture
def volume(cluster: Any) -> Iterator[Callable[..., None]]:
    """Give a claim a volume of its own."""
    made: list[str] = []

    def make(namespace: str, claim: str, mode: str, storage_class: str = "") -> None:
        made.append(f"{namespace}-{claim}")
        cluster.kubectl(
            "apply",
            "-f",
            "-",
            text=f"""
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {made[-1]}}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [{mode}]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: "{storage_class}"
  hostPath: {{path: /tmp/hera-check-nothing}}
  claimRef: {{namespace: {namespace}, name: {claim}}}
""",
        )
        # The controller looks at a claim that waits every 15 s, and when it changes.
        poke = ("annotate", "pvc", claim, "looked-at=again")
        cluster.kubectl("-n", namespace, *poke, check=False)

    yield make
    for name in made:
        cluster.kubectl("delete", "pv", name, "--wait=false")


def make_claim(place: Place, name: str, mode: str, storage_class: str = "") -> None:
    place.admin.kubectl(
        "apply",
        "-f",
        "-",
        text=f"""
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}, namespace: {place.namespace}}}
spec:
  accessModes: [{mode}]
  storageClassName: "{storage_class}"
  resources: {{requests: {{storage: 1Gi}}}}
""",
    )


def until_bound(place: Place, name: str) -> None:
    end = time.monotonic() + 20
    phase = ("get", "pvc", name, "-o", "jsonpath={.status.phase}")
    while place.admin.kubectl("-n", place.namespace, *phase) != "Bound":
        assert time.monotonic() < end
        time.sleep(0.1)


def test_claim_bound_of_a_missing_claim(place: Place, volume: Callable[..., None]) -> None:
    uses_claim(place, "absent")
    outcome = place.assert_alone("CLAIM-BOUND")
    assert "KUBEVOLUMECLAIMNAME in the environment" in outcome.cause
    place.paste(outcome)
    assert "absent' in" in place.assert_alone("CLAIM-BOUND").cause
    volume(place.namespace, "absent", "ReadWriteMany")
    place.assert_well("CLAIM-BOUND")


def test_claim_bound_of_a_pending_claim(place: Place, volume: Callable[..., None]) -> None:
    make_claim(place, "waits", "ReadWriteMany", "absent")
    uses_claim(place, "waits")
    outcome = place.assert_alone("CLAIM-BOUND")
    asked = f"storageClassName 'absent', ReadWriteMany, 1Gi, claimRef {place.namespace}/waits"
    assert outcome.advice == f"ask the administrator for a PersistentVolume: {asked}"
    volume(place.namespace, "waits", "ReadWriteMany", "absent")
    place.assert_well("CLAIM-BOUND")


def test_claim_access(place: Place, volume: Callable[..., None]) -> None:
    volume(place.namespace, "readable", "ReadOnlyMany")
    make_claim(place, "readable", "ReadOnlyMany")
    uses_claim(place, "readable")
    until_bound(place, "readable")
    outcome = place.assert_alone("CLAIM-ACCESS")
    assert "nothing can be written" in outcome.cause
    assert "set KUBEVOLUMECLAIMNAME=readable-shared" in outcome.advice
    place.paste(outcome)
    uses_claim(place, "readable-shared")
    volume(place.namespace, "readable-shared", "ReadWriteMany")
    place.assert_well("CLAIM-ACCESS")


def test_claim_access_of_one_pod_at_a_time(place: Place, volume: Callable[..., None]) -> None:
    volume(place.namespace, "single", "ReadWriteOncePod")
    make_claim(place, "single", "ReadWriteOncePod")
    uses_claim(place, "single")
    until_bound(place, "single")
    assert "only one pod at a time" in place.assert_alone("CLAIM-ACCESS").cause
    one_pod_at_a_time(place)
    place.assert_well("CLAIM-ACCESS")


def test_claim_access_of_one_node_depends_on_the_nodes(
    place: Place, volume: Callable[..., None], cluster: Any
) -> None:
    volume(place.namespace, "once", "ReadWriteOnce")
    make_claim(place, "once", "ReadWriteOnce")
    uses_claim(place, "once")
    until_bound(place, "once")
    report = place.check()
    assert report["CLAIM-ACCESS"].status is Status.WARNING and not report.failed, report.text
    place.settings["KUBECONFIG"] = cluster["ADMIN_KUBECONFIG"]
    assert place.check()["CLAIM-ACCESS"].message == "once: ReadWriteOnce, the cluster has one node"


def test_claim_node(place: Place, volume: Callable[..., None]) -> None:
    volume(place.namespace, "single", "ReadWriteOncePod")
    make_claim(place, "single", "ReadWriteOncePod")
    uses_claim(place, "single")
    one_pod_at_a_time(place)
    until_bound(place, "single")
    place.admin.kubectl(
        "apply",
        "-f",
        "-",
        text=f"""
apiVersion: v1
kind: Pod
metadata: {{name: holder, namespace: {place.namespace}}}
spec:
  nodeName: node1
  terminationGracePeriodSeconds: 0
  containers: [{{name: main, image: "localhost/pause:1", imagePullPolicy: Never}}]
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: single}}}}]
""",
    )
    outcome = place.assert_alone("CLAIM-NODE")
    assert "'holder' does" in outcome.cause
    place.type(outcome)
    place.assert_well("CLAIM-NODE")


def test_configmap(place: Place) -> None:
    place.settings["KUBECONFIGMAP"] = "absent"
    place.main["envFrom"] = [{"configMapRef": {"name": "absent"}}]
    place.main["env"] = [
        {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "PROXY"}}}
    ]
    outcome = place.assert_alone("CONFIGMAP")
    assert "KUBECONFIGMAP in the environment" in outcome.cause
    place.paste(outcome, VALUE="http://proxy:3128")
    place.assert_well("CONFIGMAP")


def test_configmap_without_a_key(place: Place) -> None:
    place.admin.kubectl(*f"-n {place.namespace} create configmap known --from-literal=A=b".split())
    place.main["env"] = [
        {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "known", "key": "PROXY"}}}
    ]
    outcome = place.assert_alone("CONFIGMAP")
    assert "has no key 'PROXY'" in outcome.cause
    place.type(outcome)
    place.assert_well("CONFIGMAP")
    place.main["envFrom"] = [{"configMapRef": {"name": "gone", "optional": True}}]
    place.assert_well("CONFIGMAP")


def test_pull_secret(new_place: Callable[..., Place]) -> None:
    place = new_place(more=SECRETS_RULE)
    place.spec["imagePullSecrets"] = [{"name": "pull"}]
    outcome = place.assert_alone("PULL-SECRET")
    place.secrets.append("s3cret")
    place.type(outcome, USER="me", PASSWORD="s3cret")
    place.assert_well("PULL-SECRET")


def test_pull_secret_that_is_malformed(new_place: Callable[..., Place]) -> None:
    place = new_place(more=SECRETS_RULE)
    place.spec["imagePullSecrets"] = [{"name": "pull"}]
    place.admin.kubectl(
        *f"-n {place.namespace} create secret generic pull --from-literal=password=s3cret".split()
    )
    place.secrets.append("s3cret")
    outcome = place.assert_alone("PULL-SECRET")
    assert "holds no account for a registry" in outcome.cause
    place.type(outcome, USER="me", PASSWORD="s3cret")
    place.assert_well("PULL-SECRET")


def test_pull_secret_is_unknown_to_who_may_not_read_it(place: Place) -> None:
    place.spec["imagePullSecrets"] = [{"name": "pull"}]
    report = place.check()
    assert report["PULL-SECRET"].status is Status.UNKNOWN and not report.failed, report.text


def test_artifacts(new_place: Callable[..., Place]) -> None:
    place = new_place(more=SECRETS_RULE)
    place.admin.kubectl(
        *f"-n {place.namespace} create secret generic store"
        " --from-literal=accesskey=s3cret --from-literal=secretkey=s3cret".split()
    )
    place.secrets.append("s3cret")
    place.spec["templates"][0]["outputs"] = {"artifacts": [{"name": "chart", "path": "/chart"}]}
    report = place.check()
    assert report["ARTIFACTS"].status is Status.UNKNOWN, "the controller's own is not visible"
    place.spec["artifactRepositoryRef"] = {"configMap": "repositories", "key": "mine"}
    outcome = place.assert_alone("ARTIFACTS")
    place.paste(outcome, ENDPOINT="10.78.0.1:9000", BUCKET="artifacts", SECRET="absent")
    outcome = place.assert_alone("ARTIFACTS")
    assert "the secret 'absent'" in outcome.cause
    place.type(outcome, VALUE="s3cret")
    outcome = place.assert_alone("ARTIFACTS")
    patch = {"data": {"secretkey": base64.b64encode(b"s3cret").decode()}}
    assert "'secretkey'" in outcome.cause
    place.admin.kubectl("-n", place.namespace, "patch", "secret", "absent", "-p", json.dumps(patch))
    place.assert_well("ARTIFACTS")


def test_quota(place: Place) -> None:
    place.main["resources"] = {"requests": {"cpu": "500m", "memory": "64Mi"}}
    place.admin.kubectl(
        *f"-n {place.namespace} create quota small --hard requests.cpu=100m".split()
    )
    outcome = place.assert_alone("QUOTA")
    assert "requests.cpu 0.5" in outcome.cause and "100m" in outcome.cause
    place.type(outcome)
    place.assert_well("QUOTA")


def test_quota_that_wants_a_request(place: Place) -> None:
    place.admin.kubectl(*f"-n {place.namespace} create quota some --hard requests.cpu=4".split())
    outcome = place.assert_alone("QUOTA")
    assert "the template 'one' says none" in outcome.cause
    assert "resources=Resources(" in outcome.advice
    place.main["resources"] = {"requests": {"cpu": "100m"}}
    place.assert_well("QUOTA")


def test_limit_range(place: Place) -> None:
    place.main["resources"] = {"limits": {"cpu": "2"}}
    place.admin.kubectl(
        "apply",
        "-f",
        "-",
        text=f"""
apiVersion: v1
kind: LimitRange
metadata: {{name: small, namespace: {place.namespace}}}
spec: {{limits: [{{type: Container, max: {{cpu: 500m}}}}]}}
""",
    )
    outcome = place.assert_alone("LIMIT-RANGE")
    assert "cpu 2, more than the limit range 'small'" in outcome.cause
    place.type(outcome)
    place.assert_well("LIMIT-RANGE")


@pytest.fixture
def place_with_nodes(place: Place, empty_api: Any, cluster: Any) -> Place:
    """A Kubernetes of our own whose nodes are what one says, seen by its administrator.

    The Argo server is the test cluster's: it and this Kubernetes do not know each other's tokens,
    so that everything but the nodes is left out of sight.
    """
    empty_api.kubectl("apply", "-f", f"{cluster['CLUSTER_BIN']}/crds", "--server-side")
    empty_api.kubectl("apply", "-f", "-", text=objects_of(place.namespace))
    token = cluster.token("both", place.namespace)
    place.secrets.append(token)
    place.settings |= {"KUBECONFIG": str(empty_api.kubeconfig), "ARGO_TOKEN": token}
    place.admin, place.admin_kubeconfig = empty_api, str(empty_api.kubeconfig)
    return place


@pytest.fixture
def node(empty_api: Any) -> Iterator[Callable[..., None]]:
    """Make a node that is ready."""
    made: list[str] = []

    def make(name: str, taint: str = "", allocatable: str = "") -> None:
        made.append(name)
        empty_api.kubectl(
            "apply",
            "-f",
            "-",
            text=f"apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n",
        )
        patch = (
            '{"status":{"conditions":[{"type":"Ready","status":"True"}],'
            f'"allocatable":{{"cpu":"4","memory":"8Gi"{allocatable}}}}}}}'
        )
        empty_api.kubectl("patch", "node", name, "--subresource=status", "-p", patch)
        # The API server gives each new node one, which a controller would take away.
        empty_api.kubectl("taint", "node", name, "node.kubernetes.io/not-ready:NoSchedule-")
        if taint:
            empty_api.kubectl("taint", "node", name, taint)

    yield make
    if made:
        empty_api.kubectl("delete", "node", *made)


def test_taints(place_with_nodes: Place, node: Callable[..., None]) -> None:
    place = place_with_nodes
    node("tainted", taint="gpu=only:NoSchedule")
    outcome = place.assert_alone("TAINTS")
    assert "gpu=only:NoSchedule" in outcome.cause
    assert "Toleration(key='gpu', operator='Equal', value='only'" in outcome.advice
    toleration = {"key": "gpu", "operator": "Equal", "value": "only", "effect": "NoSchedule"}
    place.spec["tolerations"] = [toleration]
    place.assert_well("TAINTS")
    del place.spec["tolerations"]
    place.type(place.assert_alone("TAINTS"))
    place.assert_well("TAINTS")


def test_taints_and_labels(place_with_nodes: Place, node: Callable[..., None]) -> None:
    place = place_with_nodes
    node("plain")
    place.spec["nodeSelector"] = {"disk": "fast"}
    place.type(place.assert_alone("TAINTS"))
    place.assert_well("TAINTS")
    place.main["resources"] = {"requests": {"memory": "9Gi"}}
    assert "too much memory" in place.assert_alone("TAINTS").message


def test_gpu(place_with_nodes: Place, node: Callable[..., None], empty_api: Any) -> None:
    place = place_with_nodes
    node("plain")
    place.main["resources"] = {"limits": {"nvidia.com/gpu": "2"}}
    outcome = place.assert_alone("GPU")
    assert "asks for 2 nvidia.com/gpu" in outcome.cause
    node("with-gpus", allocatable=',"nvidia.com/gpu":"2"')
    place.assert_well("GPU")


def test_a_gpu_is_unknown_to_who_may_not_see_the_nodes(place: Place) -> None:
    place.main["resources"] = {"limits": {"nvidia.com/gpu": "1"}}
    report = place.check()
    assert report["GPU"].status is Status.UNKNOWN and not report.failed, report.text


def test_claim_node_of_another_node(
    place_with_nodes: Place, node: Callable[..., None], empty_api: Any
) -> None:
    """A claim for one node is held there, and the workflow's one pod may go elsewhere."""
    place = place_with_nodes
    node("one"), node("two")
    make_claim(place, "once", "ReadWriteOnce")
    bound = '{"status":{"phase":"Bound","accessModes":["ReadWriteOnce"]}}'
    here = ("-n", place.namespace)
    empty_api.kubectl(*here, "patch", "pvc", "once", "--subresource=status", "-p", bound)
    empty_api.kubectl(
        "apply",
        "-f",
        "-",
        text=f"""
apiVersion: v1
kind: Pod
metadata: {{name: holder, namespace: {place.namespace}}}
spec:
  nodeName: one
  automountServiceAccountToken: false
  serviceAccountName: pods
  terminationGracePeriodSeconds: 0
  containers: [{{name: main, image: any}}]
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: once}}}}]
""",
    )
    uses_claim(place, "once")
    assert "only one of the 2 nodes" in place.assert_alone("CLAIM-ACCESS").cause
    one_pod_at_a_time(place)
    outcome = place.assert_alone("CLAIM-NODE")
    assert "on the node 'one'" in outcome.cause and "may go to 'two'" in outcome.cause
    place.type(outcome)
    place.assert_well("CLAIM-NODE")


def test_registry_reachable(place: Place, free_port_of: Callable[[], int]) -> None:
    right = place.settings["REGISTRY"]
    place.settings["REGISTRY"] = f"127.0.0.1:{free_port_of()}/project"
    outcome = place.assert_alone("REGISTRY-REACHABLE")
    assert "nothing listens" in outcome.cause and "REGISTRY in the environment" in outcome.cause
    place.settings["REGISTRY"] = right
    place.assert_well("REGISTRY-REACHABLE")


def test_registry_reachable_at_something_else(place: Place, cluster: Any) -> None:
    place.settings["REGISTRY"] = cluster["ARGO_SERVER"]
    outcome = place.assert_alone("REGISTRY-REACHABLE")
    assert "does not answer as a container registry" in outcome.cause


@pytest.fixture
def private_registry(cluster: Any, tmp_path: Path, free_port_of: Any) -> Iterator[str]:
    """A registry that wants to know who one is (the user me, the password s3cret)."""
    port = free_port_of()
    # What htpasswd -nbB me s3cret prints.
    (tmp_path / "htpasswd").write_text(f"me:{_BCRYPT}\n")
    (tmp_path / "registry.yml").write_text(
        f"""
version: 0.1
storage: {{filesystem: {{rootdirectory: {tmp_path}/registry}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: here, path: {tmp_path}/htpasswd}}}}
"""
    )
    with (tmp_path / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(tmp_path / "registry.yml")], stdout=log, stderr=log
        )
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


_BCRYPT = "$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK"


def test_registry_signed_in(place: Place, private_registry: str) -> None:
    place.settings["REGISTRY"] = private_registry
    place.secrets.append("s3cret")
    end = time.monotonic() + 10
    while "REGISTRY-REACHABLE" in place.check().failed:
        assert time.monotonic() < end
        time.sleep(0.1)
    outcome = place.assert_alone("REGISTRY-SIGNED-IN")
    assert outcome.advice == f"docker login {private_registry}"
    place.shell(f"echo s3cret | {outcome.advice} --username me --password-stdin")
    place.assert_well("REGISTRY-SIGNED-IN")


def test_images(place: Place, cluster: Any) -> None:
    slug = f"try-{place.namespace}"
    (place.folder / "experiment.toml").write_text(f'[experiment]\nname = "Try"\nslug = "{slug}"\n')
    container = place.folder / "containers" / "collect"
    container.mkdir(parents=True)
    (container / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /probe\n")
    tag = ImageSource.read(container, {}).tag
    place.main["image"] = f"{cluster['REGISTRY']}/{slug}-collect:{tag}"
    outcome = place.assert_alone("IMAGES")
    assert outcome.advice == "make build push"
    # What make calls for these two targets.
    for verb in ("build", "push"):
        place.shell(
            f"cd {place.folder} && REGISTRY={cluster['REGISTRY']} PYTHONPATH='{TEMPLATE}'"
            f" {sys.executable} -m hera_utils {verb}"
        )
    place.assert_well("IMAGES")
    listed = f"docker images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' | grep {slug}"
    place.shell(f"docker image rm $({listed})")


def test_images_of_others(place: Place, cluster: Any) -> None:
    right = place.main["image"]
    place.main["image"] = f"{right.rpartition(':')[0]}:absent"
    outcome = place.assert_alone("IMAGES")
    assert "correct its name or tag" in outcome.advice
    place.main["image"] = right
    place.assert_well("IMAGES")


def test_an_image_of_a_registry_out_of_reach_is_unknown(place: Place) -> None:
    place.main["image"] = "registry.invalid/any:1"
    report = place.check()
    assert report["IMAGES"].status is Status.UNKNOWN and not report.failed, report.text
