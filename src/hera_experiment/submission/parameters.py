"""How the parameters of a script's function arrive: as the text they are, or as JSON."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any


class ParameterEncoding(Enum):
    """What a script's variable holds of the text that Argo brings."""

    TEXT = "str"
    TEXT_OR_NONE = "Optional[str]"
    """None where the text is ``null``, which is what Hera sends for None."""
    JSON = "JSON"
    """The value that the text says in JSON, the text itself where it is no JSON."""


@dataclass(frozen=True)
class ScriptParameter:
    """One parameter: the variable of the script, and Argo's name of it."""

    variable: str
    name: str
    arrival: ParameterEncoding
    default: Any = inspect.Parameter.empty


def script_parameters(function: Callable[..., Any]) -> dict[str, ScriptParameter]:
    """Return the parameters that Argo brings to ``function``, by their names there."""
    found = (_parameter(each) for each in inspect.signature(function).parameters.values())
    return {each.name: each for each in found if each is not None}


def _parameter(parameter: inspect.Parameter) -> ScriptParameter | None:
    from hera.workflows import Artifact, Parameter

    name, annotation = parameter.name, parameter.annotation
    if typing.get_origin(annotation) is typing.Annotated:
        for said in typing.get_args(annotation)[1:]:
            if isinstance(said, Artifact) or (isinstance(said, Parameter) and said.output):
                return None
            if isinstance(said, Parameter):
                name = said.name or name
    return ScriptParameter(parameter.name, name, arrival(annotation), parameter.default)


def arrival(annotation: Any) -> ParameterEncoding:
    """Return how a parameter of this annotation arrives."""
    kinds = set(_kinds(annotation))
    strings = kinds - {type(None)}
    if not strings or not all(issubclass(kind, str) for kind in strings):
        return ParameterEncoding.JSON
    return ParameterEncoding.TEXT_OR_NONE if len(kinds) > len(strings) else ParameterEncoding.TEXT


def _kinds(annotation: Any) -> Iterator[type]:
    """Yield the classes that a value may be of; ``object`` for what is none."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        yield from _kinds(arguments[0])
    elif origin is typing.Union or origin is types.UnionType:
        for each in arguments:
            yield from _kinds(each)
    elif origin is typing.Literal:
        yield from map(type, arguments)
    elif annotation is None:
        yield type(None)
    elif annotation is inspect.Parameter.empty or origin or not isinstance(annotation, type):
        yield object
    else:
        yield annotation
