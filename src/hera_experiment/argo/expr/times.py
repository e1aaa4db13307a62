"""Points in time and durations as Go has them.

Source: ``time`` of Go: ``format.go``, ``time.go``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.lexer import quoted
from hera_experiment.argo.expr.values import Function, truncated, wrapped

SECOND = 10**9
_DAY = 86_400
_UNITS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": SECOND,
    "m": 60 * SECOND, "h": 3600 * SECOND,
}  # fmt: skip
MONTHS = (
    "January February March April May June July August September October November December".split()
)
DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()
CHUNK = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|_2(?!006)|__2|002|0[1-6]|1(?!5)|15|2|3|4|5"
    r"|PM|pm|Z070000|Z07:00:00|Z0700|Z07:00|Z07|-070000|-07:00:00|-0700|-07:00|-07"
    r"|[.,](?:0+|9+)(?![0-9])"
)
Methods = dict[str, Callable[[Any], Function]]


class Named:
    """A number with a name: a month or a day of the week."""

    def __init__(self, go_type: str, number: int, name: str) -> None:
        self.go_type = go_type
        self.number = number
        self._name = name

    def __str__(self) -> str:
        return self._name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and (self.go_type, self.number) == (
            other.go_type,
            other.number,
        )

    __hash__ = None  # type: ignore[assignment]

    def json(self) -> str:
        """Return the number."""
        return str(self.number)


class Duration:
    """A ``time.Duration``."""

    go_type = "time.Duration"

    def __init__(self, nanoseconds: int) -> None:
        self.nanoseconds = wrapped(nanoseconds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.nanoseconds == other.nanoseconds

    def __hash__(self) -> int:
        return hash(self.nanoseconds)

    def plus(self, nanoseconds: int) -> Duration:
        """Return a longer one."""
        return Duration(self.nanoseconds + nanoseconds)

    def json(self) -> str:
        """Return the nanoseconds."""
        return str(self.nanoseconds)

    def __str__(self) -> str:
        value = abs(self.nanoseconds)
        sign = "-" if self.nanoseconds < 0 else ""
        if value == 0:
            return "0s"
        for unit, size in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
            if value < size * 1000:
                return f"{sign}{_decimal(value, size)}{unit}"
        minutes, rest = divmod(value, 60 * SECOND)
        text = f"{_decimal(rest, SECOND)}s"
        if minutes:
            hours, minutes = divmod(minutes, 60)
            text = f"{minutes}m{text}"
            text = f"{hours}h{text}" if hours else text
        return sign + text

    def _in(self, unit: str) -> float:
        return self.nanoseconds / _UNITS[unit]

    def _rounded(self, to: Duration, half: int) -> Duration:
        unit = to.nanoseconds
        if unit <= 0:
            return self
        sign = -1 if self.nanoseconds < 0 else 1
        whole, rest = divmod(abs(self.nanoseconds), unit)
        return Duration(sign * unit * (whole + (half * rest >= unit)))


def _whole(nanoseconds: int, unit: int) -> Function:
    from hera_experiment.argo.expr.values import Int64

    return Function(
        "", "int64", lambda: Int64(truncated(nanoseconds / unit) if unit > 1 else nanoseconds)
    )


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    fraction = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)


def parse_duration(text: str) -> Duration:
    """Return what ``1h30m`` stands for; raises :class:`Fault`."""
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "0":
        return Duration(0)
    if not unsigned:
        raise Fault(f"time: invalid duration {quoted(text)}")
    total, at = 0, 0
    while at < len(unsigned):
        match = re.compile(r"(\d*)(?:\.(\d*))?", re.ASCII).match(unsigned, at)
        if match is None or not (match[1] or match[2]):
            raise Fault(f"time: invalid duration {quoted(text)}")
        unit = re.compile(r"[^.0-9]*").match(unsigned, match.end())
        name = unit[0] if unit else ""
        if not name:
            raise Fault(f"time: missing unit in duration {quoted(text)}")
        if name not in _UNITS:
            raise Fault(f"time: unknown unit {quoted(name)} in duration {quoted(text)}")
        fraction = match[2] or ""
        total += int(match[1] or 0) * _UNITS[name]
        total += int(fraction or 0) * _UNITS[name] // 10 ** len(fraction)
        at = match.end() + len(name)
        if total > 2**63:
            raise Fault(f"time: invalid duration {quoted(text)}")
    if text[0] != "-" and total == 2**63:
        raise Fault(f"time: invalid duration {quoted(text)}")
    return Duration(-total if text[0] == "-" else total)


class Location:
    """A time zone."""

    go_type = "*time.Location"

    def __init__(self, name: str, zone: Any = None) -> None:
        self.name = name
        self._zone = zone

    def at(self, seconds: int, local: bool = False) -> tuple[int, str]:
        """Return offset and abbreviation at a time, given as UTC or as ``local``."""
        if self._zone is None:
            return 0, "UTC"
        from datetime import datetime, timedelta

        moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
        if local:
            moment = moment.replace(tzinfo=self._zone)
        else:
            from datetime import timezone

            moment = moment.replace(tzinfo=timezone.utc).astimezone(self._zone)
        offset = moment.utcoffset()
        return int(offset.total_seconds()) if offset else 0, moment.tzname() or ""

    def __str__(self) -> str:
        return self.name

    def json(self) -> str:
        """Return what is left of a location, which shows none of its parts."""
        return "{}"


UTC = Location("UTC")


def load_location(name: str) -> Location:
    """Return the zone of this name; raises :class:`Fault`."""
    if name in ("", "UTC"):
        return UTC
    if name == "Local":
        # Argo's controller runs in UTC.
        return Location("Local")
    from zoneinfo import ZoneInfo

    try:
        return Location(name, ZoneInfo(name))
    except (ValueError, OSError, KeyError):
        raise Fault(f"unknown time zone {name}") from None


class Time:
    """A ``time.Time``: nanoseconds since 1970 and the offset in which it is shown."""

    go_type = "time.Time"

    def __init__(
        self, nanoseconds: int, location: Location = UTC, fixed: int | None = None
    ) -> None:
        self.nanoseconds = nanoseconds
        self._location = location
        self._fixed = fixed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.nanoseconds == other.nanoseconds

    def __hash__(self) -> int:
        return hash(self.nanoseconds)

    def plus(self, nanoseconds: int) -> Time:
        """Return a later one."""
        return Time(self.nanoseconds + nanoseconds, self._location, self._fixed)

    def within(self, location: Location) -> Time:
        """Return the same time in another zone."""
        return Time(self.nanoseconds, location)

    def zone(self) -> tuple[int, str]:
        """Return the offset in seconds and the name of the zone."""
        if self._fixed is None:
            return self._location.at(self.nanoseconds // SECOND)
        name = self._location.name
        return self._fixed, name

    def parts(self) -> tuple[int, int, int, int, int, int, int]:
        """Return year, month, day, hour, minute, second and the day of the week from Sunday."""
        seconds = self.nanoseconds // SECOND + self.zone()[0]
        days, rest = divmod(seconds, _DAY)
        year, month, day = _civil(days)
        return year, month, day, rest // 3600, rest // 60 % 60, rest % 60, (days + 4) % 7

    def year_day(self) -> int:
        """Return the day of the year, from 1."""
        year, month, day = self.parts()[:3]
        return days_of(year, month, day) - days_of(year, 1, 1) + 1

    def format(self, layout: str) -> str:
        """Return the time in the layout."""
        year, month, day, hour, minute, second, weekday = self.parts()
        offset, zone = self.zone()
        at = self.nanoseconds % SECOND
        values: dict[str, object] = {
            "January": MONTHS[month - 1], "Jan": MONTHS[month - 1][:3], "1": month,
            "01": f"{month:02d}", "Monday": DAYS[weekday], "Mon": DAYS[weekday][:3],
            "2": day, "_2": f"{day:2d}", "02": f"{day:02d}",
            "__2": f"{self.year_day():3d}", "002": f"{self.year_day():03d}",
            "15": f"{hour:02d}", "3": (hour + 11) % 12 + 1, "03": f"{(hour + 11) % 12 + 1:02d}",
            "4": minute, "04": f"{minute:02d}", "5": second, "05": f"{second:02d}",
            "2006": f"{year:04d}", "06": f"{year % 100:02d}",
            "PM": "PM" if hour >= 12 else "AM", "pm": "pm" if hour >= 12 else "am",
            "MST": zone or _offset("-0700", offset),
        }  # fmt: skip

        def part(match: re.Match[str]) -> str:
            chunk = match[0]
            if chunk in values:
                return str(values[chunk])
            if chunk[0] in ".,":
                digits = f"{at:09d}"[: len(chunk) - 1]
                digits = digits.rstrip("0") if chunk[1] == "9" else digits
                return chunk[0] + digits if digits else ""
            return _offset(chunk, offset)

        return CHUNK.sub(part, layout)

    def json(self) -> str:
        """Return the time in quotes as RFC 3339 has it."""
        return f'"{self.format("2006-01-02T15:04:05.999999999Z07:00")}"'

    def __str__(self) -> str:
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def _truncated(self, to: Duration) -> Time:
        # From the year 1 on, as Go counts.
        since = self.nanoseconds - days_of(1, 1, 1) * _DAY * SECOND
        return self.plus(-(since % to.nanoseconds) if to.nanoseconds > 0 else 0)

    def _moved(self, years: int, months: int, days: int) -> Time:
        year, month, day, hour, minute, second, _ = self.parts()
        seconds = hour * 3600 + minute * 60 + second
        return built(
            (year + years, month + months, day + days),
            seconds * SECOND + self.nanoseconds % SECOND,
            self._location,
            self._fixed,
        )

    def _named(self, kind: str) -> Named:
        parts = self.parts()
        if kind == "Month":
            return Named("time.Month", parts[1], MONTHS[parts[1] - 1])
        return Named("time.Weekday", parts[6], DAYS[parts[6]])


def _number(value: int) -> Function:
    return Function("", "int", lambda: value)


def _comparing(holds: Callable[[Time], bool]) -> Function:
    return Function("time.Time", "bool", holds)


def _offset(chunk: str, seconds: int) -> str:
    if chunk[0] == "Z" and seconds == 0:
        return "Z"
    sign, rest = ("-", -seconds) if seconds < 0 else ("+", seconds)
    colon = ":" if ":" in chunk else ""
    text = f"{sign}{rest // 3600:02d}"
    digits = sum(character.isdigit() for character in chunk)
    if digits >= 4:
        text += f"{colon}{rest // 60 % 60:02d}"
    return text + (f"{colon}{rest % 60:02d}" if digits == 6 else "")


def _civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a number of days since 1970."""
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    rest = day - (365 * year + year // 4 - year // 100)
    shifted = (5 * rest + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, rest - (153 * shifted + 2) // 5 + 1


def days_of(year: int, month: int, day: int) -> int:
    """Return the number of days since 1970, for any month and day."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year + day - 719_469


def built(
    date: tuple[int, int, int], within: int, location: Location, fixed: int | None = None
) -> Time:
    """Return the time of a date and nanoseconds of the day, shown in the zone."""
    local = days_of(*date) * _DAY * SECOND + within
    offset = location.at(local // SECOND, local=True)[0] if fixed is None else fixed
    return Time(local - offset * SECOND, location, fixed)


_NAMED: Methods = {"String": lambda self: Function("", "string", lambda: str(self))}
_DURATION: Methods = {
    "Hours": lambda self: Function("", "float64", lambda: self._in("h")),
    "Minutes": lambda self: Function("", "float64", lambda: self._in("m")),
    "Seconds": lambda self: Function("", "float64", lambda: self._in("s")),
    "Milliseconds": lambda self: _whole(self.nanoseconds, 10**6),
    "Microseconds": lambda self: _whole(self.nanoseconds, 10**3),
    "Nanoseconds": lambda self: _whole(self.nanoseconds, 1),
    "String": lambda self: Function("", "string", lambda: str(self)),
    "Abs": lambda self: Function("", self.go_type, lambda: Duration(abs(self.nanoseconds))),
    "Truncate": lambda self: Function(self.go_type, self.go_type, lambda to: self._rounded(to, 0)),
    "Round": lambda self: Function(self.go_type, self.go_type, lambda to: self._rounded(to, 2)),
}
_LOCATION: Methods = {"String": lambda self: Function("", "string", lambda: str(self))}
_TIME: Methods = {
    "Year": lambda self: _number(self.parts()[0]),
    "Month": lambda self: Function("", "time.Month", lambda: self._named("Month")),
    "Day": lambda self: _number(self.parts()[2]),
    "Hour": lambda self: _number(self.parts()[3]),
    "Minute": lambda self: _number(self.parts()[4]),
    "Second": lambda self: _number(self.parts()[5]),
    "Nanosecond": lambda self: _number(self.nanoseconds % SECOND),
    "Weekday": lambda self: Function("", "time.Weekday", lambda: self._named("Weekday")),
    "YearDay": lambda self: _number(self.year_day()),
    "Unix": lambda self: _whole(self.nanoseconds // SECOND, 1),
    "UnixMilli": lambda self: _whole(self.nanoseconds // 10**6, 1),
    "UnixMicro": lambda self: _whole(self.nanoseconds // 10**3, 1),
    "UnixNano": lambda self: _whole(self.nanoseconds, 1),
    "Format": lambda self: Function("string", "string", self.format),
    "String": lambda self: Function("", "string", lambda: str(self)),
    "UTC": lambda self: Function("", self.go_type, lambda: self.within(UTC)),
    "Local": lambda self: Function("", self.go_type, lambda: self.within(Location("Local"))),
    "In": lambda self: Function("*time.Location", self.go_type, self.within),
    "IsZero": lambda self: Function("", "bool", lambda: self == NO_TIME),
    "Add": lambda self: Function(
        "time.Duration", self.go_type, lambda more: self.plus(more.nanoseconds)
    ),
    "AddDate": lambda self: Function("int,int,int", self.go_type, self._moved),
    "Sub": lambda self: Function(
        self.go_type,
        "time.Duration",
        lambda other: Duration(self.nanoseconds - other.nanoseconds),
    ),
    "Truncate": lambda self: Function("time.Duration", self.go_type, self._truncated),
    "After": lambda self: _comparing(lambda other: self.nanoseconds > other.nanoseconds),
    "Before": lambda self: _comparing(lambda other: self.nanoseconds < other.nanoseconds),
    "Equal": lambda self: _comparing(lambda other: self.nanoseconds == other.nanoseconds),
    "Compare": lambda self: Function(
        self.go_type,
        "int",
        lambda other: (
            (self.nanoseconds > other.nanoseconds) - (self.nanoseconds < other.nanoseconds)
        ),
    ),
}
METHODS: dict[str, Methods] = {
    "time.Time": _TIME,
    "time.Duration": _DURATION,
    "time.Month": _NAMED,
    "time.Weekday": _NAMED,
    "*time.Location": _LOCATION,
}
"""The methods of each type."""

NO_TIME: Time = Time(days_of(1, 1, 1) * _DAY * SECOND)
"""Go's zero: the first of January of the year 1."""
