"""When a CronWorkflow runs.

Source: ``parser.go`` of robfig/cron 3.0.1, whose words the problems are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hera_experiment.argo.go_text import seconds

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_FIELDS: tuple[tuple[int, int, Mapping[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    (0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
"""The least and the greatest number of each field, and the names of numbers."""

_DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_ZONE = re.compile(r"(?:TZ|CRON_TZ)=([^ ]*) +")


class _Malformed(ValueError):
    pass


def schedule_problem(schedule: str) -> str:
    """Return what is wrong with the words that say when, or nothing."""
    if not schedule:
        return "empty spec string"
    if zone := _ZONE.match(schedule):
        if problem := zone_problem(zone[1]):
            return f"provided bad location {zone[1]}: {problem}"
        schedule = schedule[zone.end() :].strip()
    if schedule.startswith("@"):
        return _descriptor_problem(schedule)
    parts = schedule.split()
    if len(parts) != len(_FIELDS):
        return f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]"
    try:
        for part, bounds in zip(parts, _FIELDS, strict=True):
            for span in filter(None, part.split(",")):
                _check_span(span, *bounds)
    except _Malformed as problem:
        return str(problem)
    return ""


def zone_problem(name: str) -> str:
    """Return what is wrong with the name of a time zone, or nothing."""
    # Imported where a zone is: most schedules have none.
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name in ("", "UTC", "Local"):
        return ""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"unknown time zone {name}"
    return ""


def _descriptor_problem(descriptor: str) -> str:
    if descriptor.startswith("@every "):
        text = descriptor.removeprefix("@every ")
        try:
            seconds(text)
        except ValueError as error:
            return f"failed to parse duration {text}: {error}"
        return ""
    return "" if descriptor in _DESCRIPTORS else f"unrecognized descriptor: {descriptor}"


def _check_span(span: str, least: int, greatest: int, names: Mapping[str, int]) -> None:
    steps = span.split("/")
    ends = steps[0].split("-")
    if ends[0] in ("*", "?"):
        start, end = least, greatest
    else:
        start = end = _number(ends[0], names)
        if len(ends) == 2:
            end = _number(ends[1], names)
        elif len(ends) > 2:
            raise _Malformed(f"too many hyphens: {span}")
    step = 1
    if len(steps) == 2:
        step = _number(steps[1], {})
        end = greatest if len(ends) == 1 else end
    elif len(steps) > 2:
        raise _Malformed(f"too many slashes: {span}")
    if start < least:
        raise _Malformed(f"beginning of range ({start}) below minimum ({least}): {span}")
    if end > greatest:
        raise _Malformed(f"end of range ({end}) above maximum ({greatest}): {span}")
    if start > end:
        raise _Malformed(f"beginning of range ({start}) beyond end of range ({end}): {span}")
    if not step:
        raise _Malformed(f"step of range should be a positive number: {span}")


def _number(text: str, names: Mapping[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        why = f'strconv.Atoi: parsing "{text}": invalid syntax'
        raise _Malformed(f"failed to parse int from {text}: {why}")
    if int(text) < 0:
        raise _Malformed(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
