"""Artifacts from the web and from git come, or fail, on this machine as on a cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from artifact_sources import PASSWORD, USER, Pages, make_repository, serve_git, serve_pages
from both_sides import NAMESPACE, WORKFLOWS, Argo, Json, Local, finished
from comparison import differences
from real_cluster import RealCluster

SECRET = "artifact-sources"


@pytest.fixture
def workflow(cluster: RealCluster, host_address: str, tmp_path: Path) -> Iterator[Json]:
    make_repository(tmp_path)
    with serve_pages(host_address) as pages, serve_git(tmp_path, host_address) as git:
        text = (WORKFLOWS / "sources.yml").read_text()
        for word, value in (("HOST", host_address), ("HTTP", str(pages)), ("GIT", str(git))):
            text = re.sub(rf"\b{word}\b", value, text)
        loaded: Json = yaml.safe_load(text)
        loaded["metadata"]["namespace"] = NAMESPACE
        values = {"user": USER, "password": PASSWORD}
        cluster.apply(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": SECRET, "namespace": NAMESPACE},
                    "stringData": values,
                }
            )
        )
        yield loaded
        cluster.kubectl("delete", "secret", SECRET, "-n", NAMESPACE)


def test_sources_are_read_alike(workflow: Json, argo: Argo, local: Local) -> None:
    values = {"user": USER.encode(), "password": PASSWORD.encode()}
    local.store.objects.put("secrets", SECRET, values)
    name = argo.create(workflow)
    Pages.sent.clear()
    here = local.wait(local.create(workflow), finished)
    assert Pages.sent.pop("/sent") == b"sent\n"
    there = argo.wait(name, finished)
    assert Pages.sent == {"/sent": b"sent\n"}

    assert differences(there, here) == []
    assert PASSWORD not in json.dumps(here)
