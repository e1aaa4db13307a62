"""What is refused before anything is kept, and what is kept."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from engine_bench import OK, Bench, dag, script, steps, task, workflow

from hera_experiment.local.errors import AlreadyExists, InvalidWorkflow, NotFound, Unsupported

REPOSITORY = Path(__file__).resolve().parents[3]
INVALID = yaml.safe_load((REPOSITORY / "tests/cluster/workflows/invalid.yml").read_text())

# The right words are compared with Argo's own by the cluster's tests.
WORDS = {
    "no entrypoint": "spec.entrypoint is required",
    "cycle": "templates.main sorting failed: graph with cycle: a->c->b->a",
    "unknown variable in a leaf": "templates.main: failed to resolve {{inputs.parameters.a}}",
    "mistake two levels down": "templates.main.tasks.a templates.middle.steps[0].b "
    "templates.leaf: failed to resolve {{inputs.parameters.no}}",
}


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case["name"])
def test_argos_rules(case: dict[str, Any], bench: Bench) -> None:
    manifest = {"metadata": {"generateName": "w-", "namespace": "local"}, **case["workflow"]}
    with pytest.raises(InvalidWorkflow) as refused:
        bench.engine.create(manifest)
    assert not isinstance(refused.value, Unsupported)
    assert refused.value.message == WORDS.get(case["name"], refused.value.message)
    assert bench.store.runs() == []


def test_names_may_hold_variables_that_are_known_beforehand(bench: Bench) -> None:
    manifest = yaml.safe_load((REPOSITORY / "tests/fidelity/cases/dag/names.yaml").read_text())
    bench.engine.create({**manifest, "metadata": {"name": "w", "namespace": "local"}}, dry_run=True)
    inner = steps([task("x-{{inputs.parameters.p}}", "ok")], name="inner")
    inner["inputs"] = {"parameters": [{"name": "p"}]}
    entry = steps([task("a", "inner", with_={"p": "b"})])
    with pytest.raises(InvalidWorkflow, match=r"inner\.steps\[0\]\.name 'x-.* is invalid"):
        bench.engine.create(workflow(entry, inner, OK))


PODS = yaml.safe_load((REPOSITORY / "tests/cluster/workflows/pods.yml").read_text())

# What a person has to read in the sentence; the whole words are Kubernetes' own.
IN_SENTENCE = {
    "no unit of Kubernetes": "requests.memory: '2GB': write 2G, or 2Gi",
    "request over limit": 'requests: Invalid value: "64Mi": must be less than or equal to memory',
    "pull policy": 'imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always"',
    "operator of a toleration": 'spec.tolerations[0].operator: Unsupported value: "Equals"',
    "value of a label": 'metadata.labels: Invalid value: "x y": a valid label',
    "capital in a volume": 'volumeMounts[0].name: Invalid value: "Data": a lowercase RFC 1123',
}


@pytest.mark.parametrize("case", PODS, ids=lambda case: case["name"])
def test_what_kubernetes_would_refuse(case: dict[str, Any], bench: Bench) -> None:
    leaf = {
        "name": "leaf",
        "container": {
            "image": "python:3.13-slim",
            "command": ["true"],
            **case.get("container", {}),
        },
        **case.get("template", {}),
    }
    manifest = workflow(dag(task("a", leaf["name"])), leaf, **case.get("spec", {}))
    manifest["metadata"].update(case.get("metadata", {}))
    if case.get("fine"):
        bench.engine.create(manifest, dry_run=True)
        return
    with pytest.raises(InvalidWorkflow) as refused:
        bench.engine.create(manifest)
    assert IN_SENTENCE.get(case["name"], "") in refused.value.message
    assert bench.store.runs() == []


@pytest.mark.parametrize(
    "more",
    [
        {"tolerations": "x"},
        {"tolerations": ["x"]},
        {"nodeSelector": ["x"]},
        {"securityContext": "x"},
        {"podGC": []},
        {"podMetadata": "x"},
    ],
)
def test_what_is_no_object_is_refused(more: dict[str, Any], bench: Bench) -> None:
    with pytest.raises(InvalidWorkflow, match=rf"cannot unmarshal .*spec\.{next(iter(more))}"):
        bench.engine.create(workflow(OK, **more))


def test_a_name_with_capitals_serves_what_is_no_part_of_a_pods_name(bench: Bench) -> None:
    for manifest in (
        workflow({**OK, "name": "Main"}),
        workflow(dag(task("a", "ok"), name="Main"), OK),
        workflow(OK, {**OK, "name": "Unused"}),
    ):
        assert bench.run(manifest)["status"]["phase"] == "Succeeded"
    again = bench.run(workflow({**OK, "name": "Main", "retryStrategy": {"limit": 1}}))
    assert again["status"]["phase"] == "Error"
    assert "-Main-" in again["status"]["message"]
    assert "metadata.name: Invalid value" in again["status"]["message"]


def test_what_is_left_out_here_is_told(bench: Bench) -> None:
    gpu = {"resources": {"limits": {"nvidia.com/gpu": 1, "memory": "1Gi"}}}
    leaf = {**OK, "script": {**OK["script"], **gpu}}
    leaf["script"]["securityContext"] = {"runAsNonRoot": True}
    done = bench.run(workflow(leaf, nodeSelector={"disk": "ssd", "kubernetes.io/os": "linux"}))
    assert done["status"]["phase"] == "Succeeded"
    (told,) = (c for c in done["status"]["conditions"] if c["type"] == "SpecWarning")
    assert told["message"] == (
        "left out on this machine, heeded by a cluster: nodeSelector disk=ssd (ok); "
        "nvidia.com/gpu: 1 (ok); runAsNonRoot: true (ok)"
    )
    assert "SpecWarning" not in str(bench.run(workflow(OK))["status"])
    bench.runtime.unsure = ["one", "two"]
    for manifest, text in ((workflow(OK), "one; two"), (workflow(leaf), "heeded by a cluster")):
        done = bench.run(manifest)
        (told,) = (c for c in done["status"]["conditions"] if c["type"] == "SpecWarning")
        assert text in told["message"] and told["message"].endswith("one; two")


UNSUPPORTED: list[tuple[dict[str, Any], str]] = [
    (workflow(OK, inventedField=1), "spec.inventedField (not a field that Argo knows)"),
    (
        workflow({**OK, "sidecars": [{"name": "x", "restartPolicy": "Always"}]}),
        "templates.ok.sidecars.x.restartPolicy (restarts of containers)",
    ),
    (
        workflow({**OK, "podSpecPatch": "shareProcessNamespace: true"}),
        "templates.ok.podSpecPatch.shareProcessNamespace (processes that",
    ),
    (workflow({"name": "main", "plugin": {"x": {}}}), "templates.main.plugin (plugins)"),
    (
        workflow({"name": "main", "resource": {"action": "get"}}),
        "templates.main.resource (resource templates)",
    ),
    (
        workflow(
            {
                **OK,
                "inputs": {
                    "artifacts": [{"name": "a", "path": "/a", "optional": True, "plugin": {"x": 1}}]
                },
            }
        ),
        "templates.ok.inputs.artifacts.a.plugin (drivers of artifacts that are programs",
    ),
    (
        workflow({**OK, "archiveLocation": {"plugin": {"name": "x"}}}),
        "templates.ok.archiveLocation.plugin",
    ),
    (
        workflow({**OK, "outputs": {"artifacts": [{"name": "a", "path": "/a", "s3": {"no": 1}}]}}),
        "templates.ok.outputs.artifacts.a.s3.no (not a field that Argo knows)",
    ),
    (
        workflow({**OK, "retryStrategy": {"expression": "sprig.uuidv4() == ''"}}),
        "spec.templates.ok.retryStrategy.expression (sprig.uuidv4 in an expression)",
    ),
    (
        workflow(script("main", "print('{{=sprig.bcrypt(workflow.name) + sprig.uuidv4()}}')")),
        "spec.templates.main.script.source (sprig.bcrypt, sprig.uuidv4 in an expression)",
    ),
    (
        workflow(steps([{"name": "a", "inline": {**OK, "x": {"y": 1}}}])),
        "templates.main.steps[0].a.inline.x (not a field that Argo knows)",
    ),
    (
        workflow(
            {"name": "main", "container": {"image": "x", "livenessProbe": {"periodSeconds": 1}}}
        ),
        "templates.main.container.livenessProbe (probes)",
    ),
]


@pytest.mark.parametrize(("manifest", "words"), UNSUPPORTED, ids=lambda value: str(value)[:50])
def test_what_is_not_interpreted_is_refused_by_name(
    manifest: dict[str, Any], words: str, bench: Bench
) -> None:
    with pytest.raises(Unsupported) as refused:
        bench.engine.create(manifest)
    assert words in refused.value.message
    assert (refused.value.http, refused.value.code) == (400, 3)
    assert bench.store.runs() == []


def test_all_refusals_are_named_at_once(bench: Bench) -> None:
    with pytest.raises(Unsupported, match=r"spec\.inventedField .*; templates\.main\.plugin"):
        bench.engine.create(workflow({"name": "main", "plugin": {"x": {}}}, inventedField=1))


def test_runtime_refuses_before_anything_is_kept(bench: Bench) -> None:
    bench.runtime.refused = ["template 'ok' uses /data", "use RUNTIME=docker"]
    with pytest.raises(Unsupported, match="uses /data; use RUNTIME=docker"):
        bench.engine.create(workflow(OK))
    assert bench.store.runs() == []


def test_what_changes_nothing_here_is_accepted(bench: Bench) -> None:
    harmless = {
        "tolerations": [{"key": "x"}],
        "nodeSelector": {"a": "b"},
        "imagePullSecrets": [{"name": "x"}],
        "ttlStrategy": {"secondsAfterCompletion": 1},
        "podGC": {"strategy": "OnPodCompletion"},
        "securityContext": {"runAsUser": 1},
        "onExit": "",
        "hooks": {},
        "suspend": False,
        "volumes": None,
        "podResources": {"limits": {"memory": "1Gi"}},
    }
    template = {
        **OK,
        "podResources": {"requests": {"cpu": "100m"}},
        "pendingTimeout": "10m",
        "metadata": {"labels": {"a": "b"}},
        "sidecars": [],
        "daemon": False,
        "script": {
            **OK["script"],
            "resources": {"requests": {"cpu": 1}},
            "imagePullPolicy": "Always",
        },
    }
    assert bench.run(workflow(template, **harmless))["status"]["phase"] == "Succeeded"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spec": {"entrypoint": 5}}, "of type string (spec.entrypoint is 5)"),
        ({"spec": {"templates": {}}}, "[]v1alpha1.Template (spec.templates is {})"),
        ({"spec": {"templates": ["x"]}}, "v1alpha1.Template (spec.templates[0] is 'x')"),
        ({"spec": {"parallelism": "2"}}, "of type int64 (spec.parallelism is '2')"),
        ({"spec": {"parallelism": True}}, "of type int64 (spec.parallelism is True)"),
        ({"metadata": {"labels": {"a": 1}}}, "of type string (metadata.labels.a is 1)"),
        ({"spec": {"arguments": {"parameters": [{"name": "a", "value": [1]}]}}}, "a.value must be"),
        ({"spec": []}, "of type v1alpha1.WorkflowSpec (spec is [])"),
        ({"kind": "CronWorkflow"}, "the object is a CronWorkflow, not a Workflow"),
    ],
)
def test_values_of_the_wrong_kind(change: dict[str, Any], words: str, bench: Bench) -> None:
    manifest = {**workflow(OK), **change}
    if isinstance(change.get("spec"), dict):
        manifest["spec"] = {**workflow(OK)["spec"], **change["spec"]}
    with pytest.raises(InvalidWorkflow) as refused:
        bench.engine.create(manifest)
    assert words in refused.value.message


def test_strings_of_a_container_must_be_strings(bench: Bench) -> None:
    for bad in ({"args": [1]}, {"command": "x"}, {"env": [{"name": "A", "value": 1}]}):
        with pytest.raises(InvalidWorkflow, match=r"spec\.templates\[0\]\.container\.\w+.* is "):
            bench.engine.create(workflow({"name": "main", "container": {"image": "x", **bad}}))


def test_values_become_strings(bench: Bench) -> None:
    values = [5, True, 1.50, 2.0, "x", 1e3]
    parameters = [{"name": f"p{i}", "value": value} for i, value in enumerate(values)]
    template = script(
        "main", "", inputs={"parameters": [{"name": "q", "default": 1.0, "enum": [1]}]}
    )
    created = bench.engine.create(workflow(template, arguments={"parameters": parameters}))
    shown = [p["value"] for p in created["spec"]["arguments"]["parameters"]]
    assert shown == ["5", "true", "1.5", "2", "x", "1000"]
    [declared] = created["spec"]["templates"][0]["inputs"]["parameters"]
    assert declared == {"name": "q", "default": "1", "enum": ["1"]}


def test_the_callers_manifest_is_left_alone(bench: Bench) -> None:
    manifest = workflow(dag(task("a", "ok")), OK)
    before = copy.deepcopy(manifest)
    bench.run(manifest)
    assert manifest == before


def test_a_fresh_workflow_is_what_the_server_answers(bench: Bench) -> None:
    answer = bench.engine.create(workflow(OK), creator="run-1")
    metadata = answer["metadata"]
    assert metadata["name"] == "w-00000"
    assert metadata["generateName"] == "w-"
    assert metadata["labels"] == {"workflows.argoproj.io/creator": "run-1"}
    assert re.fullmatch(r"[0-9a-f-]{36}", metadata["uid"])
    assert answer["status"] == {"startedAt": None, "finishedAt": None}
    done = bench.ended("w-00000")
    assert done["metadata"]["labels"] == {
        "workflows.argoproj.io/creator": "run-1",
        "workflows.argoproj.io/completed": "true",
        "workflows.argoproj.io/phase": "Succeeded",
    }
    assert done["metadata"]["annotations"]["workflows.argoproj.io/pod-name-format"] == "v2"
    assert done["metadata"]["uid"] == metadata["uid"]


def test_names(bench: Bench) -> None:
    named = workflow(OK)
    named["metadata"]["name"] = "mine"
    assert bench.create(named) == "mine"
    with pytest.raises(AlreadyExists, match='"mine" already exists'):
        bench.create(named)
    with pytest.raises(AlreadyExists):
        bench.engine.create(named, dry_run=True, keep_name=False)
    for bad in ("Mine", "a_b", "-x"):
        named["metadata"]["name"] = bad
        with pytest.raises(InvalidWorkflow, match=f'"{bad}" is invalid'):
            bench.create(named)
    with pytest.raises(InvalidWorkflow, match="set name or generateName"):
        bench.create({**workflow(OK), "metadata": {"namespace": "local"}})
    with pytest.raises(InvalidWorkflow, match="generateName gives 'My-"):
        bench.create({**workflow(OK), "metadata": {"generateName": "My-", "namespace": "local"}})


def test_a_generated_name_that_is_taken_is_made_again(bench: Bench) -> None:
    taken = workflow(OK)
    taken["metadata"] = {"name": "w-00000", "namespace": "local"}
    bench.create(taken)
    assert bench.create(workflow(OK)) == "w-00001"


def test_dry_runs_keep_nothing(bench: Bench) -> None:
    answer = bench.engine.create(workflow(OK), dry_run=True)
    assert "name" not in answer["metadata"]
    answer = bench.engine.create(workflow(OK), dry_run=True, keep_name=False)
    assert answer["metadata"]["name"] == "w-00000"
    assert bench.store.runs() == []
    assert bench.runtime.pods == []


def test_lint_wants_no_values_for_arguments(bench: Bench) -> None:
    manifest = workflow(OK, arguments={"parameters": [{"name": "a"}]})
    bench.engine.lint(manifest)
    with pytest.raises(InvalidWorkflow, match=r"spec\.arguments\.a\.value"):
        bench.engine.create(manifest)
    with pytest.raises(InvalidWorkflow):
        bench.engine.lint(workflow({"name": "main"}))
    assert bench.store.runs() == []


def test_unknown_workflows(bench: Bench) -> None:
    engine = bench.engine
    for verb in (engine.stop, engine.terminate, engine.retry, engine.delete):
        with pytest.raises(NotFound, match='"nobody" not found'):
            verb("local", "nobody")


def test_a_closed_engine_takes_nothing_more(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.engine.close()
    with pytest.raises(Exception, match="about to end"):
        bench.create(workflow(OK))
