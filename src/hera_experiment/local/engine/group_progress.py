"""The progress of nodes that have none of their own: the sum of those below.

Source: ``workflow/progress/updater.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from hera_experiment.local.engine.node import EXECUTABLE, Node
from hera_experiment.local.engine.nodes import Nodes

_PROGRESS_STEPS = 100
"""A group that runs shows at most so many values: each is written with all its children's ids."""


def update_groups(nodes: Nodes, *, all_nodes: bool) -> None:
    """Set the progress of all nodes that have none of their own, or of those that have gone on.

    It is the sum of those below.
    """
    for node in nodes.by_id.values():
        if node.type in EXECUTABLE or (node.fulfilled and not all_nodes):
            continue
        done, total = _sum_below(nodes, node)
        progress = f"{done}/{total}"
        if total and progress != node.progress and (all_nodes or _matters(node, done, total)):
            node.progress = progress
            nodes.touch(node)


def _matters(node: Node, done: int, total: int) -> bool:
    shown, _, of = node.progress.partition("/")
    if not shown or (total - int(of)) * 10 >= total:
        return True
    return (done - int(shown)) * _PROGRESS_STEPS >= total


def _sum_below(nodes: Nodes, node: Node) -> tuple[int, int]:
    done = total = 0
    seen = set(node.children)
    stack = list(node.children)
    while stack:
        child = nodes.by_id.get(stack.pop())
        if child is None:
            continue
        if child.type in EXECUTABLE:
            number, of = child.progress.split("/")
            done += int(number)
            total += int(of)
        fresh = [key for key in child.children if key not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return done, total
