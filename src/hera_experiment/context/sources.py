"""Where a value came from, so that every message can say so."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path


class Origin(Enum):
    """The places a value may come from, the strongest first."""

    COMMAND_LINE = "on the command line"
    PROFILE = "profile"
    ENVIRONMENT = "in the environment"
    FILE = "file"
    EXPERIMENT = "committed default"
    SCRIPT = "in the script"
    PLATFORM = "given by the platform local"
    STAND_IN = "of a stand-in for the cluster"
    DEFAULT = "the default"


@dataclass(frozen=True)
class Source:
    """Where one value came from.

    ``key`` is the name it had there (``ARGO_NAMESPACE``, ``--argo_namespace``); ``file`` and
    ``line`` are set for files; ``shadows`` is a weaker source that says something else, where that
    is worth telling; ``unused`` tells of one that is not heeded at all, though nothing else is
    said.
    """

    origin: Origin
    key: str = ""
    file: Path | None = None
    line: int = 0
    shadows: Source | None = None
    unused: str = ""

    def shadowing(self, other: Source) -> Source:
        """Return this source as one that shadows ``other``."""
        return replace(self, shadows=other)

    def __str__(self) -> str:
        if self.unused:
            return self.unused
        if self.file is not None:
            place = f"from {display(self.file)}" + (f", line {self.line}" if self.line else "")
        else:
            place = self.origin.value
        text = f"{self.key} {place}".strip()
        return f"{text}, which shadows {self.shadows}" if self.shadows else text


@dataclass(frozen=True)
class Setting:
    """A value as it was written, and where."""

    value: str
    source: Source


def display(path: Path) -> str:
    """Return ``path`` as a person would type it here: ``./x``, ``~/x`` or in full."""
    for start, prefix in ((Path.cwd(), "."), (Path.home(), "~")):
        if path == start:
            return prefix
        if path.is_relative_to(start):
            return os.path.join(prefix, path.relative_to(start))
    return str(path)
