"""A thin client of Argo's REST API, the same for the laptop and for a cluster."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
import urllib3

from hera_experiment.context import tokens
from hera_experiment.platform import http_session
from hera_experiment.platform.argo_answers import (
    ArgoRefusal,
    document,
    is_folder,
    no_argo,
    raise_for_download,
    raise_for_refusal,
)

if TYPE_CHECKING:
    from hera_experiment.platform.local_server import Lease

_PIECE = 1 << 18
_MESSAGES = (b"data:", b"{")
# gRPC's numbers for what waiting does not mend: invalid, not found, forbidden, unauthenticated.
_FINAL_CODES = frozenset({3, 5, 7, 16})
_STREAM_SILENCE = 60.0
# Of server-sent events: comments, and fields that Argo does not use.
_OTHER_LINES = (b":", b"event:", b"id:", b"retry:")


class StreamBroken(OSError):
    """A stream ended before its time; what it carries may be asked for again."""


class ArgoClient:
    """Speaks to one Argo server.

    Parameters
    ----------
    url:
        The server's address with its base path and a slash at the end, ``https://host/argo/``.
    session:
        Carries the token, the time-outs and the certificates.
    where:
        Where the address came from, for the messages.

    Each method raises ``UserError``: :class:`ArgoRefusal` when the server
    says no (``status`` 404 for what does not exist) and ``Unreachable``, an ``OSError``
    too, when it does not answer. Names and documents are Argo's own
    (pkg/apiclient/workflow/workflow.proto).
    """

    def __init__(self, url: str, session: requests.Session, where: str = "") -> None:
        self.url = url if url.endswith("/") else url + "/"
        self.session = session
        self.where = where

    @classmethod
    def for_local(cls, lease: Lease, session: str = "", runtime: str = "") -> ArgoClient:
        """Return a client of the local server whose workflows belong to ``session``."""
        bearer = tokens.authorization(lease.server.token(session, runtime))
        server = lease.server
        session_of_http = http_session.Session(
            lambda: bearer, where=server.where, advice=server.advice
        )
        return cls(server.url, session_of_http, server.where)

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def create_workflow(
        self, namespace: str, workflow: Mapping[str, Any], *, server_dry_run: bool = False
    ) -> dict[str, Any]:
        """Submit ``workflow`` and return it as created; a dry run keeps nothing."""
        body: dict[str, Any] = {"namespace": namespace, "workflow": workflow}
        if server_dry_run:
            body["serverDryRun"] = True
        return self._call("POST", f"workflows/{_part(namespace)}", body)

    def get_workflow(self, namespace: str, name: str, *, fields: str = "") -> dict[str, Any]:
        """Return one workflow, or only its ``fields`` ("metadata.name,status.phase")."""
        return self._call("GET", _path(namespace, name), params={"fields": fields})

    def list_workflows(
        self, namespace: str, *, labels: str = "", fields: str = "", limit: int = 0
    ) -> list[dict[str, Any]]:
        """Return the workflows with these ``labels``; of all namespaces when it is empty.

        ``fields`` names what to send of each ("metadata.name,status.phase"), everything unless
        given.
        """
        params = {
            "listOptions.labelSelector": labels,
            "fields": ",".join(f"items.{field}" for field in fields.split(",") if field),
            "listOptions.limit": str(limit) if limit else "",
        }
        found = self._call("GET", f"workflows/{_part(namespace)}", params=params)
        return _objects(found)

    def archived_workflows(self, namespace: str, labels: str) -> list[dict[str, Any]]:
        """Return what Argo's archive has with these ``labels``; nothing where there is none."""
        params = {
            "listOptions.labelSelector": labels,
            "listOptions.fieldSelector": f"metadata.namespace={namespace}",
        }
        found = self._call("GET", "archived-workflows", params=params)
        return _objects(found)

    def watch_workflows(
        self, namespace: str, *, labels: str = "", fields: str = ""
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield ``("ADDED" | "MODIFIED" | "DELETED", workflow)``, what exists first.

        ``fields`` is a field selector, ``metadata.name=X``. Ends when the server ends the stream.
        """
        params = {"listOptions.labelSelector": labels, "listOptions.fieldSelector": fields}
        for event in self.stream(f"workflow-events/{_part(namespace)}", params):
            if event.get("object") and isinstance(event["object"], dict):
                yield str(event.get("type", "MODIFIED")), event["object"]

    def workflow_logs(
        self,
        namespace: str,
        name: str,
        *,
        pod: str = "",
        tail_lines: int | None = None,
        follow: bool = False,
        container: str = "main",
    ) -> Iterator[str]:
        """Yield the lines one container wrote, of one pod or of all pods of the workflow."""
        params = {
            "podName": pod,
            "logOptions.container": container,
            "logOptions.follow": "true" if follow else "",
            "logOptions.tailLines": "" if tail_lines is None else str(tail_lines),
        }
        for entry in self.stream(f"{_path(namespace, name)}/log", params):
            yield str(entry.get("content", ""))

    @contextmanager
    def artifact(
        self,
        namespace: str,
        workflow: str,
        node: str,
        name: str,
        inner: str = "",
        direction: str = "outputs",
    ) -> Iterator[Iterator[bytes] | None]:
        """Open an artifact of a node, or the file ``inner`` of one that is a folder.

        It is one of its ``outputs`` or ``inputs``, as the ``direction`` says.

        None stands for a folder; ``inner`` with a slash at its end gives a page that lists it.
        """
        parts = (namespace, "workflows", workflow, node, direction, name)
        path = "/".join(["artifact-files", *map(_part, parts)])
        if inner:
            path = f"{path}/{quote(inner.lstrip('/'))}"
        headers = {"Accept-Encoding": "identity"}
        response = self.session.request(
            "GET",
            f"{self.url}{path}",
            headers=headers,
            stream=True,
            # In the place of the session's, which refuses all pages.
            hooks={"response": [lambda answer, **_: None]},
        )
        with closing(response):
            if is_folder(response):
                yield None
                return
            raise_for_download(response, self.where, listed=path.endswith("/"))
            yield response.iter_content(_PIECE)

    def stop_workflow(self, namespace: str, name: str, message: str = "") -> dict[str, Any]:
        """Let what runs end, start no more; exit handlers still run."""
        return self._act(namespace, name, "stop", {"message": message})

    def terminate_workflow(self, namespace: str, name: str) -> dict[str, Any]:
        """End what runs at once."""
        return self._act(namespace, name, "terminate", {})

    def retry_workflow(
        self,
        namespace: str,
        name: str,
        *,
        restart_successful: bool = False,
        node_field_selector: str = "",
    ) -> dict[str, Any]:
        """Run again what failed of an ended workflow."""
        options: dict[str, Any] = {"nodeFieldSelector": node_field_selector}
        if restart_successful:
            options["restartSuccessful"] = True
        return self._act(namespace, name, "retry", options)

    def delete_workflow(self, namespace: str, name: str) -> None:
        """Remove a workflow and what it left."""
        self._call("DELETE", _path(namespace, name))

    def version(self) -> dict[str, Any]:
        """Return the server's version; proves nothing about the token."""
        return self._call("GET", "version")

    def info(self) -> dict[str, Any]:
        """Return the server's settings; proves nothing about the token."""
        return self._call("GET", "info")

    def userinfo(self) -> dict[str, Any]:
        """Return whom a signed-in token belongs to; proves nothing in mode client."""
        return self._call("GET", "userinfo")

    def _act(
        self, namespace: str, name: str, action: str, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        given = {key: value for key, value in options.items() if value not in ("", None)}
        body = {"name": name, "namespace": namespace, **given}
        return self._call("PUT", f"{_path(namespace, name)}/{action}", body)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        url = f"{self.url}api/v1/{path}"
        response = self.session.request(method, url, params=_given(params), json=body)
        return document(response, self.where)

    def stream(
        self,
        path: str,
        params: Mapping[str, str],
        silence: float = _STREAM_SILENCE,
        longest: float = math.inf,
    ) -> Iterator[dict[str, Any]]:
        """Yield the messages of a stream below ``api/v1/``.

        Raises :class:`StreamBroken` when it breaks off, and after ``silence`` seconds of nothing
        or ``longest`` in all.
        """
        for block in self.stream_blocks(path, params, silence, longest):
            messages = self.messages(block)
            del block
            yield from messages

    def messages(self, block: bytes) -> Iterator[dict[str, Any]]:
        """Yield the messages of one of :meth:`stream_blocks`."""
        lines = block.split(b"\n")
        del block
        lines.reverse()
        while lines:
            # Nothing is kept of a line while its message is at work: it may have megabytes.
            if lines[-1].startswith(_MESSAGES):
                yield _frame([lines.pop().removeprefix(b"data:")], self.where)
            else:
                lines.pop()

    def stream_blocks(
        self,
        path: str,
        params: Mapping[str, str],
        silence: float = _STREAM_SILENCE,
        longest: float = math.inf,
    ) -> Iterator[bytes]:
        """Yield the whole messages of a stream that have come together; as :meth:`stream`."""
        url = f"{self.url}api/v1/{path}"
        # No compression: what compresses also collects, and events would come late.
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        response = self.session.request(
            "GET",
            url,
            params=_given(params),
            headers=headers,
            stream=True,
            timeout=(http_session.CONNECT_TIMEOUT, silence),
        )
        with closing(response):
            raise_for_refusal(response, self.where)
            for block in blocks_of(response, longest):
                if not block.lstrip().startswith((*_MESSAGES, *_OTHER_LINES)) and block.strip():
                    raise no_argo(response, self.where)
                whole = [block]
                del block
                yield whole.pop()


def _given(params: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (params or {}).items() if value}


def _part(text: str) -> str:
    return quote(text, safe="@")


def _path(namespace: str, name: str) -> str:
    return f"workflows/{_part(namespace)}/{_part(name)}"


def _objects(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = found.get("items")
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []


def lines_of(response: requests.Response, longest: float = math.inf) -> Iterator[bytes]:
    """Yield the lines of an answer as they come; raises :class:`StreamBroken`."""
    for block in blocks_of(response, longest):
        yield from block.removesuffix(b"\n").split(b"\n")


def blocks_of(response: requests.Response, longest: float = math.inf) -> Iterator[bytes]:
    """Yield the whole lines that are there, without waiting for more.

    Raises :class:`StreamBroken`, also for a line that does not end and after ``longest`` seconds.
    """
    # iter_lines of requests copies the unfinished line for each piece: quadratic, and the line of
    # a workflow of 10 000 nodes has 5 MB.
    pieces: list[bytes] = []
    raw: Any = response.raw
    size, end = 0, time.monotonic() + longest
    try:
        while piece := raw.read1(_PIECE, decode_content=True):
            cut = piece.rfind(b"\n") + 1
            pieces.append(piece[:cut] if cut else piece)
            size = len(piece) - cut if cut else size + len(piece)
            if size > http_session.LARGEST or time.monotonic() > end:
                raise StreamBroken("a line of the stream does not end")
            if cut:
                whole, pieces = [b"".join(pieces)], [piece[cut:]]
                # Popped: while a generator waits it keeps what its variables hold.
                yield whole.pop()
    except StreamBroken:
        raise
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise StreamBroken(f"the stream broke off: {type(error).__name__}") from None
    if any(pieces):
        yield b"".join(pieces)


def _frame(line: list[bytes], where: str) -> dict[str, Any]:
    """Return the message of the one ``line``, which is taken out of its list to be let go."""
    try:
        frame = http_session.json_of(line.pop())
    except ValueError:
        raise StreamBroken("the stream broke off within a message") from None
    if not isinstance(frame, dict):
        raise StreamBroken("the stream holds a message that is none of Argo's")
    error = frame.get("error")
    if error:
        error = error if isinstance(error, dict) else {"message": error}
        message = str(error.get("message", "no reason given"))[:1000]
        code = error.get("grpc_code", error.get("grpcCode", error.get("code", 0)))
        if isinstance(code, int) and code in _FINAL_CODES:
            status = error.get("http_code", error.get("httpCode", 0))
            status = status if isinstance(status, int) else 0
            raise ArgoRefusal(
                f"Argo's server says: {message}", where, status=status, message=message
            )
        raise StreamBroken(f"Argo's server ended the stream: {message}")
    result = frame.get("result", {})
    return result if isinstance(result, dict) else {}
