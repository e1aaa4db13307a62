"""The report of a run on a cluster: what Argo and the pods tell, and what nobody has measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from real_cluster import Project, RealCluster

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("turn")]

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: told-}
spec:
  entrypoint: all
  templates:
  - name: all
    dag:
      tasks:
      - {name: say, template: say, withItems: [one, two],
         arguments: {parameters: [{name: word, value: "{{item}}"}]}}
      - {name: fail, template: fail, depends: say}
  - name: say
    inputs: {parameters: [{name: word}]}
    script:
      image: python:3.13-slim
      command: [sh]
      source: "echo the word is {{inputs.parameters.word}}; sleep 1"
      resources: {requests: {cpu: 50m, memory: 16Mi}}
  - name: fail
    script: {image: "python:3.13-slim", command: [sh], source: "echo no luck; exit 7"}
"""


def test_what_is_told_of_a_run_on_a_cluster(
    project: Project, cluster: RealCluster, namespace: str
) -> None:
    names = ("KUBECONFIG", "ARGO_SERVER", "ARGO_SECURE")
    settings = {name: cluster[name] for name in names}
    settings |= {"ARGO_NAMESPACE": namespace, "ARGO_SERVICE_ACCOUNT": "argo-user"}
    project.write("told.yaml", WORKFLOW)
    words = ("submit", "--script=told.yaml", "--wait=1")
    done = project.run("hera_utils", *words, timeout=600, **settings)
    assert done.status == 1, done.all
    name, run = re.findall(r"^report: .*?((told-\w+)\.html)$", done.all, re.MULTILINE)[0]
    page = Path(project.folder, "results", name).read_text()
    assert "no luck" in page and "the word is one" in page

    words = ("report", f"--run={run}", "--output=json")
    done = project.run("hera_utils", *words, timeout=600, **settings)
    assert done.status == 0, done.all
    document = json.loads(done.out)
    assert not document["run"]["isLocal"] and document["run"]["phase"] == "Failed"
    assert "exit code 7" in document["failures"][0]["head"]
    tasks = {task["name"]: task for task in document["tasks"]}
    said = tasks["say(0:one)"]
    assert said["log"] == ["the word is one"] and said["worker"]
    # The pod is still there: it tells when it was made, and which image it was.
    assert said["queued"] <= said["began"] < said["ended"]
    assert document["images"][0]["digest"].startswith("sha256:")
    assert not {"cpu", "memory"} & set(said)
    assert document["templates"]["say"]["memory"] == 16 * 2**20
    assert tasks["fail"]["critical"] and tasks["fail"]["exit"] == "7"
