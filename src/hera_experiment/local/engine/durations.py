"""Durations as Go and Argo write them."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"[+-]?(?:{_PART.pattern})+")


def seconds(text: str) -> float:
    """Return ``1m30s``, ``500ms`` or (seconds) ``90`` in seconds; raises ValueError."""
    if re.fullmatch(r"[+-]?\d+", text):
        return float(text)
    if text == "0":
        return 0.0
    if not _WHOLE.fullmatch(text):
        raise ValueError(f'unable to parse {text} as a duration: time: invalid duration "{text}"')
    total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return -total if text.startswith("-") else total
