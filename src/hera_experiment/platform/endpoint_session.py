"""What a script sends requests with: whatever their address, they go to the endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from hera_experiment.context import tokens
from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.errors import UserError, tell
from hera_experiment.platform.http_session import CONNECT_TIMEOUT, Session, Unreachable

SENTENCE = "sentence"
"""In the document of a refusal by the endpoint: the parts of the :class:`UserError`."""
REFUSED, UNANSWERED = 400, 502
"""The status of such a refusal, and of one for want of an answer of the server."""

API = "/api/v1/"

ORIGINS = "origins"
"""In the document of a creation: where the script made what it creates."""
INPUTS = "inputs"
"""In the same document: the inputs of the script that creates it."""
REMARKS = "Hera-Experiment-Remarks"
"""The header of an answer that has lines for the person, as a list of JSON."""


class EndpointSession(Session):
    """A session whose requests go to ``endpoint``, with its token, as long as they take.

    What the endpoint refuses is raised as the :class:`UserError` that it is there; what it remarks
    is told. ``complete`` is asked for the body that takes the place of one.
    """

    def __init__(
        self, endpoint: EndpointAddress, complete: Callable[[Any], Any] = lambda body: body
    ) -> None:
        bearer = tokens.authorization(endpoint.token)
        # A submission may take minutes: its data are copied first.
        super().__init__(
            lambda: bearer,
            timeout=(CONNECT_TIMEOUT, None),
            where="the verb that started the script",
            advice="it has ended: type it again",
        )
        self._endpoint = endpoint
        self._complete = complete

    def request(  # type: ignore[override]
        self, method: str, url: str | bytes, **options: Any
    ) -> requests.Response:
        """As ``requests``; raises :class:`UserError` for what the endpoint refuses."""
        text = url.decode() if isinstance(url, bytes) else url
        below = self._below(text)
        is_lint = below.partition("?")[0].endswith("/lint")
        if method.upper() in ("POST", "PUT") and options.get("data") and not is_lint:
            options["data"] = self._complete(options["data"])
        response = super().request(method, self._endpoint.url + below, **options)
        for line in json.loads(response.headers.get(REMARKS) or "[]"):
            tell(line)
        if response.status_code in (REFUSED, UNANSWERED):
            raise_for_sentence(response)
        return response

    def _below(self, url: str) -> str:
        """Return path and query of ``url`` without the base path of a server."""
        address = urlsplit(url)
        _, api, path = address.path.partition(API)
        base = urlsplit(self._endpoint.server).path
        below = api + path if api else address.path.removeprefix(base)
        return below.lstrip("/") + (f"?{address.query}" if address.query else "")


def raise_for_sentence(response: requests.Response) -> None:
    """Raise the :class:`UserError` that the endpoint made ``response`` of, if it did."""
    try:
        found = json.loads(response.content)
        parts = {str(key): str(value) for key, value in found[SENTENCE].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return
    raise (Unreachable if response.status_code == UNANSWERED else UserError)(**parts)
