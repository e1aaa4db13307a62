"""The one way this package talks HTTP: time-outs, proxies, own certificates, never ``.netrc``.

``requests`` by itself waits for ever, lets ``~/.netrc`` replace the bearer token and sends even
``127.0.0.1`` through ``http_proxy``. The session below does none of that, and says in one sentence
what a failed connection means.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from hera_experiment.errors import UserError
from hera_experiment.platform.proxies import SOCKS_ADVICE, proxy_of_environment

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection."""
READ_TIMEOUT = 60.0
"""Seconds to wait for the next byte; Argo's streams send a comment every 15 s."""

LARGEST = 256 << 20
"""Bytes of one answer, and of one line of a stream; more than that no server means well."""
LONGEST = 300.0
"""Seconds for the rest of an answer once it has begun, unless it is a stream."""

_PIECE = 1 << 16
_HTTP_1_1 = 11
_NO_BODY = frozenset({101, 204, 304})

_CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Unreachable(UserError, requests.ConnectionError):
    """No answer: refused, unknown host, time-out, TLS. Also an ``OSError``: it may pass.

    ``sent`` is False when the request surely did not leave this machine.
    """

    sent = True


class TooMuch(requests.ConnectionError):
    """An answer goes on for longer than one may."""


class BoundedAdapter(HTTPAdapter):
    """Reads what is no stream at once, and not for ever."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        """As ``requests``; raises :class:`TooMuch`."""
        response = super().send(request, *args, **options)
        if not options.get("stream"):
            _read(response)
        return response


class Authorization(AuthBase):
    """Sets the ``Authorization`` header anew for each request, so that a token may be renewed."""

    def __init__(self, value: Callable[[], str]) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header of ``request``, or take it away when there is no token."""
        value = self._value()
        if value:
            request.headers["Authorization"] = value
        else:
            request.headers.pop("Authorization", None)
        return request


class Session(requests.Session):
    """A session of ``requests`` for a server that wants a bearer token.

    Parameters
    ----------
    authorization:
        Returns the whole header's value ("Bearer …"), empty for none; called for each request.
        It wins over a header that a caller sets.
    verify:
        False, or the path of a bundle of certificate authorities; True reads the path from
        ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` or ``SSL_CERT_FILE`` and is otherwise certifi's.
    timeout:
        Seconds to connect and to wait for the next byte (None for ever).
    where, advice:
        For the messages: where the server's address came from, and what to do about a server that
        does not answer, in place of the advice for a server somewhere else.
    certificate:
        The files of a certificate that is shown to the server, and of its key.

    Redirects are not followed: Argo's API has none, so one means a login page or a wrong scheme.
    """

    def __init__(
        self,
        authorization: Callable[[], str],
        *,
        verify: bool | str = True,
        timeout: tuple[float, float | None] = (CONNECT_TIMEOUT, READ_TIMEOUT),
        where: str = "",
        advice: str = "",
        certificate: tuple[str, str] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__()
        self.cert = certificate
        self.trust_env = False
        for scheme in ("https://", "http://"):
            self.mount(scheme, BoundedAdapter())
        self.auth = Authorization(authorization)
        self.timeout = timeout
        self.where = where
        self.advice = advice
        self._environ = environ
        if verify is True:
            named = (environ.get(name) for name in _CERTIFICATE_VARIABLES)
            verify = next((path for path in named if path), True)
        self.verify = verify
        if verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def request(  # type: ignore[override]
        self, method: str, url: str | bytes, **options: Any
    ) -> requests.Response:
        """As ``requests``, with the session's time-out; raises :class:`Unreachable`."""
        if options.get("timeout") is None:
            options["timeout"] = self.timeout
        options["allow_redirects"] = False
        try:
            response = super().request(method, url, **options)
            if _is_cut(response):
                response.close()
                raise requests.ConnectionError("EOF within the header of the answer")
            return response
        except (requests.RequestException, OSError) as error:
            text = url.decode() if isinstance(url, bytes) else url
            sentence = unreachable(error, text, self.where)
            sentence.next_step = self.advice or sentence.next_step
            sentence.sent = not _without_connection(error)
            raise sentence from None

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: nobody is followed, nor is what an address might be looked at."""

    def proxy_to(self, url: str) -> str:
        """Return the proxy that leads to ``url``, empty for none."""
        return proxy_of_environment(url, self._environ)

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Choose the proxy as every client of this package does, none for this machine."""
        proxy = self.proxy_to(url)
        # Hera passes verify=True on each call, which must not hide the bundle of this session.
        verify = self.verify if verify is True or verify is None else verify
        return {
            **super().merge_environment_settings(url, {}, stream, verify, cert),
            "proxies": {"http": proxy, "https": proxy} if proxy else {},
        }


def _read(response: requests.Response) -> None:
    """Read the rest of ``response``, which ``content`` then has."""
    end = time.monotonic() + LONGEST
    pieces: list[bytes] = []
    size = 0
    raw: Any = response.raw
    try:
        while piece := raw.read1(_PIECE, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST:
                raise TooMuch(f"sends more than {LARGEST >> 20} MiB")
            if time.monotonic() > end:
                raise TooMuch(f"does not end its answer within {LONGEST:g} s")
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        response.close()
        raise error if isinstance(error, OSError) else requests.ConnectionError(error) from None
    unread: Any = response
    unread._content, unread._content_consumed = b"".join(pieces), True


def content_of(response: requests.Response, where: str = "") -> bytes:
    """Return the whole of ``response``, be it a stream; raises :class:`Unreachable`."""
    if not getattr(response, "_content_consumed", True):
        try:
            _read(response)
        except (requests.RequestException, OSError) as error:
            raise unreachable(error, response.url, where) from None
    return response.content


def json_of(content: bytes) -> Any:
    """Return the value of a JSON text; raises ``ValueError`` for what is none or nested too deep.

    In UTF-8, whatever the header says: some names of encodings take for ever, or raise.
    """
    try:
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        # Each may have megabytes, and beside them come the objects.
        del content
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def text_of(content: bytes, most: int = 1000) -> str:
    """Return the beginning of a text that is to be shown."""
    return content[:most].decode("utf-8", "replace").strip()


def moment_in(header: str) -> datetime | None:
    """Return the moment that a header like ``Date`` tells; None for none."""
    try:
        found = parsedate_to_datetime(header)
        return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _is_cut(response: requests.Response) -> bool:
    """Tell whether the connection ended within the header of ``response``.

    Python takes such an answer for a whole one, without a body: a stream would end in silence.
    """
    headers = response.headers
    return (
        getattr(response.raw, "version", 0) == _HTTP_1_1
        and response.status_code not in _NO_BODY
        and response.request.method != "HEAD"
        and "Content-Length" not in headers
        and headers.get("Transfer-Encoding", "").lower() != "chunked"
        and headers.get("Connection", "").lower() != "close"
    )


def unreachable(error: Exception, url: str, where: str = "") -> Unreachable:
    """Say in one sentence why there was no answer from ``url``."""
    address = urlsplit(url)
    server = f"{address.scheme}://{address.netloc.rpartition('@')[2]}"
    text = str(error)
    if isinstance(error, TooMuch):
        return Unreachable(f"{server} {error}", where, "correct the address or the proxy")
    if isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in text:
        what = f"the proxy on the way to {server} needs the package PySocks"
        return Unreachable(what, where, SOCKS_ADVICE)
    if isinstance(error, requests.exceptions.ProxyError) or "SOCKS" in text:
        return Unreachable(
            f"the proxy on the way to {server} does not answer",
            where,
            "correct HTTPS_PROXY or HTTP_PROXY, or name the host in NO_PROXY",
        )
    if isinstance(error, requests.exceptions.SSLError):
        return _tls(text, server, where)
    if isinstance(error, (requests.Timeout, TimeoutError)) or "timed out" in text:
        return Unreachable(
            f"{server} did not answer in time", where, "check the address, the VPN and the proxy"
        )
    unknown = any(word in text for word in ("NameResolution", "resolve", "getaddrinfo"))
    if unknown or isinstance(error, socket.gaierror):
        return Unreachable(
            f"no host is named '{address.hostname}'", where, "correct the name, or join the VPN"
        )
    if "refused" in text:
        return Unreachable(
            f"nothing listens at {server}", where, "correct the port, or start the server"
        )
    if _broken_off(text):
        advice = "it may want TLS: ARGO_SECURE=true"
        if address.scheme == "https":
            advice = "type it again, or it may want your certificate: ARGO_CLIENT_CERTIFICATE"
        return Unreachable(f"{server} closed the connection without an answer", where, advice)
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)):
        return Unreachable(f"'{server}' is not an address", where, "write host:port")
    return Unreachable(f"no connection to {server}: {_kind(error)}", where)


def _without_connection(error: Exception) -> bool:
    failed = error.args[0] if error.args else None
    reason = getattr(failed, "reason", None)
    kinds = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    return isinstance(reason, kinds) or "CERTIFICATE_VERIFY_FAILED" in str(reason)


def _tls(text: str, server: str, where: str) -> Unreachable:
    if "WRONG_VERSION_NUMBER" in text or "record layer" in text or "UNKNOWN_PROTOCOL" in text:
        return Unreachable(f"{server} speaks plain HTTP, not TLS", where, "set ARGO_SECURE=false")
    if "CERTIFICATE_VERIFY_FAILED" in text or "doesn't match" in text:
        reason = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return Unreachable(
            f"the certificate of {server} is not trusted: {reason or 'unknown authority'}",
            where,
            "name the file of its authority in REQUESTS_CA_BUNDLE (--ca_bundle), "
            "or ask the administrator for it",
        )
    if "CERTIFICATE_REQUIRED" in text or "certificate required" in text:
        what = f"{server} wants a certificate of yours"
        return Unreachable(what, where, "name its file in ARGO_CLIENT_CERTIFICATE")
    if "EOF" in text:
        return Unreachable(
            f"{server} broke off TLS",
            where,
            "it may want ARGO_SECURE=false, or your certificate: ARGO_CLIENT_CERTIFICATE",
        )
    return Unreachable(f"no TLS with {server}", where, "check the address and the port")


def _broken_off(text: str) -> bool:
    words = ("Connection aborted", "Connection broken", "reset by peer", "EOF", "Remote")
    return any(word in text for word in words)


def _kind(error: Exception) -> str:
    # Only the kind: the text of an unforeseen error may hold the whole request.
    return type(error).__name__
