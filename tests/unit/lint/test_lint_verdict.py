"""Argo's verdict: where it points to, what was meant, and what another rule says better."""

from __future__ import annotations

from typing import Any

import pytest
from lint_case import CONTAINER, arguments, dag, found, inputs, messages

from hera_experiment.argo.objects import KINDS, WORKFLOW
from hera_experiment.lint.catalogue import CATALOGUE, selected
from hera_experiment.lint.judge import judge
from hera_experiment.lint.subject import Subject

A, B = {"name": "first"}, {"name": "second", "depends": "first"}


@pytest.mark.parametrize(
    ("spec", "said", "meant", "task"),
    [
        pytest.param(dag({**A, "depends": "second"}, B), "graph with cycle", "", "", id="a cycle"),
        pytest.param(
            dag(A, {**B, "depends": "fisrt"}),
            "invalid dependency fisrt",
            "did you mean 'first'?",
            "",
            id="a dependency",
        ),
        pytest.param(
            dag(A, {**B, "template": "tt"}),
            "template name 'tt' undefined",
            "",
            "second",
            id="a template with a short name",
        ),
        pytest.param(
            dag({**A, "arguments": arguments(year="{{workflow.parameters.yaer}}")})
            | {"arguments": arguments(year=1999)},
            "failed to resolve {{workflow.parameters.yaer}}",
            "did you mean 'workflow.parameters.year'?",
            "first",
            id="a parameter of the workflow",
        ),
        pytest.param(
            dag({**A, "arguments": arguments(vintaje=1999)}, inputs=inputs("vintage")),
            "inputs.parameters.vintage was not supplied",
            "'vintaje' is given: did you mean 'vintage'?",
            "first",
            id="an argument",
        ),
        pytest.param(
            dag({**A, "withItems": [1], "withSequence": {"count": 1}}),
            "only one of withItems, withParam, withSequence",
            "",
            "first",
            id="two loops",
        ),
        pytest.param(
            dag(A, B) | {"entrypoint": "mian"},
            "template name 'mian' undefined",
            "did you mean 'main'?",
            "",
            id="the entry point",
        ),
    ],
)
def test_the_verdict_points_to_the_task_and_to_what_was_meant(
    spec: dict[str, Any], said: str, meant: str, task: str
) -> None:
    (judged,) = found(spec, "HE101")
    assert said in judged.finding.message
    assert judged.finding.advice == meant
    assert judged.call == task


def test_a_doubled_mount_is_refused_and_points_to_its_template() -> None:
    mounts = [{"name": "v", "mountPath": "/a"}, {"name": "w", "mountPath": "/a"}]
    spec = dag(A, container={**CONTAINER, "volumeMounts": mounts})
    spec["volumes"] = [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]
    (judged,) = found(spec)
    assert "already mounted" in judged.finding.message
    assert (judged.rule.code, judged.template) == ("HE101", "t")


def test_what_a_rule_says_better_is_said_once() -> None:
    resources = {"requests": {"memory": "2GB"}}
    spec = dag(A, container={**CONTAINER, "resources": resources})
    (judged,) = found(spec)
    assert judged.rule.code == "HE801"
    assert judged.finding.advice == "did you mean '2Gi'?"
    # Where that rule is not asked, Argo's own words are told.
    rules = selected((), ("HE801",))
    assert [each.rule.code for each in judge(rules, Subject({"spec": spec}), "x")] == ["HE101"]


def test_a_template_of_another_object_is_looked_up_among_what_is_judged() -> None:
    spec = {"workflowTemplateRef": {"name": "census"}}
    assert "'census' is not here" in messages(spec, "HE104")[0]
    asked: list[tuple[str, str]] = []

    def kept(kind: str, name: str) -> dict[str, Any]:
        asked.append((kind, name))
        return {"metadata": {"name": name}, "spec": dag(A)}

    rules = [rule for rule in CATALOGUE if rule.code == "HE104"]
    assert judge(rules, Subject({"spec": spec}, WORKFLOW, kept=kept), "x") == []
    assert asked == [("WorkflowTemplate", "census")]


def test_the_workflow_of_a_cron_workflow_is_judged() -> None:
    spec = {"schedules": ["0 3 * * *"], "workflowSpec": dag(A, {**B, "depends": "nobody"})}
    cron = next(kind for kind in KINDS if kind.name == "CronWorkflow")
    assert judge(CATALOGUE, Subject({"spec": {**spec, "workflowSpec": dag(A)}}, cron), "x") == []
    found_there = judge(CATALOGUE, Subject({"spec": spec}, cron), "x")
    assert [(each.rule.code, each.template) for each in found_there] == [("HE101", "main")]
    assert found_there[0].finding.path[:2] == ("spec", "workflowSpec")


def test_what_argo_dropped_is_still_there_in_an_older_one() -> None:
    cron = next(kind for kind in KINDS if kind.name == "CronWorkflow")
    manifest = {"spec": {"schedule": "0 3 * * *", "workflowSpec": dag(A)}}
    assert judge(CATALOGUE, Subject(manifest, cron, (3, 7)), "x") == []
    told = judge(CATALOGUE, Subject(manifest, cron, written=True), "x")
    assert {each.rule.code for each in told} == {"HE101", "HE902"}
