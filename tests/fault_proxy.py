"""A proxy before Argo's server that loses, delays and refuses requests as it is told."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PASS = "pass"
CUTS = (
    "cut at once",
    "cut within the request",
    "cut before forwarding",
    "cut while forwarding",
    "cut after forwarding",
    "cut within the answer",
)
STATUSES = tuple(
    f"{status} {how}"
    for status in (429, 500, 503)
    for how in ("without forwarding", "after forwarding")
)
TIMEOUTS = ("silence", "silence after forwarding", "late")
KILLS = (
    "kill at the request",
    "kill before forwarding",
    "kill after forwarding",
    "kill within the answer",
    "kill after the answer",
)
DENIED = "403"
PID_HEADER = "X-Test-Pid"


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    head: bytes
    body: bytes

    @property
    def is_create(self) -> bool:
        return self.head.startswith(b"POST ")

    def header(self, name: str) -> str:
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return ""


class FaultProxy:
    """Carries requests to ``host:port``, but for the fault that ``plan`` returns for each.

    A request that is "late" arrives ``delay`` seconds after its client was cut off; so long a
    client is left without an answer where it shall give up by itself.
    """

    def __init__(self, address: str, plan: Callable[[Asked], str], delay: float = 0.3) -> None:
        host, _, port = address.rpartition(":")
        self._upstream = (host, int(port))
        self.plan = plan
        self.delay = delay
        self.injected: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.drain()

    def drain(self) -> None:
        """Wait until every request has arrived that will."""
        while True:
            with self._lock:
                busy = list(self._threads)
            if not busy:
                return
            for thread in busy:
                thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            with self._lock:  # who drains joins none that has not begun
                self._threads.add(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, contextlib.suppress(OSError):
                client.settimeout(10)
                self._carry(client)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _carry(self, client: socket.socket) -> None:
        head = _until_blank_line(client)
        if not head:
            return
        start, _, rest = head.partition(b"\r\n\r\n")
        asked = Asked(start, rest)
        length = int(asked.header("Content-Length") or 0)
        fault = self.plan(asked)
        if fault != PASS:
            with self._lock:
                self.injected[fault] += 1
        kill = _killer(asked)
        if fault == "kill at the request":
            return kill()
        if fault in ("cut at once", "cut within the request"):
            if fault == "cut within the request" and length > len(rest):
                client.recv(max(1, (length - len(rest)) // 2))
            return _reset(client)
        body = rest + _exactly(client, length - len(rest))
        asked = Asked(start, body)
        match fault:
            case "cut before forwarding":
                return None
            case "kill before forwarding":
                return kill()
            case "cut while forwarding":
                self._forward(asked, whole=False)
                return _reset(client)
            case "silence":
                return _wait_for_end(client)
            case "late":
                _wait_for_end(client)
                time.sleep(self.delay)
                self._forward(asked)
                return None
            case "403":
                return client.sendall(_answer(403, asked))
        status, _, how = fault.partition(" ")
        if how == "without forwarding":
            return client.sendall(_answer(int(status), asked))
        answer = self._forward(asked)
        match fault:
            case "cut after forwarding":
                return _reset(client) if len(body) % 2 else None
            case "kill after forwarding":
                return kill()
            case "silence after forwarding":
                return _wait_for_end(client)
            case "cut within the answer":
                return client.sendall(answer[: len(answer) * 2 // 3])
            case "kill within the answer":
                client.sendall(answer[: len(answer) * 2 // 3])
                return kill()
        if how == "after forwarding":
            return client.sendall(_answer(int(status), asked))
        client.sendall(answer)
        if fault == "kill after the answer":
            kill()
        return None

    def _forward(self, asked: Asked, *, whole: bool = True) -> bytes:
        lines = asked.head.split(b"\r\n")
        kept = [each for each in lines if not each.lower().startswith(b"connection:")]
        request = b"\r\n".join([*kept, b"Connection: close", b"", asked.body])
        with socket.create_connection(self._upstream, timeout=30) as server:
            if not whole:
                server.sendall(request[: len(request) - max(1, len(asked.body) // 2)])
                _reset(server)
                return b""
            server.sendall(request)
            pieces = []
            while piece := server.recv(65536):
                pieces.append(piece)
        return b"".join(pieces)


def _until_blank_line(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        if not piece:
            return b""
        data += piece
    return data


def _exactly(client: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = client.recv(length - len(data))
        if not piece:
            raise OSError("the client left within its request")
        data += piece
    return data


def _answer(status: int, asked: Asked) -> bytes:
    # A gateway's own page, or Argo's own words, with and without a date to come back.
    page = status == 503 and len(asked.body) % 2
    text = b"<html>busy</html>" if page else b'{"code": 14, "message": "injected"}'
    kind = b"text/html" if page else b"application/json"
    retry = b"Retry-After: 3\r\n" if status in (429, 503) else b""
    return (
        b"HTTP/1.1 %d Injected\r\nContent-Type: %b\r\n%bContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%b" % (status, kind, retry, len(text), text)
    )


def _reset(connection: socket.socket) -> None:
    """Close as a router does that forgets a connection, not as a peer that says good-bye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _wait_for_end(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while client.recv(65536):
            pass


def _killer(asked: Asked) -> Callable[[], Any]:
    pid = asked.header(PID_HEADER)
    return lambda: os.kill(int(pid), signal.SIGKILL) if pid else None
