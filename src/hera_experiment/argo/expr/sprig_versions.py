"""Whether a version suits a constraint such as ``>=1.2, <2`` or ``^1.4``.

Source: ``version.go`` and ``constraints.go`` of Masterminds/semver.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from hera_experiment.argo.expr.errors import Fault

_TAIL = (
    r"(?:-(?P<pre>[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?"
    r"(?:\+(?P<build>[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?"
)
_VERSION = re.compile(r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?" + _TAIL, re.ASCII)
_PART = r"[0-9|x|X|\*]+"
_LOOSE = (
    rf"v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?"
    r"(-(?:[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(\+(?:[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?"
)
_PLAIN = re.sub(r"\((?!\?)", "(?:", _LOOSE)
_ANY_OPERATOR = r"(?:=|!=|>=|=>|<=|=<|>|<|~>|~|\^)?"
_ONE = re.compile(rf"\s*({_ANY_OPERATOR})\s*({_LOOSE})\s*")
_MANY = re.compile(
    rf"\s*{_ANY_OPERATOR}\s*{_PLAIN}\s*(?:(?:\s+|,\s*){_ANY_OPERATOR}\s*{_PLAIN}\s*)*"
)
_FIND = re.compile(rf"{_ANY_OPERATOR}\s*{_PLAIN}")
_RANGE = re.compile(rf"\s*({_PLAIN})\s+-\s+({_PLAIN})\s*")
_INVALID = "Invalid Semantic Version"


class _Version(NamedTuple):
    numbers: tuple[int, int, int]
    pre: str


class _Constraint(NamedTuple):
    """A version of which only the first ``known`` numbers were given."""

    operator: str
    version: _Version
    known: int


def suits(constraint: str, version: str) -> bool:
    """Tell whether the version suits the constraint; raises :class:`Fault`."""
    alternatives = [_constraints(one) for one in _without_ranges(constraint).split("||")]
    found = _parsed(version)
    return any(all(_holds(one, found) for one in each) for each in alternatives)


def _without_ranges(text: str) -> str:
    return _RANGE.sub(lambda match: f">= {match[1]}, <= {match[2]} ", text)


def _constraints(text: str) -> list[_Constraint]:
    if not _MANY.fullmatch(text):
        raise Fault(f"improper constraint: {text}")
    return [_constraint(one) for one in _FIND.findall(text)]


def _constraint(text: str) -> _Constraint:
    match = _ONE.fullmatch(text)
    if match is None:
        raise Fault(f"improper constraint: {text}")
    parts = list(match.groups()[2:5])
    wild = [part is None or part in ("x", "X", "*") for part in parts]
    known = wild.index(True) if True in wild else 3
    numbers = [*parts[:known], *["0"] * (3 - known)]
    try:
        version = _parsed(f"{'.'.join(numbers)}{match[6] or ''}")
    except Fault:
        raise Fault("constraint Parser Error") from None
    return _Constraint(match[1], version, known)


def _parsed(text: str) -> _Version:
    match = _VERSION.fullmatch(text)
    if match is None:
        raise Fault(_INVALID)
    major, minor, patch = (int(part or 0) for part in match.groups()[:3])
    pre = match["pre"] or ""
    for part in pre.split("."):
        if part.isdigit() and len(part) > 1 and part[0] == "0":
            raise Fault("Version segment starts with 0")
    return _Version((major, minor, patch), pre)


def _compared(left: _Version, right: _Version) -> int:
    if left.numbers != right.numbers:
        return 1 if left.numbers > right.numbers else -1
    if not left.pre or not right.pre:
        return bool(right.pre) - bool(left.pre)
    ones, others = left.pre.split("."), right.pre.split(".")
    for at in range(max(len(ones), len(others))):
        one, other = (parts[at] if at < len(parts) else "" for parts in (ones, others))
        if one != other:
            return 1 if _order(one) > _order(other) else -1
    return 0


def _order(part: str) -> tuple[int, int, str]:
    """Return what parts of a pre-release are sorted by: none, then numbers, then words."""
    if part.isdigit():
        return 1, int(part), ""
    return (2 if part else 0), 0, part


def _tilde(wanted: _Constraint, found: _Version) -> bool:
    if _compared(found, wanted.version) < 0:
        return False
    if wanted.version.numbers == (0, 0, 0) and wanted.known in (0, 3):
        return True
    count = 1 if wanted.known == 1 else 2
    return found.numbers[:count] == wanted.version.numbers[:count]


def _caret(wanted: _Constraint, found: _Version) -> bool:
    if _compared(found, wanted.version) < 0:
        return False
    major, minor, patch = wanted.version.numbers
    if major > 0 or wanted.known == 1:
        return found.numbers[0] == major
    if found.numbers[0] > 0:
        return False
    if minor > 0 or wanted.known == 2:
        return found.numbers[1] == minor
    return found.numbers[1] == 0 and found.numbers[2] == patch


def _equal(wanted: _Constraint, found: _Version) -> bool:
    if wanted.known < 3:
        return _tilde(wanted, found)
    return _compared(found, wanted.version) == 0


def _different(wanted: _Constraint, found: _Version) -> bool:
    if wanted.known == 3:
        return _compared(found, wanted.version) != 0
    count = {0: 3, 1: 1, 2: 2}[wanted.known]
    if found.numbers[:count] != wanted.version.numbers[:count]:
        return True
    if wanted.known == 2 and (found.pre or wanted.version.pre):
        return found.pre != wanted.version.pre
    return wanted.known == 0 and _compared(found, wanted.version) != 0


def _above(wanted: _Constraint, found: _Version) -> bool:
    if wanted.known in (1, 2):
        return found.numbers[: wanted.known] > wanted.version.numbers[: wanted.known]
    return _compared(found, wanted.version) > 0


def _up_to(wanted: _Constraint, found: _Version) -> bool:
    if wanted.known == 3:
        return _compared(found, wanted.version) <= 0
    count = 1 if wanted.known == 1 else 2
    return found.numbers[:count] <= wanted.version.numbers[:count]


_CHECKS: dict[str, Callable[[_Constraint, _Version], bool]] = {
    **dict.fromkeys(("", "="), _equal),
    "!=": _different,
    ">": _above,
    "<": lambda wanted, found: _compared(found, wanted.version) < 0,
    **dict.fromkeys((">=", "=>"), lambda wanted, found: _compared(found, wanted.version) >= 0),
    **dict.fromkeys(("<=", "=<"), _up_to),
    **dict.fromkeys(("~", "~>"), _tilde),
    "^": _caret,
}


def _holds(wanted: _Constraint, found: _Version) -> bool:
    # A pre-release suits nobody who does not name one.
    is_unasked = bool(found.pre) and not wanted.version.pre
    if is_unasked and (wanted.operator != "!=" or wanted.known < 3):
        return False
    return _CHECKS[wanted.operator](wanted, found)
