"""Two runs of a cluster compared, and the cause shown on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from real_cluster import Project, RealCluster
from test_results import make_claim

SCRIPT = """
from hera.workflows import DAG, ExistingVolume, Workflow, script
from hera.workflows.models import VolumeMount

MOUNT = [VolumeMount(name="v", mount_path="/v")]


@script(image="python:3.13-slim", volume_mounts=MOUNT)
def count(run):
    import os
    os.makedirs(f"/v/{run}", exist_ok=True)
    with open(f"/v/{run}/count.csv", "w") as file:
        file.write("city,people\\nlyon,7\\n")


@script(image="python:3.13-slim", volume_mounts=MOUNT)
def double(run):
    text = open(f"/v/{run}/count.csv").read()
    with open(f"/v/{run}/double.txt", "w") as file:
        file.write(text * 2)


with Workflow(
    generate_name="why-",
    entrypoint="all",
    volumes=[ExistingVolume(name="v", claim_name="why", mount_path="/v")],
) as w, DAG(name="all"):
    run = {"run": "{{workflow.name}}"}
    count(arguments=run) >> double(arguments=run)
w.create()
"""


def test_runs_of_a_cluster_are_compared(
    cluster: RealCluster, new_workplace: Callable[[], str], project: Project, tmp_path: Path
) -> None:
    namespace = new_workplace()
    make_claim(cluster, namespace, tmp_path / "volume", "why")
    ways = {name: cluster[name] for name in ("KUBECONFIG", "ARGO_SERVER", "ARGO_SECURE")}
    ways |= {"ARGO_NAMESPACE": namespace, "ARGO_SERVICE_ACCOUNT": "argo-user"}

    def verb(*words: str) -> str:
        done = project.run("hera_utils", *words, timeout=300, **ways)
        assert done.status == 0, done.all
        return done.out

    for text in (SCRIPT, SCRIPT.replace("lyon,7", "lyon,8")):
        project.write("workflow.py", text)
        project.write("README.md", text[-9:] + str(len(text)))
        verb("submit", "--wait=1", "--quiet=1")
    newest, before = json.loads(verb("runs", "--output=json"))
    assert [each["phase"] for each in (newest, before)] == ["Succeeded"] * 2
    assert [each["path"] for each in newest["changedCode"]] == ["workflow.py"]

    words = ("why", f"--a={before['name']}", f"--b={newest['name']}")
    text = verb(*words)
    assert "first task whose outputs differ: count" in text
    assert "lyon, people: 7 → 8" in text
    shown = json.loads(verb(*words, "--prove=1", "--output=json"))
    assert shown["proof"]["causes"] == ["code workflow.py"]
    cluster.kubectl("delete", "pv", f"{namespace}-why", "--wait=false")
