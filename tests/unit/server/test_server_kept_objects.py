"""WorkflowTemplates, ClusterWorkflowTemplates and CronWorkflows; what Argo's server answered."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from hera_experiment.local.store import Store

LEAF = {"name": "leaf", "container": {"image": "python", "command": ["true"]}}
TEMPLATES, CLUSTER, CRON = (
    "/api/v1/workflow-templates/local",
    "/api/v1/cluster-workflow-templates",
    "/api/v1/cron-workflows/local",
)
SPECS = {
    TEMPLATES: ("template", {"entrypoint": "leaf", "templates": [LEAF]}),
    CLUSTER: ("template", {"entrypoint": "leaf", "templates": [LEAF]}),
    CRON: (
        "cronWorkflow",
        {
            "schedules": ["0 0 1 1 *"],
            "workflowSpec": {"entrypoint": "leaf", "templates": [LEAF]},
        },
    ),
}
PLURAL = {
    TEMPLATES: "workflowtemplates",
    CLUSTER: "clusterworkflowtemplates",
    CRON: "cronworkflows",
}


def body(path, name="one", **metadata):
    key, spec = SPECS[path]
    return {key: {"metadata": {"name": name, **metadata}, "spec": spec}}


@pytest.fixture(params=[TEMPLATES, CLUSTER, CRON], ids=PLURAL.values())
def path(request):
    return request.param


def test_an_object_is_kept_until_it_is_deleted(call, store, path):
    made = call("POST", path, body(path, labels={"a": "b"})).json
    metadata = made["metadata"]
    assert metadata["generation"] == 1
    assert metadata["creationTimestamp"].endswith("Z")
    assert metadata.get("namespace") == (None if path == CLUSTER else "local")
    assert call("GET", f"{path}/one").json == made
    assert call("GET", path).json["items"] == [made]
    if path == CRON:
        assert made["status"]["active"] is None
    # The next server reads it.
    again = Store(store.root, lambda: datetime.now(timezone.utc))
    kind = next(kind for kind, plural in KINDS.items() if plural == PLURAL[path])
    assert again.kept.get("local", kind, "one") == made

    second = call("POST", path, body(path))
    says = f'{PLURAL[path]}.argoproj.io "one" already exists'
    assert (second.status, second.json) == (409, {"code": 6, "message": says})
    assert call("DELETE", f"{path}/one").json == {}
    for method in ("GET", "DELETE"):
        gone = call(method, f"{path}/one")
        says = f'{PLURAL[path]}.argoproj.io "one" not found'
        assert (gone.status, gone.json) == (404, {"code": 5, "message": says})
    assert call("GET", path).json["items"] is None


KINDS = {
    "WorkflowTemplate": "workflowtemplates",
    "ClusterWorkflowTemplate": "clusterworkflowtemplates",
    "CronWorkflow": "cronworkflows",
}


def test_an_update_needs_the_version_that_was_read(call, path):
    first = call("POST", path, body(path)).json
    key = SPECS[path][0]
    blind = call("PUT", f"{path}/one", body(path))
    assert (blind.status, blind.json["code"]) == (400, 3)
    assert blind.json["message"] == (
        f'{PLURAL[path]}.argoproj.io "one" is invalid: metadata.resourceVersion: Invalid value: 0: '
        "must be specified for an update"
    )
    first["metadata"]["labels"] = {"now": "labelled"}
    second = call("PUT", f"{path}/one", {key: first}).json
    assert second["metadata"]["generation"] == 2
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert call("GET", f"{path}/one").json["metadata"]["labels"] == {"now": "labelled"}
    late = call("PUT", f"{path}/one", {key: first})
    assert (late.status, late.json["code"]) == (409, 6)
    assert "the object has been modified" in late.json["message"]
    first["metadata"]["name"] = "two"
    assert call("PUT", f"{path}/two", {key: first}).status == 404


def test_lint_and_dry_runs_keep_nothing(call, path):
    linted = call("POST", f"{path}/lint", body(path)).json
    assert linted["metadata"]["creationTimestamp"] is None
    tried = {**body(path), "createOptions": {"dryRun": ["All"]}}
    assert call("POST", path, tried).json["metadata"]["uid"]
    assert call("GET", path).json["items"] is None


@pytest.mark.parametrize(
    ("metadata", "status", "says"),
    [
        ({}, 400, "metadata.name: Required value: name or generateName is required"),
        ({"name": "Not_One"}, 400, "RFC 1123"),
        ({"name": "../up"}, 400, "RFC 1123"),
        ({"generateName": "x-"}, 200, ""),
    ],
)
def test_an_object_needs_a_name(metadata, status, says, call, path):
    answer = call("POST", path, {SPECS[path][0]: {"metadata": metadata, "spec": SPECS[path][1]}})
    assert answer.status == status, answer.json
    assert says in answer.json.get("message", "")


@pytest.mark.parametrize("sent", [{}, {"template": 5}, {"template": {"metadata": "x"}}])
def test_what_is_no_object_is_refused(sent, call):
    answer = call("POST", TEMPLATES, sent)
    assert (answer.status, answer.json["code"]) == (400, 3)


def test_a_list_is_chosen_by_names_and_labels_and_comes_in_pages(call):
    for name in ("one", "two", "three"):
        call("POST", TEMPLATES, body(TEMPLATES, name, labels={"n": str(len(name))}))

    def names(query):
        found = call("GET", f"{TEMPLATES}?{query}").json["items"] or []
        return [item["metadata"]["name"] for item in found]

    assert names("") == ["one", "three", "two"]
    assert names("listOptions.labelSelector=n%3D3") == ["one", "two"]
    assert names("namePattern=t&nameFilter=Prefix") == ["three", "two"]
    assert names("namePattern=e") == ["one", "three"]
    assert names("listOptions.fieldSelector=metadata.name%3Dtwo") == ["two"]
    page = call("GET", f"{TEMPLATES}?listOptions.limit=2").json
    assert len(page["items"]) == 2
    assert names(f"listOptions.limit=2&listOptions.continue={page['metadata']['continue']}") == [
        "two"
    ]
    call("POST", "/api/v1/workflow-templates/other", body(TEMPLATES, "elsewhere"))
    assert len(call("GET", "/api/v1/workflow-templates/").json["items"]) == 4
    assert len(call("GET", TEMPLATES).json["items"]) == 3


def test_a_cron_workflow_is_suspended_and_resumed(call):
    call("POST", CRON, body(CRON))
    assert call("PUT", f"{CRON}/one/suspend", {}).json["spec"]["suspend"] is True
    assert "suspend" not in call("PUT", f"{CRON}/one/resume", {}).json["spec"]
    assert call("PUT", f"{CRON}/two/suspend", {}).status == 404


def test_a_damaged_file_is_named(call, store):
    call("POST", TEMPLATES, body(TEMPLATES))
    path = store.root / "workflowtemplates" / "local" / "two.json"
    path.write_text("{")
    answer = call("GET", f"{TEMPLATES}/two")
    assert answer.status == 400
    assert str(path) in answer.json["message"]


def submit(call, **sent):
    return call("POST", "/api/v1/workflows/local/submit", sent)


def test_a_template_is_submitted_with_options(call, engine):
    call("POST", TEMPLATES, body(TEMPLATES))
    made = submit(
        call,
        resourceKind="WorkflowTemplate",
        resourceName="one",
        submitOptions={
            "parameters": ["city=lyon", "sum=1=1"],
            "labels": "a=b,c=d",
            "annotations": "note=x",
            "entryPoint": "leaf",
            "serviceAccount": "me",
            "priority": 3,
            "generateName": "again-",
        },
    ).json
    assert made["metadata"]["name"] == "again-abcde"
    assert made["metadata"]["labels"] == {
        "workflows.argoproj.io/workflow-template": "one",
        "a": "b",
        "c": "d",
    }
    assert made["metadata"]["annotations"] == {"note": "x"}
    assert made["spec"] == {
        "workflowTemplateRef": {"name": "one"},
        "entrypoint": "leaf",
        "serviceAccountName": "me",
        "priority": 3,
        "arguments": {
            "parameters": [{"name": "city", "value": "lyon"}, {"name": "sum", "value": "1=1"}]
        },
    }
    submit(call, resourceKind="wftmpl", resourceName="one", submitOptions={"dryRun": True})
    assert engine.asked[-1] == ("create", "", "auto", True, True)
    submit(call, resourceKind="wftmpl", resourceName="one", submitOptions={"serverDryRun": True})
    assert engine.asked[-1] == ("create", "", "auto", True, False)


def test_the_other_kinds_are_submitted_too(call):
    call("POST", CLUSTER, body(CLUSTER))
    call("POST", CRON, body(CRON))
    whole = submit(call, resourceKind="cwft", resourceName="one").json
    assert whole["spec"]["workflowTemplateRef"] == {"name": "one", "clusterScope": True}
    assert whole["metadata"]["labels"] == {"workflows.argoproj.io/cluster-workflow-template": "one"}
    cron = submit(
        call, resourceKind="cronwf", resourceName="one", submitOptions={"name": "now"}
    ).json
    assert cron["spec"]["entrypoint"] == "leaf"
    assert cron["metadata"]["labels"] == {"workflows.argoproj.io/cron-workflow": "one"}
    assert cron["metadata"]["annotations"]["workflows.argoproj.io/scheduled-time"].endswith("Z")
    assert cron["metadata"]["ownerReferences"][0]["kind"] == "CronWorkflow"


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        ({}, 400, "Resource kind '' is not supported for submitting"),
        ({"resourceKind": "pod"}, 400, "Resource kind 'pod' is not supported for submitting"),
        (
            {"resourceKind": "WorkflowTemplate", "resourceName": "two"},
            404,
            'workflowtemplates.argoproj.io "two" not found',
        ),
        (
            {
                "resourceKind": "WorkflowTemplate",
                "resourceName": "one",
                "submitOptions": {"parameters": ["city"]},
            },
            500,
            "expected parameter of the form: NAME=VALUE. Received: city",
        ),
        (
            {
                "resourceKind": "WorkflowTemplate",
                "resourceName": "one",
                "submitOptions": {"labels": "city"},
            },
            500,
            "expected labels of the form: NAME1=VALUE2,NAME2=VALUE2. Received: city",
        ),
    ],
)
def test_a_submission_that_cannot_be_is_refused(sent, status, says, call):
    call("POST", TEMPLATES, body(TEMPLATES))
    answer = submit(call, **sent)
    assert answer.status == status, json.dumps(answer.json)
    assert answer.json["message"] == says
