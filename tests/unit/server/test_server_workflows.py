"""Create, get, list, delete and the verbs on one workflow."""

from __future__ import annotations

import time

import pytest
from polling import until

from hera_experiment.local.server.selectors import label_selector

END = "2026-11-05T08:00:09Z"
LIST = "/api/v1/workflows/local"


def names(answer):
    return [item["metadata"]["name"] for item in answer.json["items"] or []]


def test_create_answers_the_workflow(call, engine):
    body = {"workflow": {"metadata": {"generateName": "demo-"}, "spec": {"entrypoint": "main"}}}
    answer = call("POST", LIST, body)
    assert answer.status == 200
    assert answer.json["metadata"]["name"] == "demo-abcde"
    assert answer.json["metadata"]["namespace"] == "local"
    assert engine.asked == [("create", "", "auto", False, False)]
    again = call("POST", LIST, body)
    assert (again.status, again.json["code"]) == (409, 6)
    assert again.json["message"] == 'workflows.argoproj.io "demo-abcde" already exists'


def test_both_kinds_of_dry_run_keep_nothing(call, engine, store):
    workflow = {"metadata": {"generateName": "demo-"}, "spec": {}}
    for extra in ({"createOptions": {"dryRun": ["All"]}}, {"serverDryRun": True}):
        assert call("POST", LIST, {"workflow": workflow, **extra}).status == 200
    assert engine.asked == [
        ("create", "", "auto", True, True),
        ("create", "", "auto", True, False),
    ]
    assert store.runs() == []


@pytest.mark.parametrize(
    "body, says",
    [
        ({}, "not specified"),
        ({"workflow": []}, "not specified"),
        ({"workflow": {"metadata": []}}, "metadata"),
        ({"workflow": {"metadata": {"name": "w", "namespace": "other"}}}, "does not match"),
        ({"workflow": {"spec": {}}}, "generateName"),
    ],
)
def test_what_cannot_be_created_is_a_bad_request(call, body, says):
    answer = call("POST", LIST, body)
    assert (answer.status, answer.json["code"]) == (400, 3)
    assert says in answer.json["message"]


@pytest.mark.parametrize("namespace", ["", "Not%20One", "a_b"])
def test_a_workflow_lives_in_a_namespace(call, namespace):
    answer = call("POST", f"/api/v1/workflows/{namespace}", {"workflow": {"spec": {}}})
    assert (answer.status, answer.json["code"]) == (400, 3)


def test_lint_answers_the_workflow_or_why_not(call):
    assert call("POST", f"{LIST}/lint", {"workflow": {"spec": {"a": 1}}}).json["spec"] == {"a": 1}
    answer = call("POST", f"{LIST}/lint", {"workflow": {"metadata": {}}})
    assert (answer.status, answer.json["code"]) == (500, 2)


def test_get_by_name_alias_and_uid(call, workflow):
    workflow("old")
    workflow("w")
    workflow("elsewhere", "other")
    for path in (f"{LIST}/w?", f"{LIST}/@latest", f"{LIST}/%40latest", f"{LIST}/w?uid=uid-w"):
        assert call("GET", path).json["metadata"]["name"] == "w"
    for path in (f"{LIST}/x", f"{LIST}/elsewhere", f"{LIST}/w?uid=u", f"{LIST}/%2e%2e"):
        answer = call("GET", path)
        assert (answer.status, answer.json["code"]) == (404, 5)
    assert call("GET", f"{LIST}/x").json["message"] == 'workflows.argoproj.io "x" not found'
    empty = call("GET", "/api/v1/workflows/empty/@latest")
    assert (empty.status, empty.json["message"]) == (404, "no workflows found")


def test_fields_select_and_exclude(call, workflow, pod):
    workflow().update(nodes={"w-1": pod()}, status={"phase": "Running"})
    get = f"{LIST}/w?fields="
    assert call("GET", f"{get}metadata.name,status.phase").json == {
        "metadata": {"name": "w"},
        "status": {"phase": "Running"},
    }
    kept = call("GET", f"{get}-status.nodes,spec").json
    assert "nodes" not in kept["status"]
    assert "spec" not in kept
    assert kept["status"]["phase"] == "Running"
    assert call("GET", f"{get}status.nodes.w-1.phase").json == {
        "status": {"nodes": {"w-1": {"phase": "Running"}}}
    }
    listed = call("GET", f"{LIST}?fields=items.metadata.name,metadata").json
    assert listed["items"] == [{"metadata": {"name": "w"}}]
    assert listed["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    "fields",
    [
        "metadata",
        "metadata.name,status",
        "status.nodes",
        "metadata.uid,status.nodes,spec.shutdown",
        "spec",
        "spec.entrypoint,status.nodes",
        "status.phase,spec.shutdown",
        "-status.nodes",
        "-spec",
        "-metadata",
        "-status.nodes.w-1",
        "-spec,status.nodes",
        "-status.phase",
        "nothing",
        "kind",
        "status.nodes.w-1.phase",
        "-status",
        "-spec.shutdown",
    ],
)
@pytest.mark.parametrize("end", ["", END])
def test_the_wanted_parts_are_those_of_the_whole(call, store, workflow, pod, fields, end):
    from hera_experiment.local.server.selectors import Fields

    run = workflow()
    workflow("empty")
    run.update(nodes={"w-1": pod(), "w-2": pod("w-2", message='",status":{"nodes":')})
    run.update(status={"phase": "Running", "message": '"nodes":{}'}, spec={"shutdown": "Stop"})
    if end:
        run.update(status={"finishedAt": end})
        until(run.forget, 10)
    for name in ("w", "empty"):
        whole = call("GET", f"{LIST}/{name}").json
        assert call("GET", f"{LIST}/{name}?fields={fields}").json == Fields(fields).select(whole)
    listed = call("GET", LIST).json
    minus, of_items = fields.startswith("-"), fields.removeprefix("-").split(",")
    asked = ("-" if minus else "") + ",".join(f"items.{each}" for each in of_items)
    found = call("GET", f"{LIST}?fields={asked}").json
    assert found == {"metadata": {}, **Fields(asked).select(listed)}


def test_an_empty_list_is_null_with_metadata(call):
    answer = call("GET", f"{LIST}?").json
    assert answer["items"] is None
    assert int(answer["metadata"]["resourceVersion"]) > 0


def test_list_by_namespace_and_all(call, workflow):
    workflow("a", "local")
    workflow("b", "other")
    assert names(call("GET", LIST)) == ["a"]
    for path in ("/api/v1/workflows/", "/api/v1/workflows/?", "/api/v1/workflows"):
        assert sorted(names(call("GET", path))) == ["a", "b"]
    by_field = "?listOptions.fieldSelector=metadata.namespace%3Dother"
    assert names(call("GET", f"/api/v1/workflows/{by_field}")) == ["b"]
    assert call("GET", f"{LIST}{by_field}").status == 400


def test_what_runs_comes_first_then_what_ended_last(call, workflow):
    workflow("early", finished="2026-11-05T08:00:00Z")
    workflow("running")
    workflow("late", finished="2026-11-05T09:00:00Z")
    assert names(call("GET", LIST)) == ["running", "late", "early"]


def test_pages(call, workflow):
    for number in range(5):
        workflow(f"w{number}", finished="2026-11-05T08:00:00Z")
    seen, path = [], f"{LIST}?listOptions.limit=2"
    for expected in ("2", "4", None):
        page = call("GET", path)
        seen.append(names(page))
        assert page.json["metadata"].get("continue") == expected
        path = f"{LIST}?listOptions.limit=2&listOptions.continue={expected}"
    assert [len(page) for page in seen] == [2, 2, 1]
    assert sorted(name for page in seen for name in page) == [f"w{n}" for n in range(5)]
    for wrong in ("listOptions.continue=x", "listOptions.continue=-1", "listOptions.limit=1.5"):
        assert call("GET", f"{LIST}?{wrong}").status == 400


@pytest.mark.parametrize(
    "selector, expected",
    [
        ("team=a", ["w1"]),
        ("team==a", ["w1"]),
        ("team!=a", ["w2", "w3"]),
        ("team in (a, b)", ["w1", "w2"]),
        ("team notin (a)", ["w2", "w3"]),
        ("team", ["w1", "w2"]),
        ("!team", ["w3"]),
        ("team in (a,b),x/y=1", ["w2"]),
        ("x/n>5", ["w3"]),
        ("x/n<5", ["w1"]),
        ("", ["w1", "w2", "w3"]),
    ],
)
def test_label_selectors(call, workflow, selector, expected):
    workflow("w1", team="a", x_n="1")
    workflow("w2", team="b", x_y="1", x_n="5")
    workflow("w3", x_n="9")
    query = selector.replace("=", "%3D").replace(" ", "%20").replace("!", "%21")
    assert sorted(names(call("GET", f"{LIST}?listOptions.labelSelector={query}"))) == expected


def test_other_filters(call, workflow):
    workflow("apple", finished="2026-11-05T08:00:00Z")
    workflow("pineapple")
    field = f"{LIST}?listOptions.fieldSelector=metadata.name"
    assert names(call("GET", f"{field}%3Dapple")) == ["apple"]
    assert names(call("GET", f"{field}%3D%3Dapple")) == ["apple"]
    assert names(call("GET", f"{field}!%3Dapple")) == ["pineapple"]
    contains = call("GET", f"{field}%3Dapple&nameFilter=Contains")
    assert sorted(names(contains)) == ["apple", "pineapple"]
    assert names(call("GET", f"{field}%3Dpine&nameFilter=Prefix")) == ["pineapple"]
    assert names(call("GET", f"{LIST}?finishedBefore=2026-11-05T08:00:01Z")) == ["apple"]
    assert names(call("GET", f"{LIST}?finishedBefore=2026-11-05T09:00:01%2B01:00")) == ["apple"]
    assert names(call("GET", f"{LIST}?finishedBefore=2026-11-05T08:00:00Z")) == []
    assert len(names(call("GET", f"{LIST}?createdAfter=2026-11-05T08:00:08Z"))) == 2
    assert names(call("GET", f"{LIST}?createdAfter=2026-11-05T08:00:09.5Z")) == []
    for wrong in (
        "createdAfter=yesterday",
        "listOptions.labelSelector=a%20b",
        "listOptions.labelSelector=a%3Ex",
        "listOptions.fieldSelector=spec.x%3D1",
    ):
        answer = call("GET", f"{LIST}?{wrong}")
        assert (answer.status, answer.json["code"]) == (400, 3), wrong


def test_delete_answers_an_empty_object(call, workflow, store):
    workflow()
    assert call("DELETE", f"{LIST}/w?deleteOptions.dryRun=All").json == {}
    conflict = call("DELETE", f"{LIST}/w?deleteOptions.preconditions.uid=other")
    assert conflict.status == 409
    answer = call("DELETE", f"{LIST}/w?force=true")
    assert (answer.status, answer.json) == (200, {})
    assert store.runs() == []
    assert call("DELETE", f"{LIST}/w").status == 404


def test_verbs_reach_the_engine(call, workflow, engine):
    workflow()
    assert call("PUT", f"{LIST}/w/stop", {"message": "enough"}).json["metadata"]["name"] == "w"
    assert call("PUT", f"{LIST}/w/terminate", {"name": "w"}).status == 200
    call("PUT", f"{LIST}/@latest/retry", {"restartSuccessful": True, "nodeFieldSelector": "a=b"})
    assert engine.asked == [
        ("stop", "local", "w", "", "enough"),
        ("terminate", "local", "w"),
        ("retry", "local", "w", True, "a=b"),
    ]
    for verb in ("stop", "terminate", "retry"):
        assert call("PUT", f"{LIST}/missing/{verb}", {}).status == 404


@pytest.mark.parametrize("verb, body", [("retry", {"parameters": ["a=b"]})])
def test_what_a_verb_cannot_do_is_refused_not_ignored(call, workflow, engine, verb, body):
    workflow()
    answer = call("PUT", f"{LIST}/w/{verb}", body)
    assert (answer.status, answer.json["code"]) == (501, 12)
    assert engine.asked == []


def test_what_the_server_says_about_itself(call):
    version = call("GET", "/api/v1/version").json
    assert len(version) == 8
    assert all(isinstance(value, str) for value in version.values())
    assert version["version"].endswith("+local")
    assert call("GET", "/api/v1/info?").json == {}
    assert call("GET", "/api/v1/userinfo").json["subject"] == "local"


def test_a_damaged_workflow_is_listed_and_not_retried(call, engine, workflow):
    run = workflow("w", finished=END)
    workflow("x", finished=END)
    run.log_path("w-1").write_text("a line\n")
    journal = run.folder / "journal.jsonl"
    journal.write_bytes(b"\0" * 500)
    until(run.forget, 10)
    run._summary = None
    assert sorted(names(call("GET", LIST))) == ["w", "x"]
    for path in (f"{LIST}/w", f"{LIST}/w/log", "/api/v1/workflows/", f"{LIST}?fields=items.spec"):
        assert call("GET", path).status == 200
    answer = call("PUT", f"{LIST}/w/retry", {})
    assert (answer.status, answer.json["code"]) == (400, 3)
    assert "cannot go on" in answer.json["message"] and "damaged" in answer.json["message"]
    assert not engine.asked
    assert journal.read_bytes() == b"\0" * 500
    assert call("DELETE", f"{LIST}/w").status == 200
    assert names(call("GET", LIST)) == ["x"]


def test_a_long_selector_takes_no_long_time():
    began = time.thread_time()
    accepts = label_selector("a=b,c in (d,e)" + ",a=b" * 50_000)
    assert accepts({"a": "b", "c": "e"}) and not accepts({"a": "b", "c": "f"})
    assert time.thread_time() - began < 5
