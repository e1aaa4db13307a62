"""Which proxy leads to a server: as programs in Go choose it, kubectl and argo among them."""

from __future__ import annotations

import base64
import importlib
import ipaddress
import os
import socket
from collections.abc import Mapping
from http.client import HTTPConnection
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlsplit

from hera_experiment.errors import UserError

SOCKS_ADVICE = "install it (python -m pip install PySocks), or take another proxy"
"""What to do where the package is missing that a SOCKS proxy takes."""

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PORTS = {"http": "80", "https": "443"}


def is_loopback(url: str) -> bool:
    """Say whether ``url`` names this machine, to which no proxy leads."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def proxy_of_environment(url: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the proxy that the environment has for ``url``, empty for none.

    HTTPS_PROXY or HTTP_PROXY by the scheme of ``url``, else ALL_PROXY (which Go does not know, and
    other programs do), unless NO_PROXY names the host or it is this machine
    (https://pkg.go.dev/golang.org/x/net/http/httpproxy). Raises :class:`UserError` as
    :func:`checked` does.
    """
    scheme = urlsplit(url).scheme
    if is_loopback(url) or _is_left_out(url, _value(environ, "no_proxy")[0]):
        return ""
    for name in (f"{scheme}_proxy", "all_proxy"):
        value, source = _value(environ, name)
        if value:
            return checked(value if "://" in value else f"http://{value}", source)
    return ""


def checked(proxy: str, where: str) -> str:
    """Return the address of ``proxy`` as ``requests`` and urllib3 understand it.

    Raises :class:`UserError` when it is none, or when a package is missing that it takes.
    """
    parts = urlsplit(proxy)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise UserError(
            f"the proxy '{shown(proxy)}' is not an address",
            where,
            "write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT",
        )
    if parts.scheme.startswith("socks"):
        if find_spec("socks") is None:
            raise UserError(
                f"the proxy {shown(proxy)} needs the package PySocks",
                where,
                SOCKS_ADVICE,
            )
        # The proxy looks the host up, as with Go: only it may know the name.
        return f"socks5h{proxy[len(parts.scheme) :]}"
    return proxy


def dial(address: tuple[str, int], proxy: str, timeout: float) -> socket.socket:
    """Return a connection to ``address`` through ``proxy`` as :func:`checked` returns it.

    Raises ``OSError`` when there is none.
    """
    if not proxy:
        return socket.create_connection(address, timeout)
    parts = urlsplit(proxy)
    host, account = parts.hostname or "", None
    if parts.username:
        account = unquote(parts.username), unquote(parts.password or "")
    if parts.scheme.startswith("socks"):
        socks: Any = importlib.import_module("socks")
        user, password = account or (None, None)
        connected: socket.socket = socks.create_connection(
            address,
            timeout,
            proxy_type=socks.SOCKS5,
            proxy_addr=host,
            proxy_port=parts.port or 1080,
            proxy_username=user,
            proxy_password=password,
        )
        return connected
    way = HTTPConnection(host, parts.port or 80, timeout=timeout)
    signed = base64.b64encode(":".join(account).encode()).decode() if account else ""
    way.set_tunnel(*address, headers={"Proxy-Authorization": f"Basic {signed}"} if signed else {})
    way.connect()
    found: socket.socket = way.sock
    return found


def shown(proxy: str) -> str:
    """Return ``proxy`` without the account in it."""
    scheme, separator, rest = proxy.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else rest or scheme


def _value(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the value of a variable, in capitals or not, and its name as it is set."""
    for each in (name.upper(), name):
        if environ.get(each):
            return environ[each], each
    return "", ""


def _is_left_out(url: str, no_proxy: str) -> bool:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower().rstrip(".")
    port = str(parts.port or _PORTS.get(parts.scheme, ""))
    return any(_matches(entry.strip().lower(), host, port) for entry in no_proxy.split(","))


def _matches(entry: str, host: str, port: str) -> bool:
    if entry in ("", "*"):
        return entry == "*"
    name, colon, wanted = entry.rpartition(":")
    # One colon is before a port; an address of version 6 has more, unless it is in brackets.
    if colon and wanted.isdigit() and (":" not in name or name.endswith("]")):
        if wanted != port:
            return False
        entry = name
    entry = entry.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        entry = entry.removeprefix("*")
        return host.endswith(entry if entry.startswith(".") else f".{entry}") or host == entry
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
