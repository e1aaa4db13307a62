"""The graph of a workflow as it is written, before any run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hera_experiment.argo.depends import named_results
from hera_experiment.argo.loops import length
from hera_experiment.argo.objects import Manifest, shown_name
from hera_experiment.graph.details import (
    KINDS,
    conditions,
    entries,
    kind_of,
    mapping,
    marks,
    one_line,
    values,
)
from hera_experiment.graph.model import (
    DAG,
    EXIT_SUFFIX,
    HOOK,
    HOOK_INFIX,
    REFERENCE,
    ROOT,
    ROW,
    STEPS,
    Edge,
    Graph,
    Node,
)

Kept = Callable[[str, str], "Manifest | None"]
"""Returns another object, by its kind and name, where it is known."""

MOST = 3000
"""So many nodes, and no template is opened any more: they may hold each other many times."""

_EXIT = "exit"


def none_kept(kind: str, name: str) -> None:
    """Say that no other object is known."""


def graph_of(manifest: Manifest, kept: Kept = none_kept, *, parameters: bool = False) -> Graph:
    """Return the graph of one of Argo's objects that hold templates.

    Templates of other objects are those of ``kept``; what is not known there is a node of its own.
    With ``parameters`` the details have what each task gets and gives. What is of a wrong kind is
    left out, which Argo's verdict names.
    """
    return _Builder(kept, parameters).graph(manifest)


def child(parent: str, name: str) -> str:
    """Return the identifier of what is called ``name`` in ``parent``."""
    return name if parent in ("", ROOT) else f"{parent}/{name}"


def owner_of(identifier: str) -> str:
    """Return the identifier of what a hook belongs to, nothing for what is no hook."""
    head, _, name = identifier.rpartition("/")
    before = name.removesuffix(EXIT_SUFFIX)
    if before == name:
        before, hook, _ = name.partition(HOOK_INFIX)
        if not hook:
            return ""
    return f"{head}/{before}" if "/" in identifier else before


@dataclass(frozen=True)
class _Scope:
    """Where the templates that a template calls are found by their names."""

    templates: Mapping[str, Manifest]
    defaults: Manifest

    @classmethod
    def of(cls, spec: Manifest) -> _Scope:
        found: dict[str, Manifest] = {}
        for each in entries(spec.get("templates")):
            # Of two the first counts, as in Hera.
            found.setdefault(str(each.get("name")), each)
        return cls(found, mapping(spec.get("templateDefaults")))


@dataclass(frozen=True)
class _Template:
    """A template: what is called in it is found in ``scope``; ``written`` is it by itself."""

    name: str
    written: Manifest | None
    scope: _Scope

    @property
    def kind(self) -> str:
        return REFERENCE if self.written is None else kind_of(self.body)

    @property
    def body(self) -> Manifest:
        """What holds of it."""
        written = self.written or {}
        defaults = self.scope.defaults.items()
        return {
            **{key: value for key, value in defaults if key in written or key not in KINDS},
            **written,
        }


@dataclass(frozen=True)
class _Open:
    """A node whose template holds others; ``way`` are the templates that led to it."""

    id: str
    template: _Template
    way: tuple[int, ...]


class _Builder:
    def __init__(self, kept: Kept, parameters: bool) -> None:
        self._kept = kept
        self._parameters = parameters
        self._nodes: dict[str, Node] = {}
        self._edges: list[Edge] = []
        self._waiting: deque[_Open] = deque()
        self._variables: dict[str, Any] = {}

    def graph(self, manifest: Manifest) -> Graph:
        spec = mapping(manifest.get("spec"))
        spec = mapping(spec.get("workflowSpec")) or spec
        spec = self._with_reference(spec)
        for each in entries(mapping(spec.get("arguments")).get("parameters")):
            self._variables[f"workflow.parameters.{each.get('name')}"] = each.get("value")
        scope = _Scope.of(spec)
        if spec.get("entrypoint"):
            self._entry(spec, scope)
        else:
            for name in _uncalled(scope):
                self._add(name, name, "", self._found({"template": name}, scope), {}, ())
        while self._waiting:
            holder = self._waiting.popleft()
            if len(self._nodes) < MOST:
                self._open(holder)
            else:
                node = self._nodes[holder.id]
                self._nodes[holder.id] = replace(node, details=(*node.details, "not opened"))
        title = f"{manifest.get('kind') or 'Workflow'} {shown_name(manifest)}"
        return Graph(tuple(self._nodes.values()), tuple(dict.fromkeys(self._edges)), title)

    def _with_reference(self, spec: Manifest) -> Manifest:
        """Return ``spec`` with what the WorkflowTemplate has that it is an instance of."""
        reference = mapping(spec.get("workflowTemplateRef"))
        if not reference:
            return spec
        other = self._kept(_kind(reference), str(reference.get("name")))
        if other is None:
            name = str(reference.get("name"))
            unknown = {"name": "main", "steps": [[{"name": name, "templateRef": reference}]]}
            return {**spec, "entrypoint": "main", "templates": [unknown]}
        kept = mapping(other.get("spec"))
        return {**kept, **{key: value for key, value in spec.items() if value}}

    def _entry(self, spec: Manifest, scope: _Scope) -> None:
        template = self._found({"template": spec["entrypoint"]}, scope)
        ends = spec.get("onExit") or spec.get("hooks")
        if template.kind in (DAG, STEPS) and not ends and not list(marks(template.body)):
            self._waiting.append(_Open("", template, (id(template.written),)))
            return
        self._add(ROOT, template.name, "", template, {}, ())
        self._hooks(ROOT, "", spec, scope, ())

    def _found(self, call: Manifest, scope: _Scope) -> _Template:
        """Return the template that a task, a step or a hook calls."""
        if inline := mapping(call.get("inline")):
            return _Template("", inline, scope)
        reference = mapping(call.get("templateRef"))
        name = str(reference.get("template") or call.get("template") or "")
        shown = name
        if reference:
            shown = "/".join(filter(None, (str(reference.get("name") or ""), name)))
            other = self._kept(_kind(reference), str(reference.get("name")))
            scope = _Scope.of(mapping(mapping(other).get("spec")))
        return _Template(shown, scope.templates.get(name), scope)

    def _add(
        self,
        identifier: str,
        label: str,
        parent: str,
        template: _Template,
        call: Manifest,
        way: tuple[int, ...],
    ) -> None:
        """Add a node, and remember to open it where its template holds others."""
        count = length(call, self._variables)
        said = [*conditions(call, count), *marks(template.body)]
        if template.kind in (DAG, STEPS):
            if id(template.written) in way:
                said.append("begins anew: it holds itself")
            else:
                self._waiting.append(_Open(identifier, template, (*way, id(template.written))))
        if self._parameters:
            said += values(call, template.body)
        self._nodes[identifier] = Node(
            identifier, label, template.kind, template.name, count, tuple(said), parent
        )

    def _open(self, holder: _Open) -> None:
        if holder.template.kind == DAG:
            self._dag(holder)
        else:
            self._steps(holder)

    def _dag(self, holder: _Open) -> None:
        tasks = entries(mapping(holder.template.body.get("dag")).get("tasks"))
        tasks = [task for task in tasks if _named(task)]
        names = set(map(_named, tasks))
        for task in tasks:
            self._call(holder, task, holder.id)
            end = child(holder.id, _named(task))
            for name, results in named_results(task).items():
                if name in names:
                    label = "" if results == ("Succeeded",) else " or ".join(results)
                    self._edges.append(Edge(child(holder.id, name), end, label))

    def _steps(self, holder: _Open) -> None:
        before = ""
        for index, steps in enumerate(_groups(holder.template.body)):
            if not steps:
                continue
            row, parent = child(holder.id, _named(steps[0])), holder.id
            if len(steps) > 1:
                row = parent = f"{holder.id}[{index}]"
                self._nodes[row] = Node(row, "", ROW, parent=holder.id)
            for step in steps:
                self._call(holder, step, parent)
            if before:
                self._edges.append(Edge(before, row))
            before = row

    def _call(self, holder: _Open, call: Manifest, parent: str) -> None:
        """Add the task or step ``call`` of a holder, and its hooks."""
        name = _named(call)
        identifier = child(holder.id, name)
        template = self._found(call, holder.template.scope)
        self._add(identifier, name, parent, template, call, holder.way)
        self._hooks(identifier, parent, call, holder.template.scope, holder.way)

    def _hooks(
        self, owner: str, parent: str, holder: Manifest, scope: _Scope, way: tuple[int, ...]
    ) -> None:
        """Add what runs because of ``owner``, where ``holder`` says so."""
        hooks = {name: hook for name, hook in mapping(holder.get("hooks")).items() if mapping(hook)}
        if holder.get("onExit"):
            hooks = {**hooks, _EXIT: {"template": holder["onExit"]}}
        for name, hook in hooks.items():
            identifier = owner + (EXIT_SUFFIX if name == _EXIT else HOOK_INFIX + name)
            template = self._found(hook, scope)
            label = template.name or name
            self._add(identifier, label, parent, template, {**hook, "when": ""}, way)
            if condition := hook.get("expression"):
                node = self._nodes[identifier]
                when = f"when {one_line(condition)}"
                self._nodes[identifier] = replace(node, details=(when, *node.details))
            self._edges.append(
                Edge(owner, identifier, "at the end" if name == _EXIT else name, HOOK)
            )


def _kind(reference: Manifest) -> str:
    return "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"


def _uncalled(scope: _Scope) -> list[str]:
    """Return the names of the templates that no other one of them calls."""
    called: set[str] = set()
    for name, body in scope.templates.items():
        tasks = entries(mapping(body.get("dag")).get("tasks"))
        for call in [*tasks, *(step for group in _groups(body) for step in group)]:
            hooks = mapping(call.get("hooks")).values()
            used = {str(each.get("template")) for each in (call, *map(mapping, hooks))}
            called |= (used | {str(call.get("onExit"))}) - {name}
    return [name for name in scope.templates if name not in called] or list(scope.templates)


def _groups(template: Manifest) -> Iterator[list[Manifest]]:
    """Yield the steps that run together."""
    groups = template.get("steps")
    for group in groups if isinstance(groups, list) else ():
        # A group of one may be written as the step itself.
        yield [
            each for each in entries(group if isinstance(group, list) else [group]) if _named(each)
        ]


def _named(call: Manifest) -> str:
    return str(call.get("name") or "")
