"""How a task is to be run again."""

from __future__ import annotations

from dataclasses import dataclass

THEN, NOW = "run", "now"
"""The code that runs: that of the run, or today's."""


@dataclass(frozen=True)
class Wish:
    """How a task is run again.

    ``code`` is :data:`THEN` or :data:`NOW`, ``most`` the bytes of each claim that are fetched.
    With ``fetch`` they are fetched though they are here, with ``debug`` an exception opens a
    debugger. ``image`` reads the claim on a cluster.
    """

    code: str = THEN
    most: int = 1 << 30
    fetch: bool = False
    debug: bool = False
    image: str = ""
