"""Kubernetes' own paths for what the laptop cluster offers."""

from __future__ import annotations

import pytest

BASE = "/api/v1/namespaces/local"


def test_a_claim_is_bound_at_once(call, store):
    claim = {
        "metadata": {"name": "results"},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    assert call("GET", f"{BASE}/persistentvolumeclaims/results").status == 404
    for answer in (
        call("POST", f"{BASE}/persistentvolumeclaims", claim),
        call("GET", f"{BASE}/persistentvolumeclaims/results"),
    ):
        assert answer.json["kind"] == "PersistentVolumeClaim"
        assert answer.json["status"] == {"phase": "Bound", "accessModes": ["ReadWriteMany"]}
    assert store.objects.claim_path("results").is_dir()
    again = call("POST", f"{BASE}/persistentvolumeclaims", claim)
    assert (again.status, again.json["code"]) == (409, 6)


def test_a_configmap_holds_text_and_bytes(call):
    body = {"metadata": {"name": "c"}, "data": {"A": "1"}, "binaryData": {"b": "/wA="}}
    assert call("POST", f"{BASE}/configmaps", body).status == 200
    found = call("GET", f"{BASE}/configmaps/c").json
    assert (found["data"], found["binaryData"]) == ({"A": "1"}, {"b": "/wA="})
    # The laptop's objects are the same in every namespace.
    assert call("GET", "/api/v1/namespaces/other/configmaps/c").json["data"] == {"A": "1"}


def test_a_secret_is_base64_as_in_kubernetes(call, store):
    body = {"metadata": {"name": "s"}, "data": {"a": "cA=="}, "stringData": {"b": "q"}}
    assert call("POST", f"{BASE}/secrets", body).json["data"] == {"a": "cA==", "b": "cQ=="}
    assert store.objects.get("secrets", "s") == {"a": b"p", "b": b"q"}
    listed = call("GET", f"{BASE}/secrets").json
    assert listed["kind"] == "SecretList"
    assert [item["metadata"]["name"] for item in listed["items"]] == ["s"]


def test_an_object_is_replaced_only_where_it_is(call, store):
    body = {"metadata": {"name": "s"}, "data": {"a": "cA=="}, "stringData": {"b": "q"}}
    assert call("PUT", f"{BASE}/secrets/s", body).status == 404
    store.objects.put("secrets", "s", {"old": b"1"})
    assert call("PUT", f"{BASE}/secrets/s", body).json["data"] == {"a": "cA==", "b": "cQ=="}
    assert store.objects.get("secrets", "s") == {"a": b"p", "b": b"q"}
    assert (store.objects.path("secrets", "s") / "a").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "kind, body, says",
    [
        ("secrets", {}, "metadata.name"),
        ("secrets", {"metadata": {"name": "../x"}}, "RFC 1123"),
        ("secrets", {"metadata": {"name": "s"}, "data": {"a": "hunter2!"}}, "base64"),
        ("secrets", {"metadata": {"name": "s"}, "data": {"../x": "cA=="}}, "key"),
        ("secrets", {"metadata": {"name": "s"}, "data": []}, ""),
        ("secrets", {"metadata": {"name": "s"}, "data": [1]}, "not an object"),
        ("configmaps", {"metadata": {"name": "c"}, "data": {"a": 5}}, "quote it"),
    ],
)
def test_what_cannot_be_created_is_refused_without_its_value(call, store, kind, body, says):
    answer = call("POST", f"{BASE}/{kind}", body)
    if body.get("data") == []:
        assert answer.status == 200
        return
    assert (answer.status, answer.json["code"]) == (400, 3)
    assert says in answer.json["message"]
    assert "hunter2" not in answer.json["message"]
    assert store.objects.names(kind) == []


def test_namespaces_exist(call):
    assert call("GET", BASE).json["status"] == {"phase": "Active"}
    assert call("GET", "/api/v1/namespaces/Not%20One").status == 400


@pytest.mark.parametrize("name", ["%2e%2e", "a%2Fb", "..%2f..%2fx"])
def test_no_name_leads_out(call, name):
    assert call("GET", f"{BASE}/secrets/{name}").status == 404
