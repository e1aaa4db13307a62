"""What the server says about itself and about its client."""

from __future__ import annotations

import platform
from typing import Any

from hera_experiment.local.server.messages import Request

SPEAKS = "v3.7.18"
"""The release of Argo Workflows whose API and behaviour the local platform follows."""


def version(request: Request) -> dict[str, Any]:
    """Return the eight strings that Hera requires.

    The version names the release whose API is spoken; ``+local`` is what semantic versioning has
    for a build of another make, and nobody takes this server for Argo's own.
    """
    return {
        "version": f"{SPEAKS}+local",
        "buildDate": "1970-01-01T00:00:00Z",
        "gitCommit": "",
        "gitTag": "",
        "gitTreeState": "",
        "goVersion": "",
        "compiler": platform.python_implementation(),
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }


def info(request: Request) -> dict[str, Any]:
    """Return the settings of Argo's web pages, of which there are none."""
    return {}


def userinfo(request: Request) -> dict[str, Any]:
    """Return who the token says its bearer is."""
    return {"issuer": "hera_utils", "subject": request.claims.session or "local"}
