"""The session: time-outs, proxies, certificates, no .netrc; each failure one sentence."""

import gzip
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from fake_server import Answer

from hera_experiment.errors import UserError
from hera_experiment.platform import http_session
from hera_experiment.platform.http_session import Session, Unreachable
from hera_experiment.platform.proxies import is_loopback


@pytest.fixture
def session():
    made = Session(lambda: "Bearer ours", timeout=(1, 1))
    yield made
    made.close()


def test_the_token_is_asked_for_each_request(fake):
    tokens = iter(["Bearer 1", "Bearer 2"])
    session = Session(lambda: next(tokens))
    session.get(fake.url)
    session.get(fake.url, headers={"Authorization": "Bearer other"})
    assert [asked.headers["Authorization"] for asked in fake.asked] == ["Bearer 1", "Bearer 2"]


def test_netrc_never_replaces_the_token(fake, session, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    plain = requests.get(fake.url, headers={"Authorization": "Bearer ours"}, timeout=5)
    assert plain.ok and fake.asked[0].headers["Authorization"].startswith("Basic")
    session.get(fake.url)
    assert fake.asked[1].headers["Authorization"] == "Bearer ours"
    Session(lambda: "").get(fake.url)
    assert "Authorization" not in fake.asked[2].headers


def test_a_proxy_of_the_environment_is_used_except_for_this_machine(fake, session, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, fake.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    session.get("http://far.invalid/x")
    assert fake.asked[0].path == "http://far.invalid/x"
    with pytest.raises(Unreachable, match=r"far\.invalid"):
        session.get("https://far.invalid/x")
    assert fake.asked[1].method == "CONNECT"
    session.get(fake.url + "near")
    assert fake.asked[2].path == "/near"
    monkeypatch.setenv("NO_PROXY", "far.invalid")
    with pytest.raises(Unreachable, match=r"no host is named 'far\.invalid'"):
        session.get("http://far.invalid/x")


def test_proxies_are_those_of_kubectl_and_argo(fake, monkeypatch):
    gate = fake.url.removeprefix("http://").rstrip("/")
    session = Session(lambda: "", environ={"all_proxy": gate, "NO_PROXY": "192.0.2.0/24"})
    session.get("http://far.invalid/x")
    assert fake.asked[0].path == "http://far.invalid/x"
    assert session.proxy_to("http://192.0.2.7/") == ""
    wrong = Session(lambda: "", environ={"HTTP_PROXY": "ftp://ada:s3cret@gate:1"})
    with pytest.raises(UserError) as caught:
        wrong.get("http://far.invalid/x")
    assert caught.value.where == "HTTP_PROXY" and "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1/", True),
        ("http://127.1.2.3/", True),
        ("http://[::1]:1/", True),
        ("http://localhost/", True),
        ("http://10.0.0.1/", False),
        ("http://localhost.example.org/", False),
    ],
)
def test_what_is_this_machine(url, here):
    assert is_loopback(url) is here


def test_a_server_that_says_nothing_is_left_after_the_time_out(session):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        with pytest.raises(Unreachable, match="did not answer in time"):
            session.get(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        assert time.monotonic() - start < 3


def test_nobody_listens(session):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unreachable, match="nothing listens") as raised:
        session.get(f"http://127.0.0.1:{port}/")
    assert isinstance(raised.value, OSError) and isinstance(raised.value, UserError)


def test_an_own_certificate(fake_tls, certificate, session, monkeypatch):
    with pytest.raises(Unreachable, match="not trusted"):
        session.get(fake_tls.url)
    bundle = str(certificate[0])
    # Hera says verify=True with each call: the session's bundle must hold nevertheless.
    assert Session(lambda: "", verify=bundle).get(fake_tls.url, verify=True).ok
    assert Session(lambda: "", verify=False).get(fake_tls.url, verify=True).ok
    assert Session(lambda: "", environ={"SSL_CERT_FILE": bundle}).get(fake_tls.url).ok


def test_plain_http_to_a_tls_port_and_the_reverse(fake, fake_tls, session):
    with pytest.raises(Unreachable, match="ARGO_SECURE=true"):
        session.get(fake_tls.url.replace("https", "http"))
    with pytest.raises(Unreachable, match="ARGO_SECURE=false"):
        session.get(fake.url.replace("http", "https"))


def test_a_redirect_is_not_followed(fake, session):
    fake.answer = lambda asked: Answer(status=302, headers={"Location": "https://login/"})
    assert session.get(fake.url).status_code == 302
    assert len(fake.asked) == 1


def test_no_message_shows_a_password(session):
    with pytest.raises(Unreachable) as raised:
        session.get("http://ada:hush@far.invalid/")
    assert "hush" not in str(raised.value)


def test_a_connection_is_used_again():
    """Also after an answer that came in pieces, and one that is packed."""
    seen = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            seen.add(self.client_address)
            body = gzip.compress(b"{}") if self.path == "/packed" else b"{}"
            self.send_response(200)
            if self.path == "/packed":
                self.send_header("Content-Encoding", "gzip")
            if self.path == "/chunks":
                self.send_header("Transfer-Encoding", "chunked")
                body = b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
            else:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    session = Session(lambda: "")
    try:
        for path in ("plain", "chunks", "packed") * 3:
            answer = session.get(f"http://127.0.0.1:{server.server_address[1]}/{path}")
            assert answer.json() == {}
    finally:
        session.close()
        server.shutdown()
        server.server_close()
    assert len(seen) == 1


def test_an_answer_has_bounds(fake, monkeypatch):
    monkeypatch.setattr(http_session, "LARGEST", 1000)
    fake.answer = lambda asked: Answer(b"x" * (1001 if asked.path == "/much" else 1000))
    session = Session(lambda: "", where="ARGO_SERVER here")
    assert len(session.get(fake.url).content) == 1000
    with pytest.raises(Unreachable, match=r"sends more than .* \(ARGO_SERVER here\)"):
        session.get(fake.url + "much")
