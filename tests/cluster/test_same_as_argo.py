"""The same workflows on Argo and on the local engine: same verdict, same nodes, same words."""

from __future__ import annotations

import pytest
import yaml
from both_sides import (
    NAMESPACE,
    WORKFLOWS,
    Ahead,
    Argo,
    Json,
    Local,
    finished,
    manifest,
    nodes_of,
    pod_cases,
)
from comparison import differences

from hera_experiment.local.errors import ApiError

# These race against time: they have the cluster to themselves, when the others are done.
TIMED = (
    "deadline",
    "exit_deadline",
    "fail_fast",
    "pod_spec_patch",
    "terminal",
    "workflow_deadline",
)
NAMES = sorted((path.stem for path in WORKFLOWS.glob("*.yaml")), key=lambda it: (it in TIMED, it))
INVALID = yaml.safe_load((WORKFLOWS / "invalid.yml").read_text())
TIMELESS = {name: manifest(name) for name in NAMES if name not in TIMED}


@pytest.fixture(scope="module")
def ahead(argo: Argo) -> Ahead:
    return Ahead(argo, TIMELESS)


KUBELETS = "Pod was active on the node longer than the specified deadline"
CONTROLLERS = "Step exceeded its deadline"


@pytest.mark.parametrize("name", NAMES)
def test_ends_alike(name: str, ahead: Ahead, argo: Argo, local: Local) -> None:
    on_argo = argo.create(manifest(name)) if name in TIMED else ahead.create(name)
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
    for name in NAMES:
        body = {"workflow": manifest(name), "createOptions": {"dryRun": ["All"]}}
        status, there = argo.request("POST", f"/workflows/{NAMESPACE}", body)
        assert status == 200, there
        here = local.engine.create(manifest(name), dry_run=True)
        assert here["spec"] == there["spec"]
        assert here["status"] == there["status"]
        assert "name" not in here["metadata"]
