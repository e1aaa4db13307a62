"""Who may keep a connection to the endpoint open: as for this machine's Argo server."""

from __future__ import annotations

import socket

import pytest
import requests
from polling import until

from hera_experiment import loopback_server
from hera_experiment.endpoint.capture import Capture
from hera_experiment.endpoint.server import Endpoint


@pytest.fixture
def endpoint():
    with Endpoint(Capture()) as endpoint:
        yield endpoint


def version(endpoint, token):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{endpoint.url}api/v1/version", headers=headers, timeout=10)


def test_no_more_strangers_than_a_few_and_the_script_is_served(endpoint, monkeypatch):
    monkeypatch.setattr(loopback_server, "STRANGERS", 5)
    opened = [socket.create_connection(("127.0.0.1", endpoint.server_port)) for _ in range(40)]
    assert version(endpoint, endpoint.token).ok
    until(lambda: len(endpoint._connections) <= 5, 10)
    for each in opened:
        each.close()


def test_whoever_shows_no_token_has_to_go(endpoint, monkeypatch):
    monkeypatch.setattr(loopback_server, "SECONDS_TO_SIGN_IN", 0.3)
    head = b"POST /api/v1/workflows/n HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n"
    for text in (b"", b"GET / HTTP/1.1\r\n", head):
        with socket.create_connection(("127.0.0.1", endpoint.server_port), timeout=20) as stranger:
            stranger.sendall(text)
            until(lambda: not endpoint._connections, 10)


def test_a_long_body_without_the_token_is_answered_and_not_kept(endpoint):
    url = f"{endpoint.url}api/v1/workflows/n"
    headers = {"Authorization": "Bearer no"}
    assert requests.post(url, data=b"x" * 4_000_000, headers=headers, timeout=10).status_code == 401
    assert requests.post(url, data=b"x" * 9_000_000, timeout=10, headers={}).status_code == 413
    assert endpoint.backend.submitted == []
