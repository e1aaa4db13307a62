"""A run of a cluster is recorded, and its record runs again on this machine."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

from real_cluster import Project, RealCluster
from test_results import make_claim
from test_why_on_cluster import SCRIPT


def test_a_run_of_a_cluster_is_recorded_and_runs_again_here(
    cluster: RealCluster, new_workplace: Callable[[], str], project: Project, tmp_path: Path
) -> None:
    namespace = new_workplace()
    make_claim(cluster, namespace, tmp_path / "volume", "why")
    ways = {name: cluster[name] for name in ("KUBECONFIG", "ARGO_SERVER", "ARGO_SECURE")}
    ways |= {"ARGO_NAMESPACE": namespace, "ARGO_SERVICE_ACCOUNT": "argo-user"}
    project.write("workflow.py", SCRIPT)
    for words in (("submit", "--wait=1", "--quiet=1"), ("record", "--output=json")):
        done = project.run("hera_utils", *words, timeout=300, **ways)
        assert done.status == 0, done.all
    written = json.loads(done.out)
    assert (written["results"], written["logs"]) == (2, 0)
    crate = tmp_path / "crate"
    with zipfile.ZipFile(written["path"]) as packed:
        packed.extractall(crate)
    document = json.loads((crate / "ro-crate-metadata.json").read_text())
    graph = {each["@id"]: each for each in document["@graph"]}
    assert graph["#orchestration"]["instrument"]["@id"].startswith("https://argoproj.github.io/")
    argo = graph[graph["#orchestration"]["instrument"]["@id"]]
    assert argo["softwareVersion"].startswith("v")
    kubernetes = graph[argo["softwareRequirements"]["@id"]]
    assert kubernetes["softwareVersion"].startswith("v1.")
    for task in ("count", "double"):
        assert graph[f"#task/{task}"]["actionStatus"].endswith("/CompletedActionStatus")
        assert graph[f"#task/{task}/output/exit%20code"]["value"] == "0"
    assert cluster["ARGO_SERVER"] not in (crate / "record" / "run.json").read_text()

    verdict = ("python", "-m", "hera_experiment.crate.verdict", str(crate))
    again = project.run(*verdict, timeout=300)
    assert again.status == 0 and "the run is reproduced: 2 outputs" in again.out, again.all
    cluster.kubectl("delete", "pv", f"{namespace}-why", "--wait=false")
