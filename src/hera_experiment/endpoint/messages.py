"""What a client asks of the endpoint, and what it is answered."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import requests

from hera_experiment.argo.objects import KINDS, Kind
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.endpoint_session import API, REFUSED, SENTENCE, UNANSWERED
from hera_experiment.platform.http_session import Unreachable


@dataclass(frozen=True)
class Request:
    """One request; ``path`` begins with a slash, ``query`` is what follows the question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] | None = None
    body: bytes = b""

    @property
    def words(self) -> list[str]:
        """The parts of the path below Argo's API, the kind of the object first."""
        return self.path.partition(API)[2].split("/")

    def document(self) -> dict[str, Any]:
        """Return the JSON object of the body, an empty one where there is none."""
        try:
            found = json.loads(self.body) if self.body else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Creation:
    """A request that creates or replaces one object; ``plainly`` when it asks for nothing else.

    ``namespace`` is empty where the path has none.
    """

    kind: Kind
    namespace: str
    manifest: dict[str, Any]
    plainly: bool


class Backend(Protocol):
    """What stands behind the endpoint: a server, or what takes the place of one."""

    def answer(self, request: Request) -> requests.Response:
        """Return the answer, as a stream where it is one; raises :class:`UserError` to refuse."""


def creation_in(request: Request) -> Creation | None:
    """Return what ``request`` creates or replaces, None for any other request."""
    first, *rest = request.words
    kind = next((each for each in KINDS if each.path == first), None)
    if kind is None or request.method not in ("POST", "PUT"):
        return None
    names = len(rest) - kind.in_namespace
    if names != (request.method == "PUT") or "" in rest:
        return None
    body = request.document()
    manifest = body.pop(kind.key, None)
    if not isinstance(manifest, dict):
        return None
    body.pop("namespace", None)
    namespace = rest[0] if kind.in_namespace else ""
    return Creation(kind, namespace, manifest, not any(body.values()))


def answer_of(document: Mapping[str, Any], status: int = 200) -> requests.Response:
    """Return ``document`` as the answer of a server."""
    response = requests.Response()
    response.status_code = status
    response.headers["Content-Type"] = "application/json"
    response.encoding = "utf-8"
    response.raw = io.BytesIO(json.dumps(document).encode())
    return response


def refusal_of(error: UserError) -> requests.Response:
    """Return ``error`` as the answer of a server.

    What Argo's server said is said again; anything else has its sentence, too.
    """
    if isinstance(error, ArgoRefusal) and error.message:
        return answer_of({"code": error.status, "message": error.message}, error.status)
    parts = {"what": error.what, "where": error.where, "next_step": error.next_step}
    status = UNANSWERED if isinstance(error, Unreachable) else REFUSED
    return answer_of({"code": status, "message": str(error), SENTENCE: parts}, status)


def pieces_of(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it comes, in the encoding in which it was sent."""
    stream = getattr(response.raw, "stream", None)
    if stream is None:
        yield response.content
    else:
        yield from stream(65536, decode_content=False)
