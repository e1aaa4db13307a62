"""Which files of a build context ``.dockerignore`` keeps out of the image.

Source of the rules: Docker's documentation of ``.dockerignore`` (Go's ``filepath.Match``, plus
``**`` for any number of folders; the last pattern that matches decides).
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

IGNORE_FILE = ".dockerignore"


class Ignore:
    """The patterns of one ``.dockerignore``; none when there is no such file."""

    def __init__(self, text: str) -> None:
        self._rules: list[tuple[re.Pattern[str], bool]] = []
        for line in text.splitlines():
            pattern = line.strip()
            if not pattern or line.startswith("#"):
                continue
            exception = pattern.startswith("!")
            pattern = posixpath.normpath(pattern.lstrip("!").strip()).strip("/")
            if pattern != ".":
                # What matches a folder matches everything below it.
                expression = re.compile(translate(pattern) + r"(?:/.*)?\Z", re.DOTALL)
                self._rules.append((expression, exception))

    @classmethod
    def of(cls, folder: Path) -> Ignore:
        """Read the patterns of the build context ``folder``."""
        try:
            return cls((folder / IGNORE_FILE).read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return cls("")

    @property
    def has_exceptions(self) -> bool:
        """True when a file below an ignored folder may be wanted after all."""
        return any(exception for _, exception in self._rules)

    def ignores(self, path: str) -> bool:
        """Tell whether ``path`` (relative to the context, with forward slashes) is kept out."""
        ignored = False
        for expression, exception in self._rules:
            if ignored == exception and expression.match(path):
                ignored = not exception
        return ignored


def translate(pattern: str) -> str:
    """Return the regular expression for a pattern of Go's ``filepath.Match`` with ``**``."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
        elif pattern.startswith("**", at):
            parts.append(".*")
            at += 2
        elif pattern[at] == "*":
            parts.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            parts.append("[^/]")
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            parts.append("[" + pattern[at + 1 : end].replace("\\", "\\\\") + "]")
            at = end + 1
        elif pattern[at] == "\\" and at + 1 < len(pattern):
            parts.append(re.escape(pattern[at + 1]))
            at += 2
        else:
            parts.append(re.escape(pattern[at]))
            at += 1
    return "".join(parts)
