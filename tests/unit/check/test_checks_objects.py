"""Checks of ConfigMaps, Secrets and artifact repositories, each broken and mended."""

from __future__ import annotations

import base64
import json

from recorded_cluster import SECRET, SPACE, RecordedCluster

MAP = f"GET {SPACE}/configmaps/proxy-environment"
REPOSITORIES = f"GET {SPACE}/configmaps/artifact-repositories"


def test_configmap(recorded: RecordedCluster) -> None:
    assert recorded.ok("CONFIGMAP") == "proxy-environment (2 keys)"
    reference = {"configMapKeyRef": {"name": "proxy-environment", "key": "HTTPS_PROXY"}}
    recorded.pod["container"]["env"] = [{"name": "A", "valueFrom": reference}]
    failed = recorded.failure("CONFIGMAP")
    assert "has no key 'HTTPS_PROXY'" in failed.cause
    assert "patch configmap proxy-environment" in failed.advice
    recorded.settings["KUBECONFIGMAP"] = "other"
    recorded.pod["container"]["env"] = []
    failed = recorded.failure("CONFIGMAP")
    assert "no ConfigMap 'other' in 'experiments' (KUBECONFIGMAP" in failed.cause
    assert "kind: ConfigMap" in failed.paste
    there = [{"metadata": {"name": name}} for name in ("kube-root-ca.crt", "proxies")]
    recorded.kubernetes[f"GET {SPACE}/configmaps"] = 200, {"items": there}
    assert recorded.failure("CONFIGMAP").cause.endswith("; there are 'proxies'")
    recorded.kubernetes.forbid(f"GET {SPACE}/configmaps/other")
    assert "you may not read" in recorded.unknown("CONFIGMAP")


def test_configmap_whose_keys_become_variables(recorded: RecordedCluster) -> None:
    source = {"configMapRef": {"name": "proxy-environment"}}
    recorded.pod["container"]["envFrom"] = [source]
    recorded.kubernetes.change(MAP, data={"no-proxy": "x"})
    assert "'no-proxy'" in recorded.warning("CONFIGMAP").message
    recorded.kubernetes.change(MAP, data={})
    assert recorded.warning("CONFIGMAP").message == "proxy-environment: empty"


def test_secret(recorded: RecordedCluster) -> None:
    assert recorded.ok("SECRET") == "it uses none"
    reference = {"secretKeyRef": {"name": "archive", "key": "TOKEN"}}
    recorded.pod["container"]["env"] = [{"name": "A", "valueFrom": reference}]
    failed = recorded.failure("SECRET")
    assert "there is no Secret 'archive'" in failed.cause
    assert "create secret generic archive --from-file=TOKEN=FILE" in failed.advice
    recorded.kubernetes[f"GET {SPACE}/secrets/archive"] = 200, {"data": {"USER": SECRET}}
    failed = recorded.failure("SECRET")
    assert "has no key 'TOKEN'" in failed.cause and "make provision" in failed.advice
    recorded.kubernetes[f"GET {SPACE}/secrets/archive"] = 200, {"data": {"TOKEN": SECRET}}
    assert recorded.ok("SECRET") == "archive"
    recorded.kubernetes.forbid(f"GET {SPACE}/secrets/archive")
    assert recorded.unknown("SECRET") == "you may not read secrets 'archive'"


def test_pull_secret(recorded: RecordedCluster) -> None:
    assert recorded.ok("PULL-SECRET") == "it uses none"
    recorded.spec["imagePullSecrets"] = [{"name": "pull"}]
    failed = recorded.failure("PULL-SECRET")
    assert failed.message == "'pull' is missing"
    assert f"--docker-server={recorded.registry.address}" in failed.advice
    key = f"GET {SPACE}/secrets/pull"
    recorded.kubernetes[key] = 200, {"type": "Opaque", "data": {"password": SECRET}}
    failed = recorded.failure("PULL-SECRET")
    assert "(type Opaque)" in failed.cause and "delete secret pull &&" in failed.advice
    for host in (recorded.registry.address, "elsewhere.example.org"):
        auths = {"auths": {host: {"auth": SECRET}}}
        data = {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()}
        kind = "kubernetes.io/dockerconfigjson"
        recorded.kubernetes[key] = 200, {"type": kind, "data": data}
        if host == recorded.registry.address:
            assert recorded.ok("PULL-SECRET") == f"pull ({host})"
    assert "is for elsewhere.example.org, not for" in recorded.unknown("PULL-SECRET")


def test_artifacts(recorded: RecordedCluster) -> None:
    assert recorded.ok("ARTIFACTS") == "it has none"
    recorded.pod["outputs"] = {"artifacts": [{"name": "a", "path": "/a"}]}
    assert "the controller's own repository" in recorded.unknown("ARTIFACTS")
    recorded.spec["artifactRepositoryRef"] = {"configMap": "artifact-repositories", "key": "ours"}
    failed = recorded.failure("ARTIFACTS")
    assert "there is no ConfigMap 'artifact-repositories'" in failed.cause
    assert failed.paste and "ours: |" in failed.paste
    store = "s3: {bucket: b, accessKeySecret: {name: store, key: accesskey}}"
    recorded.kubernetes[REPOSITORIES] = 200, {"data": {"ours": store}}
    failed = recorded.failure("ARTIFACTS")
    assert "the key 'accesskey' of the secret 'store'" in failed.cause
    recorded.kubernetes[f"GET {SPACE}/secrets/store"] = 200, {"data": {"accesskey": SECRET}}
    assert recorded.ok("ARTIFACTS") == "artifact-repositories, ours"
    recorded.kubernetes[REPOSITORIES] = 200, {"data": {"ours": "nothing: of the kind"}}
    assert "is not an artifact repository" in recorded.failure("ARTIFACTS").cause
    recorded.kubernetes[REPOSITORIES] = 200, {"data": {}}
    assert "no key 'ours' is in the" in recorded.failure("ARTIFACTS").cause
