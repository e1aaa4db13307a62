"""Keeps secrets out of everything that is printed."""

from __future__ import annotations

import re

MASK = "********"
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@|^[^/@\s:]+:[^/@\s]+@")


class Secret(str):
    """A string that shows a mask where objects are shown; it is the value everywhere else."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{MASK}'" if self else "''"


def shown(value: object) -> str:
    """Return ``value`` as it may be printed: secrets and passwords within addresses masked."""
    if isinstance(value, Secret):
        return MASK if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _PASSWORD.sub(f"{MASK}@", str(value))
