"""Turns one task with ``withItems``, ``withParam`` or ``withSequence`` into many.

Source: ``expandTask``, ``processItem`` and ``expandSequence`` in ``workflow/controller`` and
``pkg/apis/workflow/v1alpha1/item.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from hera_experiment.argo import go_text
from hera_experiment.local.engine.substitution import (
    ANY,
    Lookup,
    Unprintable,
    Variables,
    names_of,
    substitute,
)
from hera_experiment.local.engine.when import WhenError, should_execute

LOOPS = ("withItems", "withParam", "withSequence")
"""The fields that make a task one for each item."""

_VERB = re.compile(r"%([-+ #0]*)(\d+)?([dxXob%])")

_KINDS = {"{": "object", '"': "string", "t": "bool", "f": "bool"}


class LoopError(ValueError):
    """A loop without a list of items."""


def is_loop(task: Mapping[str, Any]) -> bool:
    """Tell whether the task is to be expanded."""
    return any(task.get(key) for key in LOOPS)


def expand(task: Mapping[str, Any], lookup: Lookup) -> list[dict[str, Any]]:
    """Return one task for each item, named ``task(INDEX:ITEM)``, with its variables replaced.

    Raises :class:`LoopError` or :class:`~.substitution.SubstitutionError`.
    """
    when = task.get("when", "")
    try:
        items = _items(task)
    except LoopError:
        if _runs(when):
            raise
        items = []
    body = {key: value for key, value in task.items() if key not in LOOPS}
    try:
        lenient = not should_execute(when)
    except WhenError:
        lenient = False
    return [_expanded(body, index, item, lookup, lenient) for index, item in enumerate(items)]


def items_of(task: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each item of a loop as JSON, and as it stands in its node's name.

    Raises :class:`LoopError` where there is no list of them.
    """
    return [(item, _described(item)) for item in _items(task)]


def item_values(item: str) -> dict[str, str]:
    """Return what ``{{item}}`` and ``{{item.KEY}}`` stand for, for an item of JSON."""
    values = {"item": _text(item)}
    if item[0] == "{":
        values.update((f"item.{key}", _shown(value)) for key, value in _members(item).items())
    return values


def _runs(when: str) -> bool:
    try:
        return should_execute(when)
    except WhenError:
        return True


def _items(task: Mapping[str, Any]) -> list[str]:
    """Return the items as JSON: what Argo makes of one depends on how it is spelt."""
    if task.get("withItems"):
        return [go_text.dumps(item) for item in task["withItems"]]
    if task.get("withParam"):
        text = task["withParam"]
        try:
            compact = go_text.compact(text)
        except go_text.JsonError as error:
            raise _no_list(text, str(error)) from None
        if compact == "null":
            return []
        if compact[0] != "[":
            kind = _KINDS.get(compact[0], "number")
            reason = f"json: cannot unmarshal {kind} into Go value of type []v1alpha1.Item"
            raise _no_list(text, reason)
        return go_text.elements(compact)
    return [go_text.dumps(value) for value in _sequence(task["withSequence"])]


def _no_list(text: str, reason: str) -> LoopError:
    return LoopError(
        f"withParam value could not be parsed as a JSON list: {text.strip()}: {reason}"
    )


def _sequence(sequence: Mapping[str, Any]) -> list[str]:
    start = _integer(sequence.get("start", 0))
    if "end" in sequence:
        end = _integer(sequence["end"])
    else:
        count = _integer(sequence.get("count", 0))
        if count == 0:
            return []
        end = start + count - 1
    pattern = sequence.get("format") or "%d"
    step = 1 if start <= end else -1
    return [_formatted(pattern, value) for value in range(start, end + step, step)]


def _integer(value: Any) -> int:
    text = str(value)
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise LoopError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    if len(text) > 20 or int(text) not in go_text.INT64:
        raise LoopError(f'strconv.Atoi: parsing "{text}": value out of range')
    return int(text)


def _formatted(pattern: str, value: int) -> str:
    if "%" in _VERB.sub("", pattern):
        raise LoopError(
            f"the local engine does not interpret the format {pattern!r} of withSequence: use %d, "
            "%x, %X, %o or %b"
        )
    parts = [match for match in _VERB.finditer(pattern) if match[3] != "%"]
    if len(parts) != 1:
        raise LoopError(f"the format {pattern!r} of withSequence needs exactly one number")

    def spelt(match: re.Match[str]) -> str:
        if match[3] == "%":
            return "%"
        flags = "".join(flag for flag in match[1] if flag != "-" and flag != "0" and flag != "#")
        sign, width = flags[-1:], match[2] or ""
        zero = "0" if "0" in match[1] and "-" not in match[1] else ""
        align = "<" if "-" in match[1] else ("" if zero else ">")
        return format(value, f"{align if width else ''}{sign}{zero}{width}{match[3]}")

    return _VERB.sub(spelt, pattern)


def _expanded(
    body: Mapping[str, Any], index: int, item: str, lookup: Lookup, lenient: bool
) -> dict[str, Any]:
    values = item_values(item)

    def with_item(name: str) -> str | None:
        if name in values:
            return values[name]
        found = lookup(name)
        if found is None and lenient:
            raise KeyError(name)
        return found

    try:
        known = Variables(with_item, lambda: [*values, *names_of(lookup)])
        task: dict[str, Any] = substitute(dict(body), known, () if lenient else ANY)
    except Unprintable as error:
        raise LoopError(f"invalid character '{error.escape}' in string escape code") from None
    task["name"] = f"{body['name']}({index}:{_described(item)})"
    task["template"] = body.get("template", "")
    return task


def _members(item: str) -> dict[str, str]:
    parts = go_text.elements(item)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {go_text.loads(key): value for key, value in pairs}


def _text(item: str) -> str:
    """Return what ``{{item}}`` stands for."""
    if item[0] == '"':
        return str(go_text.loads(item))
    if item[0] == "{":
        pairs = sorted(_members(item).items())
        return f"{{{','.join(f'{go_text.dumps(key)}:{value}' for key, value in pairs)}}}"
    # A number that is no float64 is none of Argo's types, and so an empty string.
    return "" if item[0] in "-123456789" and math.isinf(float(item)) else item


def _shown(item: str) -> str:
    return go_text.unescaped(item[1:-1] if item[0] == '"' else item)


def _described(item: str) -> str:
    return _plainly(item).replace("(", "").replace(")", "")


def _plainly(item: str) -> str:
    if item[0] == "{":
        return ",".join(sorted(f"{key}:{_shown(value)}" for key, value in _members(item).items()))
    if item == "null":
        return "[]"
    if item[0] == "[":
        return f"[{' '.join(map(_shown, go_text.elements(item)))}]"
    return _shown(item)
