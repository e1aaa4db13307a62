"""What a picture says of a task beside its name: what makes it run again, wait, or not run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hera_experiment.argo.objects import Manifest

KINDS = {
    "container": "container",
    "script": "script",
    "dag": "dag",
    "steps": "steps",
    "containerSet": "container set",
    "suspend": "suspend",
    "http": "http",
    "resource": "resource",
    "data": "data",
    "plugin": "plugin",
}
"""What a template is, by the field that says so."""

_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def kind_of(template: Manifest) -> str:
    """Return what a template is, nothing for one that says nothing."""
    return next((kind for key, kind in KINDS.items() if template.get(key) is not None), "")


def conditions(call: Manifest, count: int | None) -> Iterator[str]:
    """Yield on what it depends whether a task or a step runs, and how often."""
    if call.get("when"):
        yield f"when {without_braces(call['when'])}"
    depends = str(call.get("depends") or "")
    if "||" in depends or "!" in depends:
        yield f"after {one_line(depends)}"
    if count is None:
        source = call.get("withParam") or call.get("withSequence") or call.get("withItems")
        if isinstance(source, Mapping):
            source = source.get("count") or source.get("end")
        yield f"over {without_braces(source)}"
    allowed = mapping(call.get("continueOn"))
    if allowed.get("failed") or allowed.get("error"):
        yield "others go on when it fails"


def marks(template: Manifest) -> Iterator[str]:
    """Yield what is special about how a template runs."""
    if (retry := template.get("retryStrategy")) is not None:
        yield from _retries(mapping(retry).get("limit"))
    if template.get("daemon"):
        yield "daemon"
    if (suspend := template.get("suspend")) is not None:
        duration = mapping(suspend).get("duration")
        yield f"waits {one_line(duration)}" if duration else "waits until it is resumed"
    containers = entries(mapping(template.get("containerSet")).get("containers"))
    if containers:
        yield f"containers {', '.join(str(each.get('name')) for each in containers)}"
    for field, word in (("initContainers", "first"), ("sidecars", "beside")):
        if names := [str(each.get("name")) for each in entries(template.get(field))]:
            yield f"{word} {', '.join(names)}"
    if template.get("memoize"):
        yield "memoized"
    if template.get("parallelism"):
        yield f"at most {one_line(template['parallelism'])} at once"


def values(call: Manifest, template: Manifest) -> Iterator[str]:
    """Yield the parameters and artifacts that a task or a step gets and gives."""
    given, inputs, outputs = (
        mapping(each)
        for each in (call.get("arguments"), template.get("inputs"), template.get("outputs"))
    )
    arguments = {**_parameters(inputs), **_parameters(given)}
    for name, value in arguments.items():
        yield f"{name} = {value}" if value else name
    artifacts = {str(each.get("name")): each for each in entries(inputs.get("artifacts"))}
    artifacts |= {str(each.get("name")): each for each in entries(given.get("artifacts"))}
    for name, artifact in artifacts.items():
        source = artifact.get("from") or artifact.get("fromExpression")
        yield f"artifact {name}" + (f" of {without_braces(source)}" if source else "")
    for field, word in (("parameters", ""), ("artifacts", "artifact ")):
        for each in entries(outputs.get(field)):
            yield f"→ {word}{each.get('name')}"


def mapping(value: Any) -> Manifest:
    """Return ``value``, or an empty mapping where it is none."""
    return value if isinstance(value, Mapping) else {}


def entries(value: Any) -> list[Manifest]:
    """Return the mappings of a list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def one_line(value: object) -> str:
    """Return a value as text without ends of lines."""
    return " ".join(str(value).split())


def without_braces(value: object) -> str:
    """Return a value as a person reads it, its variables without the braces around them."""
    return _VARIABLE.sub(r"\1", one_line(value))


def _retries(limit: object) -> Iterator[str]:
    if limit is None:
        yield "retried"
    elif str(limit) != "0":
        yield "retried once" if str(limit) == "1" else f"retried up to {one_line(limit)} times"


def _parameters(holder: Manifest) -> dict[str, str]:
    return {
        str(each.get("name")): _reference(_value(each))
        for each in entries(holder.get("parameters"))
    }


def _reference(value: object) -> str:
    """Return a value, that of a single variable without its braces."""
    text = one_line(value)
    return without_braces(text) if _VARIABLE.fullmatch(text) else text


def _value(parameter: Manifest) -> object:
    for key in ("value", "default"):
        if parameter.get(key) is not None:
            return parameter[key]
    return ""
