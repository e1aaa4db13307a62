"""What a workflow asks for, read from its manifest."""

from __future__ import annotations

from typing import Any

import pytest

from hera_experiment.check.requirements import ClaimTemplate, ObjectUse, Requirements
from hera_experiment.check.scheduling import needs_of, quantity, takes


def demand(*templates: dict[str, Any], **spec: Any) -> Requirements:
    return Requirements([{"spec": {"templates": list(templates), **spec}}])


POD = {"name": "pod", "container": {"image": "any"}}


def dag(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {"name": "dag", "dag": {"tasks": [{"template": "pod", **task} for task in tasks]}}


@pytest.mark.parametrize(
    ("template", "at_once"),
    [
        (dag({"name": "a"}), False),
        (dag({"name": "a"}, {"name": "b"}), True),
        (dag({"name": "a"}, {"name": "b", "dependencies": ["a"]}), False),
        (dag({"name": "a"}, {"name": "b", "depends": "a.Succeeded || a.Failed"}), False),
        (
            dag(
                {"name": "a"},
                {"name": "b", "depends": "a"},
                {"name": "c", "depends": "a"},
            ),
            True,
        ),
        (
            dag(
                {"name": "c", "depends": "b"},
                {"name": "b", "depends": "a"},
                {"name": "a"},
            ),
            False,
        ),
        (dag({"name": "a", "withItems": [1, 2]}), True),
        (dag({"name": "a", "withItems": [1]}), False),
        (dag({"name": "a", "withParam": "{{x}}"}), True),
        ({"name": "s", "steps": [[{"name": "a"}], [{"name": "b"}]]}, False),
        ({"name": "s", "steps": [[{"name": "a"}, {"name": "b"}]]}, True),
    ],
)
def test_whether_pods_run_at_once(template: dict[str, Any], at_once: bool) -> None:
    assert demand(POD, template).runs_pods_at_once is at_once
    assert demand(POD, template, parallelism=1).runs_pods_at_once is False


def test_claims_of_workflow_and_templates() -> None:
    def volume(name: str) -> dict[str, Any]:
        return {"name": name, "persistentVolumeClaim": {"claimName": name}}

    found = demand({**POD, "volumes": [volume("b"), {"name": "x", "emptyDir": {}}]})
    assert found.claims == ["b"]
    assert demand({**POD, "volumes": [volume("b")]}, volumes=[volume("a"), volume("b")]).claims == [
        "a",
        "b",
    ]


def test_claims_of_its_own() -> None:
    template = {
        "metadata": {"name": "scratch"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "fast",
            "resources": {"requests": {"storage": "2Gi"}},
        },
    }
    volume = {"name": "x", "persistentVolumeClaim": {"claimName": "{{workflow.name}}-scratch"}}
    found = demand(POD, volumeClaimTemplates=[template, {}], volumes=[volume])
    assert found.claims == [], "it is made with the workflow"
    assert found.claim_templates == [
        ClaimTemplate("scratch", ("ReadWriteOnce",), "fast", "2Gi"),
        ClaimTemplate("", (), None, "0"),
    ]


def test_config_maps_and_secrets_by_every_way_but_the_optional() -> None:
    container = {
        "image": "any",
        "envFrom": [
            {"configMapRef": {"name": "whole"}},
            {"configMapRef": {"name": "perhaps", "optional": True}},
            {"secretRef": {"name": "account"}},
        ],
        "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "keys", "key": "a"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "keys", "key": "b"}}},
            {"name": "C", "value": "plain"},
            {"name": "D", "valueFrom": {"secretKeyRef": {"name": "archive", "key": "TOKEN"}}},
            {"name": "E", "valueFrom": {"secretKeyRef": {"name": "{{x}}", "key": "TOKEN"}}},
        ],
    }
    volumes = [
        {"configMap": {"name": "files"}},
        {"configMap": {"name": "some", "items": [{"key": "a.toml", "path": "b.toml"}]}},
        {"secret": {"secretName": "archive"}},
        {"secret": {"secretName": "perhaps", "optional": True}},
    ]
    found = demand({"name": "one", "script": container}, volumes=volumes)
    assert found.config_maps == [
        ObjectUse("whole", whole=True),
        ObjectUse("keys", frozenset({"a", "b"})),
        # A file may have a name that no variable can have.
        ObjectUse("files"),
        ObjectUse("some", frozenset({"a.toml"})),
    ]
    assert found.secrets == [
        ObjectUse("account", whole=True),
        ObjectUse("archive", frozenset({"TOKEN"})),
    ]


def test_pods_with_sidecars_and_defaults_of_the_workflow() -> None:
    template = {
        "name": "one",
        "container": {"image": "a", "resources": {"limits": {"cpu": "1"}}},
        "sidecars": [{"image": "b"}],
        "initContainers": [{"image": "c"}],
    }
    pod = demand(template, nodeSelector={"disk": "fast"}, tolerations=[{"key": "k"}]).pods[0]
    assert pod.images == ("a", "b", "c")
    assert pod.requests == ({"cpu": "1"}, {})
    assert pod.node_selector == {"disk": "fast"} and pod.tolerations == ({"key": "k"},)


@pytest.mark.parametrize(
    ("artifact", "used"),
    [
        ({"name": "a", "path": "/a"}, True),
        ({"name": "a", "s3": {"key": "k"}}, True),
        ({"name": "a", "s3": {"key": "k", "bucket": "b"}}, False),
        ({"name": "a", "raw": {"data": "x"}}, False),
        ({"name": "a", "from": "{{tasks.b.outputs.artifacts.c}}"}, False),
    ],
)
def test_whether_the_artifact_repository_is_used(artifact: dict[str, Any], used: bool) -> None:
    template = {**POD, "outputs": {"artifacts": [artifact]}}
    assert bool(demand(template).artifact_repositories) is used
    assert demand(POD, archiveLogs=True).artifact_repositories == [{}]


def test_the_defaults_of_a_limit_range_count() -> None:
    pod = demand(POD).pods[0]
    ranges = [
        {"spec": {"limits": [{"type": "Container", "default": {"cpu": "500m"}}]}},
    ]
    needs = needs_of(pod, ranges)
    assert needs.of("requests.cpu") == needs.of("cpu") == needs.of("limits.cpu") == quantity("0.5")
    assert needs.of("requests.memory") is None
    assert not needs.knows("requests.nvidia.com/gpu") and not needs.knows("services")


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({}, False),
        ({"operator": "Exists"}, True),
        ({"key": "gpu", "operator": "Exists"}, True),
        ({"key": "gpu", "value": "only"}, True),
        ({"key": "gpu", "value": "other"}, False),
        ({"key": "cpu", "operator": "Exists"}, False),
        ({"key": "gpu", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}, True),
    ],
)
def test_tolerations(toleration: dict[str, Any], tolerated: bool) -> None:
    node = {
        "metadata": {"name": "n"},
        "spec": {"taints": [{"key": "gpu", "value": "only", "effect": "NoSchedule"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    pod = demand(POD, tolerations=[toleration]).pods[0]
    assert bool(takes([node], pod)) is tolerated
    assert not takes([{**node, "spec": {"unschedulable": True}}], pod)


def test_several_submissions_ask_together() -> None:
    def uses(claim: str, account: str, *, secret: str) -> dict[str, Any]:
        keys = {"secretKeyRef": {"name": "keys", "key": secret}}
        container = {"image": "any", "env": [{"name": "A", "valueFrom": keys}]}
        return {
            "serviceAccountName": account,
            "templates": [{"name": "pod", "container": container}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}],
            "archiveLogs": True,
        }

    cron = {
        "kind": "CronWorkflow",
        "spec": {"schedules": [], "workflowSpec": uses("two", "b", secret="y")},
    }
    both = Requirements([{"spec": uses("one", "a", secret="x")}, cron, cron])
    assert both.claims == ["one", "two"]
    assert both.service_accounts == ["a", "b"]
    assert both.secrets == [ObjectUse("keys", frozenset({"x", "y"}))]
    assert len(both.pods) == 3 and both.images == ["any"]
    assert both.artifact_repositories == [{}]
    assert both.runs_pods_at_once
    assert not Requirements([{"spec": uses("one", "a", secret="x")}]).runs_pods_at_once
