"""Bearer tokens: how users paste them, and what a JSON Web Token says about itself."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime, timezone
from typing import Any

_SCHEMES = {"bearer": "Bearer", "basic": "Basic"}


def authorization(token: str) -> str:
    """Return the header's value for ``token``, with exactly one word before it.

    A token comes with or without "Bearer", in any case, doubled, quoted or with a line's end, as
    Argo's user interface, documents and editors leave it. Empty stays empty. "Bearer v2:…", Argo's
    own mark of single sign-on, is kept.
    """
    words = token.strip().strip("'\"").split()
    scheme = "Bearer"
    while words and words[0].lower() in _SCHEMES:
        scheme = _SCHEMES[words.pop(0).lower()]
    return f"{scheme} {''.join(words)}" if words else ""


def claims(token: str) -> dict[str, Any]:
    """Return what a JSON Web Token claims, unverified; empty when it is none (RFC 7519)."""
    parts = token.split()[-1].split(".") if token.strip() else []
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def expiry(token: str) -> datetime | None:
    """Return when a JSON Web Token expires, in UTC; None when it does not say."""
    seconds = claims(token).get("exp")
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, tz=timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None


def subject(token: str) -> str:
    """Return the account a JSON Web Token is for; empty when it does not say."""
    return str(claims(token).get("sub", ""))
