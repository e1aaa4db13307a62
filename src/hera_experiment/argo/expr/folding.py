"""Simplifies an expression before it runs, where that shows.

``false && x`` does not look at x, ``5 % 0`` is no expression, ``filter(…)[0]`` stops at the first,
``sum`` of an array in brackets adds whatever can be added, a map of a filter makes nothing of
items that nobody asks for, and a member of an array of strings has
to be a string.

Source: ``optimizer/*.go`` of expr-lang/expr.
"""

from __future__ import annotations

import copy
from typing import Any

from hera_experiment.argo.expr import tree
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.operations import OPERATIONS, negate
from hera_experiment.argo.expr.values import Table

_FOLDED = ("+", "-", "*", "/", "%", "**", "^", "==")


def folded(node: tree.Node, types: dict[int, str]) -> tree.Node:
    """Return the simplified expression; raises :class:`Fault`."""
    return _Folding(types).node(node)


class _Folding:
    def __init__(self, types: dict[int, str]) -> None:
        self._types = types

    def node(self, node: tree.Node) -> tree.Node:
        """Return ``node`` with everything in it simplified."""
        if isinstance(node, tree.Binary):
            return self._binary(node)
        if isinstance(node, tree.Unary):
            return _unary(node, self.node(node.operand))
        if isinstance(node, tree.Builtin):
            return _builtin(node, self._all(node.arguments))
        if isinstance(node, tree.Member):
            return _member(node, self.node(node.base), self.node(node.property))
        if isinstance(node, (tree.Constant, tree.Identifier, tree.Pointer)):
            return node
        return self._other(node)

    def _all(self, nodes: list[tree.Node]) -> list[tree.Node]:
        return [self.node(one) for one in nodes]

    def _maybe(self, node: tree.Node | None) -> tree.Node | None:
        return None if node is None else self.node(node)

    def _other(self, node: tree.Node) -> tree.Node:
        at = node.at
        if isinstance(node, tree.Chain):
            return tree.Chain(self.node(node.node), at)
        if isinstance(node, tree.Slice):
            base = self.node(node.base)
            return tree.Slice(base, self._maybe(node.start), self._maybe(node.stop), at)
        if isinstance(node, tree.Call):
            return tree.Call(self.node(node.callee), self._all(node.arguments), at)
        if isinstance(node, tree.Predicate):
            return tree.Predicate(self.node(node.body), at)
        if isinstance(node, tree.Conditional):
            condition, then = self.node(node.condition), self.node(node.then)
            return tree.Conditional(condition, then, self.node(node.otherwise), at)
        if isinstance(node, tree.Declaration):
            return tree.Declaration(node.name, self.node(node.value), self.node(node.body), at)
        if isinstance(node, tree.Sequence):
            return tree.Sequence(self._all(node.nodes), at)
        if isinstance(node, tree.Array):
            return _array(tree.Array(self._all(node.nodes), at))
        assert isinstance(node, tree.Mapping)
        return tree.Mapping([(self.node(key), self.node(value)) for key, value in node.pairs], at)

    def _binary(self, node: tree.Binary) -> tree.Node:
        if node.operator == "in" and isinstance(node.right, tree.Array) and node.right.nodes:
            kinds = {_literal(item) for item in node.right.nodes}
            is_int = self._types.get(id(node)) == "int" and kinds == {int}
            if is_int or kinds == {str}:
                values = [item.value for item in node.right.nodes]  # type: ignore[attr-defined]
                go_type = f"map[{'int' if is_int else 'string'}]struct {{}}"
                known = tree.Constant(Table(dict.fromkeys(values), go_type), node.right.at)
                return tree.Binary("in", self.node(node.left), known, node.at)
        found = _binary(node, self.node(node.left), self.node(node.right))
        if isinstance(found, tree.Binary) and found.operator in ("==", "!="):
            go_type = self._types.get(id(node), "")
            found.go_type = go_type if go_type in ("int", "string") else ""
        return found


def _literal(node: tree.Node) -> type | None:
    return type(node.value) if isinstance(node, tree.Constant) else None


def _unary(node: tree.Unary, operand: tree.Node) -> tree.Node:
    kind = _literal(operand)
    value: Any = operand.value if isinstance(operand, tree.Constant) else None
    if kind is bool and node.operator in ("!", "not"):
        return tree.Constant(not value, node.at)
    if kind in (int, float) and node.operator in ("-", "+"):
        return tree.Constant(negate(value) if node.operator == "-" else value, node.at)
    return tree.Unary(node.operator, operand, node.at)


def _binary(node: tree.Binary, left: tree.Node, right: tree.Node) -> tree.Node:
    operator = node.operator
    kinds = (_literal(left), _literal(right))
    if operator in ("and", "&&", "or", "||") and bool in kinds:
        neutral = operator in ("and", "&&")
        one = left.value if isinstance(left, tree.Constant) else None
        other = right.value if isinstance(right, tree.Constant) else None
        if one is neutral or other is neutral:
            found = copy.copy(right if one is neutral else left)
            found.at = node.at
            return found
        return tree.Constant(not neutral, node.at)
    if operator in _FOLDED and isinstance(left, tree.Constant) and isinstance(right, tree.Constant):
        if operator == "%" and kinds == (int, int) and right.value == 0:
            raise Fault("integer divide by zero", node.at)
        if _folds(operator, kinds):
            return tree.Constant(OPERATIONS[operator](left.value, right.value), node.at)
    if isinstance(left, tree.Builtin) and left.name == "count" and len(left.arguments) == 2:
        least = {">": 0, ">=": 1}.get(operator)
        if _literal(right) is int and least == right.value:  # type: ignore[attr-defined]
            return tree.Builtin("any", left.arguments, node.at)
    return tree.Binary(operator, left, right, node.at)


def _folds(operator: str, kinds: tuple[type | None, type | None]) -> bool:
    if operator == "==":
        return kinds[0] is kinds[1] and kinds[0] in (int, str, bool)
    if operator == "+" and kinds == (str, str):
        return True
    allowed: tuple[type, ...] = (int,) if operator == "%" else (int, float)
    return kinds[0] in allowed and kinds[1] in allowed


def _array(node: tree.Array) -> tree.Node:
    kinds = {_literal(item) for item in node.nodes}
    if not kinds or not kinds <= {int, float, str, bool}:
        return node
    values = [item.value for item in node.nodes]  # type: ignore[attr-defined]
    return tree.Constant(values, node.at)


def _filter(node: tree.Node | None) -> tree.Builtin | None:
    return node if isinstance(node, tree.Builtin) and node.name == "filter" else None


def _is_index(node: tree.Node) -> bool:
    return isinstance(node, tree.Pointer) and node.name == "index"


def _member(node: tree.Member, base: tree.Node, key: tree.Node) -> tree.Node:
    index = key.value if isinstance(key, tree.Constant) and _literal(key) is int else None
    found = _filter(base)
    if found is not None and index in (0, -1) and not node.optional:
        name = "find" if index == 0 else "findLast"
        return tree.Builtin(name, found.arguments, node.at, True, found.mapped)
    return tree.Member(base, key, node.optional, node.method, node.at)


_OF_A_FILTER = {"first": "find", "last": "findLast", "len": "count"}


def _builtin(node: tree.Builtin, arguments: list[tree.Node]) -> tree.Node:
    first = arguments[0] if arguments else None
    filtered = _filter(first)
    if filtered is not None and node.name in _OF_A_FILTER and len(arguments) == 1:
        name = _OF_A_FILTER[node.name]
        return tree.Builtin(name, filtered.arguments, node.at, mapped=filtered.mapped)
    is_map = node.name == "map" and not any(map(_is_index, tree.walk(arguments[1])))
    if is_map and filtered is not None and filtered.mapped is None:
        return tree.Builtin("filter", filtered.arguments, node.at, mapped=arguments[1])
    is_sum = node.name == "sum" and len(arguments) == 1
    if is_sum and isinstance(first, tree.Array) and len(first.nodes) > 1:
        *others, total = first.nodes
        for item in reversed(others):
            total = tree.Binary("+", item, total, node.at if item is others[0] else 0)
        return total
    return tree.Builtin(node.name, arguments, node.at)
