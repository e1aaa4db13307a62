"""Refuses, before anything is sent, what would not arrive as it went in."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hera.shared.serialization import serialize
from hera.workflows import Artifact, Parameter, Script
from hera.workflows import models as m

from hera_experiment.argo.values import stray_braces, unprintable
from hera_experiment.errors import UserError
from hera_experiment.submission.parameters import (
    ParameterEncoding,
    ScriptParameter,
    script_parameters,
)
from hera_experiment.submission.scripts import WholeValues, calls

_ITEM = re.compile(r"\{\{\s*(item(?:\.[^{}\s]+)?)\s*\}\}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_INT64 = range(-(2**63), 2**63)
_JSON_ONLY = "send a list, a dict, a string, a number, True, False or None"


def refuse_unsendable(workflow: Any) -> None:
    """Raise :class:`UserError` for the first value of a Hera ``workflow`` that Argo cannot carry.

    It names the task (or step) and the parameter. To be called when the workflow's scripts have
    got their constructors, for what a value may hold depends on who receives it.
    """
    templates = {t.name: t for t in workflow.templates or () if getattr(t, "name", None)}
    known: dict[int, Mapping[str, ScriptParameter]] = {}

    def receiver(template: Any) -> Receiver:
        # By its name: a task may hold a copy of the script that is sent.
        name = template if isinstance(template, str) else getattr(template, "name", None)
        found = templates.get(name, template)
        if not isinstance(found, Script) or not callable(found.source):
            return Receiver({}, whole=False)
        if id(found.source) not in known:
            known[id(found.source)] = script_parameters(found.source)
        whole = isinstance(found.constructor, WholeValues)
        return Receiver(known[id(found.source)], whole=whole)

    entry = receiver(workflow.entrypoint)
    for name, value in given(workflow.arguments):
        _check(f"argument {name!r} of the workflow", value, entry, name)
    for template in templates.values():
        for each in receiver(template).parameters.values():
            text = each.default if isinstance(each.default, str) else ""
            _check_text(f"the default of {each.name!r} in script {template.name!r}", text, True)
        for call in calls(template):
            _check_call(call, receiver)


class Receiver:
    """Who receives values: a script's parameters, and whether it takes any character."""

    def __init__(self, parameters: Mapping[str, ScriptParameter], *, whole: bool) -> None:
        self.parameters = parameters
        self.whole = whole

    def arrival(self, name: str) -> ParameterEncoding:
        """Return how the parameter of that name arrives."""
        found = self.parameters.get(name)
        return found.arrival if found else ParameterEncoding.JSON


def given(arguments: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and values of Hera's ``arguments``, the values as they were given."""
    if isinstance(arguments, m.Arguments):
        arguments = arguments.parameters
    for each in arguments if isinstance(arguments, list) else [arguments]:
        if isinstance(each, Mapping):
            yield from each.items()
        elif isinstance(each, (Parameter, m.Parameter)):
            yield each.name or "", each


def _check_call(call: Any, receiver: Callable[[Any], Receiver]) -> None:
    target = receiver(getattr(call, "inline", None) or call.template)
    kind = "step" if type(call).__name__ in ("Step", "WorkflowStep") else "task"
    label = f"{kind} {call.name!r}"
    references: dict[str, list[str]] = {}
    names = set()
    for name, value in given(call.arguments):
        names.add(name)
        text = _check(f"parameter {name!r} of {label}", value, target, name)
        for match in _ITEM.finditer(text):
            references.setdefault(match[1], []).append(name)
    for each in target.parameters.values():
        if each.name not in names and each.default is None:
            _check_none(f"parameter {each.name!r} of {label}", each.arrival)
    items, ascii_only = _items(call)
    for index, item in enumerate(items):
        _check_item(f"item {index} of {label}", item, ascii_only)
        for reference, parameters in references.items():
            value = _referred(item, reference)
            for name in parameters:
                arrival = target.arrival(name)
                _check_null(f"parameter {name!r} of {label}, item {index}", value, arrival)


def _check(label: str, value: Any, target: Receiver, name: str) -> str:
    """Check one argument and return the text that is sent for it."""
    if isinstance(value, (Artifact, m.Artifact)):
        return ""
    if isinstance(value, (Parameter, m.Parameter)):
        # Hera has made a text of it: None and the word null are the same now.
        text = value.value or ""
        _check_null(label, None if text == "null" else text, target.arrival(name))
    else:
        _check_null(label, value, target.arrival(name))
        text = _written(label, value)
    _check_text(label, text, target.whole)
    return text


def _check_null(label: str, value: Any, arrival: ParameterEncoding) -> None:
    if value is None:
        _check_none(label, arrival)
    elif value == "null" and arrival is ParameterEncoding.TEXT_OR_NONE:
        raise UserError(
            f"{label} is the word 'null', which would arrive as None",
            next_step="say str instead of Optional[str] in the script, or send another word",
        )


def _check_none(label: str, arrival: ParameterEncoding) -> None:
    if arrival is ParameterEncoding.TEXT:
        raise UserError(
            f"{label} is None, and would arrive as the word 'null': the script says str",
            next_step="say Optional[str] there, with None as its default, or send a string",
        )


def _check_text(label: str, text: str, whole: bool) -> None:
    if stray_braces(text):
        raise UserError(
            f"{label} holds '{{{{', with which Argo begins a variable, and none of Argo's follows",
            next_step="send it another way, in base64 for example, or in a file of the image",
        )
    if half := _SURROGATE.search(text):
        raise UserError(
            f"{label} holds U+{ord(half[0]):04X}, one half of a character, which UTF-8 lacks",
            next_step="send bytes in base64, or text that was decoded without surrogateescape",
        )
    if not whole and (character := unprintable(text)):
        raise UserError(
            f"{label} holds U+{ord(character):04X}, which Argo cannot put in place of {{{{…}}}}",
            next_step="leave it out, or send it directly to an inline @script",
        )


def _written(label: str, value: Any) -> str:
    try:
        return serialize(value) or ""
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{label} cannot be written as JSON: {error}", "", _JSON_ONLY) from None


def _items(call: Any) -> tuple[Iterable[Any], bool]:
    """Return what a loop is over, as far as it is known, and whether it is written in ASCII."""
    items, text = call.with_items, call.with_param
    if items is not None:
        listed = items if isinstance(items, list) else [items]
        return [getattr(item, "root", getattr(item, "value", item)) for item in listed], False
    if isinstance(text, Parameter):
        text = text.value
    if text is None:
        return [], False
    text = _written(f"with_param of {call.name!r}", text)
    try:
        found = json.loads(text)
    except ValueError:
        found = None  # the output of a task, known only when that has run
    return found if isinstance(found, list) else [], text.isascii()


def _check_item(label: str, item: Any, ascii_only: bool) -> None:
    if problem := _not_kept(item):
        raise UserError(f"{label} is or holds {problem}", "", "send it as a string")
    text = item if isinstance(item, str) else _written(label, item)
    _check_text(label, text, False)
    if not isinstance(item, Mapping):
        return
    for key, value in item.items():
        if isinstance(value, str):
            _check_text(label, value, False)
            spelt = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
            if spelt != value or "\u2028" in value or "\u2029" in value:
                raise UserError(
                    f"{label} holds, as its {key!r}, a character that JSON escapes, and Argo's"
                    f" {{{{item.{key}}}}} would be that escape",
                    next_step="send lists, or strings of JSON, and take them apart in the script",
                )


def _not_kept(item: Any) -> str:
    if isinstance(item, float) and not math.isfinite(item):
        return f"{item}, which JSON lacks"
    if isinstance(item, int) and item not in _INT64 and int(float(item)) != item:
        return f"{item}, which Kubernetes rounds"
    if isinstance(item, Mapping):
        return next(filter(None, map(_not_kept, item.values())), "")
    # Hera sends a list as a string of JSON, which keeps all digits.
    return ""


def _referred(item: Any, reference: str) -> Any:
    if reference == "item":
        return item
    key = reference[len("item.") :]
    return item.get(key, "") if isinstance(item, Mapping) else ""
