"""The graph of a workflow that runs or has run: that of its specification, with what became of it.

Source: ``pkg/apis/workflow/v1alpha1/workflow_types.go`` and ``workflow/controller/operator.go``
of argoproj/argo-workflows, for the names of nodes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from hera_experiment.argo.objects import Manifest
from hera_experiment.argo.phases import PENDING, counted, worst
from hera_experiment.argo.tasks import Node as Ran
from hera_experiment.argo.tasks import Workflow, name_of, nodes_of
from hera_experiment.graph.model import HOOK, ROOT, Edge, Graph, Node
from hera_experiment.graph.of_workflow import Kept, child, graph_of, owner_of

_ITEM = re.compile(r"([^(]*)\(\d+(?::.*)?\)((?:\.onExit|\.hooks\.[^.()]+)?)", re.DOTALL)
"""The display name of one of a loop, or of a hook of it."""
_KINDS = {"DAG": "dag", "Steps": "steps", "Suspend": "suspend", "HTTP": "http", "Plugin": "plugin"}
_UNSEEN = ("StepGroup", "Container")
"""Types of nodes that are no tasks: steps that run together, containers of a pod."""


def graph_of_status(workflow: Workflow) -> Graph:
    """Return the graph of ``workflow`` with phases; what has not run (yet) has none.

    All tasks of a loop are one node, whose details count their phases; its ``count`` is how many
    there are, or have been so far. Tasks that the specification does not show, such as those of a
    template that calls itself, are added as they ran.
    """
    plan = graph_of(_manifest(workflow), _stored(workflow))
    runs = _runs(workflow)
    if any(not plan.by_id.get(place) for place in runs):
        plan = _with_others(plan, workflow, runs)
    nodes = tuple(
        _with_run(node, runs[node.id]) if node.id in runs else node for node in plan.nodes
    )
    return Graph(nodes, plan.edges, plan.title)


def places(workflow: Workflow) -> dict[str, str]:
    """Return the identifier in the graph for each of Argo's nodes, by its identifier.

    Attempts stand where their task does; nodes that are no tasks are left out.
    """
    nodes = nodes_of(workflow)
    workflow_name = name_of(workflow)
    attempt_of = {
        attempt: identifier
        for identifier, node in nodes.items()
        if node.get("type") == "Retry"
        for attempt in node.get("children") or ()
    }
    found: dict[str, str] = {}

    def place(identifier: str, depth: int) -> str:
        if identifier in found:
            return found[identifier]
        node = nodes.get(identifier)
        if node is None or identifier == workflow_name or depth > _DEEPEST:
            return ROOT
        if identifier in attempt_of:
            answer = place(attempt_of[identifier], depth + 1)
        else:
            label = _own_name(node)
            holder = str(node.get("boundaryID") or "")
            if not holder and label.startswith(f"{workflow_name}."):
                answer = ROOT + label[len(workflow_name) :]
            else:
                answer = child(place(holder, depth + 1), label)
        found[identifier] = answer
        return answer

    return {
        identifier: place(identifier, 0)
        for identifier, node in nodes.items()
        if node.get("type") not in _UNSEEN
    }


_DEEPEST = 300


@dataclass
class _Run:
    """What ran at one place of the graph: one task, or those of a loop."""

    nodes: list[Ran] = field(default_factory=list)
    group: Ran | None = None
    attempts: int = 0

    @property
    def phase(self) -> str:
        if self.group is not None and self.group.get("phase"):
            return str(self.group["phase"])
        return worst(map(_phase, self.nodes))

    def said(self) -> Iterator[str]:
        """Yield how many tasks came to which end, and how often was tried, where it was."""
        if len(self.nodes) > 1:
            yield counted(Counter(map(_phase, self.nodes)))
        if self.attempts > len(self.nodes):
            yield f"{self.attempts} attempts"


def _phase(node: Ran) -> str:
    return str(node.get("phase") or PENDING)


def _runs(workflow: Workflow) -> dict[str, _Run]:
    nodes = nodes_of(workflow)
    attempts = {
        attempt
        for node in nodes.values()
        if node.get("type") == "Retry"
        for attempt in node.get("children") or ()
    }
    found: dict[str, _Run] = {}
    for identifier, place in places(workflow).items():
        run = found.setdefault(place, _Run())
        if identifier in attempts:
            run.attempts += 1
        elif nodes[identifier].get("type") == "TaskGroup":
            run.group = nodes[identifier]
        else:
            run.nodes.append(nodes[identifier])
    return found


def _with_run(node: Node, run: _Run) -> Node:
    count = 1 if node.count == 1 else max(node.count or 0, len(run.nodes))
    return replace(node, phase=run.phase, count=count, details=(*node.details, *run.said()))


def _with_others(plan: Graph, workflow: Workflow, runs: Mapping[str, _Run]) -> Graph:
    """Return ``plan`` with nodes for what ran elsewhere."""
    # A name with variables is another one once it runs.
    nodes = {node.id: node for node in plan.nodes if node.id in runs or "{{" not in node.id}
    added = {ROOT} if ROOT in nodes else set()
    for place in sorted(runs, key=lambda place: (place.count("/"), place)):
        if place not in nodes and place != ROOT and runs[place].nodes:
            nodes[place] = _added(place, runs[place], nodes)
            added.add(place)
    kept = (edge for edge in plan.edges if edge.start in nodes and edge.end in nodes)
    edges = dict.fromkeys(kept)
    whereabouts = places(workflow)
    for identifier, node in nodes_of(workflow).items():
        start = whereabouts.get(identifier)
        for other in node.get("children") or ():
            end = whereabouts.get(other)
            if start in added or end in added:
                for edge in _edge(start, end, nodes):
                    edges.setdefault(edge)
    return Graph(tuple(nodes.values()), tuple(edges), plan.title)


def _added(place: str, run: _Run, nodes: Mapping[str, Node]) -> Node:
    ran = run.nodes[0]
    parent, _, label = place.rpartition("/")
    owner = nodes.get(owner_of(place))
    if owner is not None:
        parent = owner.parent
    template = str(ran.get("templateName") or (ran.get("templateRef") or {}).get("template") or "")
    kind = _KINDS.get(str(ran.get("type")), "")
    known = parent if parent in nodes else (ROOT if ROOT in nodes and owner is None else "")
    return Node(place, label, kind, template, len(run.nodes), (), known)


def _edge(start: str | None, end: str | None, nodes: Mapping[str, Node]) -> Iterator[Edge]:
    first, last = nodes.get(start or ""), nodes.get(end or "")
    if first is not None and last is not None and first.parent == last.parent and first is not last:
        kind = HOOK if owner_of(last.id) == first.id else ""
        yield Edge(first.id, last.id, kind=kind)


def _own_name(node: Ran) -> str:
    label = str(node.get("displayName") or node.get("name") or node.get("id"))
    item = _ITEM.fullmatch(label)
    return item[1] + item[2] if item else label


def _manifest(workflow: Workflow) -> Manifest:
    """Return ``workflow`` with the specification that it ran by, whatever it refers to."""
    spec = workflow.get("spec") or {}
    stored = (workflow.get("status") or {}).get("storedWorkflowTemplateSpec") or {}
    own = {key: value for key, value in spec.items() if value and key != "workflowTemplateRef"}
    return {**workflow, "spec": {**stored, **own} if stored else spec}


def _stored(workflow: Workflow) -> Kept:
    """Return what finds the objects whose templates the status keeps."""
    templates: dict[tuple[str, str], list[Manifest]] = {}
    for key, template in ((workflow.get("status") or {}).get("storedTemplates") or {}).items():
        scope, _, rest = str(key).partition("/")
        name, _, called = rest.partition("/")
        kind = "ClusterWorkflowTemplate" if scope == "cluster" else "WorkflowTemplate"
        templates.setdefault((kind, name), []).append({**template, "name": called})
    objects = {key: {"spec": {"templates": found}} for key, found in templates.items()}
    return lambda kind, name: objects.get((kind, name))
