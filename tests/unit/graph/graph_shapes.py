"""Workflows of few words, for their graphs; and those of the cases of fidelity."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from hera_experiment.graph.model import Graph
from hera_experiment.graph.of_workflow import graph_of

Json = dict[str, Any]
CASES = Path(__file__).resolve().parents[2] / "fidelity" / "cases"
WORK = {"name": "work", "container": {"image": "x"}}


def task(name: str, *after: str, **more: Any) -> Json:
    """Return a task of the template ``work`` that waits for others."""
    waits = {"dependencies": list(after)} if after else {}
    return {"name": name, "template": "work", **waits, **more}


def dag(*tasks: Json, name: str = "main") -> Json:
    """Return a template of tasks."""
    return {"name": name, "dag": {"tasks": list(tasks)}}


def steps(*groups: list[Json], name: str = "main") -> Json:
    """Return a template of steps."""
    return {"name": name, "steps": list(groups)}


def workflow(*templates: Json, **spec: Any) -> Json:
    """Return a workflow that begins with the first template."""
    listed = [*templates, WORK]
    return {
        "kind": "Workflow",
        "metadata": {"generateName": "w-"},
        "spec": {"entrypoint": listed[0]["name"], "templates": listed, **spec},
    }


def drawn(*templates: Json, **spec: Any) -> Graph:
    """Return the graph of such a workflow."""
    return graph_of(workflow(*templates, **spec))


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    """Return the edges, short."""
    return {(edge.start, edge.end, edge.label) for edge in graph.edges}


def levels(*sizes: int, seed: int = 1) -> Json:
    """Return a workflow of levels of so many tasks, each of which waits for two of the last."""
    chance = random.Random(seed)
    tasks: list[Json] = []
    before: list[str] = []
    for level, size in enumerate(sizes):
        names = [f"task-{level}-{number}" for number in range(size)]
        for name in names:
            tasks.append(task(name, *sorted(chance.sample(before, min(2, len(before))))))
        before = names
    return workflow(dag(*tasks))


def cases() -> Iterator[tuple[str, Json, Mapping[tuple[str, str], Json]]]:
    """Yield the name of each case of fidelity, its workflow, and the objects it refers to."""
    for path in sorted(CASES.glob("*/*.yaml")):
        documents = [
            each for each in yaml.safe_load_all(path.read_text()) if isinstance(each, dict)
        ]
        kept = {
            (each["kind"], each["metadata"]["name"]): each
            for each in documents
            if str(each.get("kind")).endswith("WorkflowTemplate")
        }
        others = (*(kind for kind, _ in kept), "ConfigMap")
        written = next(each for each in documents if each.get("kind") not in others)
        yield f"{path.parent.name}/{path.stem}", written, kept
