"""Checks an expression against what is known of its variables, before it runs.

Source: ``checker/checker.go`` of expr-lang/expr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hera_experiment.argo.expr import tree
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.natures import (
    ARRAY,
    BOOL,
    INT,
    MAP,
    UNKNOWN,
    Nature,
    array_of,
    method,
    of_type,
    of_value,
)
from hera_experiment.argo.expr.operator_natures import BINARY
from hera_experiment.argo.expr.parser import BUILTIN_NAMES
from hera_experiment.argo.expr.regex import compiled
from hera_experiment.argo.expr.signatures import SIGNATURES, VALIDATIONS, takes
from hera_experiment.argo.expr.values import ANY, OBJECT, Function

_TRUTHS = (
    *("all", "none", "any", "one", "filter", "count"),
    *("find", "findLast", "findIndex", "findLastIndex"),
)


class _Misfit(Fault):
    """The arguments do not suit the parameters."""


class _Scope(NamedTuple):
    collection: Nature
    names: dict[str, Nature]


def check(root: tree.Node, environment: Mapping[str, object]) -> dict[int, str]:
    """Return the types of what ``in`` looks for and ``==`` compares, by the id of the node.

    Raises :class:`Fault`.
    """
    checker = _Checker(environment)
    checker.visit(root)
    return checker.types


class _Checker:
    def __init__(self, environment: Mapping[str, object]) -> None:
        self._environment = environment
        self._scopes: list[_Scope] = []
        self._variables: list[tuple[str, Nature]] = []
        self.types: dict[int, str] = {}

    def visit(self, node: tree.Node) -> Nature:
        """Return what is known of the value of ``node``."""
        return _VISITS[type(node)](self, node)

    def constant(self, node: tree.Constant) -> Nature:
        return of_value(node.value)

    def identifier(self, node: tree.Identifier) -> Nature:
        for name, nature in reversed(self._variables):
            if name == node.name:
                return nature
        if node.name == "$env":
            return UNKNOWN
        return self._named(node, node.name, True)

    def _named(self, node: tree.Node, name: str, strict: bool) -> Nature:
        if name in self._environment:
            return of_value(self._environment[name])
        if strict and isinstance(node, tree.Identifier) and name in BUILTIN_NAMES:
            return of_type(_function_type(name))
        if strict:
            raise Fault(f"unknown name {name}", node.at)
        return UNKNOWN

    def unary(self, node: tree.Unary) -> Nature:
        nature = self.visit(node.operand)
        if node.operator in ("!", "not"):
            if nature.kind == "bool" or nature.is_unknown:
                return BOOL
        elif nature.is_number:
            return nature
        elif nature.is_unknown:
            return UNKNOWN
        raise Fault(f"invalid operation: {node.operator} (mismatched type {nature})", node.at)

    def binary(self, node: tree.Binary) -> Nature:
        left, right = self.visit(node.left), self.visit(node.right)
        operator = node.operator
        if operator == "in" or (operator in ("==", "!=") and left.go_type == right.go_type):
            self.types[id(node)] = left.go_type
        if operator == "in":
            found = self._in(node, left, right)
        elif operator == "matches" and isinstance(node.right, tree.Constant):
            if isinstance(node.right.value, str):
                _compiles(node.right.value, node.at)
            found = BINARY[operator](left, right)
        else:
            found = BINARY[operator](left, right)
        if found is None:
            raise Fault(
                f"invalid operation: {operator} (mismatched types {left} and {right})", node.at
            )
        return found

    def _in(self, node: tree.Binary, left: Nature, right: Nature) -> Nature | None:
        if (left.go_type == "string" or left.is_unknown) and right.kind == "struct":
            return BOOL
        if right.kind == "map":
            if not left.is_unknown and not left.assignable_to(right.key()):
                raise Fault(f"cannot use {left} as type {right.key()} in map key", node.at)
            return BOOL
        if right.is_array:
            if not left.comparable_to(right.item()):
                raise Fault(f"cannot use {left} as type {right.item()} in array", node.at)
            return BOOL
        if (left.is_unknown and right.go_type == "string") or right.is_unknown:
            return BOOL
        return None

    def chain(self, node: tree.Chain) -> Nature:
        return self.visit(node.node)

    def member(self, node: tree.Member) -> Nature:
        key = node.property.value if isinstance(node.property, tree.Constant) else None
        if isinstance(node.base, tree.Identifier) and node.base.name == "$env":
            if isinstance(key, str):
                return self._named(node, key, not node.optional)
            return UNKNOWN
        base, prop = self.visit(node.base), self.visit(node.property)
        if base.is_unknown:
            return UNKNOWN
        if isinstance(key, str):
            if base.is_nil:
                raise Fault(f"type nil has no field {key}", node.at)
            if (found := method(base, key)) is not None:
                return found
        if base.kind == "map":
            if not prop.assignable_to(base.key()) and not prop.is_unknown:
                message = f"cannot use {prop} to get an element from {base}"
                raise Fault(message, node.property.at)
            return base.item()
        if base.is_array:
            if not prop.is_integer and not prop.is_unknown:
                raise Fault(
                    f"array elements can only be selected using an integer (got {prop})",
                    node.property.at,
                )
            return base.item()
        if isinstance(key, str):
            what = "method" if node.method else "field"
            raise Fault(f"type {base} has no {what} {key}", node.at)
        raise Fault(f"type {base}[{prop}] is undefined", node.at)

    def slice(self, node: tree.Slice) -> Nature:
        nature = self.visit(node.base)
        if nature.is_unknown:
            return UNKNOWN
        if nature.kind != "string" and not nature.is_array:
            raise Fault(f"cannot slice {nature}", node.at)
        for bound in (node.start, node.stop):
            if bound is not None:
                found = self.visit(bound)
                if not found.is_integer and not found.is_unknown:
                    raise Fault(f"non-integer slice index {found}", bound.at)
        return nature

    def call(self, node: tree.Call) -> Nature:
        callee = node.callee
        if isinstance(callee, tree.Identifier) and callee.name == "$env":
            raise Fault(f"{OBJECT} is not callable", node.at)
        nature = self.visit(callee)
        if nature.is_unknown:
            return UNKNOWN
        name = "function"
        if isinstance(callee, tree.Identifier):
            name = callee.name
        elif isinstance(callee, tree.Member) and isinstance(callee.property, tree.Constant):
            name = str(callee.property.value)
        if nature.is_nil:
            raise Fault(f"{name} is nil; cannot call nil as function", node.at)
        if nature.function is None:
            raise Fault(f"{nature} is not callable", node.at)
        return self._fits(name, nature.function, node.arguments, node)

    def _fits(
        self, name: str, function: Function, arguments: list[tree.Node], node: tree.Node
    ) -> Nature:
        parameters, count = function.parameters, len(arguments)
        variadic = bool(parameters) and parameters[-1].startswith("...")
        wrong = "too many" if not variadic and count > len(parameters) else ""
        wrong = "not enough" if count < len(parameters) - variadic else wrong
        if wrong:
            for argument in arguments:
                self.visit(argument)
            raise _Misfit(f"{wrong} arguments to call {name}", node.at)
        for index, argument in enumerate(arguments):
            given = self.visit(argument)
            wanted = of_type(parameters[min(index, len(parameters) - 1)].removeprefix("..."))
            if (wanted.is_number and given.is_integer) or given.assignable_to(wanted):
                continue
            if given.is_nil:
                message = f"cannot use nil as argument (type {wanted}) to call {name}"
                raise _Misfit(message, argument.at)
            if not given.is_unknown:
                message = f"cannot use {given} as argument (type {wanted}) to call {name} "
                raise _Misfit(message, argument.at)
        return of_type(function.result)

    def builtin(self, node: tree.Builtin) -> Nature:
        if node.name in _PREDICATED:
            return self._predicated(node)
        if node.name == "get":
            return self._get(node)
        if node.name in VALIDATIONS:
            given = [self.visit(argument) for argument in node.arguments]
            types = [ANY if one.is_unknown else one.go_type for one in given]
            try:
                return of_type(VALIDATIONS[node.name](types))
            except Fault as fault:
                raise Fault(fault.message, node.at) from None
        misfits = []
        for parameters, result in SIGNATURES[node.name]:
            function = Function(parameters, result, takes)
            try:
                return self._fits(node.name, function, node.arguments, node)
            except _Misfit as misfit:
                misfits.append(misfit)
        raise misfits[-1]

    def _predicated(self, node: tree.Builtin) -> Nature:
        arguments, name = node.arguments, node.name
        collection = self.visit(arguments[0])
        if not collection.is_array and not collection.is_unknown:
            message = f"builtin {name} takes only array (got {collection})"
            raise Fault(message, arguments[0].at)
        body = None
        if len(arguments) > 1:
            names = {"index": INT} if name in ("map", "reduce") else {}
            names |= {"acc": UNKNOWN} if name == "reduce" else {}
            self._scopes.append(_Scope(collection, names))
            body = self.visit(arguments[1])
            self._scopes.pop()
        if len(arguments) > 2:
            third = self.visit(arguments[2])
            if name == "sortBy" and third.go_type != "string" and not third.is_unknown:
                message = f"sortBy order argument must be a string (got {third})"
                raise Fault(message, arguments[2].at)
        if body is not None:
            # Such a function has no result in Go.
            if body.is_nil and name != "sum":
                count = "two" if name == "reduce" else "one"
                message = f"predicate should has {count} input and one output param"
                raise Fault(message, arguments[1].at)
            if name in _TRUTHS and body.kind != "bool" and not body.is_unknown:
                message = f"predicate should return boolean (got {body})"
                raise Fault(message, arguments[1].at)
            if body.is_nil:
                raise Fault("unknown builtin sum", node.at)
        return _PREDICATED[name](collection, body or UNKNOWN)

    def _get(self, node: tree.Builtin) -> Nature:
        if len(node.arguments) != 2:
            count = len(node.arguments)
            raise Fault(f"invalid number of arguments (expected 2, got {count})", node.at)
        from_, key = node.arguments
        base, prop = self.visit(from_), self.visit(key)
        if isinstance(from_, tree.Identifier) and from_.name == "$env":
            if isinstance(key, tree.Constant) and key.value in self._environment:
                return of_value(self._environment[str(key.value)])
            return UNKNOWN
        if base.is_unknown:
            return UNKNOWN
        if base.is_array:
            if not prop.is_integer and not prop.is_unknown:
                raise Fault(f"non-integer slice index {prop}", key.at)
            return base.item()
        if base.kind == "map":
            if not prop.assignable_to(base.key()) and not prop.is_unknown:
                raise Fault(f"cannot use {prop} to get an element from {base}", key.at)
            return base.item()
        raise Fault(f"type {base} does not support indexing", from_.at)

    def predicate(self, node: tree.Predicate) -> Nature:
        return self.visit(node.body)

    def pointer(self, node: tree.Pointer) -> Nature:
        if not self._scopes:
            raise Fault("cannot use pointer accessor outside predicate", node.at)
        scope = self._scopes[-1]
        if not node.name:
            return UNKNOWN if scope.collection.is_unknown else scope.collection.item()
        if node.name not in scope.names:
            raise Fault(f"unknown pointer #{node.name}", node.at)
        return scope.names[node.name]

    def declaration(self, node: tree.Declaration) -> Nature:
        name = node.name
        if name in self._environment:
            raise Fault(f"cannot redeclare {name}", node.at)
        if name in BUILTIN_NAMES:
            raise Fault(f"cannot redeclare builtin {name}", node.at)
        if any(known == name for known, _ in self._variables):
            raise Fault(f"cannot redeclare variable {name}", node.at)
        value = self.visit(node.value)
        self._variables.append((name, value))
        body = self.visit(node.body)
        self._variables.pop()
        return body

    def sequence(self, node: tree.Sequence) -> Nature:
        last = UNKNOWN
        for part in node.nodes:
            last = self.visit(part)
        return last

    def conditional(self, node: tree.Conditional) -> Nature:
        condition = self.visit(node.condition)
        if condition.kind != "bool" and not condition.is_unknown:
            raise Fault(
                f"non-bool expression (type {condition}) used as condition", node.condition.at
            )
        then, otherwise = self.visit(node.then), self.visit(node.otherwise)
        if then.is_nil or otherwise.is_nil:
            return otherwise if then.is_nil else then
        if not then.assignable_to(otherwise):
            return UNKNOWN
        if then.is_array and otherwise.is_array:
            one, other = then.item(), otherwise.item()
            if not one.assignable_to(other) or not other.assignable_to(one):
                return ARRAY
        return then

    def array(self, node: tree.Array) -> Nature:
        found = [self.visit(part) for part in node.nodes]
        if not found:
            return array_of(UNKNOWN)
        return array_of(found[-1]) if len({one.kind for one in found}) == 1 else ARRAY

    def mapping(self, node: tree.Mapping) -> Nature:
        for part in node.parts():
            self.visit(part)
        return MAP


def _function_type(name: str) -> str:
    overloads = SIGNATURES.get(name, [])
    if len(overloads) == 1:
        parameters, result = overloads[0]
        if name in ("duration", "timezone"):
            result = f"({result}, error)"
        return Function(parameters, result, takes).go_type
    return "func(...interface {}) (interface {}, error)"


def _compiles(pattern: str, at: int) -> None:
    try:
        compiled(pattern)
    except Fault as fault:
        raise Fault(fault.message, at) from None


def _grouped(collection: Nature, _: Nature) -> Nature:
    return Nature("map[interface {}][]interface {}", element=array_of(collection.item()))


_PREDICATED: dict[str, Callable[[Nature, Nature], Nature]] = {
    **dict.fromkeys(("all", "none", "any", "one"), lambda collection, body: BOOL),
    **dict.fromkeys(("count", "findIndex", "findLastIndex"), lambda collection, body: INT),
    **dict.fromkeys(("find", "findLast"), lambda collection, body: collection.item()),
    "filter": lambda collection, body: array_of(collection.item()),
    "map": lambda collection, body: array_of(body),
    "sum": lambda collection, body: body if body.go_type else collection.item(),
    "groupBy": _grouped,
    "sortBy": lambda collection, body: collection,
    "reduce": lambda collection, body: body,
}

_VISITS: dict[type, Callable[[_Checker, Any], Nature]] = {
    tree.Constant: _Checker.constant,
    tree.Identifier: _Checker.identifier,
    tree.Pointer: _Checker.pointer,
    tree.Unary: _Checker.unary,
    tree.Binary: _Checker.binary,
    tree.Chain: _Checker.chain,
    tree.Member: _Checker.member,
    tree.Slice: _Checker.slice,
    tree.Call: _Checker.call,
    tree.Builtin: _Checker.builtin,
    tree.Predicate: _Checker.predicate,
    tree.Conditional: _Checker.conditional,
    tree.Declaration: _Checker.declaration,
    tree.Sequence: _Checker.sequence,
    tree.Array: _Checker.array,
    tree.Mapping: _Checker.mapping,
}
