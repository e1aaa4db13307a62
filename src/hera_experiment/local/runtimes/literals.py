"""Which literal values may reach the inputs of each template, known before anything runs."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hera_experiment.local.runtimes.container import Json

_TAG = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_MOST = 1000
"""No more values than this are followed for one text."""

Values = Mapping[str, "set[str]"]


def tags_closed_up(text: str) -> str:
    """Return ``text`` with the blanks removed that ``{{ a }}`` may have inside."""
    return _TAG.sub(lambda match: "{{" + match[1] + "}}", text)


def candidates(text: str, known: Values) -> list[str]:
    """Return what ``text`` may become; tags without a known value stay as they are."""
    tags = dict.fromkeys(match[1] for match in _TAG.finditer(text) if match[1] in known)
    text = tags_closed_up(text)
    found = []
    for values in itertools.islice(itertools.product(*(sorted(known[t]) for t in tags)), _MOST):
        one = text
        for tag, value in zip(tags, values, strict=True):
            one = one.replace("{{" + tag + "}}", value)
        found.append(one)
    return found


def literal_inputs(workflow: Json) -> dict[str, dict[str, set[str]]]:
    """Return, by template, the known values of its tags ``inputs.parameters.<name>``.

    Values that a task computes are not among them.
    """
    spec = workflow.get("spec") or {}
    templates = {str(t.get("name")): t for t in spec.get("templates") or ()}
    given = _values((spec.get("arguments") or {}).get("parameters"))
    shared: dict[str, set[str]] = {f"workflow.parameters.{k}": {v} for k, v in given.items()}
    known: dict[str, dict[str, set[str]]] = {name: {} for name in templates}
    entrypoint = str(spec.get("entrypoint"))
    seen: set[str] = set()
    waiting: list[tuple[str, dict[str, set[str]]]] = [
        (entrypoint, {name: {value} for name, value in given.items()})
    ]
    while waiting:
        name, arguments = waiting.pop()
        template = templates.get(name)
        if template is None:
            continue
        inputs = (template.get("inputs") or {}).get("parameters") or ()
        defaults = {n: {v} for n, v in _values(inputs).items()}
        grown = False
        for parameter in inputs:
            key = str(parameter.get("name"))
            values = arguments.get(key, defaults.get(key, set()))
            have = known[name].setdefault(f"inputs.parameters.{key}", set())
            if len(have) < _MOST and not values <= have:
                have |= values
                grown = True
        # A template seen before with nothing new passes nothing new on.
        if grown or name not in seen:
            seen.add(name)
            for task in _tasks(template):
                scope = {**shared, **known[name], **_items(task)}
                passed = _values((task.get("arguments") or {}).get("parameters"))
                waiting.append(
                    (
                        str(task.get("template")),
                        {key: set(candidates(value, scope)) for key, value in passed.items()},
                    )
                )
    return {
        name: {**shared, **{tag: values for tag, values in tags.items() if values}}
        for name, tags in known.items()
    }


def _values(parameters: Any) -> dict[str, str]:
    return {
        str(p.get("name")): _text(p["value"])
        for p in parameters or ()
        if p.get("value") is not None
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _tasks(template: Json) -> Iterator[Json]:
    yield from (template.get("dag") or {}).get("tasks") or ()
    for group in template.get("steps") or ():
        yield from group if isinstance(group, list) else group.get("steps") or ()


def _items(task: Json) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for item in task.get("withItems") or ():
        if isinstance(item, dict):
            for key, value in item.items():
                found.setdefault(f"item.{key}", set()).add(_text(value))
        else:
            found.setdefault("item", set()).add(_text(item))
    return found
