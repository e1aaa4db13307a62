"""Where the requests of a script go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EndpointAddress:
    """Where a script's requests go: the endpoint that a verb opened for it.

    ``url`` ends in a slash, ``token`` is its own. ``server`` is the URL of the server that stands
    behind it, which links name, ``name`` what messages call that, ``account`` whose token it is
    asked with and ``token_ends`` when that ends. ``stand_in`` takes the place of a server that the
    script names; empty where that needs no word.
    """

    url: str
    token: str
    server: str
    namespace: str
    name: str = "the local server"
    account: str = ""
    token_ends: str = ""
    stand_in: str = ""

    def __repr__(self) -> str:
        return f"EndpointAddress(url={self.url!r}, server={self.server!r})"
