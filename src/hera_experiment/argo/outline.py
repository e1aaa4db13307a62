"""The tasks of a manifest as lines of text, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_DEPTH = 20
"""How deep templates within templates are shown: they may call themselves."""


def outline(manifest: Mapping[str, Any]) -> list[str]:
    """Return a line for each task of ``manifest``, in the order in which they may run.

    A loop over what is known is one line with its count, its length unknown is ``×?``. Of a
    template of another object only the name is known.
    """
    spec = manifest.get("spec") or {}
    templates = {str(each.get("name")): each for each in spec.get("templates") or ()}
    metadata = manifest.get("metadata") or {}
    name = metadata.get("name") or f"{metadata.get('generateName', '')}…"
    lines = [f"{manifest.get('kind', 'Workflow')} {name}"]
    entry = str(spec.get("entrypoint") or "")
    lines += _below(templates.get(entry) or {}, templates, "", _DEPTH) or [f"└ {entry}"]
    if spec.get("onExit"):
        lines.append(f"at the end: {spec['onExit']}")
    return lines


def _below(
    template: Mapping[str, Any], templates: Mapping[str, Any], indent: str, depth: int
) -> list[str]:
    if depth == 0:
        return [f"{indent}└ …"]
    calls = list(_calls(template))
    lines = []
    for number, (call, after) in enumerate(calls):
        last = number == len(calls) - 1
        lines.append(f"{indent}{'└' if last else '├'} {call['name']}{_remarks(call, after)}")
        inner = call.get("inline") or templates.get(str(call.get("template"))) or {}
        lines += _below(inner, templates, indent + ("  " if last else "│ "), depth - 1)
    return lines


def _calls(template: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield the tasks or steps of ``template``, each with what it waits for."""
    earlier = ""
    for group in template.get("steps") or ():
        for step in group:
            yield step, earlier
        earlier = ", ".join(str(step.get("name")) for step in group)
    tasks = {str(task.get("name")): task for task in (template.get("dag") or {}).get("tasks") or ()}
    done: set[str] = set()
    while tasks:
        ready = [name for name, task in tasks.items() if not _waits_for(task, tasks) - done]
        for name in ready or list(tasks):  # a circle is Argo's to refuse
            task = tasks.pop(name)
            done.add(name)
            yield task, str(task.get("depends") or ", ".join(task.get("dependencies") or ()))


def _waits_for(task: Mapping[str, Any], tasks: Mapping[str, Any]) -> set[str]:
    text = f"{task.get('depends') or ''} {' '.join(task.get('dependencies') or ())}"
    for character in "()&|!":
        text = text.replace(character, " ")
    words: Sequence[str] = text.split()
    return {word.partition(".")[0] for word in words} & set(tasks)


def _remarks(call: Mapping[str, Any], after: str) -> str:
    found = ""
    items = call.get("withItems")
    if isinstance(items, list):
        found += f" ×{len(items)}"
    elif items is not None or call.get("withParam") or call.get("withSequence"):
        found += " ×?"
    reference = call.get("templateRef") or {}
    if reference:
        found += f" ({reference.get('name')}/{reference.get('template')})"
    if call.get("when"):
        found += f"  when {call['when']}"
    return found + (f"  after {after}" if after else "")
