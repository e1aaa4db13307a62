"""Who may keep a connection open: any user of the machine can open one."""

from __future__ import annotations

import http.client
import socket
import threading
import time

import pytest
from polling import until

from hera_experiment import loopback_server as server_module

LIST = "/api/v1/workflows/local"


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(server_module, "STRANGERS", 5)
    monkeypatch.setattr(server_module, "CONNECTIONS", 12)


def strangers(server, number, text=b""):
    found = [socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(number)]
    for each in found:
        each.sendall(text)
        each.settimeout(20)
    return found


def is_closed(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_no_more_strangers_than_a_few_and_a_client_is_served(few, server, call):
    opened = strangers(server, 40)
    assert call("GET", LIST).status == 200
    assert all(is_closed(each) for each in opened[:34])
    until(lambda: len(server._connections) <= 5, 10)
    for each in opened:
        each.close()


@pytest.mark.parametrize(
    "text",
    [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
)
def test_whoever_shows_no_token_has_to_go(server, monkeypatch, text):
    monkeypatch.setattr(server_module, "SECONDS_TO_SIGN_IN", 0.3)
    (connection,) = strangers(server, 1, text)
    began = time.monotonic()
    # A byte now and then keeps nothing open.
    while time.monotonic() < began + 20:
        try:
            connection.sendall(b"x" if b"\r\n\r\n" not in text else b"")
        except ConnectionError:
            break
        connection.settimeout(0.05)
        try:
            if not connection.recv(4096):
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    assert time.monotonic() - began < 10
    until(lambda: not server._connections, 10)


def test_clients_that_rest_make_room_and_streams_do_not(few, server, call):
    stream = call.stream("/api/v1/workflow-events/local")
    resting = []
    for _ in range(30):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.request("GET", LIST, headers={"Authorization": f"Bearer {call.token}"})
        assert connection.getresponse().read()
        resting.append(connection)
    until(lambda: len(server._connections) <= 12, 10)
    opened = strangers(server, 10)
    assert call("GET", LIST).status == 200
    threading.Timer(0.1, server.close).start()
    assert stream.read() is not None
    for each in (*resting, *opened):
        each.close()


def test_descriptors_are_left_for_tasks():
    assert server_module.STRANGERS < server_module.CONNECTIONS <= 512
    assert server_module.SECONDS_TO_SIGN_IN <= 10


def test_a_deletion_answers_although_a_workflow_does_not_end(
    call, engine, store, workflow, monkeypatch
):
    from hera_experiment.local.server import workflows

    workflow("w")
    gate = threading.Event()

    def delete(namespace, name):
        gate.wait(30)
        store.delete(namespace, name)

    monkeypatch.setattr(engine, "delete", delete)
    monkeypatch.setattr(workflows, "PATIENCE_SECONDS", 0.1)
    answer = call("DELETE", f"{LIST}/w")
    assert (answer.status, answer.json["code"]) == (504, 4)
    assert "w is still ending" in answer.json["message"]
    assert call("GET", LIST).json["items"]
    gate.set()
    until(lambda: not call("GET", LIST).json["items"], 10)


def test_a_server_ends_although_a_workflow_does_not(server, engine, tmp_path, monkeypatch, capsys):
    from hera_experiment.platform.local_server import LocalServer
    from hera_experiment.verbs import serve

    gate = threading.Event()
    monkeypatch.setattr(serve, "_PATIENCE", 0.1)
    monkeypatch.setattr(engine, "close", lambda: gate.wait(60), raising=False)
    address = tmp_path / "server.json"
    address.touch()
    began = time.monotonic()
    serve._close(engine, server, LocalServer(server.url, "s", 1, tmp_path))
    assert time.monotonic() - began < 30
    assert "a workflow does not end" in capsys.readouterr().err
    assert not address.exists()
    gate.set()
