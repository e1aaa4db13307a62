"""Tables and documents compared by cell, other texts by line."""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

_EXAMPLES = 5
_LONGEST = 60
_LINES = 20_000
"""Lines of the longest text that is compared line by line: that takes its square."""

_SEPARATORS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True)
class Amount:
    """How much differs: in words, as a share, by at most; ``within`` if within the tolerance."""

    what: str
    share: float | None = None
    largest: float | None = None
    examples: tuple[str, ...] = ()
    within: bool = False


def table_difference(path: str, one: bytes, other: bytes, tolerance: float) -> Amount | None:
    """Return how two tables (CSV, TSV) or documents (JSON) differ, None for what is none."""
    suffix = PurePosixPath(path).suffix.lower()
    try:
        texts = one.decode("utf-8-sig"), other.decode("utf-8-sig")
        if suffix in _SEPARATORS:
            pair = [dict(_cells_of_table(text, _SEPARATORS[suffix])) for text in texts]
        elif suffix == ".json":
            pair = [dict(cells_of_document(json.loads(text))) for text in texts]
        else:
            return None
    except (ValueError, csv.Error, RecursionError):
        return None
    return _difference(pair[0], pair[1], tolerance)


def text_difference(one: bytes, other: bytes) -> Amount | None:
    """Return how two texts differ by line, None for what is no text."""
    if b"\0" in one or b"\0" in other:
        return None
    try:
        before, after = one.decode().splitlines(), other.decode().splitlines()
    except ValueError:
        return None
    if max(len(before), len(after)) > _LINES:
        return None
    removed, added, examples = 0, 0, []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=len(before) > 2000)
    for kind, from_one, to_one, from_other, to_other in matcher.get_opcodes():
        if kind == "equal":
            continue
        removed += to_one - from_one
        added += to_other - from_other
        first, second = before[from_one:to_one], after[from_other:to_other]
        examples.append(
            f"line {from_one + 1}: {_short(' '.join(first[:1]))} → {_short(' '.join(second[:1]))}"
        )
    total = max(len(before), len(after)) or 1
    count = max(removed, added)
    what = f"{count} of {total} lines differ" if count else "line ends differ"
    return Amount(what, count / total, None, tuple(examples[:_EXAMPLES]))


def _difference(one: dict[str, Any], other: dict[str, Any], tolerance: float) -> Amount:
    names = list(dict.fromkeys((*one, *other)))
    changed: list[str] = []
    examples: list[str] = []
    largest: float | None = None
    tolerated = 0
    for name in names:
        before, after = one.get(name), other.get(name)
        if name in one and name in other and _same(before, after):
            continue
        first, second = _number(before), _number(after)
        if first is not None and second is not None:
            if math.isclose(first, second, rel_tol=tolerance, abs_tol=0.0):
                tolerated += 1
                continue
            largest = max(largest or 0.0, abs(first - second))
        changed.append(name)
        if len(examples) < _EXAMPLES:
            examples.append(f"{name}: {_shown(name, one)} → {_shown(name, other)}")
    if not changed:
        what = f"{tolerated} of {len(names)} values differ within the tolerance {tolerance:g}"
        if not tolerated:
            # Blanks, the order of keys: the values are all the same.
            return Amount("written otherwise, all values are equal", 0.0, 0.0, (), within=True)
        return Amount(what, tolerated / len(names), largest, (), within=True)
    what = f"{len(changed)} of {len(names)} values differ"
    if largest is not None:
        what += f", by at most {largest:g}"
    return Amount(what, len(changed) / len(names), largest, tuple(examples))


def _cells_of_table(text: str, separator: str) -> Iterator[tuple[str, str]]:
    """Yield the cells by row and column: a row by its first cell where these are all different."""
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    if not rows:
        return
    header, body = rows[0], rows[1:]
    first = [row[0] for row in body if row]
    named = len(set(first)) == len(first) == len(body)
    yield from ((f"column {number}", name) for number, name in enumerate(header, 1))
    for number, row in enumerate(body, 2):
        label = row[0] if named and row else f"row {number}"
        for column, cell in enumerate(row):
            title = header[column] if column < len(header) else str(column + 1)
            yield f"{label}, {title}", cell


def cells_of_document(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a document by their dotted names."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from cells_of_document(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from cells_of_document(item, f"{name}[{number}]")
    else:
        yield name or "value", value


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or (one != one and other != other))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _shown(name: str, cells: dict[str, Any]) -> str:
    return _short(str(cells[name])) if name in cells else "nothing"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
