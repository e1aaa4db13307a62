"""What an answer of Argo's server means: a document, or a refusal said in one sentence."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from hera_experiment.context import tokens
from hera_experiment.errors import UserError
from hera_experiment.platform.http_session import (
    Unreachable,
    content_of,
    json_of,
    moment_in,
    text_of,
)

NOT_FOUND = 404
ALREADY_EXISTS = 409
_UNAUTHENTICATED, _FORBIDDEN = 401, 403
_LONGEST_MESSAGE, _LONGEST_PAUSE = 1000, 3600.0
_PLAIN_TO_TLS = ("HTTP request to an HTTPS server", "plain HTTP request was sent to HTTPS")


class ArgoRefusal(UserError):
    """Argo's server, or what stands before it, said no.

    ``status`` is the HTTP status, ``message`` the server's own words (empty when it sent none),
    ``retry_after`` the seconds that it wants to be left alone.
    """

    def __init__(
        self,
        what: str,
        where: str = "",
        next_step: str = "",
        *,
        status: int,
        message: str = "",
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(what, where, next_step)
        self.status = status
        self.message = message
        self.retry_after = retry_after


def document(response: requests.Response, where: str = "") -> dict[str, Any]:
    """Return the JSON object of a good answer.

    Raises :class:`ArgoRefusal` for any other, :class:`Unreachable` for one that breaks off.
    """
    raise_for_refusal(response, where)
    content = content_of(response, where)
    try:
        found = json_of(content)
    except ValueError:
        if content.lstrip().startswith(b"{"):
            raise Unreachable(f"{_server(response)} broke off its answer", where) from None
        raise no_argo(response, where) from None
    if not isinstance(found, dict):
        raise no_argo(response, where)
    return found


def raise_for_refusal(response: requests.Response, where: str = "") -> None:
    """Raise :class:`ArgoRefusal` unless the answer is 200 and no web page."""
    raise_for_page(response, where)
    if response.status_code == requests.codes.ok:
        return
    content = content_of(response, where)
    message = _message(content)
    status = response.status_code
    if any(words in text_of(content) for words in _PLAIN_TO_TLS):
        raise _wants_tls(response, where)
    if status == _UNAUTHENTICATED:
        raise _unauthenticated(response, where, message)
    if status == _FORBIDDEN:
        raise _forbidden(response, where, message)
    if not message:
        raise no_argo(response, where)
    raise ArgoRefusal(
        f"Argo's server says: {message}",
        where,
        status=status,
        message=message,
        retry_after=_retry_after(response),
    )


def raise_for_page(response: requests.Response, where: str = "") -> None:
    """Raise :class:`ArgoRefusal` for a web page, or for being sent to one.

    Hera takes both for a success and fails on reading them.
    """
    if response.is_redirect:
        raise _redirected(response, where)
    if "html" in response.headers.get("Content-Type", "").lower():
        text = text_of(content_of(response, where))
        if any(words in text for words in _PLAIN_TO_TLS):
            raise _wants_tls(response, where)
        if response.status_code not in (_UNAUTHENTICATED, _FORBIDDEN):
            raise no_argo(response, where)


def is_folder(response: requests.Response) -> bool:
    """Tell whether an artifact is a folder: the client is sent to the same path with a slash."""
    here = urlsplit(response.url).path
    there = response.headers.get("Location", "")
    return response.is_redirect and urlsplit(urljoin(response.url, there)).path == f"{here}/"


def raise_for_download(response: requests.Response, where: str = "", *, listed: bool) -> None:
    """Raise :class:`ArgoRefusal` unless the answer is an artifact, or a page that lists one.

    An artifact may be a web page as well; unlike one to sign in at it is sent with a file's name.
    """
    is_file = "Content-Disposition" in response.headers
    if response.status_code == requests.codes.ok and (listed or is_file):
        return
    text = response.headers.get("Content-Type", "").startswith("text/plain")
    if text and response.status_code not in (_UNAUTHENTICATED, _FORBIDDEN):
        # So Argo's server answers here, and keeps the reason to itself.
        status = response.status_code
        advice = "your account has to read the Secrets of the artifact repository"
        raise ArgoRefusal(
            f"Argo's server answers {status} {response.reason}",
            where,
            advice if status == requests.codes.server_error else "",
            status=status,
        )
    raise_for_refusal(response, where)


def _wants_tls(response: requests.Response, where: str) -> ArgoRefusal:
    what = f"{_server(response)} wants TLS"
    return ArgoRefusal(what, where, "set ARGO_SECURE=true", status=response.status_code)


def _server(response: requests.Response) -> str:
    address = urlsplit(response.url)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}"


def _message(content: bytes) -> str:
    try:
        found = json_of(content.strip().removeprefix(b"data:"))
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    # A stream that cannot begin answers {"error": {"message": …}}.
    inner = found.get("error")
    said = inner.get("message") if isinstance(inner, dict) else found.get("message") or inner
    return str(said or "").strip()[:_LONGEST_MESSAGE]


def _authorization(response: requests.Response) -> str:
    return str(response.request.headers.get("Authorization") or "")


def _unauthenticated(response: requests.Response, where: str, message: str) -> ArgoRefusal:
    token = _authorization(response)
    what = f"{_server(response)} does not accept the token"
    ends = tokens.expiry(token)
    if not token:
        what = f"{_server(response)} wants a token and none is given"
    elif ends and ends < datetime.now(timezone.utc):
        what = f"the token expired on {ends.astimezone():%Y-%m-%d at %H:%M} (local time)"
    elif message:
        # A server that cannot reach its cluster answers 401 too: its words tell the difference.
        what += f"; Argo's server says: {message}"
    advice = "set ARGO_TOKEN to a fresh one (Argo's user interface, User)"
    return ArgoRefusal(what, where, advice, status=response.status_code, message=message)


def _forbidden(response: requests.Response, where: str, message: str) -> ArgoRefusal:
    account = tokens.subject(_authorization(response)) or "the account of this token"
    what = f"{account} has no right to do this"
    if message:
        what += f"; Argo's server says: {message}"
    advice = "ask the administrator for it, or use another account"
    return ArgoRefusal(what, where, advice, status=response.status_code, message=message)


def _redirected(response: requests.Response, where: str) -> ArgoRefusal:
    here = urlsplit(response.url)
    try:
        there = urlsplit(response.headers.get("Location", ""))
    except ValueError:
        there = urlsplit("")
    if here.scheme == "http" and there.scheme == "https" and here.hostname == there.hostname:
        return _wants_tls(response, where)
    target = there.netloc.rpartition("@")[2] or there.path
    return ArgoRefusal(
        f"{_server(response)} sends to another page ({target}): signed out or wrong path",
        where,
        "set a fresh ARGO_TOKEN, or the right ARGO_BASE_HREF",
        status=response.status_code,
    )


def no_argo(response: requests.Response, where: str) -> ArgoRefusal:
    """Return the refusal for an answer that does not come from Argo's server."""
    path = urlsplit(response.url).path.partition("/api/v1")[0] or "/"
    return ArgoRefusal(
        f"{_server(response)} does not answer as Argo's server below the path '{path}' "
        f"(status {response.status_code}): signed out or wrong path",
        where,
        "set a fresh ARGO_TOKEN, or the right ARGO_BASE_HREF",
        status=response.status_code,
        retry_after=_retry_after(response),
    )


def _retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "").strip()
    moment = moment_in(text)
    seconds = float(text) if text.isdecimal() else 0.0
    if moment is not None:
        seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    return min(max(0.0, seconds), _LONGEST_PAUSE)
