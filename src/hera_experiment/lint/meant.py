"""What a person may have meant by a name that is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from hera_experiment.lint.subject import Subject, Template

_UNRESOLVED = re.compile(r"failed to resolve \{\{(?P<tag>.*?)\}\}")
_TEMPLATE = re.compile(r"template name '(?P<name>[^']+)' undefined")
_DEPENDENCY = re.compile(r"(?:invalid dependency|missing dependency) '?(?P<name>[^\s']+)'?")
_TARGET = re.compile(r"target '(?P<name>[^']+)' is not defined")
_NAMED = re.compile(r"templates\.(?P<template>[^\s.:]+)")
_SUPPLIED = re.compile(r"inputs\.(?:parameters|artifacts)\.(?P<name>\S+) was not supplied")


def advice_for(subject: Subject, message: str) -> str:
    """Return "did you mean …" for the name that Argo's ``message`` says is unknown, or nothing."""
    holder = _holder(subject, message)
    if found := _TEMPLATE.search(message):
        return _close(found["name"], subject.by_name)
    if found := _DEPENDENCY.search(message) or _TARGET.search(message):
        return _close(found["name"], [call.name for call in holder.calls] if holder else ())
    if found := _UNRESOLVED.search(message):
        return _close(found["tag"].strip(), _variables(subject, holder))
    if found := _SUPPLIED.search(message):
        return _given(subject, message, found["name"])
    return ""


def _close(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, [each for each in known if each], n=1, cutoff=0.7)
    return f"did you mean '{close[0]}'?" if close and close[0] != name else ""


def _holder(subject: Subject, message: str) -> Template | None:
    names = [found["template"] for found in _NAMED.finditer(message)]
    known = [subject.by_name[name] for name in names if name in subject.by_name]
    return known[-1] if known else None


def _variables(subject: Subject, holder: Template | None) -> list[str]:
    """Return the variables that may stand in ``holder``, as far as a misspelling goes."""
    found = [
        f"workflow.parameters.{part.name}" for part in subject.spec.parts("arguments", "parameters")
    ]
    found += [f"workflow.{name}" for name in ("name", "namespace", "uid", "status", "parameters")]
    if holder is None:
        return found
    for kind in ("parameters", "artifacts"):
        found += [f"inputs.{kind}.{part.name}" for part in holder.parts("inputs", kind)]
    prefix = "tasks" if "dag" in holder.body else "steps"
    for call in holder.calls:
        found += [f"{prefix}.{call.name}.{each}" for each in ("outputs.result", "status", "id")]
        template = subject.callee(call)
        for kind in ("parameters", "artifacts") if template else ():
            parts = template.parts("outputs", kind) if template else ()
            found += [f"{prefix}.{call.name}.outputs.{kind}.{part.name}" for part in parts]
        items = call.body.get("withItems")
        if isinstance(items, list) and items and isinstance(items[0], dict):
            found += [f"item.{key}" for key in items[0]]
    return found


def _given(subject: Subject, message: str, name: str) -> str:
    """Return which argument was perhaps meant for the input ``name`` that is missing."""
    from hera_experiment.lint.rules.verdict import place

    path = place(subject, message)
    for template in subject.templates:
        for call in template.calls:
            if call.path == path:
                callee = subject.callee(call)
                known = callee.inputs if callee else {}
                surplus = [a.name for a in call.arguments if a.name not in known]
                close = get_close_matches(name, surplus, n=1, cutoff=0.6)
                return f"'{close[0]}' is given: did you mean '{name}'?" if close else ""
    return ""
