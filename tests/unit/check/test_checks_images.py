"""Checks of the registry and of images, each broken and mended."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from recorded_cluster import SECRET, RecordedCluster, node

IMAGE = "HEAD /v2/hera-check/probe/manifests/latest"


def test_registry_reachable(recorded: RecordedCluster) -> None:
    assert recorded.ok("REGISTRY-REACHABLE") == recorded.registry.address
    recorded.registry["GET /v2/"] = 200, "<html>"
    recorded.registry.headers = {}
    failed = recorded.failure("REGISTRY-REACHABLE")
    assert "does not answer as a container registry" in failed.cause
    recorded.registry.close()
    assert "correct REGISTRY" in recorded.failure("REGISTRY-REACHABLE").advice
    del recorded.settings["REGISTRY"]
    assert recorded.unknown("REGISTRY-REACHABLE") == "none is set"


def test_registry_signed_in(recorded: RecordedCluster, tmp_path: Path) -> None:
    host = recorded.registry.address
    assert recorded.ok("REGISTRY-SIGNED-IN") == "it asks for no account"
    recorded.registry["GET /v2/"] = 401, {}
    recorded.registry.headers["WWW-Authenticate"] = 'Basic realm="here"'
    failed = recorded.failure("REGISTRY-SIGNED-IN")
    assert f"no account is kept for {host} (REGISTRY in the environment)" in failed.cause
    assert failed.advice == f"docker login {host}"
    recorded.settings["DOCKER_CONFIG"] = str(tmp_path)
    auth = base64.b64encode(f"me:{SECRET}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    assert "does not accept the account" in recorded.failure("REGISTRY-SIGNED-IN").cause


def test_images(recorded: RecordedCluster) -> None:
    name = f"{recorded.registry.address}/hera-check/probe:latest"
    assert recorded.ok("IMAGES") == name
    del recorded.registry.answers[IMAGE]
    failed = recorded.failure("IMAGES")
    assert failed.message == f"{name} is missing"
    assert failed.advice == "correct its name or tag in workflow.py, or push it"
    recorded.registry[IMAGE] = 401, ""
    assert "does not let you see" in recorded.unknown("IMAGES")


def test_images_of_the_experiment_itself(recorded: RecordedCluster, tmp_path: Path) -> None:
    (tmp_path / "containers" / "chart").mkdir(parents=True)
    (tmp_path / "containers" / "chart" / "Dockerfile").write_text("FROM scratch\n")
    recorded.pod["container"]["image"] = f"{recorded.registry.address}/try-chart:1"
    assert recorded.failure("IMAGES").advice == "make build push"
    recorded.pod["container"]["image"] = "localhost/try-chart:1"
    assert "no registry is set" in recorded.unknown("IMAGES")


def on(name: str, architecture: str) -> dict[str, Any]:
    """Return a node with such a processor."""
    found = node(name)
    found["status"]["nodeInfo"] = {"architecture": architecture, "operatingSystem": "linux"}
    return found


def made_for(recorded: RecordedCluster, architecture: str) -> None:
    manifest = {"manifests": [{"platform": {"os": "linux", "architecture": architecture}}]}
    recorded.registry["GET /v2/hera-check/probe/manifests/latest"] = 200, manifest


def test_images_made_for_other_processors(recorded: RecordedCluster) -> None:
    made_for(recorded, "arm64")
    recorded.nodes(on("n1", "arm64"))
    recorded.ok("IMAGES")
    recorded.nodes(on("n1", "amd64"))
    failed = recorded.failure("IMAGES")
    assert failed.message.endswith("is for linux/arm64")
    assert "the node 'n1' is linux/amd64" in failed.cause and "exec format error" in failed.cause
    assert failed.advice.startswith("make build push BUILD_OPTIONS=--platform=linux/amd64")
    recorded.nodes(on("n1", "amd64"), on("n2", "arm64"))
    warned = recorded.warning("IMAGES")
    assert "node_selector={'kubernetes.io/arch': 'arm64'}" in warned.advice
    recorded.nodes(on("n1", "amd64"), on("n2", "arm64"))
    recorded.kubernetes.answers["GET /api/v1/nodes"][1]["items"][1]["metadata"]["labels"] = {
        "kubernetes.io/arch": "arm64"
    }
    recorded.pod["nodeSelector"] = {"kubernetes.io/arch": "arm64"}
    recorded.ok("IMAGES")


def test_images_for_nodes_that_may_not_be_seen(recorded: RecordedCluster) -> None:
    made_for(recorded, "arm64")
    recorded.kubernetes.forbid("GET /api/v1/nodes")
    recorded.argo.change("GET /api/v1/version", platform="linux/amd64")
    assert "the machine of Argo's server is linux/amd64" in recorded.failure("IMAGES").cause
    recorded.argo.change("GET /api/v1/version", platform="linux/arm64")
    recorded.ok("IMAGES")
    recorded.argo.change("GET /api/v1/version", platform="linux/amd64")
    recorded.pod["nodeSelector"] = {"kubernetes.io/arch": "arm64"}
    recorded.ok("IMAGES")
