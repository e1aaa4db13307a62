"""Templates of other objects: found, stored, merged, and kept as they were when a run began."""

from __future__ import annotations

from typing import Any

import pytest
from engine_bench import OK, Bench, by_name, dag, phases, script, steps, task, workflow

from hera_experiment.local.errors import InvalidWorkflow, MissingTemplate, NotFound

SAY = script("say", "print('{{inputs.parameters.word}}')", "word")


def keep(bench: Bench, name: str, *templates: Any, kind: str = "WorkflowTemplate", **spec: Any):
    metadata = {"name": name, **({} if kind.startswith("Cluster") else {"namespace": "local"})}
    manifest = {"metadata": metadata, "spec": {"templates": list(templates), **spec}}
    return bench.engine.keeper.create(kind, manifest)


def call(name: str, owner: str, template: str, depends: str = "", **more: Any) -> dict[str, Any]:
    ref = {"name": owner, "template": template}
    if more.pop("cluster", False):
        ref["clusterScope"] = True
    found = task(name, "", depends, templateRef=ref, **more)
    del found["template"]
    return found


def test_nodes_say_where_their_templates_are_from(bench: Bench) -> None:
    keep(bench, "deep", steps([task("own", "ok")]), OK, kind="ClusterWorkflowTemplate")
    keep(bench, "lib", dag(task("a", "ok"), call("b", "deep", "main", "a", cluster=True)), OK)
    done = bench.run(workflow(dag(call("x", "lib", "main"))))
    assert phases(done) == dict.fromkeys(phases(done), "Succeeded")
    nodes = by_name(done)
    name = done["metadata"]["name"]
    assert nodes["x"]["templateRef"] == {"name": "lib", "template": "main"}
    assert nodes["x"]["templateScope"] == f"local/{name}"
    assert (nodes["a"]["templateName"], nodes["a"]["templateScope"]) == ("ok", "namespaced/lib")
    assert nodes["b"]["templateRef"]["clusterScope"] is True
    assert nodes["b"]["templateScope"] == "namespaced/lib"
    assert nodes["own"]["templateScope"] == "cluster/deep"
    assert sorted(done["status"]["storedTemplates"]) == [
        "cluster/deep/main",
        "cluster/deep/ok",
        "namespaced/lib/main",
        "namespaced/lib/ok",
    ]
    pods = {pod.node_id: pod.name for pod in bench.runtime.pods}
    assert pods[nodes["a"]["id"]] == nodes["a"]["id"].replace(f"{name}-", f"{name}-ok-")


def test_an_item_may_say_which_template(bench: Bench) -> None:
    keep(bench, "lib", OK)
    each = call("x", "{{item.object}}", "{{item.template}}")
    done = bench.run(workflow(dag({**each, "withItems": [{"object": "lib", "template": "ok"}]})))
    assert set(phases(done).values()) == {"Succeeded"}
    (node,) = (each for each in by_name(done).values() if each["type"] == "Pod")
    assert node["templateRef"] == {"name": "lib", "template": "ok"}


def test_a_run_goes_on_with_what_it_began_with(bench: Bench) -> None:
    keep(bench, "lib", SAY)
    first = script("first", "wait('gate')")
    name = bench.create(
        workflow(
            dag(
                task("a", "first"),
                call("b", "lib", "say", "a", with_={"word": "x"}),
            ),
            first,
        )
    )
    bench.until_running(name, "a")
    bench.store.kept.remove("local", "WorkflowTemplate", "lib")
    bench.runtime.open("gate")
    assert phases(bench.ended(name))["b"] == "Succeeded"
    bench.engine.retry("local", name, restart_successful=True, node_field_selector="displayName=b")
    assert phases(bench.ended(name))["b"] == "Succeeded"


def test_a_loop_calls_a_template_of_another_object(bench: Bench) -> None:
    keep(bench, "lib", SAY)
    loop = call("x", "lib", "say", with_={"word": "{{item}}"}, withItems=["p", "q"])
    nodes = by_name(bench.run(workflow(dag(loop))))
    assert nodes["x"]["type"] == "TaskGroup"
    assert nodes["x(1:q)"]["inputs"]["parameters"] == [{"name": "word", "value": "q"}]
    assert nodes["x(1:q)"]["templateRef"] == {"name": "lib", "template": "say"}


WHOLE = {
    "entrypoint": "main",
    "arguments": {
        "parameters": [{"name": "city", "value": "lyon"}, {"name": "year", "value": "1999"}]
    },
    "templateDefaults": {"script": {"image": "python"}},
    "workflowMetadata": {"labels": {"of": "template"}},
}
TEXT = "{{workflow.parameters.city}} {{workflow.parameters.year}}"


def refer(**spec: Any) -> dict[str, Any]:
    metadata = {"generateName": "w-", "namespace": "local"}
    return {"metadata": metadata, "spec": {"workflowTemplateRef": {"name": "whole"}, **spec}}


def test_a_workflow_is_that_of_its_template(bench: Bench) -> None:
    leaf = {"name": "leaf", "script": {"source": "print('x')"}}
    keep(
        bench,
        "whole",
        dag(task("a", "leaf"), inputs={"parameters": [{"name": "all", "value": TEXT}]}),
        leaf,
        **WHOLE,
    )
    year = {"parameters": [{"name": "year", "value": "2000"}]}
    done = bench.run(refer(arguments=year))
    nodes = by_name(done)
    root = nodes[done["metadata"]["name"]]
    assert root["inputs"] == {"parameters": [{"name": "all", "value": "lyon 2000"}]}
    # What runs has no name in Argo.
    assert {node["templateScope"] for node in nodes.values()} == {"local/"}
    assert done["metadata"]["labels"]["of"] == "template"
    # The workflow stays as it was submitted, and its status has what ran.
    assert done["spec"] == {"workflowTemplateRef": {"name": "whole"}, "arguments": year}
    stored = done["status"]["storedWorkflowTemplateSpec"]
    assert [p["value"] for p in stored["arguments"]["parameters"]] == ["lyon", "2000"]
    assert sorted(done["status"]["storedTemplates"]) == [
        "namespaced/whole/leaf",
        "namespaced/whole/main",
    ]
    bench.store.kept.remove("local", "WorkflowTemplate", "whole")
    name = done["metadata"]["name"]
    bench.engine.retry("local", name, restart_successful=True, node_field_selector="displayName=a")
    assert bench.ended(name)["status"]["phase"] == "Succeeded"


def test_a_workflow_may_begin_elsewhere_in_its_template(bench: Bench) -> None:
    keep(bench, "whole", OK, script("other", "print('other')"), entrypoint="ok")
    done = bench.run(refer(entrypoint="other", onExit="ok"))
    nodes = by_name(done)
    assert nodes[done["metadata"]["name"]]["templateName"] == "other"
    assert nodes[f"{done['metadata']['name']}.onExit"]["templateName"] == "ok"


def test_a_submitted_template_runs(bench: Bench) -> None:
    keep(bench, "whole", SAY, entrypoint="say", arguments={"parameters": [{"name": "word"}]})
    manifest = bench.engine.keeper.workflow_of(
        "local", "workflowtemplate", "whole", {"parameters": ["word=hello"]}
    )
    done = bench.run(manifest)
    assert done["metadata"]["name"].startswith("whole-")
    (node,) = done["status"]["nodes"].values()
    assert node["inputs"]["parameters"] == [{"name": "word", "value": "hello"}]


def test_what_is_not_kept_cannot_be_referred_to(bench: Bench) -> None:
    keep(bench, "lib", OK)
    for manifest in (
        refer(),
        workflow(dag(call("a", "none", "x"))),
        workflow(dag(call("a", "lib", "x"))),
        workflow(dag(call("a", "lib", "ok", cluster=True))),
    ):
        with pytest.raises((InvalidWorkflow, NotFound)):
            bench.engine.create(manifest)
    elsewhere = workflow(dag(call("a", "lib", "ok")))
    elsewhere["metadata"]["namespace"] = "other"
    with pytest.raises(InvalidWorkflow):
        bench.engine.create(elsewhere)


def test_a_template_that_is_found_only_when_it_runs(bench: Bench) -> None:
    keep(bench, "lib", SAY)
    named = call("b", "lib", "{{inputs.parameters.which}}", with_={"word": "x"})
    inner = dag(named, name="inner", inputs={"parameters": [{"name": "which"}]})
    done = bench.run(workflow(dag(task("a", "inner", with_={"which": "say"})), inner))
    assert phases(done)["b"] == "Succeeded"
    assert list(done["status"]["storedTemplates"]) == ["namespaced/lib/say"]
    done = bench.run(workflow(dag(task("a", "inner", with_={"which": "none"})), inner))
    assert by_name(done)["b"]["message"].endswith(
        "template none not found in workflow template lib"
    )


@pytest.mark.parametrize("cluster", [False, True])
def test_a_whole_workflow_that_is_not_there_is_not_found(bench: Bench, cluster: bool) -> None:
    metadata = {"generateName": "w-", "namespace": "local"}
    spec = {"workflowTemplateRef": {"name": "nowhere", "clusterScope": cluster}}
    with pytest.raises(
        MissingTemplate, match=r'workflowtemplates\.argoproj\.io "nowhere"'
    ) as refused:
        bench.engine.create({"metadata": metadata, "spec": spec})
    assert (refused.value.http, refused.value.code) == (404, 5)
