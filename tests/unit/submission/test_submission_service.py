"""Each way in which a script creates a workflow, and those that create none."""

import asyncio
import re
import sys
from dataclasses import replace
from functools import partial
from random import Random
from types import SimpleNamespace

import pytest
from hera.exceptions import AlreadyExists, BadRequest
from hera.workflows import (
    AsyncWorkflowsService,
    Container,
    CronWorkflow,
    Workflow,
    WorkflowsService,
    WorkflowTemplate,
)
from hera.workflows.models import (
    CreateOptions,
    WorkflowCreateRequest,
    WorkflowLintRequest,
)

from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.http_session import Session, Unreachable
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import State
from hera_experiment.submission import service as service_module
from hera_experiment.submission.create_attempts import NameTaken
from hera_experiment.submission.names import LETTERS, chosen_name
from hera_experiment.submission.once import SUBMISSION_LABEL
from hera_experiment.submission.service import call_around, create_with
from hera_experiment.submission.submitter import Submitter

URL = "http://argo.test/base/"


class Server:
    """Stands for the session of HTTP: answers Hera's own requests, and remembers them."""

    def __init__(self):
        self.asked = []

    def request(self, method, url, **options):
        self.asked.append((method, url))
        return Answer()


class Answer:
    ok = is_success = True

    def json(self):
        spec = {"schedules": [], "workflowSpec": {}}  # enough for a CronWorkflow, too
        return {"metadata": {"name": "heras-own"}, "spec": spec}


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    monkeypatch.setattr(service_module, "_WAYS", {})
    monkeypatch.setattr(service_module, "_AROUND", [])


@pytest.fixture
def sent():
    return []


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path)


@pytest.fixture
def submitter(records, sent):
    """Creates each workflow at once, and records as it should."""

    def once(record, client, records):
        sent.append(record)
        records.write(replace(record, state=State.CREATED))
        return {**record.manifest, "status": {"phase": "Running"}}

    made = Submitter(
        ArgoClient(URL, Session(lambda: "")),
        records,
        "prod",
        script="./workflow.py",
        inputs="small.py",
        session="run-1",
        labels={"of-all": "yes", "a": "ours"},
        random=Random(1),
        once=once,
    )
    create_with(made, URL)
    return made


@pytest.fixture
def http():
    return Server()


@pytest.fixture
def service(submitter, http):
    return WorkflowsService(host=URL, token="t", namespace="n", session=http)


def simple(kind=Workflow, **options):
    with kind(entrypoint="c", **{"namespace": "n", **options}) as w:
        Container(name="c", image="i")
    return w


def test_a_name_as_the_server_would_make_it():
    assert re.fullmatch(f"w-[{LETTERS}]{{5}}", chosen_name("w-", Random(1)))
    assert len(chosen_name("x" * 200, Random(1))) == 63
    assert len({chosen_name("w-", Random(seed)) for seed in range(100)}) > 95


def test_the_scripts_create_is_recorded(service, sent, http):
    w = simple(generate_name="w-", labels={"a": "b"}, workflows_service=service)
    created = w.create()
    (record,) = sent
    metadata = record.manifest["metadata"]
    assert re.fullmatch("w-[a-z0-9]{5}", record.name)
    assert metadata["labels"] == {"of-all": "yes", "a": "b", SUBMISSION_LABEL: record.submission}
    assert (metadata["name"], metadata["generateName"]) == (record.name, "w-")
    assert w.name == created.metadata.name == record.name
    assert (record.namespace, record.cluster, record.server) == ("n", "prod", URL)
    assert (record.script, record.inputs, record.session) == ("./workflow.py", "small.py", "run-1")
    assert record.created == record.sent
    assert http.asked == []


def test_what_the_script_prints_keeps_its_generate_name(service):
    w = simple(generate_name="w-", workflows_service=service)
    before = w.to_yaml()
    assert "  name: w-" not in before
    w.create()


def test_each_create_is_a_submission_of_its_own(service, sent):
    for _ in range(2):
        simple(generate_name="w-", workflows_service=service).create()
    assert len({record.name for record in sent}) == 2
    assert len({record.submission for record in sent}) == 2


def test_create_and_wait(service, http, monkeypatch):
    w = simple(generate_name="w-", workflows_service=service)
    phases = iter(["Running", "Succeeded"])
    monkeypatch.setattr(
        Answer,
        "json",
        lambda _: {"metadata": {"name": w.name}, "spec": {}, "status": {"phase": next(phases)}},
    )
    assert w.create(wait=True, poll_interval=0).status.phase == "Succeeded"
    assert http.asked == [("get", f"{URL}api/v1/workflows/n/{w.name}")] * 2


def test_a_service_that_a_script_uses_itself(service, sent):
    built = simple(name="fixed").build()
    service.create_workflow(WorkflowCreateRequest(workflow=built), namespace="m")
    assert [(record.name, record.namespace) for record in sent] == [("fixed", "m")]


def test_an_asynchronous_service(submitter, sent, monkeypatch):
    # Hera asks for the package, and nothing goes through it.
    monkeypatch.setitem(sys.modules, "httpx", SimpleNamespace(AsyncClient=lambda **_: None))
    service = AsyncWorkflowsService(host=URL, token="t", namespace="n")
    w = simple(generate_name="w-", workflows_service=service)
    asyncio.run(w.async_create(wait=False))
    assert w.name == sent[0].name


@pytest.mark.parametrize(
    "more",
    [{"server_dry_run": True}, {"create_options": CreateOptions(dry_run=["All"])}],
)
def test_a_dry_run_is_not_recorded(service, sent, http, more):
    request = WorkflowCreateRequest(workflow=simple(name="w").build(), **more)
    service.create_workflow(request)
    service.lint_workflow(WorkflowLintRequest(workflow=simple(name="w").build()))
    assert sent == []
    assert len(http.asked) == 2


def test_templates_are_not_recorded(service, sent, http):
    simple(WorkflowTemplate, name="t", workflows_service=service).create()
    simple(CronWorkflow, name="c", schedules=["* * * * *"], workflows_service=service).create()
    assert sent == []
    assert len(http.asked) == 2


def test_another_server_is_left_alone(submitter, sent, http):
    other = WorkflowsService(host="http://other/", token="t", namespace="n", session=http)
    simple(name="w", workflows_service=other).create()
    assert sent == []
    assert http.asked == [("post", "http://other/api/v1/workflows/n")]


def test_what_stands_in_for_the_server_is_not_passed_by(service, sent, http, monkeypatch):
    monkeypatch.setattr(WorkflowsService, "_request", lambda self, method, **_: Answer())
    simple(name="w", workflows_service=service).create()
    assert (sent, http.asked) == ([], [])


def test_a_workflow_without_a_name_is_the_servers_to_refuse(service, sent, http):
    simple(workflows_service=service).create()
    assert sent == []
    assert len(http.asked) == 1


def test_the_last_way_to_a_server_counts(service, submitter, sent):
    create_with(lambda namespace, manifest: {"metadata": {"name": "x"}, "spec": {}}, URL[:-1])
    w = simple(name="w", workflows_service=service)
    w.create()
    assert w.name == "x"
    assert sent == []


def test_others_are_called_around(service, sent):
    told = []
    call_around(lambda *given: told.append(given), lambda workflow: told.append(workflow))
    simple(name="w", workflows_service=service).create()
    (namespace, manifest), workflow = told
    assert (namespace, manifest["metadata"]["name"]) == ("n", "w")
    assert workflow["metadata"]["labels"][SUBMISSION_LABEL] == sent[0].submission


def test_what_is_said_before_keeps_it_from_being_created(service, sent):
    def refuse(namespace, manifest):
        raise Unreachable("no")

    call_around(refuse, lambda workflow: None)
    with pytest.raises(Unreachable):
        simple(name="w", workflows_service=service).create()
    assert sent == []


@pytest.mark.parametrize(("status", "kind"), [(409, AlreadyExists), (400, BadRequest)])
def test_a_script_may_look_for_heras_exceptions(service, status, kind):
    def refuse(namespace, manifest):
        raise ArgoRefusal("Argo's server says: no", status=status, message="no")

    create_with(refuse, URL)
    with pytest.raises(kind, match=f"status code {status} with message: `no`"):
        simple(name="w", workflows_service=service).create()


def test_a_page_of_somebody_else_stays_a_sentence(service):
    def refuse(namespace, manifest):
        raise ArgoRefusal("sent to another page", status=302)

    create_with(refuse, URL)
    with pytest.raises(ArgoRefusal):
        simple(name="w", workflows_service=service).create()


def taken_first(times, tried):
    def once(record, client, records):
        tried.append(record.name)
        if len(tried) <= times:
            records.write(replace(record, state=State.REFUSED))
            raise NameTaken("taken", status=409, message="taken")
        return record.manifest

    return once


def test_another_name_is_chosen_when_one_is_taken(submitter, records):
    tried = []
    again = replace(submitter, once=taken_first(1, tried))
    created = again("n", {"metadata": {"generateName": "w-"}, "spec": {}})
    assert len(set(tried)) == 2
    assert created["metadata"]["name"] == tried[1]
    assert records.all() == []


@pytest.mark.parametrize(("metadata", "names"), [({"name": "w"}, 1), ({"generateName": "w-"}, 3)])
def test_a_name_of_the_scripts_own_is_not_changed(submitter, records, metadata, names):
    tried = []
    again = partial(replace(submitter, once=taken_first(9, tried)), "n")
    with pytest.raises(NameTaken):
        again({"metadata": metadata, "spec": {}})
    assert len(tried) == names
    assert [record.state for record in records.all()] == [State.REFUSED]
