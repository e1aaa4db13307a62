"""The bearer token: a secret, and after a dot what one client says about itself.

``SECRET`` or ``SECRET.CLAIMS``, the claims being URL-safe base64 of a JSON object with the keys
``session`` (the label of what this client creates) and ``runtime``. They need no signature: who
knows the secret may do anything here.
"""

from __future__ import annotations

import binascii
import hmac
import json
import re
from base64 import urlsafe_b64decode

from hera_experiment.local.errors import Unauthenticated
from hera_experiment.local.server.messages import Claims

RUNTIMES = ("process", "docker", "podman")

_LABEL = re.compile(r"([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?")


def authenticate(header: str | None, secret: str) -> Claims:
    """Return the claims of an Authorization header; raises :class:`Unauthenticated`."""
    scheme, _, token = (header or "").strip().partition(" ")
    presented, _, claims = token.strip().partition(".")
    # compare_digest takes the same time wherever the two differ.
    matches = hmac.compare_digest(presented.encode(), secret.encode())
    if scheme.lower() != "bearer" or not matches:
        raise Unauthenticated("token not valid: this is not the bearer token of the local server")
    return _claims(claims) if claims else Claims()


def _claims(encoded: str) -> Claims:
    try:
        raw = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        value = json.loads(raw)
        session, runtime = value.get("session") or "", value.get("runtime") or "process"
    except (binascii.Error, ValueError, AttributeError):
        raise Unauthenticated("token not valid: its claims cannot be read") from None
    if not isinstance(session, str) or not _LABEL.fullmatch(session):
        raise Unauthenticated("token not valid: its session cannot be a label")
    if runtime not in RUNTIMES:
        raise Unauthenticated(f"token not valid: its runtime is none of {', '.join(RUNTIMES)}")
    return Claims(session, runtime)
