"""Which variables an expression uses.

Source: ``util/template/expression_template.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from hera_experiment.argo.expr import tree


def identifiers_of(root: tree.Node) -> list[str]:
    """Return the names, each once, in the order in which Argo comes across them."""
    guarded: set[int] = set()
    for node in tree.walk(root):
        if isinstance(node, tree.Binary) and node.operator == "??":
            guarded |= {id(part) for part in tree.walk(node.left) if isinstance(part, tree.Member)}
        elif isinstance(node, tree.Member) and node.optional:
            guarded.add(id(node.base))
    found: dict[str, None] = {}
    for node in tree.walk(root):
        if isinstance(node, tree.Identifier):
            found[node.name] = None
        elif isinstance(node, tree.Member) and id(node) not in guarded and (path := _path(node)):
            found[path] = None
    return list(found)


def is_known(name: str, environment: object) -> bool:
    """Tell whether maps within maps hold the name."""
    for part in name.split("."):
        if not isinstance(environment, dict) or part not in environment:
            return False
        environment = environment[part]
    return True


def _path(node: tree.Node) -> str:
    parts: list[str] = []
    while isinstance(node, tree.Member):
        name = node.property.value if isinstance(node.property, tree.Constant) else None
        if node.optional or not isinstance(name, str):
            return ""
        parts.append(name)
        node = node.base
    return ".".join([node.name, *reversed(parts)]) if isinstance(node, tree.Identifier) else ""
