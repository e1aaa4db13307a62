"""The client of Argo's REST API: what it asks, and what it makes of each kind of answer."""

import base64
import json
import socket
import threading
import time

import pytest
from fake_server import Answer

from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.argo_client import ArgoClient, StreamBroken
from hera_experiment.platform.http_session import Session

WORKFLOW = {"metadata": {"name": "w"}, "spec": {}}


@pytest.fixture
def client(fake):
    made = ArgoClient(fake.url + "argo", Session(lambda: "Bearer t"), "ARGO_SERVER in the dark")
    yield made
    made.close()


def frames(*results):
    lines = [b":", *(b"data: " + json.dumps(result).encode() for result in results)]
    return b"\n\n".join(lines) + b"\n\n"


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        (
            lambda c: c.create_workflow("n s", WORKFLOW),
            "POST",
            "workflows/n%20s",
            {"namespace": "n s", "workflow": WORKFLOW},
        ),
        (
            lambda c: c.create_workflow("n", WORKFLOW, server_dry_run=True),
            "POST",
            "workflows/n",
            {"namespace": "n", "workflow": WORKFLOW, "serverDryRun": True},
        ),
        (lambda c: c.get_workflow("n", "@latest"), "GET", "workflows/n/@latest", None),
        (
            lambda c: c.get_workflow("n", "w", fields="status.phase"),
            "GET",
            "workflows/n/w?fields=status.phase",
            None,
        ),
        (
            lambda c: c.stop_workflow("n", "w", "enough"),
            "PUT",
            "workflows/n/w/stop",
            {"name": "w", "namespace": "n", "message": "enough"},
        ),
        (
            lambda c: c.terminate_workflow("n", "w"),
            "PUT",
            "workflows/n/w/terminate",
            {"name": "w", "namespace": "n"},
        ),
        (
            lambda c: c.retry_workflow(
                "n", "w", restart_successful=True, node_field_selector="a=b"
            ),
            "PUT",
            "workflows/n/w/retry",
            {
                "name": "w",
                "namespace": "n",
                "restartSuccessful": True,
                "nodeFieldSelector": "a=b",
            },
        ),
        (lambda c: c.delete_workflow("n", "w"), "DELETE", "workflows/n/w", None),
        (lambda c: c.version(), "GET", "version", None),
        (lambda c: c.info(), "GET", "info", None),
        (lambda c: c.userinfo(), "GET", "userinfo", None),
    ],
)
def test_each_call_is_argos_own(client, fake, call, method, path, body):
    call(client)
    (asked,) = fake.asked
    assert (asked.method, asked.path, asked.body) == (method, f"/argo/api/v1/{path}", body)
    assert asked.headers["Authorization"] == "Bearer t"


def test_a_list(client, fake):
    fake.answer = lambda asked: Answer({"metadata": {}, "items": [WORKFLOW]})
    assert client.list_workflows("", labels="a=b", limit=1) == [WORKFLOW]
    assert fake.asked[0].path == (
        "/argo/api/v1/workflows/?listOptions.labelSelector=a%3Db&listOptions.limit=1"
    )
    fake.answer = lambda asked: Answer({"metadata": {}, "items": None})
    assert client.list_workflows("n", fields="metadata.name,status.phase") == []
    assert fake.asked[1].path.endswith("?fields=items.metadata.name%2Citems.status.phase")


def test_a_watch_and_logs(client, fake):
    events = [{"type": kind, "object": WORKFLOW} for kind in ("ADDED", "MODIFIED", "DELETED")]
    fake.answer = lambda asked: Answer(frames(*({"result": event} for event in events)))
    seen = list(client.watch_workflows("n", labels="a=b", fields="metadata.name=w"))
    assert seen == [(event["type"], WORKFLOW) for event in events]
    asked = fake.asked[0]
    assert asked.headers["Accept"] == "text/event-stream"
    assert asked.path.startswith("/argo/api/v1/workflow-events/n?")

    lines = [{"result": {"content": line, "podName": "p"}} for line in ("one", "", "drei é")]
    fake.answer = lambda asked: Answer(frames(*lines))
    assert list(client.workflow_logs("n", "w", pod="p", tail_lines=3)) == ["one", "", "drei é"]
    assert fake.asked[1].path == (
        "/argo/api/v1/workflows/n/w/log?podName=p&logOptions.container=main&logOptions.tailLines=3"
    )


def test_an_error_within_a_stream(client, fake):
    gone = {"error": {"grpc_code": 5, "http_code": 404, "message": "gone"}}
    fake.answer = lambda asked: Answer(frames(gone))
    with pytest.raises(ArgoRefusal, match="gone"):
        list(client.watch_workflows("n"))
    passing = {"error": {"grpc_code": 14, "http_code": 503, "message": "too old"}}
    fake.answer = lambda asked: Answer(frames(passing))
    with pytest.raises(StreamBroken, match="too old"):
        list(client.watch_workflows("n"))
    fake.answer = lambda asked: Answer(b'data: {"result": {"ty')
    with pytest.raises(StreamBroken, match="within a message"):
        list(client.watch_workflows("n"))


@pytest.mark.parametrize("chunked", [True, False])
def test_events_come_at_once_and_a_broken_connection_is_told(chunked):
    go_on = threading.Event()

    def serve(listener):
        connection, _ = listener.accept()
        connection.recv(65536)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
        head += b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n"
        event = frames({"result": {"type": "ADDED", "object": WORKFLOW}})
        connection.sendall(head + (b"%x\r\n%s\r\n" % (len(event), event) if chunked else event))
        go_on.wait(5)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        watch = ArgoClient(url, Session(lambda: "")).watch_workflows("n")
        start = time.monotonic()
        assert next(watch) == ("ADDED", WORKFLOW)
        assert time.monotonic() - start < 3
        go_on.set()
        if chunked:
            with pytest.raises(OSError, match="broke off"):
                next(watch)
        else:
            assert list(watch) == []
        thread.join()


def test_a_huge_event_costs_no_more_than_its_size(client, fake):
    big = {"metadata": {"name": "w"}, "status": {"nodes": "x" * 20_000_000}}
    fake.answer = lambda asked: Answer(frames({"result": {"type": "ADDED", "object": big}}))
    start = time.monotonic()
    assert list(client.watch_workflows("n")) == [("ADDED", big)]
    assert time.monotonic() - start < 5


def jwt(**claims):
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


@pytest.mark.parametrize(
    ("answer", "said", "advice"),
    [
        (
            Answer({"code": 5, "message": 'workflows.argoproj.io "w" not found'}, 404),
            'workflows.argoproj.io "w" not found',
            "",
        ),
        (Answer({"code": 3, "message": "bad"}, 400), "Argo's server says: bad", ""),
        (Answer({"code": 16, "message": "token not valid"}, 401), "does not accept", "ARGO_TOKEN"),
        (Answer({"code": 7, "message": "User x cannot"}, 403), "User x cannot", "administrator"),
        (
            Answer(b"<html>login</html>", 200, {"Content-Type": "text/html; charset=utf-8"}),
            "signed out or wrong path",
            "ARGO_BASE_HREF",
        ),
        (
            Answer(b"<html>login</html>", 401, {"Content-Type": "text/html"}),
            "does not accept",
            "ARGO_TOKEN",
        ),
        (Answer(b"no json", 200), "signed out or wrong path", "ARGO_BASE_HREF"),
        (Answer(b"404 page not found", 404), "signed out or wrong path", "ARGO_BASE_HREF"),
        (
            Answer(status=302, headers={"Location": "https://sso.example.org/login?x"}),
            "sso.example.org",
            "ARGO_TOKEN",
        ),
        (
            Answer(status=308, headers={"Location": "https://127.0.0.1/argo/"}),
            "wants TLS",
            "ARGO_SECURE=true",
        ),
        (
            Answer(b"Client sent an HTTP request to an HTTPS server.", 400),
            "wants TLS",
            "ARGO_SECURE=true",
        ),
        (
            Answer(
                b"<html>400 The plain HTTP request was sent to HTTPS port</html>",
                400,
                {"Content-Type": "text/html"},
            ),
            "wants TLS",
            "ARGO_SECURE=true",
        ),
    ],
)
def test_each_refusal_is_one_sentence(client, fake, answer, said, advice):
    fake.answer = lambda asked: answer
    for call in (
        lambda: client.get_workflow("n", "w"),
        lambda: list(client.workflow_logs("n", "w")),
    ):
        with pytest.raises(ArgoRefusal) as raised:
            call()
        assert said in raised.value.what
        assert advice in raised.value.next_step
        assert raised.value.where == "ARGO_SERVER in the dark"
        assert raised.value.status == answer.status


def test_a_refusal_names_the_account_or_the_expiry_but_not_the_token(fake):
    fake.answer = lambda asked: Answer({"code": 7, "message": ""}, 403)
    account = jwt(sub="system:serviceaccount:argo:user")
    with pytest.raises(UserError, match="system:serviceaccount:argo:user has no right") as raised:
        ArgoClient(fake.url, Session(lambda: f"Bearer {account}")).list_workflows("n")
    assert account not in str(raised.value)
    fake.answer = lambda asked: Answer({"code": 16, "message": ""}, 401)
    old = jwt(exp=1_700_000_000)
    with pytest.raises(UserError, match=r"expired on 2023-11-1\d at \d\d:\d\d \(local time\)"):
        ArgoClient(fake.url, Session(lambda: f"Bearer {old}")).list_workflows("n")
    with pytest.raises(UserError, match="none is given"):
        ArgoClient(fake.url, Session(lambda: "")).list_workflows("n")
