"""The picture of a workflow of 50, 200 and 1000 tasks, against Graphviz's own of the same graph.

python benchmarks/dag.py
"""

from __future__ import annotations

import random
import subprocess
import time
from typing import Any

from measure import Row, conclude, medians, parser, ratio

from hera_experiment.graph.description import described, is_wide
from hera_experiment.graph.layout import laid_out, programs
from hera_experiment.graph.measure import written
from hera_experiment.graph.model import Graph
from hera_experiment.graph.of_workflow import graph_of
from hera_experiment.graph.svg import svg_of

LIMIT = 2.0
"""Ours has text in it, and edges of its own."""
SECONDS = {50: 0.07, 200: 0.26, 1000: 2.4}
LEVELS = 10


def workflow(tasks: int) -> dict[str, Any]:
    """Return a workflow of levels, each task of which waits for two of the level before."""
    chance = random.Random(tasks)
    size = tasks // LEVELS
    found = []
    for number in range(tasks):
        first = (number // size - 1) * size
        before = chance.sample(range(first, first + size), 2) if first >= 0 else []
        depends = " && ".join(f"task-{each}" for each in before)
        found.append({"name": f"task-{number}", "template": "work", "depends": depends})
    templates = [{"name": "main", "dag": {"tasks": found}}, {"name": "work", "container": {}}]
    return {"spec": {"entrypoint": "main", "templates": templates}}


def seconds_of_ours(manifest: dict[str, Any]) -> float:
    """Return the seconds from the workflow to its picture."""
    start = time.perf_counter()
    svg_of(laid_out(graph_of(manifest)))
    return time.perf_counter() - start


def seconds_of_graphviz(graph: Graph) -> float:
    """Return the seconds in which Graphviz draws boxes of the same sizes."""
    sizes = {node.id: written(node) for node in graph.nodes}
    text = described(graph, sizes, wide=is_wide(graph, sizes))
    command = [next(programs()), "-Kdot", "-Tsvg"]
    start = time.perf_counter()
    subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return time.perf_counter() - start


def main() -> int:
    """Measure and print."""
    args = parser(__doc__.splitlines()[0], rounds=5).parse_args()
    rows: list[Row] = []
    for tasks, goal in SECONDS.items():
        manifest = workflow(tasks)
        graph = graph_of(manifest)
        found = medians(
            {
                "ours": lambda manifest=manifest: seconds_of_ours(manifest),
                "graphviz": lambda graph=graph: seconds_of_graphviz(graph),
            },
            args.rounds,
        )
        rows.append(ratio(f"{tasks} tasks / Graphviz", found["ours"], found["graphviz"], LIMIT))
        rows.append(Row(f"{tasks} tasks", found["ours"], "s", goal))
    return conclude(rows, args.check)


if __name__ == "__main__":
    raise SystemExit(main())
