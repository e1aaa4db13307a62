"""The page: a template with its style and program, and in it the document as JSON.

Nothing in it leads elsewhere to be loaded: a policy within the page forbids that, and lets no other
program run than those that came with it.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

_PLACE = re.compile(r"@@(\w+)@@")
_SCRIPTS = ("svg-pan-zoom.min.js", "report.js")


def page_of(document: Mapping[str, Any], picture: str = "", otherwise: str = "") -> str:
    """Return the page of ``document`` with the ``picture`` of its graph, an SVG.

    ``otherwise`` is a text in its stead.
    """
    run = document["run"]
    values = {
        "title": html.escape(f"{run['name']}: {run['phase']}"),
        "policy": html.escape(_policy()),
        "style": _asset("report.css"),
        "library": _asset(_SCRIPTS[0]),
        "program": _asset(_SCRIPTS[1]),
        "data": json_within(document),
        "picture": picture or f"<pre class='otherwise'>{html.escape(otherwise)}</pre>",
    }
    return _PLACE.sub(lambda found: values[found[1]], _asset("report.html"))


def json_within(document: Any) -> str:
    """Return ``document`` as JSON that may stand within a script element, whatever it holds."""
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


@cache
def _policy() -> str:
    hashes = []
    for name in _SCRIPTS:
        digest = hashlib.sha256(_asset(name).encode()).digest()
        hashes.append(f"'sha256-{base64.b64encode(digest).decode('ascii')}'")
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline';"
        f" script-src {' '.join(hashes)}; base-uri 'none'; form-action 'none'"
    )
