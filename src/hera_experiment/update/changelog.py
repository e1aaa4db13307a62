"""What the template's CHANGELOG.md says of the way from one version to another."""

from __future__ import annotations

import re
from itertools import pairwise

_SECTION = re.compile(r"^## ", re.MULTILINE)


def between(old: str, new: str, version: str) -> str:
    """Return what ``new`` says above the section of ``version`` and ``old``, its text, does not.

    Both are in the format of Keep a Changelog. Where ``new`` says nothing there, or has no such
    section, it is all that was added.
    """
    before, after = _sections(old), _sections(new)
    above = _above(after, version)
    if any(_without(section, set()) for section in above):
        before, after = _above(before, version), above
    known = {block for section in before for block in _blocks(section)}
    kept = (_without(section, known) for section in after)
    return "\n\n".join(text for text in kept if text)


def _sections(text: str) -> list[str]:
    starts = [found.start() for found in _SECTION.finditer(text)]
    return [text[a:b] for a, b in pairwise([*starts, len(text)])]


def _above(sections: list[str], version: str) -> list[str]:
    """Return the sections above that of ``version``; none where it has none."""
    for place, section in enumerate(sections):
        title = re.match(r"## \[?v?([^\s\]]*)", section)
        if title and version and title.group(1) == version.removeprefix("v"):
            return sections[:place]
    return []


def _blocks(section: str) -> list[str]:
    """Return headings, entries of lists and paragraphs, each without the blanks around it."""
    blocks = [""]
    for line in map(str.rstrip, section.splitlines()):
        if line and blocks[-1] and not blocks[-1].startswith("#") and line[0] not in "#-*":
            blocks[-1] += f"\n{line}"
        else:
            blocks.append(line)
    return [block for block in blocks if block]


def _without(section: str, known: set[str]) -> str:
    """Return the section's entries that are not ``known``, under their headings; or nothing."""
    lines: list[str] = []
    headings: list[str] = []
    for block in _blocks(section):
        level = re.match(r"#*", block).end()  # type: ignore[union-attr]  # matches anything
        if level:
            headings = [each for each in headings if not each.startswith("#" * level)] + [block]
        elif block not in known:
            lines += [f"\n{heading}\n" for heading in headings] + [block]
            headings = []
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
