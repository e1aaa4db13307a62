"""What Argo's server refuses and answers at once; how workflows end is in tests/fidelity."""

from __future__ import annotations

import re

import pytest
import yaml
from both_sides import (
    NAMESPACE,
    WORKFLOWS,
    Argo,
    Json,
    Local,
    finished,
    manifest,
    pod_cases,
)

from hera_experiment.local.errors import ApiError

# Of each kind of template and loop one.
ANSWERED = (
    "dag/diamond",
    "dag/names",
    "expressions/expressions",
    "loops/numbers",
    "loops/with_sequence",
    "parameters/variables",
    "pods/single_pod",
    "retries/retry",
    "steps/steps_and_dags",
)
INVALID = yaml.safe_load((WORKFLOWS / "invalid.yml").read_text())
RULES = yaml.safe_load((WORKFLOWS / "rules.yml").read_text())


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


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["rule"])
def test_the_rules_are_argos(rule: Json, argo: Argo) -> None:
    """That the engine keeps them is for its own tests to say."""
    for which in ("good", "bad"):
        workflow = {
            "metadata": {"generateName": "rule-", "namespace": NAMESPACE},
            "spec": {"entrypoint": "main", **rule[which]},
        }
        body = {"workflow": workflow, "createOptions": {"dryRun": ["All"]}}
        status, answer = argo.request("POST", f"/workflows/{NAMESPACE}", body)
        assert status == (200 if which == "good" else 400), answer
    assert re.sub("placeholder-[0-9]+", "placeholder-0", answer["message"]) == rule["says"]


def test_refuses_what_kubernetes_would_refuse(argo: Argo, local: Local) -> None:
    """On the cluster the server refuses some, the others end in an error when a pod is made."""
    wrong = {}
    made = []
    for case in pod_cases():
        try:
            local.engine.create(case["workflow"], dry_run=True)
        except ApiError as error:
            here = error.message
        else:
            here = ""
        status, answer = argo.request(
            "POST", f"/workflows/{NAMESPACE}", {"workflow": case["workflow"]}
        )
        if status == 200:
            made.append((case["name"], here, answer["metadata"]["name"]))
        elif not here:
            wrong[case["name"]] = answer["message"]
    for case_name, here, name in made:
        argo.created.append(name)
        there = argo.wait(name, finished)["status"]
        if (there["phase"] == "Succeeded") == bool(here):
            wrong[case_name] = f"{there['phase']}, on this machine {here!r}"
    assert wrong == {}


def test_answers_a_dry_run_alike(argo: Argo, local: Local) -> None:
    for name in ANSWERED:
        body = {"workflow": manifest(name), "createOptions": {"dryRun": ["All"]}}
        status, there = argo.request("POST", f"/workflows/{NAMESPACE}", body)
        assert status == 200, there
        here = local.engine.create(manifest(name), dry_run=True)
        assert here["spec"] == there["spec"]
        assert here["status"] == there["status"]
        assert "name" not in here["metadata"]
