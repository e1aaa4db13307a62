"""What cannot be here as it was there is replaced, and said in one sentence each."""

from __future__ import annotations

from typing import Any

import pytest

from hera_experiment.replay.unlike import adapt, use_own_images, what_ended_it

POD = {"hostNodeName": "node-7"}


def manifest(container: dict[str, Any], volumes: list[dict[str, Any]] | None = None) -> Any:
    template = {"name": "task", "container": {"image": "python", **container}}
    return {"spec": {"volumes": volumes or [], "templates": [template]}}


def container_of(found: Any) -> dict[str, Any]:
    container: dict[str, Any] = found["spec"]["templates"][0]["container"]
    return container


def test_a_volume_of_the_cluster_is_an_empty_folder() -> None:
    mounts = [{"name": "scratch", "mountPath": "/scratch"}]
    volumes = [{"name": "scratch", "nfs": {"server": "s", "path": "/"}}]
    found = manifest({"volumeMounts": mounts}, volumes)

    (remark,) = adapt(found, POD, "")

    assert "/scratch" in remark and "nfs" in remark
    assert found["spec"]["volumes"] == [{"name": "scratch", "emptyDir": {}}]


def test_variables_of_the_pod_have_the_values_that_are_known() -> None:
    fields = {"NODE": "spec.nodeName", "WHO": "spec.serviceAccountName", "IP": "status.podIP"}
    env = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": field}}}
        for name, field in fields.items()
    ]
    found = manifest({"env": env})

    (remark,) = adapt(found, POD, "argo-user")

    assert "IP" in remark
    assert container_of(found)["env"] == [
        {"name": "NODE", "value": "node-7"},
        {"name": "WHO", "value": "argo-user"},
    ]


def test_probes_and_handlers_have_no_effect() -> None:
    found = manifest({"livenessProbe": {"exec": {}}, "lifecycle": {"preStop": {}}})

    remarks = list(adapt(found, POD, ""))

    assert len(remarks) == 2 and set(container_of(found)) == {"image"}


def test_a_sub_path_of_variables_is_named() -> None:
    mount = {"name": "data", "mountPath": "/data", "subPathExpr": "runs/$(RUN)"}
    found = manifest({"env": [{"name": "RUN", "value": "x1"}], "volumeMounts": [mount]})

    assert not list(adapt(found, POD, ""))

    assert container_of(found)["volumeMounts"][0]["subPath"] == "runs/x1"


def test_own_images_are_made_here_and_others_stay() -> None:
    own = manifest({"image": "r.example/p/try-collect@sha256:" + "0" * 64})
    other = manifest({"image": "r.example/p/try-gone:1"})

    assert not list(use_own_images(own, "try", lambda name: name == "collect"))
    (remark,) = use_own_images(other, "try", lambda name: name == "collect")

    assert container_of(own)["image"] == "localhost/try-collect:latest"
    assert container_of(other)["image"] == "r.example/p/try-gone:1" and "gone" in remark


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("OOMKilled (exit code 137)", "64Mi"),
        ("The node was low on resource: memory. Evicted", "no machine repeats"),
        ("pod deleted", "make retry RUN=r"),
        ('pods is forbidden: User "x" cannot list', "argo-user"),
        ("ImagePullBackOff: back-off", "image"),
        ("cannot reach db.space.svc.cluster.local", "db.space.svc.cluster.local"),
    ],
)
def test_ends_of_a_cluster_are_told(text: str, fact: str) -> None:
    found = manifest({"resources": {"limits": {"memory": "64Mi"}}})

    (remark,) = what_ended_it(found, text, "r", "argo-user")

    assert fact in remark


def test_an_end_of_its_own_needs_no_word() -> None:
    text = "main: Error (exit code 1)\nKeyError: 'x'"
    assert not list(what_ended_it(manifest({}), text, "r", ""))
