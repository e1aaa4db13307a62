"""Keeps secrets out of everything that is printed or kept."""

from __future__ import annotations

import re

MASK = "********"
_NAME = re.compile(
    r"(^|[^a-z])(passw(or)?d|passphrase|secret|token|api_?key|access_?key|secret_?key|private_?key"
    r"|credentials?)$"
)
_SHAPE = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60}|glpat-[\w-]{20}"
    r"|xox[abpr]-[\w-]{10}|-----BEGIN [A-Z ]*PRIVATE KEY-----|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\."
    r"|hf_[A-Za-z0-9]{30}|sk-[A-Za-z0-9_-]{32}"
)
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


def names_secret(name: str) -> bool:
    """Tell whether what is called ``name`` is a password, a token or a key by its name."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
    return _NAME.search(words) is not None


def holds_key(value: str) -> bool:
    """Tell whether something in ``value`` has the shape of a well-known key."""
    return _SHAPE.search(value) is not None
