"""A server that answers with whatever no server should: 16 kinds of it, chosen by a seed."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

WORKFLOW: dict[str, Any] = {
    "metadata": {"name": "w", "namespace": "n", "labels": {"a": "b"}, "resourceVersion": "7"},
    "spec": {"entrypoint": "e", "templates": [{"name": "e"}]},
    "status": {"phase": "Running", "nodes": {"w": {"id": "w", "phase": "Running"}}},
}
# What the methods ask for, so that a wrong type stands where a right one is looked for.
RIGHT: tuple[Any, ...] = (
    WORKFLOW,
    {"items": [WORKFLOW, WORKFLOW], "metadata": {"continue": ""}},
    {"result": {"type": "ADDED", "object": WORKFLOW}},
    {"result": {"content": "2026-01-01T00:00:00Z a line", "podName": "p"}},
    {"error": {"message": "m", "grpc_code": 5, "http_code": 404}},
    {"code": 5, "message": "not found", "details": []},
    {"kind": "Status", "status": "Failure", "message": "forbidden", "reason": "F", "code": 403},
    {"status": {"allowed": True, "token": "h.e30.s", "userInfo": {"username": "u"}}},
    {"version": "v3.7.0", "managedNamespace": "n", "links": None},
    {"manifests": [{"platform": {"os": "linux", "architecture": "amd64"}, "digest": "sha256:0"}]},
    {"config": {"digest": "sha256:" + "0" * 64}, "token": "t", "access_token": "a"},
)
JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e308,
    2**70,
    "",
    "\x1b[2J\x07",
    "\ud800",
    "é" * 3000,
    [],
    [None],
    {},
    {"": {}},
    [[[]]],
    "Infinity",
    float("nan"),
)
STATUSES = (200, 200, 200, 200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 409, 418, 429, 500)
STATUSES += (502, 503, 504, 599, 999)
PLACES = ("http://[bad", "//x", "\xff\xfe", "https://u:p@elsewhere.invalid/", "", "javascript:1")


class HostileServer:
    """Answers each request by the next answer of ``seed``; endless ones end with the client."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.told = ""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(5)
            asked = b""
            while b"\r\n\r\n" not in asked:
                if not (more := connection.recv(65536)):
                    return
                asked += more
            way = self.random.choice(_WAYS)
            self.told += f" {way.__name__}"
            way(self, connection)
            connection.shutdown(socket.SHUT_WR)
            # Unread, what was sent along would make the kernel reset the connection.
            connection.settimeout(0.05)
            while connection.recv(65536):
                pass

    def _value(self) -> Any:
        found = json.loads(json.dumps(self.random.choice(RIGHT)))
        for _ in range(self.random.choice((0, 1, 1, 2, 5))):
            found = self._spoilt(found)
        return found

    def _spoilt(self, value: Any) -> Any:
        """Put junk in the place of something within ``value``, or of all of it."""
        if isinstance(value, dict) and value and self.random.random() < 0.85:
            key = self.random.choice(list(value))
            return {**value, key: self._spoilt(value[key])}
        if isinstance(value, list) and value and self.random.random() < 0.8:
            return [self._spoilt(value[0]), *value[1:]]
        return self.random.choice(JUNK)

    def _head(self, body: bytes | None, *more: str, status: int = 0) -> bytes:
        status = status or self.random.choice(STATUSES)
        lines = [f"HTTP/1.1 {status} {self.random.choice(('OK', '', 'x' * 500))}", *more]
        if not any(line.lower().startswith("content-type") for line in more):
            kinds = ("application/json", "text/event-stream", "text/plain", "; charset=idna", "")
            lines.append(f"Content-Type: {self.random.choice(kinds)}")
        lines.append("Connection: close")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")

    def right_but_spoilt(self, connection: socket.socket) -> None:
        connection.sendall(self._head(json.dumps(self._value()).encode()))

    def stream(self, connection: socket.socket) -> None:
        frames = [json.dumps(self._value()).encode() for _ in range(self.random.randrange(5))]
        frames += self.random.sample(
            [b"", b": hi", b"data:", b"data: [1]", b"data: {", b"id: 1"], 2
        )
        self.random.shuffle(frames)
        before = self.random.choice((b"data: ", b""))
        connection.sendall(self._head(None, status=200) + b"\n".join(before + f for f in frames))

    def scalar(self, connection: socket.socket) -> None:
        texts = (b"null", b"3", b'"x"', b"[]", b"NaN", b"\xef\xbb\xbf{}", b"", b"\x00", b"{}{}")
        texts += ('{"a":1}'.encode("utf-16"), b'{"message": "\xff\xfe"}', b"9" * 10000)
        connection.sendall(self._head(self.random.choice(texts)))

    def page(self, connection: socket.socket) -> None:
        kinds = ("text/html", "TEXT/HTML; charset=x", "text/html; charset=punycode")
        body = b"<html>" + b"sign in " * self.random.choice((0, 1, 20000))
        connection.sendall(self._head(body, f"Content-Type: {self.random.choice(kinds)}"))

    def redirect(self, connection: socket.socket) -> None:
        status = self.random.choice((301, 302, 303, 307, 308))
        place = self.random.choice((*PLACES, f"http://127.0.0.1:{self.port}/"))
        connection.sendall(self._head(b"", f"Location: {place}", status=status))

    def cut_off(self, connection: socket.socket) -> None:
        whole = self._head(json.dumps(self._value()).encode() * 3)
        connection.sendall(whole[: self.random.randrange(len(whole))])

    def cut_off_in_chunks(self, connection: socket.socket) -> None:
        head = self._head(None, "Transfer-Encoding: chunked", status=200)
        chunks = (b'5\r\n{"a":\r\n', b"zz\r\n", b"-5\r\nx", b"fffffffff\r\nx", b"5;x=y\r\nab")
        connection.sendall(head + self.random.choice(chunks))

    def deep(self, connection: socket.socket) -> None:
        text = self.random.choice((b"[", b'{"a":', b'{"message":', b'data: {"result":['))
        connection.sendall(self._head(text * self.random.choice((2000, 200_000))))

    def endless(self, connection: socket.socket) -> None:
        connection.sendall(self._head(None, status=self.random.choice((200, 200, 500))))
        piece = self.random.choice((b" " * 65536, b"data: {}\n" * 8000, b"[[]," * 16000))
        end = time.monotonic() + 6
        while time.monotonic() < end:
            connection.sendall(piece)

    def drops(self, connection: socket.socket) -> None:
        connection.sendall(self._head(None, status=self.random.choice((200, 200, 403))))
        piece = self.random.choice((b" ", b": hi\n", b"data: {}\n"))
        end = time.monotonic() + 6
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(0.02)

    def packed(self, connection: socket.socket) -> None:
        bomb = gzip.compress(b" " * (64 << 20), 9) if self.random.random() < 0.1 else b""
        body = bomb or gzip.compress(b"{}")[: self.random.choice((3, 12, 100))] or b"no gzip"
        kind = self.random.choice(("gzip", "gzip, gzip", "deflate", "br", "x"))
        connection.sendall(self._head(body, f"Content-Encoding: {kind}"))

    def no_http(self, connection: socket.socket) -> None:
        texts = (
            b"SSH-2.0-x\r\n",
            b"\x16\x03\x01",
            b"HTTP/9.9 x\r\n\r\n",
            b"HTTP/1.1 \r\n\r\n",
            b"\n",
        )
        connection.sendall(self.random.choice(texts))

    def odd_head(self, connection: socket.socket) -> None:
        lines = (
            "Content-Length: -5",
            "Content-Length: x",
            "Content-Length: 99999999999999999999",
            "no colon",
            f"X: {'x' * 70000}",
            "\r\n".join(f"X{number}: y" for number in range(200)),
            "Set-Cookie: =;;; expires=x; Max-Age=99999999999999999999",
            "Date: Mon, 99 Jan 99999 00:00:00 +9999",
            "Date: Thu, 26 Nov 2026 11:00:00",
            'WWW-Authenticate: Bearer realm="http://[bad",service=""',
            f"WWW-Authenticate: Bearer {'a' * 60000}",
            "Transfer-Encoding: gzip, chunked",
            "X\x00Y: \x01",
        )
        connection.sendall(self._head(b"{}", *self.random.sample(lines, 2)))

    def asks_for_patience(self, connection: socket.socket) -> None:
        values = (
            "99999999999999999999",
            "9" * 400,
            "-1",
            "Mon, 01 Jan 9999 00:00:00 GMT",
            "²",
            "x",
        )
        status = self.random.choice((429, 503))
        head = self._head(
            b'{"message":"later"}', f"Retry-After: {self.random.choice(values)}", status=status
        )
        connection.sendall(head)

    def nothing(self, connection: socket.socket) -> None:
        if self.random.random() < 0.5:
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()

    def early(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * self.random.choice((1, 3, 300)))
        connection.sendall(self._head(b"{}"))


_WAYS: tuple[Callable[[HostileServer, socket.socket], None], ...] = (
    *(HostileServer.right_but_spoilt,) * 6,
    *(HostileServer.stream,) * 3,
    HostileServer.scalar,
    HostileServer.page,
    HostileServer.redirect,
    HostileServer.cut_off,
    HostileServer.cut_off_in_chunks,
    HostileServer.deep,
    HostileServer.endless,
    HostileServer.drops,
    HostileServer.packed,
    HostileServer.no_http,
    HostileServer.odd_head,
    HostileServer.asks_for_patience,
    HostileServer.nothing,
    HostileServer.early,
)
