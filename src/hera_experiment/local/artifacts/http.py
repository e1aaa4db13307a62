"""Artifacts from the web.

Source: ``workflow/artifacts/http/http.go`` and ``artifacts.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

from hera_experiment.local.artifacts.errors import ArtifactFailure, ArtifactNotFound
from hera_experiment.local.artifacts.repository import PIECE
from hera_experiment.local.artifacts.secret_values import Secret

SECONDS = 60.0
"""How long a server may be silent."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def fetch_http(source: Mapping[str, Any], secret: Secret, destination: Path) -> None:
    """Write what ``source``, an ``http`` location, names to ``destination``.

    Raises :class:`ArtifactFailure`.
    """
    with _opened("GET", source, secret) as answer, destination.open("wb") as file:
        shutil.copyfileobj(answer, file, PIECE)
    destination.chmod(0o666)


def send_http(source: Mapping[str, Any], secret: Secret, file: BinaryIO, size: int) -> None:
    """Send a file to where ``source`` says; raises :class:`ArtifactFailure`."""
    with _opened("PUT", source, secret, file, size):
        pass


def _opened(
    method: str,
    source: Mapping[str, Any],
    secret: Secret,
    body: BinaryIO | None = None,
    size: int = 0,
) -> Any:
    url = str(source.get("url") or "")
    headers = {str(h["name"]): str(h.get("value") or "") for h in source.get("headers") or ()}
    auth = source.get("auth") or {}
    basic = auth.get("basicAuth") or {}
    user, password = (
        _optional(basic.get(f"{key}Secret"), secret) for key in ("username", "password")
    )
    if user and password:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    if body is not None:
        headers["Content-Length"] = str(size)
    opener = _opener(url, _context(auth.get("clientCert") or {}, secret))
    if token := _token(auth.get("oauth2") or {}, secret):
        headers["Authorization"] = f"Bearer {token}"
    return _ask(opener, urllib.request.Request(url, body, headers, method=method))


def _ask(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> Any:
    method, url = request.get_method(), request.full_url
    try:
        return opener.open(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        status = f"{error.code} {_phrase(error.code, error.reason)}"
        error.close()
        if method == "GET" and error.code == HTTPStatus.NOT_FOUND:
            raise ArtifactNotFound(status) from None
        doing = "loading content from" if method == "GET" else "saving file to"
        raise ArtifactFailure(f"{doing} {url} failed with reason: {status}") from None
    except urllib.error.URLError as error:
        raise ArtifactFailure(f'{method.title()} "{url}": {reason_of(error.reason, url)}') from None
    except (OSError, HTTPException, ValueError) as error:
        raise ArtifactFailure(f'{method.title()} "{url}": {reason_of(error, url)}') from None


def _phrase(code: int, given: str) -> str:
    try:
        return given or HTTPStatus(code).phrase
    except ValueError:
        return ""


def reason_of(error: object, url: str) -> str:
    """Return why a server was not reached, as far as it goes in Go's words."""
    if isinstance(error, TimeoutError):
        return "context deadline exceeded"
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {urlsplit(url).hostname}: no such host"
    if isinstance(error, ConnectionRefusedError):
        place = urlsplit(url)
        port = place.port or (443 if place.scheme == "https" else 80)
        address = socket.gethostbyname(place.hostname or "")
        return f"dial tcp {address}:{port}: connect: connection refused"
    text = getattr(error, "strerror", None) or str(error)
    return text.lower() if isinstance(error, OSError) else text


def _optional(reference: Mapping[str, Any] | None, secret: Secret) -> str:
    return secret(reference) if reference else ""


def _opener(url: str, context: ssl.SSLContext | None) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = []
    if urlsplit(url).hostname in _LOOPBACK:
        # As Go has it: no proxy is asked for what is on this machine.
        handlers.append(urllib.request.ProxyHandler({}))
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    opener = urllib.request.build_opener(*handlers)
    opener.addheaders = [("User-Agent", "Go-http-client/1.1")]
    return opener


def _context(certificate: Mapping[str, Any], secret: Secret) -> ssl.SSLContext | None:
    """Return what shows the client's certificate, which Python takes from a file alone."""
    if not (certificate.get("clientCertSecret") and certificate.get("clientKeySecret")):
        return None
    context = ssl.create_default_context()
    text = "\n".join(secret(certificate[key]) for key in ("clientKeySecret", "clientCertSecret"))
    descriptor, path = tempfile.mkstemp()
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        context.load_cert_chain(path)
    except ssl.SSLError:
        raise ArtifactFailure("the client certificate and its key cannot be used") from None
    finally:
        os.unlink(path)
    return context


def _token(oauth: Mapping[str, Any], secret: Secret) -> str:
    """Return the token for a client's credentials, nothing when none are asked for."""
    names = ("clientIDSecret", "clientSecretSecret", "tokenURLSecret")
    if not all(oauth.get(name) for name in names):
        return ""
    user, password, url = (secret(oauth[name]) for name in names)
    fields = {"grant_type": "client_credentials"}
    if scopes := oauth.get("scopes"):
        fields["scope"] = " ".join(scopes)
    fields |= {p["key"]: p.get("value") or "" for p in oauth.get("endpointParams") or ()}
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(
        url,
        urlencode(fields).encode(),
        {"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    with _ask(_opener(url, None), request) as answer:
        try:
            return str(json.load(answer)["access_token"])
        except (ValueError, KeyError, TypeError):
            raise ArtifactFailure("oauth2: server response missing access_token") from None
