"""Looks a path up in JSON, as the function ``jsonpath`` does.

Source: ``token/*.go`` and ``script/standard/*.go`` of evilmonkeyinc/jsonpath.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.jsonpath_scripts import Script, script
from hera_experiment.argo.expr.values import Int64, kind_of, type_name


def query(path: str, root: Any) -> Any:
    """Return what the path leads to; raises :class:`Fault`."""
    try:
        steps = _parsed(path)
    except Fault as fault:
        message = f"invalid JSONPath selector '{path}' {fault.message}"
        raise Fault(message) from None
    return _followed(steps, root, root)


class _Step:
    """One part of a path: what it is called in messages, and what it makes of a value."""

    def __init__(self, name: str, body: Callable[[Any, Any, list[_Step]], Any]) -> None:
        self.name = name
        self.body = body


def _followed(steps: list[_Step], root: Any, current: Any) -> Any:
    return steps[0].body(root, current, steps[1:]) if steps else current


def _attempted(steps: list[_Step], root: Any, current: Any) -> Any:
    """Return what the steps lead to, None where they fail."""
    try:
        return _followed(steps, root, current)
    except Fault:
        return None


def _each(steps: list[_Step], root: Any, items: list[Any]) -> list[Any]:
    if not steps:
        return items
    found = (_attempted(steps, root, item) for item in items)
    return [item for item in found if item is not None]


def _target(name: str, value: Any, expected: str) -> Fault:
    found = "nil" if value is None else kind_of(type_name(value))
    return Fault(f"{name}: invalid token target. expected {expected} got [{found}]")


def _kept(steps: list[_Step], root: Any, items: list[Any]) -> Any:
    """Go on with all the items: an index picks one, anything else applies to each."""
    if steps and steps[0].name == "index":
        return _followed(steps, root, items)
    return _each(steps, root, items)


def _key(name: str) -> _Step:
    def body(root: Any, current: Any, rest: list[_Step]) -> Any:
        if not isinstance(current, dict):
            raise _target("key", current, "[map]")
        if name not in current:
            raise Fault(f"key: invalid token key '{name}' not found")
        return _followed(rest, root, current[name])

    return _Step("key", body)


def _index(index: int) -> _Step:
    def body(root: Any, current: Any, rest: list[_Step]) -> Any:
        if not isinstance(current, list):
            raise _target("index", current, "[array slice]")
        if not -len(current) <= index < len(current):
            raise Fault("index: invalid token out of range")
        return _followed(rest, root, current[index])

    return _Step("index", body)


def _values(name: str, current: Any) -> list[Any]:
    if isinstance(current, dict):
        return [current[key] for key in sorted(current)]
    if isinstance(current, list):
        return current
    expected = "[array map slice]"
    raise _target(name, current, expected)


def _wildcard(root: Any, current: Any, rest: list[_Step]) -> Any:
    return _each(rest, root, _values("wildcard", current))


def _recursive(root: Any, current: Any, rest: list[_Step]) -> Any:
    if current is None:
        return []
    found: list[Any] = []
    if rest:
        result = _attempted(rest, root, current)
        if isinstance(result, list):
            found += result
        elif result is not None:
            found.append(result)
    else:
        found.append(current)
    if isinstance(current, (dict, list)):
        for item in _values("recursive", current):
            found += _recursive(root, item, rest)
    return found


def _length(root: Any, current: Any, rest: list[_Step]) -> Any:
    if isinstance(current, dict) and "length" in current:
        return _followed(rest, root, current["length"])
    if not isinstance(current, (dict, list, str)):
        raise _target("length", current, "[array map slice string]")
    size = len(current.encode()) if isinstance(current, str) else len(current)
    return _followed(rest, root, Int64(size))


def _range(bounds: list[int | None]) -> _Step:
    def body(root: Any, current: Any, rest: list[_Step]) -> Any:
        if not isinstance(current, list):
            raise _target("range", current, "[array slice]")
        first, last, step = [*bounds, None, None][:3]
        start, stop, _ = slice(first, last).indices(len(current))
        step = 1 if step is None else step
        if step == 0:
            raise Fault("range: invalid token out of range")
        indices = range(start, stop, step) if step > 0 else range(stop - 1, start - 1, step)
        return _kept(rest, root, [current[at] for at in indices])

    return _Step("range", body)


def _union(arguments: list[Any]) -> _Step:
    def body(root: Any, current: Any, rest: list[_Step]) -> Any:
        if all(isinstance(argument, str) for argument in arguments):
            if not isinstance(current, dict):
                raise _target("union", current, "[map]")
            found = [current[name] for name in arguments if name in current]
        elif all(isinstance(argument, int) for argument in arguments):
            if not isinstance(current, list):
                raise _target("union", current, "[array slice]")
            size = len(current)
            found = [current[at] for at in arguments if -size <= at < size]
        else:
            kinds = [isinstance(argument, str) for argument in arguments]
            got, wanted = ("string", "int") if kinds[-1] else ("int", "string")
            message = f"union: invalid token argument. expected [{wanted}] got [{got}]"
            raise Fault(message)
        return _kept(rest, root, found)

    return _Step("union", body)


def _filter(expression: str) -> _Step:
    evaluate = script(expression, _selected)

    def body(root: Any, current: Any, rest: list[_Step]) -> Any:
        found = []
        for item in _values("filter", current):
            try:
                holds = _counts(evaluate(root, item))
            except Fault:
                holds = False
            if holds:
                found.append(item)
        return _kept(rest, root, found)

    return _Step("filter", body)


def _counts(value: Any) -> bool:
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return len(value) > 2
    return bool(value)


def _computed(expression: str) -> _Step:
    evaluate = script(expression, _selected)

    def body(root: Any, current: Any, rest: list[_Step]) -> Any:
        try:
            value = evaluate(root, current)
        except Fault as fault:
            raise Fault(f"invalid expression. {fault.message}") from None
        if isinstance(value, str):
            return _followed([_key(value), *rest], root, current)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value):
            return _followed([_index(int(value)), *rest], root, current)
        found = "nil" if value is None else kind_of(type_name(value))
        raise Fault(f"unexpected expression result. expected [int string] got [{found}]")

    return _Step("script", body)


def _parsed(path: str) -> list[_Step]:
    return [_step(part.strip()) for part in _cut(path)]


def _cut(path: str) -> list[str]:
    if not path:
        raise Fault("unexpected token '' at index 0")
    if path[0] not in "$@":
        raise Fault(f"unexpected token '{path[0]}' at index 0")
    if len(path) > 1 and path[1] not in ".[":
        raise Fault(f"unexpected token '{path[1]}' at index 1")
    parts, at = [path[0]], 1
    while at < len(path):
        if path.startswith("..", at):
            parts.append("..")
            at += 2
            if at < len(path) and path[at] not in ".[":
                at = _until(path, at, parts)
        elif path[at] == "[":
            end = _closing(path, at)
            parts.append(path[at:end])
            at = end
        elif path.startswith(".[", at):
            at += 1
        elif path[at] == ".":
            at = _until(path, at + 1, parts)
        else:
            at = _until(path, at, parts)
    return parts


def _until(path: str, start: int, parts: list[str]) -> int:
    at = start
    while at < len(path) and path[at] not in ".[":
        at += 1
    parts.append(path[start:at])
    return at


def _closing(path: str, start: int) -> int:
    """Return where the bracket at ``start`` ends, quotes and brackets within it passed over."""
    depth = round_ = 0
    quoted = False
    for at in range(start, len(path)):
        character = path[at]
        if character == "'":
            quoted = not quoted
        round_ += (character == "(") - (character == ")")
        depth += (character == "[") - (character == "]")
        if not quoted and not round_ and character == "]" and depth == 0:
            return at + 1
    return len(path)


def _step(text: str) -> _Step:
    if not text:
        raise Fault("invalid token. token string is empty")
    if text == "$":
        return _Step("root", lambda root, current, rest: _followed(rest, root, root))
    if text == "@":
        return _Step("current", lambda root, current, rest: _followed(rest, root, current))
    if text == "..":
        return _Step("recursive", _recursive)
    if not text.startswith("["):
        named = {"*": ("wildcard", _wildcard), "length": ("length", _length)}
        return _Step(*named[text]) if text in named else _key(text)
    inside = text[1:-1].strip()
    if not text.endswith("]") or not inside:
        raise _format(text)
    if inside == "*":
        return _Step("wildcard", _wildcard)
    if inside.startswith("?"):
        if not inside.startswith("?(") or not inside.endswith(")"):
            raise _format(text)
        return _filter(inside[2:-1].strip())
    return _subscript(text, inside)


def _format(text: str) -> Fault:
    return Fault(f"invalid token. '{text}' does not match any token format")


_ARGUMENT = re.compile(
    r"""\s*(?:'(?P<single>(?:\\.|[^'\\])*)'|"(?P<double>(?:\\.|[^"\\])*)"|(?P<number>[+-]?\d+))?\s*"""
)


def _subscript(text: str, inside: str) -> _Step:
    if inside.startswith("(") and inside.endswith(")") and len(inside) > 2:
        return _computed(inside[1:-1])
    arguments: list[Any] = []
    marks, at = [], 0
    while True:
        match = _ARGUMENT.match(inside, at)
        assert match is not None
        at = match.end()
        if match["number"]:
            arguments.append(int(match["number"]))
        elif match["single"] is not None:
            arguments.append(match["single"].replace("\\'", "'"))
        elif match["double"] is not None:
            arguments.append(match["double"].replace('\\"', '"'))
        else:
            arguments.append(None)
        if at == len(inside):
            break
        if inside[at] not in ":,":
            raise _format(text)
        marks.append(inside[at])
        at += 1
    if not marks:
        only = arguments[0]
        return _key(only) if isinstance(only, str) else _index(only)
    if set(marks) == {","} and None not in arguments:
        return _union(arguments)
    if set(marks) == {":"} and len(marks) <= 2 and not any(isinstance(a, str) for a in arguments):
        return _range(arguments)
    raise _format(text)


def _selected(path: str) -> Script:
    steps = _parsed(path)
    return lambda root, current: _followed(steps, root, current)
