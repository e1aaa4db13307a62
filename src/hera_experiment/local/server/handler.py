"""HTTP: from the socket to a handler and back."""

from __future__ import annotations

import binascii
import contextlib
import errno
import hmac
import json
import re
import select
import socket
import sys
import traceback
from base64 import urlsafe_b64decode
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, urlsplit

from hera_experiment.errors import UserError
from hera_experiment.local.errors import ApiError, InvalidWorkflow, Unauthenticated
from hera_experiment.local.runtimes.base import AUTO, RUNTIMES
from hera_experiment.local.server.messages import (
    Answer,
    Claims,
    File,
    Moved,
    Request,
    Services,
    Stream,
)
from hera_experiment.local.server.routes import find

BODY_LIMIT = 8 << 20
"""Bytes of one request; a cluster refuses a workflow of more than 1.5 MiB."""

_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?")
_DISCARDED = 64 << 20
_PIECE = 1 << 18
_CONTENT_POLICY = (
    "sandbox allow-same-origin; base-uri 'none'; default-src 'none'; img-src 'self'; "
    "style-src 'self' 'unsafe-inline'"
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class TooLarge(InvalidWorkflow):
    """The body is larger than the server reads."""

    http, code = 413, 8


class Forbidden(ApiError):
    """The request names another host: a page of some web site may have sent it."""

    http, code = 403, 7


class Owner(Protocol):
    """What a handler needs of the server that it serves."""

    secret: str
    services: Services

    def serving(self, request: socket.socket) -> AbstractContextManager[None]:
        """Leave the connection open while a request with the token is answered."""

    def streaming(self) -> AbstractContextManager[None]:
        """Count a stream while it lasts."""


class RequestHandler(BaseHTTPRequestHandler):
    """Serves one connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    server_version = "hera-utils"
    sys_version = ""
    timeout = 60  # seconds without a byte, either way, after which the connection is closed
    disable_nagle_algorithm = True
    wbufsize = -1  # one write for headers and body, else Nagle and delayed ACK cost 44 ms

    def do_GET(self) -> None:
        """Answer any method; the routing table knows which exist."""
        path = urlsplit(self.path)
        try:
            self._check_host()
            claims = _authenticate(self.headers.get("Authorization"), self._owner.secret)
            with self._owner.serving(self.connection):
                body = self._body()
                handler, variables = find(self.command, path.path)
                query = parse_qs(path.query, keep_blank_values=True)
                services = self._owner.services
                request = Request(variables, query, body, claims, services, self._gone)
                self._answer(handler(request))
        except ApiError as error:
            self._refuse(error.http, error.code, error.message)
        except UserError as error:
            # The engine's and the runtimes' own: no container engine, no free space, …
            self._refuse(400, 3, str(error))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except OSError as error:
            if self._streaming or error.errno not in _FULL:
                self._fail(error)
            else:
                folder = self._owner.services.store.root
                self._refuse(400, 8, f"{error.strerror}: make room for the local state in {folder}")
        except Exception as error:
            self._fail(error)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def _fail(self, error: Exception) -> None:
        traceback.print_exc(file=sys.stderr)
        if self._streaming:
            raise ConnectionAbortedError from error  # no last chunk: the client must notice
        self.close_connection = True
        self._send(500, _error(13, f"the local server failed: {error!r}"))

    def _refuse(self, status: int, code: int, message: str) -> None:
        if self._streaming:
            raise ConnectionAbortedError(message)
        self._discard_body()
        self._send(status, _error(code, message))

    def handle_expect_100(self) -> bool:
        """Let a client that asks first send its body."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no access log: it would be noise in every run's log."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server refuses itself (a malformed request) as Argo words errors."""
        self.close_connection = True
        self._send(int(code), _error(12 if int(code) == 501 else 3, message or "bad request"))

    @property
    def _owner(self) -> Owner:
        return cast(Owner, self.server)

    def _check_host(self) -> None:
        host = self.headers.get("Host", "").strip().lower()
        name = host if host.endswith("]") else host.rsplit(":", 1)[0]
        if name not in _LOOPBACK:
            raise Forbidden("the local server answers requests for 127.0.0.1 and localhost only")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise InvalidWorkflow("send the body with a Content-Length, not in chunks")
        length = self._length()
        if length > BODY_LIMIT:
            raise TooLarge(f"the body has {length} bytes, more than the limit of {BODY_LIMIT}")
        self._unread = False
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the client left before the end of its request")
        return body

    def _length(self) -> int:
        text = self.headers.get("Content-Length", "0").strip()
        if not (text.isascii() and text.isdigit()) or len(text) > 18:
            self.close_connection = True
            raise InvalidWorkflow("the Content-Length is not a number")
        return int(text)

    _unread = True
    _streaming = False

    def parse_request(self) -> bool:
        """Begin a request of the connection."""
        self._unread = True
        return super().parse_request()

    def _discard_body(self) -> None:
        # A client that still sends would not read the answer: its body is read, within reason.
        if not self._unread or self.close_connection:
            return
        try:
            remaining = min(self._length(), _DISCARDED)
        except ApiError:
            return
        self.close_connection = remaining == _DISCARDED
        while remaining > 0 and (block := self.rfile.read(min(remaining, 1 << 16))):
            remaining -= len(block)

    def _answer(self, answer: Answer) -> None:
        if isinstance(answer, Stream):
            self._stream(answer)
        elif isinstance(answer, File):
            self._send_file(answer)
        elif isinstance(answer, Moved):
            self.send_response(307)
            self.send_header("Location", answer.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif isinstance(answer, bytes):
            self._send(200, answer)
        else:
            self._send(200, json.dumps(answer, separators=(",", ":")).encode("ascii"))

    def _send(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            self.wfile.flush()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _send_file(self, file: File) -> None:
        self._streaming = True
        self.send_response(200)
        if file.name:
            name = file.name.replace("\\", "\\\\").replace('"', '\\"')
            self.send_header("Content-Disposition", f'filename="{name}"')
        # As Argo's server has it: nothing in an artifact may run in a browser.
        self.send_header("Content-Security-Policy", _CONTENT_POLICY)
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        self.send_header("Content-Type", file.media)
        self.send_header("Content-Length", str(file.size))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        with file.content as content:
            left = file.size
            while left and (piece := content.read(min(left, _PIECE))):
                left -= len(piece)
                self.wfile.write(piece)
        self.wfile.flush()
        self._streaming = False
        if left:
            raise ConnectionAbortedError("a file has become shorter while it was sent")

    def _stream(self, stream: Stream) -> None:
        events = "text/event-stream" in self.headers.get("Accept", "")
        chunked = self.request_version != "HTTP/1.0"
        self.close_connection = self._streaming = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if events else "application/json")
        self.send_header("Cache-Control", "no-cache")
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        # Last: a header that is cut before it cannot be taken for that of a stream without length.
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        with self._owner.streaming(), contextlib.closing(stream.items):
            for item in stream.items:
                pieces: tuple[bytes, ...]
                if item and events:
                    lines = (piece.replace(b"\n", b"\n\ndata: ") for piece in item)
                    pieces = (b"data: ", *lines, b"\n\n")
                elif item:
                    pieces = (*item, b"\n")
                elif events:
                    pieces = (b":\n",)
                else:
                    continue
                # Not joined, nor kept until the next: an item of 10 000 tasks has six megabytes.
                if chunked:
                    pieces = (b"%x\r\n" % sum(map(len, pieces)), *pieces, b"\r\n")
                for piece in pieces:
                    self.wfile.write(piece)
                self.wfile.flush()
                del item, piece, pieces
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
                self.wfile.flush()

    def _gone(self) -> bool:
        """Tell whether the client has closed its side, which a stream would not notice."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        if not poll.poll(0):
            return False
        try:
            peeked: bytes = self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            return not peeked
        except BlockingIOError:
            return False
        except OSError:
            return True


def _error(code: int, message: str) -> bytes:
    return json.dumps({"code": code, "message": message}).encode("ascii")


def _authenticate(header: str | None, secret: str) -> Claims:
    """Return the claims of an Authorization header; raises :class:`Unauthenticated`.

    The token is ``SECRET`` or ``SECRET.CLAIMS``, the claims being URL-safe base64 of a JSON object
    with the keys ``session`` (the label of what this client creates) and ``runtime``. They need no
    signature: who knows the secret may do anything here.
    """
    scheme, _, token = (header or "").strip().partition(" ")
    presented, _, claims = token.strip().partition(".")
    # compare_digest takes the same time wherever the two differ.
    matches = hmac.compare_digest(presented.encode(), secret.encode())
    if scheme.lower() != "bearer" or not matches:
        raise Unauthenticated("token not valid: this is not the bearer token of the local server")
    return _claims(claims) if claims else Claims()


def _claims(encoded: str) -> Claims:
    try:
        raw = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        value = json.loads(raw)
        session, runtime = value.get("session") or "", value.get("runtime") or AUTO
    except (binascii.Error, ValueError, AttributeError):
        raise Unauthenticated("token not valid: its claims cannot be read") from None
    if not isinstance(session, str) or not _LABEL_VALUE.fullmatch(session):
        raise Unauthenticated("token not valid: its session cannot be a label")
    if runtime not in RUNTIMES:
        raise Unauthenticated(f"token not valid: its runtime is not one of {', '.join(RUNTIMES)}")
    return Claims(session, runtime)
