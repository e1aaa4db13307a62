"""Stands in for Argo's server while a script runs: takes what it submits, runs none of it."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hera_experiment.check.submitted import KINDS, WORKFLOW, Kind, Submitted

_API = "/api/v1/"
_VERSION = dict.fromkeys(
    (
        "version",
        "buildDate",
        "gitCommit",
        "gitTag",
        "gitTreeState",
        "goVersion",
        "compiler",
        "platform",
    ),
    "capture",
)
_LINT = "lint"
_NOT_FOUND = 404, {"code": 5, "message": "not found"}


class CaptureServer:
    """Listens on the loopback interface for what a script submits; nothing goes any further.

    ``submitted`` is what came, the first first.
    """

    def __init__(self) -> None:
        self.submitted: list[Submitted] = []
        self._made: dict[tuple[str, str], dict[str, Any]] = {}
        self._last = time.monotonic()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def address(self) -> str:
        """The address as Argo writes it, host:port."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    @property
    def silence(self) -> float:
        """Seconds since something was submitted."""
        return time.monotonic() - self._last

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, kind: Kind, namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """Keep ``manifest``; return it as one that was created, and has succeeded at once."""
        with self._lock:
            self.submitted.append(Submitted(manifest, kind, namespace))
            self._last = time.monotonic()
            metadata = dict(manifest.get("metadata") or {})
            number = len(self.submitted)
            metadata.setdefault("name", f"{metadata.get('generateName', 'workflow-')}check{number}")
            made = {**manifest, "metadata": metadata}
            if kind is WORKFLOW:
                finished = "1970-01-01T00:00:00Z"
                status = {"phase": "Succeeded", "startedAt": None, "finishedAt": finished}
                made["status"] = status
            self._made[kind.path, metadata["name"]] = made
            return made

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and document for one request."""
        first, *rest = path.removeprefix(_API).split("/")
        if method == "GET" and first == "version":
            return 200, dict(_VERSION)
        if method == "GET" and first in ("info", "userinfo"):
            return 200, {}
        kind = next((each for each in KINDS if each.path == first), None)
        if kind is None:
            return 501, {"code": 12, "message": "nothing but submission is answered here"}
        namespace = rest.pop(0) if kind.in_namespace and rest else ""
        sent = body.get(kind.key) or {}
        if method == "POST" and rest == [_LINT]:
            return 200, sent
        if (method == "POST" and not rest) or (method == "PUT" and len(rest) == 1 and sent):
            return 200, self.take(kind, namespace, sent)
        if method == "GET" and not rest:
            return 200, {"metadata": {}, "items": None}
        known = self._made.get((kind.path, rest[0])) if rest else None
        return (200, known) if known is not None else _NOT_FOUND


def _handler(owner: CaptureServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length)
            try:
                body = json.loads(text) if text else {}
            except ValueError:
                body = {}
            found = body if isinstance(body, dict) else {}
            status, document = owner.answer(self.command, self.path.partition("?")[0], found)
            answer = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
