"""Stands in for Argo's server while the experiment's script runs: takes its workflow, runs none."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_WORKFLOWS = "/api/v1/workflows/"
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


class CaptureServer:
    """Listens on the loopback interface for what a script submits; nothing goes any further.

    ``submitted`` are the workflows as they came, the first first; ``arrived`` is set by the first.
    """

    def __init__(self) -> None:
        self.submitted: list[dict[str, Any]] = []
        self.arrived = threading.Event()
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

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, workflow: dict[str, Any]) -> dict[str, Any]:
        """Keep ``workflow`` and return it as one that was created and has succeeded at once."""
        self.submitted.append(workflow)
        self.arrived.set()
        metadata = dict(workflow.get("metadata") or {})
        metadata.setdefault("name", f"{metadata.get('generateName', 'workflow-')}check")
        status = {"phase": "Succeeded", "startedAt": None, "finishedAt": "1970-01-01T00:00:00Z"}
        return {**workflow, "metadata": metadata, "status": status}

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and document for one request."""
        if method == "POST" and path.startswith(_WORKFLOWS):
            workflow = body.get("workflow") or {}
            if path.endswith("/lint"):
                return 200, workflow
            return 200, self.take(workflow)
        if method == "GET" and path == "/api/v1/version":
            return 200, dict(_VERSION)
        if method == "GET" and path in ("/api/v1/info", "/api/v1/userinfo"):
            return 200, {}
        if method == "GET" and path.startswith(_WORKFLOWS):
            if "/" not in path.removeprefix(_WORKFLOWS):
                return 200, {"metadata": {}, "items": None}
            if self.submitted:
                known = self.take(self.submitted.pop())
                return 200, known
        return 501, {"code": 12, "message": "nothing but submission is answered here"}


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
