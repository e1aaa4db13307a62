"""The artifacts of a workflow come home from Argo's server as from the local one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from both_sides import NAMESPACE, Argo, Json, Local, finished
from real_cluster import RealCluster

from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.http_session import Session
from hera_experiment.results.artifact_files import fetch_artifacts, own_artifacts

PLAIN: Json = {"none": {}}
MAKE = "mkdir -p /out/a/b; echo 1 > /out/a/b/one; echo 2 > '/out/two words'; echo 3 > /three"
WORKFLOW: Json = {
    "metadata": {"generateName": "own-artifacts-", "namespace": NAMESPACE},
    "spec": {
        "entrypoint": "main",
        "serviceAccountName": "experiment",
        "templates": [
            {
                "name": "main",
                "outputs": {
                    "artifacts": [
                        {"name": name, "from": f"{{{{steps.make.outputs.artifacts.{name}}}}}"}
                        for name in ("folder", "packed")
                    ]
                },
                "steps": [[{"name": "make", "template": "make"}]],
            },
            {
                "name": "make",
                "outputs": {
                    "artifacts": [
                        {"name": "folder", "path": "/out", "archive": PLAIN},
                        {"name": "packed", "path": "/out"},
                        {"name": "in", "path": "/three", "archive": PLAIN, "globalName": "three"},
                    ]
                },
                "container": {
                    "image": "python:3.13-slim",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", MAKE],
                },
            },
        ],
    },
}


def brought(workflow: Json, url: str, bearer: str, folder: Path) -> dict[str, Any]:
    client = ArgoClient(f"http://{url}/", Session(lambda: bearer))
    artifacts = own_artifacts(workflow)
    results = fetch_artifacts(workflow, artifacts, client, folder)
    assert (results.remarks, results.new, results.missing) == ((), 4, 0)
    assert fetch_artifacts(workflow, artifacts, client, folder).new == 0
    gone = [replace(artifacts[0], source="nothing")]
    failed = fetch_artifacts(workflow, gone, client, folder)
    assert failed.missing == 1 and "the artifact 'folder' cannot be had" in failed.remarks[0]
    client.close()
    files = {str(path.relative_to(folder)): path for path in results.files}
    packed = files.pop("artifacts/packed/packed.tgz")
    assert packed.read_bytes().startswith(b"\x1f\x8b")
    return {name: path.read_text() for name, path in files.items()}


def test_own_artifacts_come_home_from_both(
    argo: Argo, local: Local, cluster: RealCluster, tmp_path: Path
) -> None:
    # It needs an account that may read the repository's Secret; this server has its own.
    server = cluster.open_argo
    there = argo.wait(argo.create(WORKFLOW), finished)
    here = local.wait(local.create(WORKFLOW), finished)
    expected = {
        "artifacts/folder/a/b/one": "1\n",
        "artifacts/folder/two words": "2\n",
        "artifacts/three/three": "3\n",
    }
    assert brought(there, server, "Bearer any", tmp_path / "there") == expected
    assert brought(here, local.server, f"Bearer {local.token}", tmp_path / "here") == expected


def test_an_account_without_the_secret_is_told(
    argo: Argo, cluster: RealCluster, tmp_path: Path
) -> None:
    there = argo.wait(argo.create(WORKFLOW), finished)
    bearer = f"Bearer {cluster.token('argo-user', NAMESPACE, '1h')}"
    client = ArgoClient(f"http://{cluster['ARGO_SERVER']}/", Session(lambda: bearer))
    failed = fetch_artifacts(there, own_artifacts(there), client, tmp_path)
    if not failed.missing:
        pytest.fail("this account may read the Secret of the repository")
    assert "your account has to read the Secrets of the artifact repository" in failed.remarks[0]
