"""What is suspended, resumed, set or stopped in part, on Argo and on the local engine."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from both_sides import NAMESPACE, Argo, Json, Local, finished, nodes_of, running
from comparison import differences

from hera_experiment.local.engine.suspend import Change
from hera_experiment.local.errors import ApiError

WAITING = """
metadata: {generateName: waiting-, namespace: experiments}
spec:
  entrypoint: main
  serviceAccountName: experiment
  templates:
  - name: main
    dag:
      tasks:
      - {name: plain, template: wait}
      - {name: asks, template: ask, depends: plain}
      - name: told
        template: say
        depends: asks
        arguments:
          parameters: [{name: word, value: "{{tasks.asks.outputs.parameters.answer}}"}]
      - {name: failed, template: steps, depends: plain.Failed}
  - name: steps
    steps:
    - - {name: wait, template: wait}
  - name: wait
    suspend: {}
  - name: ask
    inputs: {parameters: [{name: kind, value: last}]}
    outputs:
      parameters:
      - {name: answer, globalName: answer, valueFrom: {supplied: {}}}
      - {name: other, valueFrom: {supplied: {}, default: "no"}}
    suspend: {}
  - name: say
    inputs: {parameters: [{name: word}]}
    script:
      image: python:3.13-slim
      imagePullPolicy: IfNotPresent
      command: [python]
      source: print("{{inputs.parameters.word}}")
"""
PLAIN, ASKS = "displayName=plain", "inputs.parameters.kind.value=last"


def here_too(local: Local, name: str, verb: str, options: Json) -> None:
    """Ask the local engine for the same."""
    selector = options.get("nodeFieldSelector", "")
    engine = local.engine
    if verb == "set":
        outputs = json.loads(options.get("outputParameters", "{}"))
        change = Change(options.get("phase", ""), options.get("message", ""), outputs)
        engine.set_nodes(NAMESPACE, name, selector, change)
    elif verb == "stop":
        engine.stop(NAMESPACE, name, selector, options.get("message", ""))
    elif verb == "resume":
        engine.resume(NAMESPACE, name, selector)
    else:
        engine.suspend(NAMESPACE, name)


SET: Json = {"outputParameters": '{"answer": "42"}', "nodeFieldSelector": ASKS}
CASES: dict[str, list[tuple[str, str, Json]]] = {
    "resumed": [("plain", "resume", {}), ("asks", "set", SET), ("asks", "resume", {})],
    "in-part": [
        ("plain", "resume", {"nodeFieldSelector": PLAIN}),
        ("asks", "set", {**SET, "phase": "Succeeded", "message": "as asked"}),
    ],
    "stopped-in-part": [
        ("plain", "stop", {"nodeFieldSelector": PLAIN, "message": "enough"}),
        ("wait", "set", {"nodeFieldSelector": "phase=Running", "phase": "Error", "message": "no"}),
    ],
    "stopped": [("plain", "resume", {}), ("asks", "stop", {"message": "not kept"})],
    "message-kept": [
        ("plain", "set", {"nodeFieldSelector": PLAIN, "message": "soon"}),
        ("plain", "set", {"nodeFieldSelector": PLAIN, "phase": "Succeeded"}),
        ("asks", "terminate", {}),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_goes_on_alike(case: str, argo: Argo, local: Local) -> None:
    workflow = yaml.safe_load(WAITING)
    there, here = argo.create(workflow), local.create(yaml.safe_load(WAITING))
    for node, verb, options in CASES[case]:
        argo.wait(there, running(node))
        local.wait(here, running(node))
        argo.change(there, verb, **options)
        if verb == "terminate":
            local.engine.terminate(NAMESPACE, here)
        else:
            here_too(local, here, verb, options)
    one, other = argo.wait(there, finished), local.wait(here, finished)
    for node in nodes_of(one):
        # Whose token it was: the laptop has one user.
        if node.get("message", "").startswith("Resumed by: "):
            del node["message"]
    assert differences(one, other) == []
    assert len(nodes_of(one)) > 2


REFUSED: list[tuple[str, Json]] = [
    ("set", {"nodeFieldSelector": PLAIN, "outputParameters": '{"answer": "42"}'}),
    ("set", {"nodeFieldSelector": "displayName=none", "message": "text"}),
    ("set", {"message": "text"}),
    ("set", {"nodeFieldSelector": PLAIN, "phase": "Skipped"}),
    ("stop", {"nodeFieldSelector": "displayName=none"}),
    ("resume", {"nodeFieldSelector": "displayName=none"}),
]
ASKED: list[tuple[str, Json]] = [
    ("set", {"nodeFieldSelector": ASKS, "outputParameters": '{"none": "42"}'}),
    ("resume", {}),
]


def test_is_refused_in_the_same_words(argo: Argo, local: Local) -> None:
    there, here = argo.create(yaml.safe_load(WAITING)), local.create(yaml.safe_load(WAITING))

    def refused(cases: list[tuple[str, Json]]) -> None:
        for verb, options in cases:
            path = f"/workflows/{NAMESPACE}/{there}/{verb}"
            status, answer = argo.request("PUT", path, options)
            with pytest.raises(ApiError) as error:
                here_too(local, here, verb, options)
            found = (error.value.http, error.value.code, error.value.message)
            assert found == (status, answer["code"], answer["message"]), (verb, options)

    argo.wait(there, running("plain"))
    local.wait(here, running("plain"))
    refused(REFUSED)
    argo.change(there, "resume")
    local.engine.resume(NAMESPACE, here)
    argo.wait(there, running("asks"))
    local.wait(here, running("asks"))
    refused(ASKED)
    argo.change(there, "terminate")
    local.engine.terminate(NAMESPACE, here)
    argo.wait(there, finished)
    local.wait(here, finished)
    refused([("suspend", {})])
    argo.change(there, "resume")
    local.engine.resume(NAMESPACE, here)


def test_a_workflow_that_is_suspended_begins_nothing(argo: Argo, local: Local) -> None:
    workflow: Any = yaml.safe_load(WAITING)
    workflow["spec"]["suspend"] = True
    workflow["spec"]["entrypoint"] = "short"
    wait = {"name": "wait", "suspend": {"duration": "1"}}
    steps = [[{"name": "first", "template": "wait"}], [{"name": "last", "template": "wait"}]]
    workflow["spec"]["templates"] = [{"name": "short", "steps": steps}, wait]
    there, here = argo.create(workflow), local.create(workflow)

    def begun(found: Json) -> bool:
        return found["status"].get("phase") == "Running"

    one, other = argo.wait(there, begun), local.wait(here, begun)
    assert not one["status"].get("nodes") and not other["status"].get("nodes")
    argo.change(there, "resume")
    local.engine.resume(NAMESPACE, here)
    one, other = argo.wait(there, finished), local.wait(here, finished)
    assert differences(one, other) == []
    assert one["status"]["phase"] == "Succeeded"
    assert "suspend" not in one["spec"] and "suspend" not in other["spec"]
