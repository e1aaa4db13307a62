"""The HTTP side: who may ask, what is refused, and how."""

from __future__ import annotations

import base64
import errno
import fcntl
import http.client
import json
import os
import re
import socket
import struct
import termios
import threading

import pytest
from polling import until

from hera_experiment.errors import UserError
from hera_experiment.local.server import Server
from hera_experiment.local.server.handler import BODY_LIMIT
from hera_experiment.local.server.routes import ROUTES

SECRET = "s3cret-of-the-test"
LIST = "/api/v1/workflows/local"


def claims(**value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {SECRET}",
        f"Bearer {SECRET}x",
        f"Bearer {SECRET[:-1]}",
        f"Bearer .{SECRET}",
        f"Bearer {SECRET}.e30x!",
        f"Bearer {SECRET}.{base64.urlsafe_b64encode(b'[1]').decode()}",
        f"Bearer {SECRET}.{claims(session='a b')}",
        f"Bearer {SECRET}.{claims(session=7)}",
        f"Bearer {SECRET}.{claims(runtime='chroot')}",
        "Bearer é",
    ],
)
def test_without_the_token_nothing_is_answered(call, header, workflow, server):
    workflow()
    for method, path in (("GET", LIST), ("GET", "/api/v1/version"), ("DELETE", f"{LIST}/w")):
        if header and not header.isascii():
            header = header.encode().decode("latin-1")
        answer = call(method, path, Authorization=header)
        assert answer.status == 401
        assert answer.json["code"] == 16
        assert SECRET not in answer.json["message"]
    assert server.services.store.get("local", "w")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Bearer "])
def test_the_token_is_believed_with_and_without_claims(call, scheme):
    for token in (SECRET, f"{SECRET}.{claims(session='run-1', runtime='docker')}", f"{SECRET}."):
        assert call("GET", LIST, Authorization=f"{scheme} {token}").status == 200


def test_claims_name_the_session_and_the_runtime(call, engine):
    token = f"Bearer {SECRET}.{claims(session='run-3f2a9c', runtime='podman')}"
    body = {"workflow": {"metadata": {"name": "w"}, "spec": {}}}
    call("POST", LIST, body, Authorization=token)
    assert engine.asked == [("create", "run-3f2a9c", "podman", False, False)]
    assert call("GET", "/api/v1/userinfo", Authorization=token).json["subject"] == "run-3f2a9c"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_another_host_is_refused_even_with_the_token(call, host):
    answer = call("GET", LIST, Host=host)
    assert (answer.status, answer.json["code"]) == (403, 7)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:2746", "LocalHost", "[::1]", "[::1]:80"])
def test_the_loopback_has_several_names(call, host):
    assert call("GET", LIST, Host=host).status == 200


def test_the_server_listens_on_the_loopback_interface_alone(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.url == f"http://{server.address}/"


@pytest.mark.parametrize("body", [b"{", b"[1]", b"null", b"nonsense", b'{"workflow":NaN}', b"\xff"])
def test_a_body_that_is_no_json_object_is_a_bad_request(call, body):
    answer = call("POST", LIST, body)
    assert (answer.status, answer.json["code"]) == (400, 3)
    assert answer.json["message"]


def test_a_deeply_nested_body_is_a_bad_request(call):
    assert call("POST", LIST, b'{"a":' * 100_000).status == 400


def test_a_body_beyond_the_limit_is_refused_and_the_sender_reads_why(call):
    answer = call("POST", LIST, b"x" * (BODY_LIMIT + 1))
    assert (answer.status, answer.json["code"]) == (413, 8)
    assert str(BODY_LIMIT) in answer.json["message"]


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 30])
def test_a_wrong_content_length_is_a_bad_request(server, length):
    with socket.create_connection(("127.0.0.1", server.server_port)) as raw:
        raw.sendall(
            f"POST {LIST} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )
        assert raw.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_a_chunked_body_is_refused_with_a_reason(server):
    with socket.create_connection(("127.0.0.1", server.server_port)) as raw:
        raw.sendall(
            f"POST {LIST} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".encode()
        )
        response = raw.recv(4096)
    assert response.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Length" in response


def unread(connection):
    """Return how many bytes have come that the server has not taken."""
    return struct.unpack("i", fcntl.ioctl(connection, termios.FIONREAD, b"\0" * 4))[0]


def test_headers_and_body_may_arrive_apart(server, monkeypatch):
    served = []
    serve = server.process_request
    monkeypatch.setattr(
        server, "process_request", lambda one, whom: (served.append(one), serve(one, whom))
    )
    body = b'{"workflow":{"metadata":{"name":"w"},"spec":{}}}'
    with socket.create_connection(("127.0.0.1", server.server_port)) as raw:
        raw.sendall(
            f"POST {LIST} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        until(lambda: served)
        until(lambda: unread(served[0]) == 0)
        raw.sendall(body[:10])
        until(lambda: unread(served[0]) == 0)
        raw.sendall(body[10:])
        assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_asks_first_is_told_to_go_on(server):
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as raw:
        raw.sendall(
            f"POST {LIST}/lint HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n"
            "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n".encode()
        )
        assert raw.recv(4096).startswith(b"HTTP/1.1 100 ")
        raw.sendall(b"{}")
        assert raw.recv(4096).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("request_line", ["NONSENSE", "GET / HTTP/9.9", "BREW /api HTTP/1.1"])
def test_what_is_no_request_is_answered_in_json(server, request_line):
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as raw:
        raw.sendall(f"{request_line}\r\nHost: localhost\r\n\r\n".encode())
        raw.shutdown(socket.SHUT_WR)
        response = b"".join(iter(lambda: raw.recv(4096), b""))
    assert b"<" not in response
    assert json.loads(response[response.index(b"{") :])["code"] in (3, 12)


def test_a_connection_is_kept_and_an_error_does_not_end_it(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    headers = {"Authorization": f"Bearer {SECRET}"}
    for path, status in (("/api/v1/info", 200), (f"{LIST}/x", 404), ("/api/v1/version", 200)):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        assert response.status == status
        response.read()
    connection.request("POST", LIST, b"x" * 1000, {"Authorization": "Bearer wrong"})
    assert connection.getresponse().read()
    connection.request("GET", "/api/v1/info?", headers=headers)
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/api/v1/event-sources/local"),
        ("GET", "/api/v1/archived-workflows"),
        ("PUT", "/api/v1/workflows/local/w/resubmit"),
        ("PATCH", "/api/v1/workflows/local/w"),
        ("GET", "/api/v1/namespaces/local/pods"),
    ],
)
def test_the_rest_of_argos_api_is_named_as_missing(call, method, path):
    answer = call(method, path)
    assert (answer.status, answer.json["code"]) == (501, 12)
    assert path.rsplit("/", 1)[-1] in answer.json["message"]


def test_other_paths_are_not_found(call):
    answer = call("GET", "/workflows/")
    assert (answer.status, answer.json["code"]) == (404, 5)


def test_a_bug_is_an_internal_error_and_not_a_hanging_client(call, engine, monkeypatch, capfd):
    engine.lint = lambda manifest: 1 / 0
    answer = call("POST", f"{LIST}/lint", {"workflow": {}})
    assert (answer.status, answer.json["code"]) == (500, 13)
    assert "ZeroDivisionError" in answer.json["message"]
    shown = capfd.readouterr()
    assert "Traceback" in shown.err
    assert SECRET not in shown.err + shown.out


def test_there_is_no_access_log(call, capfd):
    call("GET", LIST)
    call("GET", f"{LIST}/missing")
    assert capfd.readouterr() == ("", "")


def test_every_route_wants_the_token(call):
    for method, pattern, _ in ROUTES:
        path = re.sub(r"\{[^}]*\}", "some", pattern)
        assert call(method, path, {} if method != "GET" else None, Authorization="").status == 401


def test_a_bound_socket_is_taken_over(store, engine):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    # Sent before anyone accepts: it waits in the backlog.
    connection.request("GET", "/api/v1/info", headers={"Authorization": f"Bearer {SECRET}"})
    server = Server(store, engine, SECRET, listener=listener)
    assert server.server_port == port
    server.start()
    assert connection.getresponse().status == 200
    connection.close()
    server.close()


def test_a_server_without_a_secret_does_not_start(store, engine):
    with pytest.raises(ValueError):
        Server(store, engine, "")


def test_a_burst_of_connections_is_answered(server):
    def ask(results):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.request("GET", LIST, headers={"Authorization": f"Bearer {SECRET}"})
        results.append(connection.getresponse().status)
        connection.close()

    results: list[int] = []
    threads = [threading.Thread(target=ask, args=(results,)) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [200] * 60


def test_what_the_user_can_mend_is_a_bad_request(call, engine, capfd):
    def create(manifest, **options):
        raise UserError("docker is not running", "RUNTIME", "start it")

    engine.create = create
    answer = call("POST", LIST, {"workflow": {}})
    assert (answer.status, answer.json["code"]) == (400, 3)
    assert answer.json["message"] == "docker is not running (RUNTIME): start it"
    assert capfd.readouterr() == ("", "")


def test_a_bug_within_a_stream_is_no_clean_end(call, workflow, monkeypatch, capfd):
    run = workflow()
    response = call.stream("/api/v1/workflow-events/local")
    assert response.readline()
    monkeypatch.setattr(type(run), "document", lambda self: 1 / 0)
    run.update(status={"phase": "Running"})
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_full_disk_is_one_sentence(call, store, engine, capfd, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(engine, "create", full)
    answer = call("POST", "/api/v1/workflows/local", {"workflow": {"metadata": {}}})
    assert (answer.status, answer.json["code"]) == (400, 8)
    assert "No space left on device: make room" in answer.json["message"]
    assert str(store.root) in answer.json["message"]
    assert capfd.readouterr().err == ""
