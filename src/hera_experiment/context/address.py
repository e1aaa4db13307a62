"""The address of Argo's server, however it is written."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from hera_experiment.errors import UserError

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
# What a person copies from the address bar of Argo's user interface, or from its documentation.
_PAGES = re.compile(
    r"/(api/v1|workflows|workflow-templates|cron-workflows|userinfo|login)(/.*)?$", re.ASCII
)


def server_url(server: str, *, secure: bool = True, base_path: str = "", where: str = "") -> str:
    """Return the URL that Argo's API lies below, with a slash at its end.

    ``server`` is ``host[:port]`` as Argo writes it, ``host/path`` as Nebari does, or a URL; a
    scheme in it wins over ``secure``, a path over ``base_path``; the port is kept as it is.

    Raises
    ------
    UserError
        When it is no address, naming ``where`` it came from.
    """
    text = server.strip().strip("'\"").strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "https" if secure else "http", text
    parts = _split(f"{scheme.lower()}://{rest}")
    if parts is None or parts.scheme not in ("http", "https"):
        raise UserError(
            f"'{_printable(text)}' is not the address of an Argo server",
            where,
            "write host:port, such as argo.example.org:443",
        )
    if "@" in parts.netloc:
        raise UserError(
            "the address of Argo's server holds a password",
            where,
            "take it out; the token belongs in ARGO_TOKEN",
        )
    path = _PAGES.sub("", parts.path.rstrip("/")) or base_path.strip().strip("'\"")
    path = "/".join(part for part in path.split("/") if part)
    return (
        f"{parts.scheme}://{parts.netloc}/{path}/" if path else f"{parts.scheme}://{parts.netloc}/"
    )


def host_and_port(url: str) -> str:
    """Return ``host:port`` of a URL, with the scheme's own port where it names none."""
    parts = urlsplit(url)
    port = "" if parts.port else f":{_PORTS[parts.scheme]}"
    return parts.netloc.rstrip(":") + port


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        port = parts.port
    except ValueError:
        return None
    name = host[: -len(f":{port}")] if port is not None else host.rstrip(":")
    return parts if _HOST.fullmatch(name) and not re.search(r"\s", url) else None


def _printable(text: str) -> str:
    return text.rpartition("@")[2][:80]
