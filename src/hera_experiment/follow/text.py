"""What a task printed, made fit for a person's terminal."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_]|.|$)")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")


def as_seen(line: str, *, colours: bool = True) -> str:
    """Return ``line`` as it looks in the end on a terminal.

    Of what a progress bar writes over with carriage returns the last state is left. Colours stay
    if so wished; whatever else would move the cursor, clear the screen or ring goes.
    """
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part), "")
    if line.isprintable():
        return line
    kept = _ESCAPES.sub(lambda found: found[0] if _COLOURS.fullmatch(found[0]) else "", line)
    if not colours:
        kept = _COLOURS.sub("", kept)
    return _CONTROLS.sub("", kept)
