"""A reverse proxy that delays requests and changes answers, as far as a test says."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

_HOPS = ("connection", "keep-alive", "transfer-encoding", "content-length")


@dataclass
class Reply:
    """An answer on its way back."""

    status: int
    headers: dict[str, str]
    body: bytes


Change = Callable[[str, str, Reply], Reply]
"""Called with method, path and answer of each request; returns the answer to give."""


class Front:
    """Listens on the loopback interface, passes each request on to ``target``.

    ``delay`` is added to each request, in seconds; ``change`` may change the answer, ``answer``
    takes the target's place where it returns one; ``authority`` is the file by which the target's
    certificate is verified; with ``certificate``, a pair of files, TLS is spoken. ``requests``
    records begin, end, method and path of each.
    """

    def __init__(
        self,
        target: str,
        *,
        delay: float = 0.0,
        change: Change | None = None,
        answer: Callable[[str, str, dict[str, str]], Reply | None] | None = None,
        authority: str | None = None,
        certificate: tuple[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self.target = target.rstrip("/")
        self.delay = delay
        self.change = change
        self.answer = answer
        self.requests: list[tuple[float, float, str, str]] = []
        self._pool = urllib3.PoolManager(maxsize=64, ca_certs=authority, retries=False)
        self._server = _Server(("127.0.0.1", port), _handler(self))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        begin = time.monotonic()
        time.sleep(self.delay)
        reply = self.answer(method, path, headers) if self.answer else None
        if reply is None:
            kept = {k: v for k, v in headers.items() if k.lower() not in (*_HOPS, "host")}
            kept["Accept-Encoding"] = "identity"
            found = self._pool.request(
                method, self.target + path, headers=kept, body=body or None, redirect=False
            )
            reply = Reply(found.status, dict(found.headers), found.data)
        if self.change:
            reply = self.change(method, path, reply)
        self.requests.append((begin, time.monotonic(), method, path))
        return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = front.pass_on(self.command, self.path, dict(self.headers), body)
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                if name.lower() not in _HOPS:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass_on

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
