"""What is stopped, or retried, on Argo and on the local engine: same nodes, same words."""

from __future__ import annotations

import copy

import pytest
import yaml
from both_sides import NAMESPACE, Ahead, Argo, Json, Local, finished, manifest, nodes_of, running
from comparison import differences

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


AGAIN = """
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
RETRIED = {
    "failure": manifest("failures/failure"),
    "steps_failure": manifest("steps/steps_failure"),
    "retry_again": yaml.safe_load(AGAIN),
    "steps_and_dags": manifest("steps/steps_and_dags"),
    "exit_fails": manifest("exit_handlers/exit_fails"),
    "exit_after_failure": manifest("exit_handlers/exit_after_failure"),
}


@pytest.fixture(scope="module")
def ahead(argo: Argo) -> Ahead:
    return Ahead(argo, RETRIED)


@pytest.mark.parametrize("name", RETRIED)
def test_is_retried_alike(name: str, argo: Argo, ahead: Ahead, local: Local) -> None:
    options: Json = {}
    if name == "steps_and_dags":
        options = {"restartSuccessful": True, "nodeFieldSelector": "displayName=one"}
    there, here = ahead.create(name), local.create(copy.deepcopy(RETRIED[name]))
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
