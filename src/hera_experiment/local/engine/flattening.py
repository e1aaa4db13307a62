"""A workflow with every template that it can call in one list.

So those who look at containers, images and volumes need not know that a template may be written
inline, belong to another object, or have defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hera_experiment.local.engine.node import TemplateId
from hera_experiment.local.engine.templates import Template, TemplateError, Templates


def flattened(
    manifest: Mapping[str, Any], spec: Mapping[str, Any], templates: Templates
) -> dict[str, Any]:
    """Return ``manifest`` with ``spec``, in which every task calls a template of its own by name.

    An inline template is called ``TEMPLATE.TASK`` then, one of another object as Argo stores it.
    """
    flat = _Flat(templates)
    for template in spec.get("templates") or ():
        flat.called({"template": template["name"]}, templates.scope, "")
    rest = {key: value for key, value in spec.items() if key != "templateDefaults"}
    hooks = _hooks(rest, templates.scope, "", flat)
    return {**manifest, "spec": {**rest, **hooks, "templates": flat.all()}}


def find_all(call: Mapping[str, Any], templates: Templates) -> None:
    """Have ``templates`` find what ``call`` calls, and all that follows from it."""
    flat = _Flat(templates)
    flat.called(call, templates.scope, "")
    flat.all()


class _Flat:
    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._found: dict[str, dict[str, Any]] = {}
        self._new: list[tuple[str, Template]] = []

    def all(self) -> list[dict[str, Any]]:
        """Return the templates that were called, with all that these call."""
        while self._new:
            # Templates may nest deeper than Python does.
            name, written = self._new.pop()
            self._found[name] = {**self._calling(written.body, written.scope, name), "name": name}
        return list(self._found.values())

    def add(self, wanted: TemplateId, name: str) -> str:
        """Add a template under ``name``; return that. Raises :class:`TemplateError`."""
        if name not in self._found:
            self._new.append((name, self._templates.find(wanted)))
            self._found[name] = {}
        return name

    def called(self, holder: Mapping[str, Any], scope: str, owner: str) -> dict[str, Any]:
        """Return a task, step or hook that calls a template by the name which it has here."""
        wanted = TemplateId.of(holder, scope)
        call = {key: holder[key] for key in holder if key not in ("inline", "templateRef")}
        call |= _hooks(call, scope, f"{owner}.{holder.get('name', '')}", self)
        name = self._templates.stored_as(wanted) or wanted.name
        if wanted.inline is not None:
            name = f"{owner}.{holder.get('name', '')}"
        try:
            return {**call, "template": self.add(wanted, name)} if name else call
        except TemplateError:
            return call

    def _calling(self, body: Mapping[str, Any], scope: str, name: str) -> dict[str, Any]:
        found = dict(body)
        if dag := body.get("dag"):
            tasks = [self.called(task, scope, name) for task in dag.get("tasks") or ()]
            found["dag"] = {**dag, "tasks": tasks}
        if "steps" in body:
            found["steps"] = [
                [self.called(step, scope, name) for step in group] for group in body["steps"]
            ]
        return found


def _hooks(holder: Mapping[str, Any], scope: str, owner: str, flat: _Flat) -> dict[str, Any]:
    hooks = holder.get("hooks")
    if not hooks:
        return {}
    return {"hooks": {name: flat.called(hook, scope, owner) for name, hook in hooks.items()}}
