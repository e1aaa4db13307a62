"""How checks word what they found: moments, places, names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime

APPLY = "send this YAML to the administrator, to be applied with: kubectl apply -f -"
_BARE = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[a-z][a-z0-9.-]*")


def local_time(moment: datetime) -> str:
    """Return ``moment`` as a clock on the wall here shows it."""
    return f"{moment.astimezone():%Y-%m-%d at %H:%M} (local time)"


def in_brackets(where: str) -> str:
    """Return where a value came from as the end of a sentence; nothing for nowhere."""
    return f" ({where})" if where else ""


def in_yaml(name: str) -> str:
    """Return ``name`` as YAML reads it back as a string: quoted where a number would come of it."""
    return name if _BARE.fullmatch(name) else json.dumps(name)


def listed(names: Iterable[str]) -> str:
    """Return names in single quotes, separated by commas."""
    return ", ".join(f"'{name}'" for name in names)
