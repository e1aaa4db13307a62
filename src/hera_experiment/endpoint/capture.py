"""Takes the place of Argo's server while a script runs: keeps what it submits, runs none of it."""

from __future__ import annotations

import threading
import time
from typing import Any

import requests

from hera_experiment.argo.objects import KINDS, WORKFLOW, Submitted
from hera_experiment.endpoint.messages import Creation, Request, answer_of, creation_in

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


class Capture:
    """Keeps what is submitted in ``submitted``, the first first; nothing goes any further.

    Each workflow has succeeded when a script looks.
    """

    def __init__(self) -> None:
        self.submitted: list[Submitted] = []
        self.others = 0
        self._made: dict[tuple[str, str], dict[str, Any]] = {}
        self._last = time.monotonic()
        self._lock = threading.Lock()

    @property
    def silence(self) -> float:
        """Seconds since something was submitted."""
        return time.monotonic() - self._last

    def close(self) -> None:
        """Do nothing: nothing is under way here."""

    def answer(self, request: Request) -> requests.Response:
        """Return what Argo's server would answer, as far as a submission needs it."""
        creation = creation_in(request)
        return self.read(request) if creation is None else answer_of(self.take(creation))

    def read(self, request: Request) -> requests.Response:
        """Return the answer to a request that creates nothing."""
        first, *rest = request.words
        if request.method == "GET" and first == "version":
            return answer_of(_VERSION)
        if request.method == "GET" and first in ("info", "userinfo"):
            return answer_of({})
        kind = next((each for each in KINDS if each.path == first), None)
        if kind is None:
            return answer_of({"code": 12, "message": "only submissions are answered here"}, 501)
        name = rest[kind.in_namespace :]
        if request.method == "POST" and name == [_LINT]:
            return answer_of(request.document().get(kind.key) or {})
        if request.method == "GET" and not name:
            return answer_of({"metadata": {}, "items": None})
        known = self.made(request)
        missing = {"code": 5, "message": "not found"}
        return answer_of(known) if known is not None else answer_of(missing, 404)

    def made(self, request: Request) -> dict[str, Any] | None:
        """Return the object that ``request`` is about if it was submitted here."""
        path, *rest = request.words
        return self._made.get((path, rest[-1])) if rest else None

    def take(self, creation: Creation) -> dict[str, Any]:
        """Keep what is to be created; return it as one that was, and has succeeded at once."""
        kind, manifest = creation.kind, creation.manifest
        with self._lock:
            self.submitted.append(creation.submitted())
            self._last = time.monotonic()
            metadata = dict(manifest.get("metadata") or {})
            number = len(self.submitted)
            metadata.setdefault("name", f"{metadata.get('generateName', 'workflow-')}{number}")
            made = {**manifest, "metadata": metadata}
            if kind is WORKFLOW:
                finished = "1970-01-01T00:00:00Z"
                status = {"phase": "Succeeded", "startedAt": None, "finishedAt": finished}
                made["status"] = status
            self._made[kind.path, metadata["name"]] = made
            return made
