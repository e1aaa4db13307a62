"""Each way in which a client creates a workflow through the endpoint, and what creates none."""

import asyncio
import json
import re
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from random import Random
from types import SimpleNamespace

import pytest
import requests
from fake_server import Answer
from hera.exceptions import AlreadyExists, BadRequest
from hera.shared import global_config
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

from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.endpoint.defaults import QUEUE_LABEL, Defaults, defaults_of
from hera_experiment.endpoint.server import Endpoint
from hera_experiment.endpoint.submission import Submission
from hera_experiment.environment import hera_services
from hera_experiment.environment.hera_services import (
    BackendSession,
    Route,
    lead_to,
    lead_to_endpoint,
)
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.http_session import Session, Unreachable
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import State
from hera_experiment.submission.create_attempts import NameTaken
from hera_experiment.submission.names import LETTERS, chosen_name
from hera_experiment.submission.once import SUBMISSION_LABEL
from hera_experiment.submission.submitter import Submitter
from hera_utils.cli_context import parse_arguments

LABELS = {"of-all": "yes", "a": "ours"}
PODS = {"queue", "pending_timeout"}
WORKFLOW = {"metadata": {"name": "x"}, "spec": {}}


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    monkeypatch.setattr(hera_services, "_ROUTES", {})
    for kind in (WorkflowsService, AsyncWorkflowsService):
        monkeypatch.setattr(kind, "__init__", getattr(kind.__init__, "original", kind.__init__))
    global_config.reset()
    yield
    global_config.reset()


@pytest.fixture
def sent():
    return []


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path)


@pytest.fixture
def submitter(records, sent, fake):
    """Creates each workflow at once, and records as it should."""

    def answer(asked):
        body = asked.body or {}
        return Answer(body.get("workflow") or body.get("template") or WORKFLOW)

    fake.answer = answer

    def once(record, client, records):
        sent.append(record)
        records.write(replace(record, state=State.CREATED))
        return {**record.manifest, "status": {"phase": "Running"}}

    return Submitter(
        ArgoClient(f"{fake.url}base/", Session(lambda: "Bearer theirs")),
        records,
        "prod",
        script="./workflow.py",
        inputs="small.py",
        session="run-1",
        random=Random(1),
        once=once,
    )


def submission(made, before=(), account="", **options):
    defaults = Defaults(LABELS, account, **{k: options.pop(k) for k in PODS & set(options)})
    backend = Submission(made, defaults=defaults, **options)
    backend.before.extend(before)
    return backend


@pytest.fixture
def open_endpoint(fake, submitter):
    """Opens an endpoint in front of the fake server, and leads Hera there."""
    opened = []

    def open_endpoint(made=submitter, **options):
        endpoint = Endpoint(submission(made, **options))
        opened.append(endpoint)
        server = made.client.url
        address = EndpointAddress(endpoint.url, endpoint.token, server=server, namespace="n")
        lead_to_endpoint(address)
        return endpoint

    yield open_endpoint
    for endpoint in opened:
        endpoint.close()


@pytest.fixture(params=["endpoint", "own process"])
def way(request, fake, submitter, open_endpoint):
    """Both ways to a submission: over HTTP, and within the process of a script run by itself."""
    if request.param == "endpoint":
        return open_endpoint

    def within(made=submitter, **options):
        url = made.client.url
        session = BackendSession(submission(made, **options), url)
        lead_to(Route(url, session, lambda: "Bearer t", "n"))
        global_config.host, global_config.namespace = url, "n"

    return within


def simple(kind=Workflow, **options):
    with kind(entrypoint="c", **{"namespace": "n", **options}) as w:
        Container(name="c", image="i")
    return w


def asked_of(fake):
    return [(asked.method, asked.path) for asked in fake.asked]


def test_a_name_as_the_server_would_make_it():
    assert re.fullmatch(f"w-[{LETTERS}]{{5}}", chosen_name("w-", Random(1)))
    assert len(chosen_name("x" * 200, Random(1))) == 63
    assert len({chosen_name("w-", Random(seed)) for seed in range(100)}) > 95


def test_the_scripts_create_is_recorded(way, sent, fake):
    way(account="robot")
    w = simple(generate_name="w-", labels={"a": "b"})
    created = w.create()
    (record,) = sent
    metadata = record.manifest["metadata"]
    assert re.fullmatch("w-[a-z0-9]{5}", record.name)
    assert metadata["labels"] == {"of-all": "yes", "a": "b", SUBMISSION_LABEL: record.submission}
    assert (metadata["name"], metadata["generateName"]) == (record.name, "w-")
    assert record.manifest["spec"]["serviceAccountName"] == "robot"
    assert w.name == created.metadata.name == record.name
    assert (record.namespace, record.cluster, record.server) == ("n", "prod", f"{fake.url}base/")
    assert (record.script, record.inputs, record.session) == ("./workflow.py", "small.py", "run-1")
    assert record.created == record.sent
    assert fake.asked == []
    assert w.get_workflow_link().startswith(f"{fake.url}base/workflows/n/{record.name}")


def test_what_the_script_prints_keeps_its_generate_name(way):
    way()
    w = simple(generate_name="w-")
    before = w.to_yaml()
    assert "  name: w-" not in before
    w.create()


def test_each_create_is_a_submission_of_its_own(way, sent):
    way()
    for _ in range(2):
        simple(generate_name="w-").create()
    assert len({record.name for record in sent}) == 2
    assert len({record.submission for record in sent}) == 2


def test_create_and_wait(way, fake):
    way()
    w = simple(generate_name="w-")
    phases = iter(["Running", "Succeeded"])
    fake.answer = lambda asked: Answer(
        {"metadata": {"name": w.name}, "spec": {}, "status": {"phase": next(phases)}}
    )
    assert w.create(wait=True, poll_interval=0).status.phase == "Succeeded"
    assert asked_of(fake) == [("GET", f"/base/api/v1/workflows/n/{w.name}")] * 2
    assert {asked.headers["Authorization"] for asked in fake.asked} == {"Bearer theirs"}


def test_a_service_that_a_script_uses_itself(way, sent, fake):
    way()
    built = simple(name="fixed").build()
    service = WorkflowsService(host=f"{fake.url}base", token="own")
    service.create_workflow(WorkflowCreateRequest(workflow=built), namespace="m")
    assert [(record.name, record.namespace) for record in sent] == [("fixed", "m")]


def test_a_service_of_another_server_goes_to_the_endpoint(open_endpoint, sent, fake, capsys):
    open_endpoint()
    other = WorkflowsService(host="https://argo.example.org/argo", token="own", namespace="m")
    simple(name="w", workflows_service=other).create()
    other.get_workflow("x")
    assert len(sent) == 1 and asked_of(fake) == [("GET", "/base/api/v1/workflows/m/x")]


def test_another_server_is_left_alone_by_a_script_by_itself(submitter, sent):
    route = Route(submitter.client.url, requests.Session(), lambda: "", "n")
    lead_to(route)
    other = WorkflowsService(host="http://other/", token="t", namespace="n", session="theirs")
    assert (other.host, other.token, other.session) == ("http://other/", "Bearer t", "theirs")


class FakeHttpx:
    """As much of httpx as an asynchronous service of Hera needs."""

    AsyncBaseTransport = object

    class AsyncClient:
        def __init__(self, *, transport, timeout):
            self._transport = transport

        async def request(self, method, url, data=None, headers=None, **_):
            async def read():
                return (data or "").encode()

            asked = SimpleNamespace(method=method, url=url, headers=headers or {}, aread=read)
            return await self._transport.handle_async_request(asked)

    class Response:
        def __init__(self, status, *, headers, content):
            self.status_code, self.is_success = status, status < 400
            self._content = content

        def json(self):
            return json.loads(self._content)


def test_an_asynchronous_service(way, sent, monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", FakeHttpx)
    way()
    service = AsyncWorkflowsService(namespace="n")
    w = simple(generate_name="w-", workflows_service=service)
    asyncio.run(w.async_create(wait=False))
    assert w.name == sent[0].name


def test_any_client_of_argo(open_endpoint, sent, fake):
    """The argo program sends empty options along, and knows nothing of Hera."""
    endpoint = open_endpoint()
    url = f"{endpoint.url}api/v1/workflows/n"
    manifest = {"metadata": {"generateName": "w-"}, "spec": {"entrypoint": "c"}}
    body = {"namespace": "n", "workflow": manifest, "createOptions": {}, "serverDryRun": False}
    bearer = {"Authorization": f"Bearer {endpoint.token}"}
    answer = requests.post(url, json=body, headers=bearer, timeout=10)
    assert answer.json()["metadata"]["name"] == sent[0].name
    for wrong in ({}, {"Authorization": "Bearer no"}):
        assert requests.post(url, json=body, headers=wrong, timeout=10).status_code == 401
    assert len(sent) == 1 and fake.asked == []


@pytest.mark.parametrize(
    "more",
    [{"server_dry_run": True}, {"create_options": CreateOptions(dry_run=["All"])}],
)
def test_a_dry_run_is_not_recorded(way, sent, fake, more):
    way()
    service = WorkflowsService()
    request = WorkflowCreateRequest(workflow=simple(name="w").build(), **more)
    service.create_workflow(request)
    service.lint_workflow(WorkflowLintRequest(workflow=simple(name="w").build()))
    assert sent == []
    assert len(fake.asked) == 2


def test_templates_are_labelled_and_not_recorded(way, sent, fake):
    way(account="robot")
    simple(WorkflowTemplate, name="t").create()
    fake.answer = lambda asked: Answer(asked.body["cronWorkflow"])
    simple(CronWorkflow, name="c", schedules=["* * * * *"]).create()
    assert sent == []
    template, cron = (asked.body for asked in fake.asked)
    for made in (template["template"], cron["cronWorkflow"]):
        assert made["metadata"]["labels"] == {"of-all": "yes", "a": "ours"}
    assert template["template"]["spec"]["serviceAccountName"] == "robot"
    assert cron["cronWorkflow"]["spec"]["workflowSpec"]["serviceAccountName"] == "robot"


def test_a_queue_and_a_time_to_wait_go_on_pods(way, sent):
    way(queue="users", pending_timeout="10m")
    simple(name="w").create()
    simple(name="v", pod_metadata={"labels": {QUEUE_LABEL: "mine"}}).create()
    first, second = (record.manifest["spec"] for record in sent)
    assert first["podMetadata"]["labels"] == {QUEUE_LABEL: "users"}
    assert first["templateDefaults"] == {"pendingTimeout": "10m"}
    assert second["podMetadata"]["labels"] == {QUEUE_LABEL: "mine"}


@pytest.mark.parametrize(
    ("wait", "version", "says"),
    [
        ("10m", "v3.7.18", "Argo v3.7.18 knows no time that pods may wait"),
        ("soon", "v4.1.0", "'soon' is not a duration"),
        ("10m", "v4.1.0", ""),
        ("1h30m", "v10.0.1", ""),
        ("", "v3.7.18", ""),
    ],
)
def test_a_time_to_wait_is_for_an_argo_that_knows_it(tmp_path, fake, wait, version, says):
    (tmp_path / "experiment.toml").write_text('[experiment]\nname="P"\nslug="p"\n')
    argv = ["--argo_server=h:443", "--argo_namespace=n", "--queue=users"]
    argv += [f"--pending_timeout={wait}"] if wait else []
    context = parse_arguments(argv=argv, environ={}, folder=tmp_path, home=tmp_path)
    fake.answer = lambda asked: Answer({"version": version})
    client = ArgoClient(fake.url, Session(lambda: ""))
    if says:
        with pytest.raises(UserError, match=re.escape(says)):
            defaults_of(context, {}, client)
    else:
        assert defaults_of(context, {}, client).pending_timeout == wait
    local = parse_arguments(argv=["--cluster=local"], environ={}, folder=tmp_path, home=tmp_path)
    assert defaults_of(local, {}, client).queue == ""


def test_what_stands_in_for_hera_itself_is_not_passed_by(way, sent, fake, monkeypatch):
    way()

    class Own:
        ok = True

        def json(self):
            return {"metadata": {"name": "heras-own"}, "spec": {}}

    monkeypatch.setattr(WorkflowsService, "_request", lambda self, method, **_: Own())
    simple(name="w").create()
    assert (sent, fake.asked) == ([], [])


def test_a_workflow_without_a_name_is_the_servers_to_refuse(way, sent, fake):
    way()
    simple().create()
    assert sent == []
    assert len(fake.asked) == 1


def test_what_comes_before_and_after(way, sent):
    told = []
    way(before=[lambda *given: told.append(given)], created=lambda *given: told.append(given))
    simple(name="w").create()
    (namespace, manifest), (_, workflow) = told
    assert (namespace, manifest["metadata"]["name"]) == ("n", "w")
    assert workflow["metadata"]["labels"][SUBMISSION_LABEL] == sent[0].submission


@pytest.mark.parametrize("error", [Unreachable("no"), UserError("no", "file.py", "type this")])
def test_what_is_said_before_keeps_it_from_being_created(way, sent, error):
    def refuse(namespace, manifest):
        raise error

    way(before=[refuse])
    with pytest.raises(type(error)) as raised:
        simple(name="w").create()
    assert str(raised.value) == str(error)
    assert sent == []


@pytest.mark.parametrize(("status", "kind"), [(409, AlreadyExists), (400, BadRequest)])
def test_a_script_may_look_for_heras_exceptions(way, submitter, status, kind):
    def refuse(record, client, records):
        raise ArgoRefusal("Argo's server says: no", status=status, message="no")

    way(replace(submitter, once=refuse))
    with pytest.raises(kind, match=f"status code {status} with message: `no`"):
        simple(name="w").create()


def test_a_page_of_somebody_else_is_a_sentence(way, fake, submitter):
    def refuse(record, client, records):
        raise ArgoRefusal("sent to another page", status=302)

    way(replace(submitter, once=refuse))
    with pytest.raises(UserError, match="sent to another page"):
        simple(name="w").create()
    fake.answer = lambda asked: Answer(b"<html>", headers={"Content-Type": "text/html"})
    with pytest.raises(UserError, match="signed out or wrong path"):
        WorkflowsService().get_workflow("x")


def test_a_stream_comes_as_it_is_sent(open_endpoint, submitter):
    """What one message says is there before the next one is sent."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    seen = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for text in (b"data: 1\n\n", b"data: 2\n\n"):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(text), text))
                self.wfile.flush()
                assert seen.wait(10)
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = ArgoClient(f"http://127.0.0.1:{server.server_port}/", Session(lambda: ""))
    endpoint = open_endpoint(replace(submitter, client=client))
    headers = {"Authorization": f"Bearer {endpoint.token}"}
    url = f"{endpoint.url}api/v1/workflow-events/n"
    with requests.get(url, headers=headers, stream=True, timeout=10) as answer:
        lines = answer.iter_lines()
        assert next(lines) == b"data: 1"
        seen.set()
        assert [line for line in lines if line] == [b"data: 2"]
    server.shutdown()
    server.server_close()


def test_nothing_is_created_once_it_closes(open_endpoint, submitter, sent):
    """A submission that waits for the server's answer is given up, its record says unsure."""
    backend = submission(submitter)
    started = threading.Event()
    ends = []

    def wait():
        started.set()
        with pytest.raises(UserError, match="interrupted"):
            backend.pause(60)
        ends.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    assert started.wait(10)
    backend.close()
    thread.join(10)
    assert ends
    with pytest.raises(UserError, match="interrupted"):
        backend.refuse_when_closing()


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
