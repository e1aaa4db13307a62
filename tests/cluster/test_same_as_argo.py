"""The same workflows on Argo and on the local engine: same verdict, same nodes, same words."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from comparison import (
    NAMESPACE,
    WORKFLOWS,
    Argo,
    Local,
    differences,
    finished,
    manifest,
    nodes_of,
    running,
)

from hera_experiment.local.errors import ApiError

# These race against time: they have the cluster to themselves, when the others are done.
TIMED = ("deadline", "exit_deadline", "fail_fast", "workflow_deadline")
NAMES = sorted((path.stem for path in WORKFLOWS.glob("*.yaml")), key=lambda it: (it in TIMED, it))
INVALID = yaml.safe_load((WORKFLOWS / "invalid.yml").read_text())
Json = dict[str, Any]


@pytest.fixture(scope="module")
def argo(cluster: Any) -> Iterator[Argo]:
    token = cluster.token("argo-user", NAMESPACE, "2h")
    argo = Argo(cluster["ARGO_SERVER"], token)
    yield argo
    for name in argo.created:
        argo.request("DELETE", f"/workflows/{NAMESPACE}/{name}")


UNTIMED = [name for name in NAMES if name not in TIMED]
AHEAD = 6


class Ahead:
    """Workflows on Argo, some ahead of those asked for: a pod takes seconds there, mostly idle.

    All of them at once would leave the node no time for anybody else.
    """

    def __init__(self, argo: Argo) -> None:
        self._argo = argo
        self._created: dict[str, str] = {}

    def create(self, name: str) -> str:
        """Return the name that Argo has given to the workflow."""
        if name in TIMED:
            return self._argo.create(manifest(name))
        begin = UNTIMED.index(name)
        for each in UNTIMED[begin : begin + AHEAD]:
            if each not in self._created:
                self._created[each] = self._argo.create(manifest(each))
        return self._created.pop(name)


@pytest.fixture(scope="module")
def ahead(argo: Argo) -> Ahead:
    return Ahead(argo)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    local = Local(tmp_path_factory.mktemp("local"))
    yield local
    local.engine.close()


KUBELETS = "Pod was active on the node longer than the specified deadline"
CONTROLLERS = "Step exceeded its deadline"


@pytest.mark.parametrize("name", NAMES)
def test_ends_alike(name: str, ahead: Ahead, argo: Argo, local: Local) -> None:
    on_argo = ahead.create(name)
    here = local.wait(local.create(manifest(name)), finished)
    there = argo.wait(on_argo, finished)

    if name in ("deadline", "workflow_deadline"):
        # The kubelet and the controller race to end the pod: only the executor that outruns the
        # one tells the exit code, and the message is that of whoever was first.
        for node in [*there["status"]["nodes"].values(), *here["status"]["nodes"].values()]:
            if node.get("message") in (KUBELETS, CONTROLLERS):
                node["message"] = KUBELETS
            if node["phase"] in ("Failed", "Error"):
                node.pop("outputs", None)
    if name == "workflow_deadline":
        # Argo may end the workflow before it has seen the end of the pod.
        for workflow in (there, here):
            conditions = workflow["status"]["conditions"]
            workflow["status"]["conditions"] = [c for c in conditions if c["type"] != "PodRunning"]
    if name == "exit_deadline":
        # Who ends a pod at the workflow's deadline, Argo or the kubelet, is a race.
        for workflow in (there, here):
            (slow,) = (n for n in nodes_of(workflow) if n["displayName"] == "slow")
            assert slow["phase"] in ("Failed", "Error")
            slow["phase"] = slow["message"] = ""
            slow.pop("outputs", None)
    assert differences(there, here) == []
    assert there["status"]["nodes"], "nothing was compared"


SLEEPERS = """
metadata: {generateName: sleepers-, namespace: experiments}
spec:
  entrypoint: main
  serviceAccountName: experiment
  templates:
  - name: main
    dag:
      tasks:
      - {name: asleep, template: sleep}
      - {name: retried, template: sleep-again}
      - {name: after, template: sleep, depends: asleep}
      - {name: if-it-fails, template: sleep, depends: asleep.Failed}
  - name: sleep
    script: &script
      image: python:3.13-slim
      imagePullPolicy: IfNotPresent
      command: [python]
      source: import time; time.sleep(600)
  - name: sleep-again
    retryStrategy: {limit: 3}
    script: *script
"""


@pytest.mark.parametrize("verb", ["stop", "terminate"])
def test_is_stopped_alike(verb: str, argo: Argo, local: Local) -> None:
    there, here = argo.create(yaml.safe_load(SLEEPERS)), local.create(yaml.safe_load(SLEEPERS))
    for name in ("asleep", "retried(0)"):
        argo.wait(there, running(name))
        local.wait(here, running(name))
    argo.change(there, verb)
    getattr(local.engine, verb)(NAMESPACE, here)
    one, other = argo.wait(there, finished), local.wait(here, finished)

    # Argo stops looking at once: some nodes of an ended workflow are Running for ever.
    nodes = one["status"]["nodes"]
    left = {node["displayName"] for node in nodes.values() if node["phase"] == "Running"}
    assert left == {"retried"}
    one["status"]["conditions"] = other["status"]["conditions"]
    unlike = [line for line in differences(one, other) if not line.startswith("WF.retried.")]
    assert unlike == []
    assert all(n["finishedAt"] for n in other["status"]["nodes"].values())


HANDLED = """
metadata: {generateName: handled-, namespace: experiments}
spec:
  entrypoint: main
  onExit: handler
  serviceAccountName: experiment
  templates:
  - name: main
    dag: {tasks: [{name: asleep, template: sleep}]}
  - name: handler
    dag:
      tasks:
      - {name: said, template: say}
      - {name: last, template: MINUTES, depends: said}
  - name: say
    script: &script
      image: python:3.13-slim
      imagePullPolicy: IfNotPresent
      command: [python]
      source: print("{{workflow.status}}")
  - name: sleep
    script:
      <<: *script
      source: import time; time.sleep(600)
"""


@pytest.mark.parametrize("verbs", [("stop",), ("terminate",), ("stop", "terminate")], ids="-".join)
def test_exit_handlers_of_what_is_stopped_alike(
    verbs: tuple[str, ...], argo: Argo, local: Local
) -> None:
    text = HANDLED.replace("MINUTES", "sleep" if len(verbs) > 1 else "say")
    there, here = argo.create(yaml.safe_load(text)), local.create(yaml.safe_load(text))
    for name, verb in zip(("asleep", "last"), verbs, strict=False):
        argo.wait(there, running(name))
        local.wait(here, running(name))
        argo.change(there, verb)
        getattr(local.engine, verb)(NAMESPACE, here)
    one, other = argo.wait(there, finished), local.wait(here, finished)

    one["status"]["conditions"] = other["status"]["conditions"]
    for node in nodes_of(one):
        # The executor may report an exit code when the workflow has ended.
        if "shutdown with strategy" in node.get("message", ""):
            node.pop("outputs", None)
    assert differences(one, other) == []
    handled = [name for name in (n["name"] for n in nodes_of(other)) if ".onExit" in name]
    assert bool(handled) == (verbs[0] == "stop")


@pytest.mark.parametrize(
    "name",
    [
        "failure",
        "steps_failure",
        "retry_again",
        "steps_and_dags",
        "exit_fails",
        "exit_after_failure",
    ],
)
def test_is_retried_alike(name: str, argo: Argo, local: Local) -> None:
    workflow = AGAIN[name] if name in AGAIN else manifest(name)
    options: Json = {}
    if name == "steps_and_dags":
        options = {"restartSuccessful": True, "nodeFieldSelector": "displayName=one"}
    there, here = argo.create(copy.deepcopy(workflow)), local.create(workflow)
    argo.wait(there, finished)
    local.wait(here, finished)
    argo.change(there, "retry", **options)
    local.engine.retry(
        NAMESPACE,
        here,
        restart_successful=options.get("restartSuccessful", False),
        node_field_selector=options.get("nodeFieldSelector", ""),
    )

    assert differences(argo.wait(there, finished), local.wait(here, finished)) == []


AGAIN = {
    "retry_again": yaml.safe_load(
        """
metadata: {generateName: retry-again-, namespace: experiments}
spec:
  entrypoint: main
  serviceAccountName: experiment
  templates:
  - name: main
    dag:
      tasks:
      - {name: good, template: by-status, arguments: {parameters: [{name: status, value: 0}]}}
      - name: loop
        depends: good
        template: by-status
        withItems: [0, 1]
        arguments: {parameters: [{name: status, value: "{{item}}"}]}
      - {name: nested, template: nested, depends: good}
      - {name: retried, template: retried, depends: good}
      - {name: last, template: nested, depends: loop && nested && retried}
  - name: nested
    steps:
    - - {name: one, template: by-status, arguments: {parameters: [{name: status, value: 0}]}}
    - - {name: two, template: by-status, arguments: {parameters: [{name: status, value: 1}]}}
      - {name: three, template: by-status, arguments: {parameters: [{name: status, value: 0}]}}
  - name: retried
    retryStrategy: {limit: 1}
    script: {image: python:3.13-slim, command: [python], source: raise SystemExit(1)}
  - name: by-status
    inputs: {parameters: [{name: status}]}
    script:
      image: python:3.13-slim
      imagePullPolicy: IfNotPresent
      command: [python]
      source: raise SystemExit({{inputs.parameters.status}})
"""
    )
}


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case["name"])
def test_is_refused_in_the_same_words(case: Json, argo: Argo, local: Local) -> None:
    workflow = {"metadata": {"generateName": "bad-", "namespace": NAMESPACE}, **case["workflow"]}
    body = {"workflow": workflow, "createOptions": {"dryRun": ["All"]}}
    status, answer = argo.request("POST", f"/workflows/{NAMESPACE}", body)
    assert status == 400, answer

    with pytest.raises(ApiError) as refused:
        local.engine.create(workflow, dry_run=True)

    assert (refused.value.http, refused.value.code) == (status, answer["code"])
    # The engine may say more: which tasks a cycle consists of.
    assert refused.value.message.startswith(answer["message"])


def test_answers_a_dry_run_alike(argo: Argo, local: Local) -> None:
    for name in NAMES:
        body = {"workflow": manifest(name), "createOptions": {"dryRun": ["All"]}}
        status, there = argo.request("POST", f"/workflows/{NAMESPACE}", body)
        assert status == 200, there
        here = local.engine.create(manifest(name), dry_run=True)
        assert here["spec"] == there["spec"]
        assert here["status"] == there["status"]
        assert "name" not in here["metadata"]
