"""The ``progress`` of nodes that are no pods: the sum of the pods below.

Source: ``workflow/progress/updater.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from hera_experiment.local.engine.nodes import POD, Node, Nodes

_STEPS = 100
"""A group that runs shows at most so many values: each is written with all its children's ids."""


def update_groups(nodes: Nodes, *, all_nodes: bool) -> None:
    """Set the progress of all nodes that are no pods, or of those that run and have gone on."""
    for node in nodes.by_id.values():
        if node.type == POD or (node.fulfilled and not all_nodes):
            continue
        done, total = _sum_below(nodes, node)
        progress = f"{done}/{total}"
        if total and progress != node.progress and (all_nodes or _matters(node, done, total)):
            node.progress = progress
            nodes.touch(node)


def _matters(node: Node, done: int, total: int) -> bool:
    shown, _, of = node.progress.partition("/")
    return not shown or (done - int(shown)) * _STEPS >= total or (total - int(of)) * 10 >= total


def _sum_below(nodes: Nodes, node: Node) -> tuple[int, int]:
    done = total = 0
    seen = set(node.children)
    stack = list(node.children)
    while stack:
        child = nodes.by_id.get(stack.pop())
        if child is None:
            continue
        if child.type == POD:
            number, of = child.progress.split("/")
            done += int(number)
            total += int(of)
        fresh = [key for key in child.children if key not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return done, total
