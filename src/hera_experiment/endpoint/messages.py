"""What a client asks of the endpoint, and what it is answered."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests

from hera_experiment.argo.objects import KINDS, Kind, Origins, Submitted
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.endpoint_session import (
    API,
    INPUTS,
    ORIGINS,
    REFUSED,
    REMARKS,
    SENTENCE,
    UNANSWERED,
)
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
    origins: Origins = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def submitted(self, manifest: Mapping[str, Any] | None = None) -> Submitted:
        """Return what is to be created, as ``manifest`` where that takes the place of it."""
        sent = self.manifest if manifest is None else manifest
        return Submitted(sent, self.kind, self.namespace, self.origins)


class Refused(UserError):
    """Nothing is created, for the reasons in ``remarks``, a line each."""

    def __init__(self, what: str, next_step: str, remarks: Sequence[str]) -> None:
        super().__init__(what, next_step=next_step)
        self.remarks = remarks


Judge = Callable[[Submitted], Sequence[str]]
"""Returns a line for each remark on what is to be created; raises :class:`Refused` for an error."""


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
    origins = body.pop(ORIGINS, None)
    inputs = body.pop(INPUTS, None) or {}
    namespace = rest[0] if kind.in_namespace else ""
    known = {str(name): (str(file), int(line)) for name, (file, line) in (origins or {}).items()}
    return Creation(kind, namespace, manifest, not any(body.values()), known, inputs)


def answer_of(document: Mapping[str, Any], status: int = 200) -> requests.Response:
    """Return ``document`` as the answer of a server."""
    response = requests.Response()
    response.status_code = status
    response.headers["Content-Type"] = "application/json"
    response.encoding = "utf-8"
    response.raw = io.BytesIO(json.dumps(document).encode())
    return response


def remarked(response: requests.Response, remarks: Sequence[str]) -> requests.Response:
    """Return ``response`` with lines for the person."""
    if remarks:
        shown = list(remarks[:_REMARKS])
        if len(remarks) > _REMARKS:
            shown.append(f"and {len(remarks) - _REMARKS} more: make lint shows them")
        response.headers[REMARKS] = json.dumps(shown)
    return response


_REMARKS = 50
"""Lines that are told: a header has its limits."""


def refusal_of(error: UserError) -> requests.Response:
    """Return ``error`` as the answer of a server.

    What Argo's server said is said again; anything else has its sentence, too.
    """
    if isinstance(error, ArgoRefusal) and error.message:
        return answer_of({"code": error.status, "message": error.message}, error.status)
    parts = {"what": error.what, "where": error.where, "next_step": error.next_step}
    status = UNANSWERED if isinstance(error, Unreachable) else REFUSED
    answer = answer_of({"code": status, "message": str(error), SENTENCE: parts}, status)
    return remarked(answer, error.remarks if isinstance(error, Refused) else ())


def pieces_of(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it comes, in the encoding in which it was sent."""
    stream = getattr(response.raw, "stream", None)
    if stream is None:
        yield response.content
    else:
        yield from stream(65536, decode_content=False)
