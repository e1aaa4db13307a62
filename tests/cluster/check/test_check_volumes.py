"""Secrets that tasks read and volumes of a workflow's own: broken on the cluster, and mended."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from check_place import SECRETS_RULE, Place, one_pod_at_a_time

from hera_experiment.check.outcome import Status


@pytest.fixture
def storage(cluster: Any) -> Iterator[Callable[[str], str]]:
    """Make a storage class of our own, whose volumes someone makes, and forget it again."""
    made: list[str] = []

    def make(kind: str, more: str = "") -> str:
        made.append(f"{kind}/hera-check-{secrets.token_hex(4)}")
        api = "storage.k8s.io/v1" if kind == "storageclass" else "v1"
        head = {"storageclass": "StorageClass", "pv": "PersistentVolume"}[kind]
        name = made[-1].partition("/")[2]
        text = f"apiVersion: {api}\nkind: {head}\nmetadata: {{name: {name}}}\n{more}"
        cluster.kubectl("apply", "-f", "-", text=text)
        return name

    yield make
    if made:
        cluster.kubectl("delete", *made, "--wait=false")


def has_a_volume_of_its_own(place: Place, storage_class: str | None) -> None:
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    place.spec["volumeClaimTemplates"] = [{"metadata": {"name": "scratch"}, "spec": spec}]
    place.main["volumeMounts"] = [{"name": "scratch", "mountPath": "/scratch"}]
    one_pod_at_a_time(place)


def test_secret(new_place: Callable[..., Place]) -> None:
    place = new_place(more=SECRETS_RULE)
    place.main["env"] = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "archive", "key": "TOKEN"}}},
        {
            "name": "B",
            "valueFrom": {"secretKeyRef": {"name": "perhaps", "key": "K", "optional": True}},
        },
    ]
    outcome = place.assert_alone("SECRET")
    assert "make provision" in outcome.advice
    (place.folder / "token").write_text("s3cret-value")
    place.secrets.append("s3cret-value")
    place.type(outcome, FILE=str(place.folder / "token"))
    assert place.assert_well("SECRET")["SECRET"].message == "archive"

    place.main["envFrom"] = [{"secretRef": {"name": "archive"}}]
    place.main["env"][0]["valueFrom"]["secretKeyRef"]["key"] = "USER"
    outcome = place.assert_alone("SECRET")
    assert "has no key 'USER'" in outcome.cause
    place.type(outcome, VALUE="me")
    place.assert_well("SECRET")


def test_a_secret_is_unknown_to_who_may_not_read_it(place: Place) -> None:
    place.main["envFrom"] = [{"secretRef": {"name": "archive"}}]
    report = place.check()
    assert report["SECRET"].status is Status.UNKNOWN and not report.failed, report.text


def test_storage_class(place: Place, cluster: Any, storage: Callable[..., str]) -> None:
    place.settings["KUBECONFIG"] = cluster["ADMIN_KUBECONFIG"]
    has_a_volume_of_its_own(place, "no-such-class")
    outcome = place.assert_alone("STORAGE-CLASS")
    assert "there is no storage class 'no-such-class'" in outcome.cause
    name = storage("storageclass", "provisioner: example.org/makes-volumes\n")
    assert f"'{name}'" in place.assert_alone("STORAGE-CLASS").advice
    place.spec["volumeClaimTemplates"][0]["spec"]["storageClassName"] = name
    place.assert_well("STORAGE-CLASS")


def test_storage_class_whose_volumes_are_made_by_hand(
    place: Place, cluster: Any, storage: Callable[..., str]
) -> None:
    place.settings["KUBECONFIG"] = cluster["ADMIN_KUBECONFIG"]
    name = storage("storageclass", "provisioner: kubernetes.io/no-provisioner\n")
    has_a_volume_of_its_own(place, name)
    assert f"'{name}' makes no volumes" in place.assert_alone("STORAGE-CLASS").cause
    storage(
        "pv",
        "spec:\n  capacity: {storage: 2Gi}\n  accessModes: [ReadWriteOnce]\n"
        f"  storageClassName: {name}\n  hostPath: {{path: /tmp/hera-check-nothing}}\n",
    )
    place.assert_well("STORAGE-CLASS")


def test_storage_class_without_a_default(place: Place, cluster: Any) -> None:
    place.settings["KUBECONFIG"] = cluster["ADMIN_KUBECONFIG"]
    has_a_volume_of_its_own(place, None)
    assert "no default storage class" in place.assert_alone("STORAGE-CLASS").cause


def test_storage_class_is_unknown_to_who_may_not_list_them(place: Place) -> None:
    has_a_volume_of_its_own(place, "any")
    report = place.check()
    assert report["STORAGE-CLASS"].status is Status.UNKNOWN and not report.failed, report.text


def test_an_own_volume_of_one_pod_at_a_time(place: Place) -> None:
    tasks = place.spec["templates"][1], place.spec["entrypoint"]
    has_a_volume_of_its_own(place, "any")
    place.spec["volumeClaimTemplates"][0]["spec"]["accessModes"] = ["ReadWriteOncePod"]
    place.spec["templates"].append(tasks[0])
    place.spec["entrypoint"] = tasks[1]
    outcome = place.assert_alone("CLAIM-ACCESS")
    assert "its own 'scratch'" in outcome.cause and "ReadWriteMany" in outcome.advice


def test_quota_of_storage(place: Place, cluster: Any, storage: Callable[..., str]) -> None:
    place.settings["KUBECONFIG"] = cluster["ADMIN_KUBECONFIG"]
    name = storage("storageclass", "provisioner: example.org/makes-volumes\n")
    has_a_volume_of_its_own(place, name)
    hard = "requests.storage=500Mi,persistentvolumeclaims=3"
    place.admin.kubectl(*f"-n {place.namespace} create quota disk --hard {hard}".split())
    outcome = place.assert_alone("QUOTA")
    assert "the workflow needs requests.storage 1073741824" in outcome.cause
    place.type(outcome)
    place.assert_well("QUOTA")
