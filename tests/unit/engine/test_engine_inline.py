"""Templates written inside a task, defaults of templates, and a workflow's own metadata."""

from __future__ import annotations

from typing import Any

import pytest
from engine_bench import OK, Bench, by_name, dag, phases, script, steps, task, workflow


def inline(name: str, template: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {key: value for key, value in template.items() if key != "name"}
    found = task(name, inline=body, **more)
    del found["template"]
    return found


SAY = script("", "print('{{inputs.parameters.word}}')")


def test_an_inline_template_sees_the_inputs_around_it(bench: Bench) -> None:
    outer = {"inputs": {"parameters": [{"name": "word", "value": "outer"}]}}
    use = script("use", "assert '{{inputs.parameters.x}}' == 'outer'", "x")
    done = bench.run(
        workflow(
            dag(
                inline("a", SAY),
                task("b", "use", "a", with_={"x": "{{tasks.a.outputs.result}}"}),
                **outer,
            ),
            use,
        )
    )
    nodes = by_name(done)
    assert phases(done)["b"] == "Succeeded"
    assert "templateName" not in nodes["a"]
    assert nodes["a"]["templateScope"] == f"local/{done['metadata']['name']}"
    (pod,) = (pod for pod in bench.runtime.pods if pod.node_id == nodes["a"]["id"])
    assert pod.name == pod.node_id.replace("-00000", "-00000", 1)


def test_an_inline_template_may_call_others(bench: Bench) -> None:
    inner = {"steps": [[inline("deep", OK)], [task("own", "ok")]]}
    done = bench.run(workflow(steps([inline("a", inner)]), OK))
    assert phases(done) == dict.fromkeys(phases(done), "Succeeded")
    assert by_name(done)["own"]["templateName"] == "ok"


def test_an_inline_template_with_inputs_cannot_be_a_loop(bench: Bench) -> None:
    said = inline("a", {**SAY, "inputs": {"parameters": [{"name": "word"}]}}, withItems=[1, 2])
    said["arguments"] = {"parameters": [{"name": "word", "value": "{{item}}"}]}
    done = bench.run(workflow(dag(said)))
    # Argo wants every variable of a loop's task at once, those of the inline template too.
    assert by_name(done)["a"]["message"] == "failed to resolve {{inputs.parameters.word}}"


def test_templates_have_the_workflows_defaults(bench: Bench) -> None:
    defaults = {
        "script": {"image": "python", "source": "never: Go always writes a source"},
        "retryStrategy": {"limit": 1},
        "inputs": {"parameters": [{"name": "word", "value": "default"}]},
    }
    leaf = script("leaf", "print('{{inputs.parameters.word}}')")
    del leaf["script"]["image"]
    leaf["inputs"] = {"parameters": [{"name": "word"}]}
    fails = {"name": "fails", "script": {"source": "raise SystemExit(1)"}}
    main = dag(task("a", "leaf", with_={"word": "given"}), task("b", "fails"))
    done = bench.run(workflow(main, leaf, fails, templateDefaults=defaults))
    nodes = by_name(done)
    assert nodes["a"]["type"] == "Retry"
    assert nodes["a"]["inputs"] == {"parameters": [{"name": "word", "value": "given"}]}
    assert nodes["b(1)"]["inputs"] == {"parameters": [{"name": "word", "value": "default"}]}
    assert nodes["b"]["message"] == "No more retries left"


def test_a_workflow_labels_itself(bench: Bench) -> None:
    own = {
        "labels": {"fixed": "one", "city": "theirs"},
        "annotations": {"note": "of {{workflow.name}}"},
        "labelsFrom": {"city": {"expression": "workflow.parameters.city"}},
    }
    use = script("use", "")
    text = "{{workflow.labels.fixed}} {{workflow.labels.city}} {{workflow.annotations.note}}"
    use["inputs"] = {"parameters": [{"name": "x", "value": text}]}
    done = bench.run(
        workflow(
            dag(task("a", "use"), task("b", "use", "a")),
            use,
            workflowMetadata=own,
            arguments={"parameters": [{"name": "city", "value": "lyon"}]},
        )
    )
    name = done["metadata"]["name"]
    assert done["metadata"]["labels"]["city"] == "lyon"
    assert done["metadata"]["labels"]["fixed"] == "one"
    assert done["metadata"]["annotations"]["note"] == f"of {name}"
    inputs = {key: node.get("inputs") for key, node in by_name(done).items()}
    assert inputs["a"]["parameters"][0]["value"] == f"one lyon of {name}"
    # What an expression gave is known to Argo only when it first looks at the workflow.
    assert inputs["b"]["parameters"][0]["value"] == f"one {{{{workflow.labels.city}}}} of {name}"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("workflow.parameters.city", 'invalid label value "new york" for label "l" and expression'),
        ("1 + 1", "evaluted to int but must be a string"),
        ("workflow.parameters.none", "evaluted to <nil> but must be a string"),
        ("(", 'failed to compile function for expression "("'),
        ("workflow.name + 1", "invalid operation"),
    ],
)
def test_a_label_that_cannot_be_ends_the_workflow(
    expression: str, words: str, bench: Bench
) -> None:
    done = bench.run(
        workflow(
            OK,
            workflowMetadata={"labelsFrom": {"l": {"expression": expression}}},
            arguments={"parameters": [{"name": "city", "value": "new york"}]},
        )
    )
    assert done["status"]["phase"] == "Error"
    assert words in done["status"]["message"]
    assert not done["status"].get("nodes")


def reference(key: str, **more: Any) -> dict[str, Any]:
    return {"configMapKeyRef": {"name": "settings", "key": key}, **more}


def test_values_stand_in_config_maps(bench: Bench) -> None:
    bench.store.objects.put("configmaps", "settings", {"city": b"lyon", "year": b"1999"})
    leaf = script("leaf", "")
    leaf["inputs"] = {
        "parameters": [
            {"name": "given"},
            {"name": "own", "valueFrom": reference("{{workflow.parameters.which}}")},
            {"name": "none", "valueFrom": reference("none", default="nothing")},
        ]
    }
    call = task("a", "leaf")
    call["arguments"] = {"parameters": [{"name": "given", "valueFrom": reference("city")}]}
    arguments = [
        {"name": "city", "valueFrom": reference("city")},
        {"name": "none", "valueFrom": reference("none", default="nobody")},
        {"name": "which", "value": "year"},
    ]
    text = "{{workflow.parameters.city}} {{workflow.parameters.none}}"
    main = dag(call, inputs={"parameters": [{"name": "all", "value": text}]})
    done = bench.run(workflow(main, leaf, arguments={"parameters": arguments}))
    nodes = by_name(done)
    values = {p["name"]: p["value"] for p in nodes["a"]["inputs"]["parameters"]}
    assert values == {"given": "lyon", "own": "1999", "none": "nothing"}
    root = nodes[done["metadata"]["name"]]
    assert root["inputs"]["parameters"] == [{"name": "all", "value": "lyon nobody"}]


def test_a_config_map_that_is_not_there_is_told(bench: Bench) -> None:
    leaf = script("leaf", "")
    leaf["inputs"] = {"parameters": [{"name": "x", "valueFrom": reference("city")}]}
    message = (
        "unable to retrieve inputs.parameters.x from ConfigMap: ConfigMap 'settings' does not exist"
    )
    assert message in by_name(bench.run(workflow(dag(task("a", "leaf")), leaf)))["a"]["message"]
    bench.store.objects.put("configmaps", "settings", {"city": b"\xff"})
    arguments = {"parameters": [{"name": "city", "valueFrom": reference("city")}]}
    done = bench.run(workflow(OK, arguments=arguments))
    assert done["status"]["phase"] == "Failed"
    assert done["status"]["message"] == (
        "failed to set global parameters: failed to set global parameter city from configmap with "
        "name settings and key city: ConfigMap 'settings' does not have the key 'city'"
    )
