"""The endpoint itself: HTTP on the loopback interface, for those who know its token."""

from __future__ import annotations

import hmac
import secrets
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any, cast
from urllib.parse import urlsplit

import requests

from hera_experiment.closable import Closable
from hera_experiment.endpoint.messages import Backend, Request, answer_of, pieces_of, refusal_of
from hera_experiment.errors import UserError
from hera_experiment.loopback_server import LoopbackServer
from hera_experiment.platform.endpoint_session import REMARKS
from hera_experiment.waiting import poll

GRACE = 5.0
"""Seconds that requests have to end when the endpoint closes."""
_BODY_LIMIT = 8 << 20
_DISCARDED = 64 << 20
_PASSED_ON = (
    "Content-Type",
    "Content-Encoding",
    "Content-Disposition",
    "Location",
    "Retry-After",
    REMARKS,
)


class Endpoint(Closable, LoopbackServer):
    """Listens on a free port of 127.0.0.1 and lets ``backend`` answer, until it is closed.

    ``url`` ends in a slash; every request is to carry ``token`` as its bearer.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__(_Handler)
        self.backend = backend
        self.token = secrets.token_urlsafe(32)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self, grace: float = GRACE) -> None:
        """Listen no more; what is being answered has ``grace`` seconds to end."""
        self.shutdown()
        self.server_close()
        poll(lambda: not self.is_serving, grace, 0.01)


class _Handler(BaseHTTPRequestHandler):
    """Serves one connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds without a byte, either way, after which the connection is closed
    disable_nagle_algorithm = True
    wbufsize = -1  # one write for headers and body

    def do_GET(self) -> None:
        """Answer any method; a stranger's body is read for the answer's sake and not kept."""
        endpoint = cast(Endpoint, self.server)
        try:
            text = self.headers.get("Content-Length") or "0"
            length = int(text) if text.isdecimal() and len(text) < 10 else _DISCARDED
            _, _, token = self.headers.get("Authorization", "").strip().rpartition(" ")
            if length > _BODY_LIMIT:
                self.close_connection = True
                self._discard(min(length, _DISCARDED))
                self._relay(_error(413, "the body is too long"))
            elif not hmac.compare_digest(token.encode(), endpoint.token.encode()):
                self._discard(length)
                self._relay(_error(401, "token not valid: this is not the token of this endpoint"))
            else:
                with endpoint.serving(self.connection):
                    self._relay(self._answer(endpoint.backend, self.rfile.read(length)))
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_GET

    def _discard(self, length: int) -> None:
        while length > 0 and (block := self.rfile.read(min(length, 1 << 16))):
            length -= len(block)

    def _answer(self, backend: Backend, body: bytes) -> requests.Response:
        address = urlsplit(self.path)
        headers = dict(self.headers.items())
        try:
            return backend.answer(Request(self.command, address.path, address.query, headers, body))
        except UserError as error:
            return refusal_of(error)

    def _relay(self, response: requests.Response) -> None:
        self.send_response(response.status_code)
        for name in _PASSED_ON:
            if name in response.headers:
                self.send_header(name, response.headers[name])
        length = response.headers.get("Content-Length")
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", length)
        self.end_headers()
        with response:
            for piece in pieces_of(response):
                if self.command == "HEAD" or not piece:
                    continue
                if length is None:
                    piece = b"%x\r\n%b\r\n" % (len(piece), piece)
                self.wfile.write(piece)
                self.wfile.flush()
        if length is None and self.command != "HEAD":
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no access log."""


def _error(status: int, message: str) -> requests.Response:
    return answer_of({"code": 16 if status == 401 else 3, "message": message}, status)
