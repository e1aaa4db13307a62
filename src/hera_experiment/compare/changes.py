"""Named values that differ between two runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True)
class ValueChange:
    """A value that differs: ``added``, ``removed`` or ``changed``.

    ``one`` is None where it was added, ``other`` where it was removed.
    """

    name: str
    kind: str
    one: Any = None
    other: Any = None

    def __str__(self) -> str:
        if self.kind == CHANGED:
            return f"{self.name}: {self.one} → {self.other}"
        return f"{self.name}: {self.other if self.kind == ADDED else self.one} ({self.kind})"


def changes_of(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[ValueChange, ...]:
    """Return what differs from ``one`` to the ``other``, in the order of their names."""
    return tuple(_changes(one, other))


def _changes(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[ValueChange]:
    for name in dict.fromkeys((*one, *other)):
        if name not in other:
            yield ValueChange(name, REMOVED, one=one[name])
        elif name not in one:
            yield ValueChange(name, ADDED, other=other[name])
        elif one[name] != other[name]:
            yield ValueChange(name, CHANGED, one[name], other[name])
