"""Finds the template that a task or a step means.

Source: ``workflow/templateresolution/context.go``; ``resolveTemplateReference``,
``SetStoredTemplate`` and ``SetStoredInlineTemplate`` in
``pkg/apis/workflow/v1alpha1/workflow_types.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hera_experiment.local.engine.merging import MergeError, with_defaults
from hera_experiment.local.engine.node import TemplateId
from hera_experiment.local.engine.scope import referenced_results
from hera_experiment.local.store.kept import CLUSTER_TEMPLATE, WORKFLOW_TEMPLATE

Kept = Callable[[str, str], "Mapping[str, Any] | None"]
"""Returns the object of that kind and name which the server keeps, None if there is none."""

LOCAL, NAMESPACED, CLUSTER = "local", "namespaced", "cluster"
"""Where a template is found: the first word of Argo's ``templateScope``."""


def none_kept(kind: str, name: str) -> None:
    """Say that nothing is kept."""


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
    """The templates that one workflow can call.

    ``spec`` is what it runs, ``scope`` what its own templates are found in, ``kept`` finds those
    of other objects. Of these ``stored`` holds all that were found: a change to the object, or its
    end, does nothing to a workflow that has begun.
    """

    def __init__(
        self,
        scope: str,
        spec: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
        kept: Kept = none_kept,
        stored: Mapping[str, Any] | None = None,
    ) -> None:
        self.scope = scope
        self.stored: dict[str, Any] = dict(stored or {})
        self._defaults = defaults
        self._kept = kept
        self._own = {template["name"]: template for template in spec.get("templates") or ()}
        self._named: dict[str, Template] = {}

    def find(self, wanted: TemplateId) -> Template:
        """Return the template with the workflow's defaults; raises :class:`TemplateError`."""
        key = self.stored_as(wanted)
        if wanted.inline is not None:
            # Each use has its variables replaced already, together with its task's. Argo uses the
            # first one again where it stores them, whatever the others' variables are.
            if key:
                self.stored.setdefault(key, wanted.inline)
            return self._template(wanted.inline, wanted.scope)
        name = key or wanted.name
        if name not in self._named:
            body = self.stored.get(key) or self._store(key, self._body(wanted))
            self._named[name] = self._template(body, _scope_within(wanted))
        return self._named[name]

    def named(self, name: str) -> TemplateId:
        """Return what means the workflow's own template ``name``."""
        return TemplateId(self.scope, name)

    @staticmethod
    def stored_as(wanted: TemplateId) -> str:
        """Return its key in ``status.storedTemplates``, nothing for the workflow's own."""
        if wanted.ref is not None:
            return f"{_scope_within(wanted)}/{wanted.ref.get('template', '')}"
        if wanted.scope.startswith(f"{LOCAL}/"):
            return ""
        inline = f"inline/{wanted.caller}" if wanted.inline is not None else wanted.name
        return f"{wanted.scope}/{inline}"

    def _template(self, body: Mapping[str, Any], scope: str) -> Template:
        try:
            return Template(with_defaults(body, self._defaults), scope)
        except MergeError as error:
            raise TemplateError(str(error)) from None

    def _body(self, wanted: TemplateId) -> Mapping[str, Any]:
        if wanted.ref is not None:
            return referred(wanted.ref, self._kept)
        place, _, owner = wanted.scope.partition("/")
        if place != LOCAL:
            kind = CLUSTER_TEMPLATE if place == CLUSTER else WORKFLOW_TEMPLATE
            body = _named(self._kept(kind, owner), wanted.name)
        else:
            body = self._own.get(wanted.name)
        if body is None:
            raise TemplateError(f"template {wanted.name} not found")
        return body

    def _store(self, key: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if key:
            self.stored[key] = body
        return body


def referred(ref: Mapping[str, Any], kept: Kept) -> Mapping[str, Any]:
    """Return the template that a ``templateRef`` means; raises :class:`TemplateError`."""
    owner, name = ref.get("name", ""), ref.get("template", "")
    holder = kept(CLUSTER_TEMPLATE if ref.get("clusterScope") else WORKFLOW_TEMPLATE, owner)
    if holder is None:
        raise TemplateError(f"workflow template {owner} not found")
    body = _named(holder, name)
    if body is None:
        raise TemplateError(f"template {name} not found in workflow template {owner}")
    return body


def calls(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the tasks or steps of a template."""
    yield from (template.get("dag") or {}).get("tasks") or ()
    for group in template.get("steps") or ():
        yield from group


def _named(holder: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    templates = ((holder or {}).get("spec") or {}).get("templates") or ()
    return next((template for template in templates if template.get("name") == name), None)


def _scope_within(wanted: TemplateId) -> str:
    """Return the scope in which what the template calls is found."""
    if wanted.ref is None:
        return wanted.scope
    place = CLUSTER if wanted.ref.get("clusterScope") else NAMESPACED
    return f"{place}/{wanted.ref.get('name', '')}"
