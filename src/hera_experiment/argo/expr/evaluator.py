"""Evaluates an expression.

Source: ``compiler/compiler.go`` and ``vm/vm.go`` of expr-lang/expr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hera_experiment.argo.expr import operations, tree
from hera_experiment.argo.expr.arrays import ordered
from hera_experiment.argo.expr.builtins import CLOCKED, COSTLY, FUNCTIONS
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.times import NO_TIME
from hera_experiment.argo.expr.values import (
    ANY,
    Function,
    Table,
    asserted,
    is_nil,
    kind_of,
    type_name,
)

_MEMORY = 1_000_000
"""How many items expr makes in one evaluation before it gives up."""


class _Ended(Exception):
    """A chain has met nil."""


class _Scope:
    """What a predicate sees."""

    __slots__ = ("accumulated", "index", "item")

    def __init__(self, accumulated: object = None) -> None:
        self.index = 0
        self.item: object = None
        self.accumulated = accumulated


def evaluate(root: tree.Node, environment: Mapping[str, object], clock: Callable[[], int]) -> Any:
    """Return the value of the expression; ``clock`` gives nanoseconds since 1970.

    Raises :class:`Fault`.
    """
    return _Evaluator(environment, clock).value(root)


class _Evaluator:
    def __init__(self, environment: Mapping[str, object], clock: Callable[[], int]) -> None:
        self._environment = environment
        self._clock = clock
        self._scopes: list[_Scope] = []
        self._variables: list[tuple[str, object]] = []
        self._made = 0

    def _grow(self, size: int) -> None:
        self._made += max(size, 0)
        if self._made >= _MEMORY:
            raise Fault("memory budget exceeded")

    def value(self, node: tree.Node) -> Any:
        """Return the value of ``node``."""
        try:
            return _VALUES[type(node)](self, node)
        except Fault as fault:
            if fault.at is None:
                fault.at = node.at
            raise

    def truth(self, node: tree.Node) -> bool:
        """Return the value, which has to be a bool; the caller is blamed when it is not."""
        return bool(asserted(self.value(node), "bool"))

    def constant(self, node: tree.Constant) -> Any:
        return node.value

    def identifier(self, node: tree.Identifier) -> Any:
        for name, value in reversed(self._variables):
            if name == node.name:
                return value
        if node.name == "$env":
            return dict(self._environment)
        return self._environment.get(node.name)

    def pointer(self, node: tree.Pointer) -> Any:
        scope = self._scopes[-1]
        if node.name == "index":
            return scope.index
        return scope.accumulated if node.name == "acc" else scope.item

    def unary(self, node: tree.Unary) -> Any:
        if node.operator in ("!", "not"):
            return not self.truth(node.operand)
        value = self.value(node.operand)
        return operations.negate(value) if node.operator == "-" else value

    def binary(self, node: tree.Binary) -> Any:
        operator = node.operator
        if operator == "??":
            return self._coalesced(node)
        left = self.value(node.left)
        if operator in ("&&", "and", "||", "or"):
            decided = operator in ("||", "or")
            return left if asserted(left, "bool") is decided else self.value(node.right)
        right = self.value(node.right)
        if operator == "..":
            self._grow(operations.to_int(right) - operations.to_int(left) + 1)
        if node.go_type:
            asserted(left, node.go_type)
            asserted(right, node.go_type)
        return operations.OPERATIONS[operator](left, right)

    def _coalesced(self, node: tree.Binary) -> Any:
        left = self.value(node.left)
        return self.value(node.right) if is_nil(left) else left

    def chain(self, node: tree.Chain) -> Any:
        try:
            found = self.value(node.node)
        except _Ended:
            return None
        return None if is_nil(found) else found

    def member(self, node: tree.Member) -> Any:
        base = self.value(node.base)
        if node.optional and is_nil(base):
            raise _Ended
        return operations.fetched(base, self.value(node.property))

    def slice(self, node: tree.Slice) -> Any:
        base = self.value(node.base)
        stop = operations.size_of(base) if node.stop is None else self.value(node.stop)
        start = 0 if node.start is None else self.value(node.start)
        return operations.sliced(base, start, stop)

    def call(self, node: tree.Call) -> Any:
        arguments = [self.value(argument) for argument in node.arguments]
        function = self.value(node.callee)
        if function is None:
            raise Fault("invalid operation: cannot call nil")
        if not isinstance(function, Function):
            raise Fault(
                f"invalid operation: cannot call non-function of type {type_name(function)}"
            )
        return called(function, arguments)

    def builtin(self, node: tree.Builtin) -> Any:
        predicated = _PREDICATED.get(node.name)
        if predicated is not None:
            collection = self.value(node.arguments[0])
            scope = _Scope()
            items = operations.items(collection)
            self._scopes.append(scope)
            try:
                return predicated(self, node, items, scope)
            finally:
                self._scopes.pop()
        arguments = [self.value(argument) for argument in node.arguments]
        if node.name in CLOCKED:
            return CLOCKED[node.name](self._clock)(*arguments)
        found = FUNCTIONS[node.name](*arguments)
        if node.name in COSTLY:
            self._grow(operations.size_of(found))
        return found

    def predicate(self, node: tree.Predicate) -> Any:
        return self.value(node.body)

    def conditional(self, node: tree.Conditional) -> Any:
        return self.value(node.then if self.truth(node.condition) else node.otherwise)

    def declaration(self, node: tree.Declaration) -> Any:
        self._variables.append((node.name, self.value(node.value)))
        found = self.value(node.body)
        self._variables.pop()
        return found

    def sequence(self, node: tree.Sequence) -> Any:
        found = None
        for part in node.nodes:
            found = self.value(part)
        return found

    def array(self, node: tree.Array) -> Any:
        found = [self.value(part) for part in node.nodes]
        self._grow(len(found))
        return found

    def mapping(self, node: tree.Mapping) -> Any:
        pairs = [(self.value(key), self.value(value)) for key, value in node.pairs]
        self._grow(len(pairs))
        return {asserted(key, "string"): value for key, value in pairs}

    def _each(self, node: tree.Builtin, items: list[Any], scope: _Scope, backwards: bool) -> Any:
        """Yield each item's index and what the predicate (if there is one) makes of it."""
        indices = range(len(items))
        for index in reversed(indices) if backwards else indices:
            scope.index, scope.item = index, items[index]
            yield index, self.value(node.arguments[1]) if len(node.arguments) > 1 else items[index]

    def _holding(
        self, node: tree.Builtin, items: list[Any], scope: _Scope, backwards: bool = False
    ) -> Any:
        """Yield the indices for which the predicate holds."""
        for index, found in self._each(node, items, scope, backwards):
            if asserted(found, "bool"):
                yield index

    def all(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        each = self._each(node, items, scope, False)
        return all(asserted(found, "bool") for _, found in each)

    def any(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        return next(self._holding(node, items, scope), None) is not None

    def none(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        return next(self._holding(node, items, scope), None) is None

    def count(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        return sum(1 for _ in self._holding(node, items, scope))

    def one(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        return self.count(node, items, scope) == 1

    def filter(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        found = [self._made_of(node, items[index]) for index in self._holding(node, items, scope)]
        self._grow(len(found))
        return found

    def map(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        found = [found for _, found in self._each(node, items, scope, False)]
        self._grow(len(items))
        return found

    def find(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        index = self.index(node, items, scope)
        if index is None and node.throws:
            raise Fault("reflect: slice index out of range")
        return None if index is None else self._made_of(node, items[index])

    def _made_of(self, node: tree.Builtin, item: object) -> Any:
        return item if node.mapped is None else self.value(node.mapped)

    def index(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        backwards = "Last" in node.name
        return next(self._holding(node, items, scope, backwards), None)

    def sum(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        total: Any = 0
        for _, found in self._each(node, items, scope, False):
            total = operations.add(found, total)
        return total

    def group(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        found = Table(go_type="map[interface {}][]interface {}")
        for index, key in self._each(node, items, scope, False):
            found.setdefault(operations.hashable(key), []).append(items[index])
        return found

    def sort(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        order = self.value(node.arguments[2]) if len(node.arguments) > 2 else "asc"
        if not isinstance(order, str):
            raise Fault("sortBy order argument must be a string")
        if order not in ("asc", "desc"):
            raise Fault("unknown order, use asc or desc")
        keys = [found for _, found in self._each(node, items, scope, False)]
        self._grow(len(items))
        return ordered(items, keys, order)

    def reduce(self, node: tree.Builtin, items: list[Any], scope: _Scope) -> Any:
        first = 0
        if len(node.arguments) > 2:
            scope.accumulated = self.value(node.arguments[2])
        elif not items:
            raise Fault("reduce of empty array with no initial value")
        else:
            scope.accumulated, first = items[0], 1
        for index in range(first, len(items)):
            scope.index, scope.item = index, items[index]
            scope.accumulated = self.value(node.arguments[1])
        return scope.accumulated


def called(function: Function, arguments: list[Any]) -> Any:
    """Return what the function gives; raises :class:`Fault` when the arguments do not suit it."""
    parameters = function.parameters
    variadic = bool(parameters) and parameters[-1].startswith("...")
    least = len(parameters) - variadic
    if len(arguments) < least or (not variadic and len(arguments) > least):
        at_least = "at least " if variadic else ""
        raise Fault(
            f"invalid number of arguments: expected {at_least}{least}, got {len(arguments)}"
        )
    given = []
    for index, argument in enumerate(arguments):
        wanted = parameters[min(index, len(parameters) - 1)]
        given.append(argument if function.typed else _suited(argument, wanted))
    if function.typed:
        for argument, wanted in zip(given, parameters, strict=True):
            if wanted != ANY:
                asserted(argument, wanted)
    return function.body(*given)


def _suited(argument: Any, parameter: str) -> Any:
    wanted = parameter.removeprefix("...")
    found = type_name(argument)
    if wanted in (found, ANY):
        return argument
    if argument is None:
        return _ZEROS[kind_of(wanted)]
    if parameter != wanted:
        raise Fault(f"reflect: cannot use {found} as type {wanted} in Call")
    raise Fault(f"reflect: Call using {found} as type {wanted}")


_ZEROS: dict[str, Any] = {
    "string": "", "int": 0, "int64": 0, "float64": 0.0, "bool": False, "map": {}, "slice": [],
    "struct": NO_TIME, "ptr": None,
}  # fmt: skip
_PREDICATED: dict[str, Callable[[_Evaluator, Any, list[Any], _Scope], Any]] = {
    "all": _Evaluator.all,
    "any": _Evaluator.any,
    "none": _Evaluator.none,
    "one": _Evaluator.one,
    "count": _Evaluator.count,
    "filter": _Evaluator.filter,
    "map": _Evaluator.map,
    "find": _Evaluator.find,
    "findLast": _Evaluator.find,
    "findIndex": _Evaluator.index,
    "findLastIndex": _Evaluator.index,
    "sum": _Evaluator.sum,
    "groupBy": _Evaluator.group,
    "sortBy": _Evaluator.sort,
    "reduce": _Evaluator.reduce,
}
_VALUES: dict[type, Callable[[_Evaluator, Any], Any]] = {
    tree.Constant: _Evaluator.constant,
    tree.Identifier: _Evaluator.identifier,
    tree.Pointer: _Evaluator.pointer,
    tree.Unary: _Evaluator.unary,
    tree.Binary: _Evaluator.binary,
    tree.Chain: _Evaluator.chain,
    tree.Member: _Evaluator.member,
    tree.Slice: _Evaluator.slice,
    tree.Call: _Evaluator.call,
    tree.Builtin: _Evaluator.builtin,
    tree.Predicate: _Evaluator.predicate,
    tree.Conditional: _Evaluator.conditional,
    tree.Declaration: _Evaluator.declaration,
    tree.Sequence: _Evaluator.sequence,
    tree.Array: _Evaluator.array,
    tree.Mapping: _Evaluator.mapping,
}
