"""When a CronWorkflow runs.

Source: ``parser.go``, ``spec.go`` and ``constantdelay.go`` of robfig/cron 3.0.1, whose words the
problems are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo

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

_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ZONE = re.compile(r"(?:TZ|CRON_TZ)=([^ ]*) +")
_DAYS_AHEAD = 5 * 366
_HOUR = timedelta(hours=1)


class Malformed(ValueError):
    """These words do not say when."""


@dataclass(frozen=True)
class Delay:
    """Again and again, after that time."""

    length: timedelta

    def next(self, after: datetime) -> datetime | None:
        """Return the first moment after ``after``."""
        return after.replace(microsecond=0) + self.length


@dataclass(frozen=True)
class Calendar:
    """At certain minutes of certain hours and days; ``zone`` is None for that of the machine.

    ``any_day`` and ``any_weekday`` tell that the field was left open: of two that are not, one
    is enough.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool
    zone: tzinfo | None

    def next(self, after: datetime) -> datetime | None:
        """Return the first moment after ``after``, None if there is none in five years."""
        first = after.astimezone(self.zone).date()
        for offset in range(_DAYS_AHEAD):
            day = first + timedelta(days=offset)
            if day.month not in self.months or not self._is_day(day):
                continue
            for hour in self._hours_of(day):
                for minute in sorted(self.minutes):
                    if (moment := hour + timedelta(minutes=minute)) > after:
                        return moment
        return None

    def _is_day(self, day: date) -> bool:
        by_day = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_day and by_weekday
        return by_day or by_weekday

    def _hours_of(self, day: date) -> Iterator[datetime]:
        """Yield the hours of a day that are wanted, one that comes twice (in autumn) twice."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        moment = midnight.astimezone(timezone.utc)
        while (local := moment.astimezone(self.zone)).date() <= day:
            if local.date() == day and local.hour in self.hours:
                yield moment
            moment += _HOUR


Schedule = Delay | Calendar


def parse(schedule: str, zone: str = "") -> Schedule:
    """Return when ``schedule`` is, in the time of ``zone``; raises :class:`Malformed`."""
    if not schedule:
        raise Malformed("empty spec string")
    if named := _ZONE.match(schedule):
        zone, schedule = named[1], schedule[named.end() :].strip()
        if problem := zone_problem(zone):
            raise Malformed(f"provided bad location {zone}: {problem}")
    if schedule.startswith("@every "):
        text = schedule.removeprefix("@every ")
        try:
            length = seconds(text)
        except ValueError as error:
            raise Malformed(f"failed to parse duration {text}: {error}") from None
        return Delay(timedelta(seconds=max(int(length), 1)))
    if schedule.startswith("@"):
        if schedule not in _DESCRIPTORS:
            raise Malformed(f"unrecognized descriptor: {schedule}")
        schedule = _DESCRIPTORS[schedule]
    parts = schedule.split()
    if len(parts) != len(_FIELDS):
        found = f"found {len(parts)}: [{' '.join(parts)}]"
        raise Malformed(f"expected exactly 5 fields, {found}")
    fields = [_field(part, *bounds) for part, bounds in zip(parts, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = (numbers for numbers, _ in fields)
    return Calendar(
        minutes, hours, days, months, weekdays, fields[2][1], fields[4][1], _zone_of(zone)
    )


def schedule_problem(schedule: str) -> str:
    """Return what is wrong with the words that say when, or nothing."""
    try:
        parse(schedule)
    except Malformed as problem:
        return str(problem)
    return ""


def zone_problem(name: str) -> str:
    """Return what is wrong with the name of a time zone, or nothing."""
    try:
        _zone_of(name)
    except (ValueError, OSError, KeyError):
        return f"unknown time zone {name}"
    return ""


def _zone_of(name: str) -> tzinfo | None:
    # Imported where a zone is: most schedules have none.
    from zoneinfo import ZoneInfo

    if name == "UTC":
        return timezone.utc
    return None if name in ("", "Local") else ZoneInfo(name)


def _field(
    part: str, least: int, greatest: int, names: Mapping[str, int]
) -> tuple[frozenset[int], bool]:
    """Return the numbers of a field, and whether it leaves them open."""
    numbers: set[int] = set()
    is_open = False
    for span in filter(None, part.split(",")):
        found, any_of_all = _span(span, least, greatest, names)
        numbers |= set(found)
        is_open = is_open or any_of_all
    return frozenset(numbers), is_open


def _span(span: str, least: int, greatest: int, names: Mapping[str, int]) -> tuple[range, bool]:
    steps = span.split("/")
    ends = steps[0].split("-")
    is_open = ends[0] in ("*", "?")
    if is_open:
        start, end = least, greatest
    else:
        start = end = _number(ends[0], names)
        if len(ends) == 2:
            end = _number(ends[1], names)
        elif len(ends) > 2:
            raise Malformed(f"too many hyphens: {span}")
    step = 1
    if len(steps) == 2:
        step = _number(steps[1], {})
        end = greatest if len(ends) == 1 else end
        is_open = is_open and step <= 1
    elif len(steps) > 2:
        raise Malformed(f"too many slashes: {span}")
    if start < least:
        raise Malformed(f"beginning of range ({start}) below minimum ({least}): {span}")
    if end > greatest:
        raise Malformed(f"end of range ({end}) above maximum ({greatest}): {span}")
    if start > end:
        raise Malformed(f"beginning of range ({start}) beyond end of range ({end}): {span}")
    if not step:
        raise Malformed(f"step of range should be a positive number: {span}")
    return range(start, end + 1, step), is_open


def _number(text: str, names: Mapping[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        why = f'strconv.Atoi: parsing "{text}": invalid syntax'
        raise Malformed(f"failed to parse int from {text}: {why}")
    if int(text) < 0:
        raise Malformed(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
