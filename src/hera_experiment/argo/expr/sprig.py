"""The functions that Argo lends from Masterminds/sprig: all of them; here JSON, types, dates.

Source: ``functions.go``, ``defaults.go``, ``reflect.go`` and ``date.go`` of Masterminds/sprig.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hera_experiment.argo.expr import sprig_lists, sprig_numbers, sprig_texts, time_layouts, times
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.operations import deeply_equal
from hera_experiment.argo.expr.sprig_lists import otherwise
from hera_experiment.argo.expr.values import (
    ANY,
    Function,
    Int64,
    is_number,
    json_of,
    kind_of,
    parsed_json,
    type_name,
)

UNINTERPRETED = frozenset(
    (
        "ago shuffle randAlphaNum randAlpha randAscii randNumeric randInt uuidv4 getHostByName "
        "bcrypt htpasswd genPrivateKey derivePassword buildCustomCert genCA genCAWithKey "
        "genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey encryptAES "
        "decryptAES randBytes semver urlParse urlJoin "
    ).split()
)
"""What is not interpreted here: what depends on chance or secrets, and what nobody asked for."""


def _ternary(yes: Any, no: Any, condition: bool) -> Any:
    return yes if condition else no


def _date(clock: Callable[[], int]) -> Callable[..., str]:
    def function(layout: str, date: Any, zone: str = "Local") -> str:
        if isinstance(date, times.Time):
            moment = date
        elif is_number(date) and not isinstance(date, float):
            moment = times.Time(int(date) * 10**9)
        else:
            moment = times.Time(clock())
        try:
            return moment.within(times.load_location(zone)).format(layout)
        except Fault:
            return moment.within(times.UTC).format(layout)

    return function


def _moved(change: str, date: times.Time) -> times.Time:
    return date.plus(times.parse_duration(change).nanoseconds)


def _date_modified(change: str, date: times.Time) -> times.Time:
    try:
        return _moved(change, date)
    except Fault:
        return date


def _to_date(layout: str, text: str) -> times.Time:
    return time_layouts.parse_time(layout, text, times.load_location("Local"))


def _seconds(value: Any) -> str:
    if isinstance(value, str):
        count = int(value) if re.fullmatch(r"[+-]?[0-9]+", value) else 0
    else:
        count = int(value) if isinstance(value, Int64) else 0
    return str(times.Duration(count * 10**9))


_LONG = (("y", 31_536_000), ("mo", 2_592_000), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def _rounded_duration(value: Any) -> str:
    size = 0
    if isinstance(value, str):
        size = otherwise(times.Duration(0), times.parse_duration)(value).nanoseconds
    elif isinstance(value, Int64):
        size = int(value)
    for name, seconds in _LONG:
        if abs(size) > seconds * 10**9:
            return f"{abs(size) // (seconds * 10**9)}{name}"
    return "0s"


def _failed(message: str) -> str:
    raise Fault(message)


_MANY = f"...{ANY}"
_ONE_MORE = f"{ANY},{_MANY}"
_S, _SS, _SSS = "string", "string,string", "string,string,string"


_TABLE: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("hello", "", _S, lambda: "Hello!"),
    ("date_modify dateModify", "string,time.Time", "time.Time", _date_modified),
    ("must_date_modify mustDateModify", "string,time.Time", "time.Time", _moved),
    ("mustToDate", _SS, "time.Time", _to_date),
    ("toDate", _SS, "time.Time", otherwise(times.NO_TIME, _to_date)),
    ("unixEpoch", "time.Time", _S, lambda date: str(date.nanoseconds // 10**9)),
    ("duration", ANY, _S, _seconds),
    ("durationRound", ANY, _S, _rounded_duration),
    ("fromJson", _S, ANY, otherwise(None, parsed_json)),
    ("mustFromJson", _S, ANY, parsed_json),
    ("toJson", ANY, _S, otherwise("", json_of)),
    ("mustToJson", ANY, _S, json_of),
    ("toPrettyJson", ANY, _S, otherwise("", lambda value: json_of(value, "  "))),
    ("mustToPrettyJson", ANY, _S, lambda value: json_of(value, "  ")),
    ("toRawJson mustToRawJson", ANY, _S, lambda value: json_of(value, escaped=False)),
    ("ternary", f"{ANY},{ANY},bool", ANY, _ternary),
    ("typeOf", ANY, _S, type_name),
    ("typeIs", f"string,{ANY}", "bool", lambda name, value: name == type_name(value)),
    (
        "typeIsLike",
        f"string,{ANY}",
        "bool",
        lambda name, value: type_name(value) in (name, f"*{name}"),
    ),
    ("kindOf", ANY, _S, lambda value: kind_of(type_name(value))),
    ("kindIs", f"string,{ANY}", "bool", lambda name, value: name == kind_of(type_name(value))),
    ("deepEqual", f"{ANY},{ANY}", "bool", deeply_equal),
    ("fail", _S, _S, _failed),
]


def _refused(name: str) -> Callable[..., Any]:
    def function(*_: Any) -> Any:
        raise Fault(f"sprig.{name} is not interpreted here")

    return function


def functions(clock: Callable[[], int]) -> dict[str, Function]:
    """Return the functions; ``clock`` gives nanoseconds since 1970."""
    dated = _date(clock)
    table: list[tuple[str, str, str, Callable[..., Any]]] = [
        *_TABLE,
        *sprig_numbers.TABLE,
        *sprig_texts.TABLE,
        *sprig_lists.TABLE,
        ("date", f"string,{ANY}", _S, dated),
        ("date_in_zone dateInZone", f"string,{ANY},string", _S, dated),
        ("htmlDate", ANY, _S, lambda date: dated("2006-01-02", date)),
        (
            "htmlDateInZone",
            f"{ANY},string",
            _S,
            lambda date, zone: dated("2006-01-02", date, zone),
        ),
        ("now", "", "time.Time", lambda: times.Time(clock())),
    ]
    found = {
        name: Function(parameters, result, body)
        for names, parameters, result, body in table
        for name in names.split()
    }
    return found | {name: Function(_MANY, ANY, _refused(name)) for name in UNINTERPRETED}
