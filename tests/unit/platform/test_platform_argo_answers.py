"""What of an answer is for whoever asks again."""

import socket
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from fake_server import Answer

from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.http_session import Session, Unreachable


@pytest.fixture
def client(fake):
    made = ArgoClient(fake.url, Session(lambda: "Bearer t", timeout=(1.0, 1.0)))
    yield made
    made.close()


@pytest.mark.parametrize("body", [{"message": "busy"}, b"<html>busy</html>", b""])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), (None, 0.0), ("soon", 0.0), ("-1", 0.0), ("Fri, 20 Nov 2026 10:00:00 -0000", 0.0)],
)
def test_when_to_ask_again(client, fake, header, seconds, body):
    headers = {} if header is None else {"Retry-After": header}
    fake.answer = lambda asked: Answer(body, 503, dict(headers))
    with pytest.raises(ArgoRefusal) as raised:
        client.create_workflow("n", {})
    assert raised.value.retry_after == seconds


def test_a_date_to_ask_again(client, fake):
    moment = datetime.now(timezone.utc) + timedelta(minutes=2)
    headers = {"Retry-After": format_datetime(moment, usegmt=True)}
    fake.answer = lambda asked: Answer({"message": "busy"}, 429, headers)
    with pytest.raises(ArgoRefusal) as raised:
        client.create_workflow("n", {})
    assert 100 < raised.value.retry_after <= 120


def test_an_answer_that_breaks_off_is_none(client, fake):
    fake.answer = lambda asked: Answer(b'{"metadata": {"na', 200, {"Content-Type": "text/json"})
    with pytest.raises(Unreachable, match="broke off its answer") as raised:
        client.create_workflow("n", {})
    assert raised.value.sent


def test_the_archive_is_asked_by_label(client, fake):
    fake.answer = lambda asked: Answer({"items": [{"metadata": {"name": "w"}}]})
    assert client.archived_workflows("n", "a=b") == [{"metadata": {"name": "w"}}]
    assert fake.asked[0].path == (
        "/api/v1/archived-workflows?listOptions.labelSelector=a%3Db"
        "&listOptions.fieldSelector=metadata.namespace%3Dn"
    )
    fake.answer = lambda asked: Answer({"items": None})
    assert client.archived_workflows("n", "a=b") == []


def test_whether_a_request_left_this_machine():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = ArgoClient(f"http://127.0.0.1:{port}/", Session(lambda: "", timeout=(1.0, 0.1)))
        with pytest.raises(Unreachable) as raised:
            client.version()
        assert raised.value.sent
    with pytest.raises(Unreachable, match="nothing listens") as raised:
        client.version()
    assert not raised.value.sent
    nowhere = ArgoClient("http://no-host.invalid/", Session(lambda: "", timeout=(1.0, 0.1)))
    with pytest.raises(Unreachable) as raised:
        nowhere.version()
    assert not raised.value.sent
