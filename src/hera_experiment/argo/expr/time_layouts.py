"""Reads times in Go's layouts.

Source: ``format.go`` of Go's ``time``.
"""

from __future__ import annotations

import re

from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.lexer import quoted
from hera_experiment.argo.expr.times import (
    CHUNK,
    DAYS,
    MONTHS,
    SECOND,
    UTC,
    Location,
    Time,
    built,
    days_of,
)

RFC3339 = "2006-01-02T15:04:05Z07:00"
DATE_LAYOUTS = (
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    RFC3339,
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
)
"""The layouts that the function ``date`` tries."""


_READ = {
    "2006": r"(\d{4})", "06": r"(\d\d)", "01": r"(\d\d)", "1": r"(\d\d?)", "02": r"(\d\d)",
    "2": r"(\d\d?)", "_2": r"( ?\d\d?)", "15": r"(\d\d?)", "3": r"(\d\d?)", "03": r"(\d\d)",
    "04": r"(\d\d)", "4": r"(\d\d?)", "05": r"(\d\d(?:[.,]\d+)?)", "5": r"(\d\d?(?:[.,]\d+)?)",
    "PM": "(AM|PM)", "pm": "(am|pm)", "MST": r"([A-Z]{3,4}|[+-]\d\d)", "002": r"(\d{3})",
    "__2": r"( {0,2}\d{1,3})",
    "January": f"(?i:({'|'.join(MONTHS)}))", "Jan": f"(?i:({'|'.join(m[:3] for m in MONTHS)}))",
    "Monday": f"(?i:({'|'.join(DAYS)}))", "Mon": f"(?i:({'|'.join(d[:3] for d in DAYS)}))",
}  # fmt: skip


def parse_time(layout: str, text: str, location: Location | None = None) -> Time:
    """Read a time; raises :class:`Fault`."""
    chunks: list[str] = []

    def pattern(chunk: str) -> str:
        chunks.append(chunk)
        if chunk[0] in ".,":
            exactly = rf"([.,]\d{{{len(chunk) - 1}}})"
            return exactly if chunk[1] == "0" else r"((?:[.,]\d+)?)"
        if chunk in _READ:
            return _READ[chunk]
        colon = ":" if ":" in chunk else ""
        digits = sum(character.isdigit() for character in chunk)
        offset = rf"[+-]\d\d{colon}\d\d" if digits >= 4 else r"[+-]\d\d"
        return f"(Z|{offset})" if chunk[0] == "Z" else f"({offset})"

    parts, end = [], 0
    for found in CHUNK.finditer(layout):
        parts += [re.escape(layout[end : found.start()]), pattern(found[0])]
        end = found.end()
    match = re.fullmatch("".join(parts) + re.escape(layout[end:]), text, re.ASCII)
    if match is None:
        raise Fault(f"parsing time {quoted(text)} as {quoted(layout)}: cannot parse")
    values = dict(zip(chunks, match.groups(), strict=False))
    return _assembled(values, text, location)


def _assembled(values: dict[str, str], text: str, location: Location | None) -> Time:
    def first(*names: str) -> str | None:
        return next((values[name] for name in names if name in values), None)

    year = int(first("2006") or 0)
    if short := first("06"):
        year = int(short) + (1900 if int(short) >= 69 else 2000)
    month = int(first("01", "1") or 1)
    if name := first("January", "Jan"):
        month = [known[:3].lower() for known in MONTHS].index(name[:3].lower()) + 1
    day = int(first("02", "2", "_2") or 1)
    hour = int(first("15") or 0)
    if twelve := first("3", "03"):
        is_late = (first("PM", "pm") or "").lower() == "pm"
        hour = int(twelve) % 12 + 12 * is_late
    minute = int(first("04", "4") or 0)
    seconds, _, fraction = (first("05", "5") or "0").replace(",", ".").partition(".")
    for chunk, value in values.items():
        if chunk[0] in ".," and value:
            fraction = value[1:]
    limits = {"month": (month, 12), "hour": (hour, 23), "minute": (minute, 59)}
    for what, (found, limit) in {**limits, "second": (int(seconds), 59)}.items():
        if found > limit:
            raise Fault(f"parsing time {quoted(text)}: {what} out of range")
    if not month >= 1 or not 1 <= day <= days_of(year, month + 1, 1) - days_of(year, month, 1):
        raise Fault(f"parsing time {quoted(text)}: day out of range")
    within = (hour * 3600 + minute * 60 + int(seconds)) * SECOND + int(f"{fraction:0<9}"[:9])
    for chunk, value in values.items():
        if chunk[0] in "Z-":
            if value == "Z":
                return built((year, month, day), within, UTC)
            digits = value[1:].replace(":", "").ljust(4, "0")
            offset = int(digits[:2]) * 3600 + int(digits[2:4]) * 60
            offset = -offset if value[0] == "-" else offset
            fixed = Location(values.get("MST", ""))
            return (
                built((year, month, day), within, fixed, offset)
                if offset
                else built((year, month, day), within, UTC)
            )
    if zone := values.get("MST"):
        if zone == "UTC":
            return built((year, month, day), within, UTC)
        return built((year, month, day), within, Location(zone), 0)
    return built((year, month, day), within, location or UTC)
