"""The ``fields`` parameter: which parts of an object a client wants.

``a.b,c`` keeps what lies at, above or below these paths; a leading ``-`` removes these instead.
Elements of a list share the path of the list. Source: util/fields/fields.go of
argoproj/argo-workflows.
"""

from __future__ import annotations

from typing import Any


class Fields:
    """A selection; ``prefix`` is what the client's paths begin with besides the object's own."""

    def __init__(self, text: str, prefix: str = "") -> None:
        self._exclude = text.startswith("-")
        paths = text.removeprefix("-").split(",") if text else []
        self._paths = frozenset(path.strip().removeprefix(prefix) for path in paths)

    def __bool__(self) -> bool:
        """False when everything is wanted."""
        return bool(self._paths)

    def wants(self, path: str) -> bool:
        """Tell whether anything at or below ``path`` is wanted."""
        if not self._paths:
            return True
        if self._exclude:
            return not any(path == p or path.startswith(f"{p}.") for p in self._paths)
        return any(path.startswith(p) or p.startswith(path) for p in self._paths)

    def select(self, value: Any, path: str = "") -> Any:
        """Return the wanted part of ``value``, which is left as it is."""
        if not self._paths:
            return value
        if isinstance(value, list):
            return [self.select(item, path) for item in value]
        if not isinstance(value, dict):
            return value
        kept = {}
        for key, item in value.items():
            below = f"{path}.{key}" if path else str(key)
            named = below in self._paths
            if self._exclude:
                if not named:
                    kept[key] = self.select(item, below)
            elif named:
                kept[key] = item
            elif any(wanted.startswith(f"{below}.") for wanted in self._paths):
                kept[key] = self.select(item, below)
        return kept
