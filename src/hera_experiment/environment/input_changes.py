"""Values of the inputs that are typed: ``vintages=[2016] constants.city_boroughs=9``."""

from __future__ import annotations

import ast
import copy
import dataclasses
import difflib
import json
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

from hera_experiment.errors import UserError

OPTION = "--set"
_NAME = re.compile(r"(?:^|(?<=\s))([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)=")
_OPENING, _CLOSING, _QUOTES = "([{", ")]}", "\"'"


@dataclasses.dataclass(frozen=True)
class Value:
    """One value of the inputs: its dotted name, its type and what it is."""

    name: str
    type: Any
    value: Any


def values_of(inputs: Any, before: str = "") -> Iterator[Value]:
    """Yield every value of ``inputs``; dataclasses within are looked into."""
    for name, kind in _fields(inputs).items():
        value = getattr(inputs, name)
        if _fields(value):
            yield from values_of(value, f"{before}{name}.")
        else:
            yield Value(before + name, kind, value)


def changed(inputs: Any, text: str) -> Any:
    """Return ``inputs`` with the values of ``text``, each checked against the type of its field.

    A name may be short where it is the only one; a value is written as in Python or in JSON.

    Raises
    ------
    UserError
        For a text that is no assignment, a name that does not exist, a value of another type.
    """
    for name, written in _assignments(text):
        known = list(values_of(inputs))
        found = [v for v in known if v.name == name or v.name.endswith(f".{name}")]
        exact = [v for v in found if v.name == name]
        if len(exact or found) != 1:
            raise _unknown(name, found, known)
        field = (exact or found)[0]
        inputs = _replaced(inputs, field.name.split("."), _read(field, written))
    return inputs


def schema_of(inputs: Any) -> dict[str, Any]:
    """Return the JSON Schema of the class of ``inputs``, or nothing if types tell too little."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        return TypeAdapter(type(inputs)).json_schema()
    except (PydanticUserError, NameError):
        return {}


def name_of(kind: Any) -> str:
    """Return how a person writes the type ``kind``."""
    plain = isinstance(kind, type) and not getattr(kind, "__args__", None)
    return kind.__name__ if plain else str(kind).replace("typing.", "")


def _fields(inputs: Any) -> dict[str, Any]:
    """Return the fields of an object and their types, none for a plain value."""
    if dataclasses.is_dataclass(inputs) and not isinstance(inputs, type):
        try:
            hints = get_type_hints(type(inputs))
        except NameError:
            hints = {}
        names = [field.name for field in dataclasses.fields(inputs) if field.init]
        return {name: hints.get(name, type(getattr(inputs, name))) for name in names}
    inner = getattr(inputs, "__dict__", None)
    if inner is None or isinstance(inputs, type) or callable(inputs):
        return {}
    return {name: type(value) for name, value in inner.items() if not name.startswith("_")}


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and what is written for them; brackets and quotes keep blanks together."""
    starts = [match for match in _NAME.finditer(text) if not _is_inside(text, match.start())]
    if not starts or text[: starts[0].start()].strip():
        raise UserError(
            f"'{text.strip()}' gives no value to a name",
            OPTION,
            "write name=value, as vintages=[2016]",
        )
    for match, following in zip(starts, [*starts[1:], None], strict=True):
        end = following.start() if following else len(text)
        yield match[1], text[match.end() : end].strip()


def _is_inside(text: str, position: int) -> bool:
    depth, quote = 0, ""
    for character in text[:position]:
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        else:
            depth += (character in _OPENING) - (character in _CLOSING)
    return bool(quote) or depth > 0


def _read(field: Value, written: str) -> Any:
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError

    try:
        value: Any = ast.literal_eval(written)
    except (ValueError, SyntaxError):
        try:
            value = json.loads(written)
        except ValueError:
            value = written
    try:
        adapter = TypeAdapter(field.type)
        if field.type is str and not isinstance(value, str):
            value = written  # a version such as 3.10 is meant as it is typed
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        inner = "".join(f"[{each!r}]" for each in first["loc"])
        raise UserError(
            f"{field.name} is {name_of(field.type)}, not {written!r}: "
            f"{(inner + ' ') if inner else ''}{first['msg'][0].lower()}{first['msg'][1:]}",
            OPTION,
            f"write it as {field.name}={field.value!r}",
        ) from None
    except PydanticUserError:
        return value


def _replaced(inputs: Any, path: list[str], value: Any) -> Any:
    name, *rest = path
    new = _replaced(getattr(inputs, name), rest, value) if rest else value
    if dataclasses.is_dataclass(inputs) and not isinstance(inputs, type):
        return dataclasses.replace(inputs, **{name: new})
    other = copy.copy(inputs)
    setattr(other, name, new)
    return other


def _unknown(name: str, found: list[Value], known: list[Value]) -> UserError:
    if found:
        full = " or ".join(value.name for value in found)
        return UserError(f"two inputs are called '{name}'", OPTION, f"write {full}")
    short = {value.name.rpartition(".")[2]: value.name for value in known}
    names = [*short, *short.values()]
    close = difflib.get_close_matches(name, names, n=1)
    advice = f"did you mean {short.get(close[0], close[0])}?" if close else "make inputs lists them"
    return UserError(f"there is no input '{name}'", OPTION, advice)
