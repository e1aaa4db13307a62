"""Finds the template that a task or a step means.

Source: ``ResolveTemplate`` in ``workflow/templateresolution/context.go`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hera_experiment.local.engine.nodes import TemplateId
from hera_experiment.local.engine.scope import referenced_results

Kept = Callable[[str, str], "Mapping[str, Any] | None"]
"""Returns the object of that kind and name which the server keeps, None if there is none."""


class TemplateError(ValueError):
    """There is no such template."""


@dataclass(frozen=True, eq=False)
class Template:
    """A template as it was written, and the ``scope`` in which those that it calls are found."""

    body: Mapping[str, Any]
    scope: str
    _results: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)

    def referenced_results(self, root: str) -> frozenset[str]:
        """Return the tasks (``root`` is ``tasks`` or ``steps``) whose result it uses."""
        if root not in self._results:
            self._results[root] = referenced_results(self.body, root)
        return self._results[root]


class Templates:
    """The templates of one workflow, whose scope is ``scope``."""

    def __init__(self, scope: str, templates: Iterable[Mapping[str, Any]]) -> None:
        self.scope = scope
        self._own = {template["name"]: Template(template, scope) for template in templates}

    def find(self, wanted: TemplateId) -> Template:
        """Return the template; raises :class:`TemplateError`."""
        found = self._own.get(wanted.name)
        if found is None:
            raise TemplateError(f"template {wanted.name} not found in workflow template")
        return found

    def named(self, name: str) -> TemplateId:
        """Return what means the workflow's own template ``name``."""
        return TemplateId(self.scope, name)
