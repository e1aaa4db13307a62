"""The parts of a parsed expression; ``at`` is the place in the text that errors point to.

Source: ``ast/node.go`` of expr-lang/expr.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar


class Node:
    """One part of an expression."""

    PARTS: ClassVar[tuple[str, ...]] = ()
    """The attributes that hold further ones, in the order of the text."""

    __slots__ = ("at",)

    def __init__(self, at: int) -> None:
        self.at = at

    def parts(self) -> Iterator[Node]:
        """Yield what the node is made of, in the order of the text."""
        for name in self.PARTS:
            part = getattr(self, name)
            if isinstance(part, list):
                yield from part
            elif part is not None:
                yield part


class Constant(Node):
    """A value that stands in the text."""

    __slots__ = ("value",)

    def __init__(self, value: object, at: int) -> None:
        super().__init__(at)
        self.value = value


class Identifier(Node):
    """A variable."""

    __slots__ = ("name",)

    def __init__(self, name: str, at: int) -> None:
        super().__init__(at)
        self.name = name


class Pointer(Node):
    """``#`` (no name), ``#index`` or ``#acc`` in a predicate."""

    __slots__ = ("name",)

    def __init__(self, name: str, at: int) -> None:
        super().__init__(at)
        self.name = name


class Unary(Node):
    """An operator before an operand."""

    PARTS = ("operand",)
    __slots__ = ("operand", "operator")

    def __init__(self, operator: str, operand: Node, at: int) -> None:
        super().__init__(at)
        self.operator = operator
        self.operand = operand


class Binary(Node):
    """An operator between two operands; ``go_type``: what both have to be, empty for anything."""

    PARTS = ("left", "right")
    __slots__ = ("go_type", "left", "operator", "right")

    def __init__(self, operator: str, left: Node, right: Node, at: int, go_type: str = "") -> None:
        super().__init__(at)
        self.go_type = go_type
        self.operator = operator
        self.left = left
        self.right = right


class Chain(Node):
    """Accesses of which one is optional: nil ends them all."""

    PARTS = ("node",)
    __slots__ = ("node",)

    def __init__(self, node: Node, at: int) -> None:
        super().__init__(at)
        self.node = node


class Member(Node):
    """``base.name`` or ``base[index]``; ``method`` when it is called."""

    PARTS = ("base", "property")
    __slots__ = ("base", "method", "optional", "property")

    def __init__(self, base: Node, name: Node, optional: bool, method: bool, at: int) -> None:
        super().__init__(at)
        self.base = base
        self.property = name
        self.optional = optional
        self.method = method


class Slice(Node):
    """``base[start:stop]``."""

    PARTS = ("base", "start", "stop")
    __slots__ = ("base", "start", "stop")

    def __init__(self, base: Node, start: Node | None, stop: Node | None, at: int) -> None:
        super().__init__(at)
        self.base = base
        self.start = start
        self.stop = stop


class Call(Node):
    """A function of the environment, or a method."""

    PARTS = ("callee", "arguments")
    __slots__ = ("arguments", "callee")

    def __init__(self, callee: Node, arguments: list[Node], at: int) -> None:
        super().__init__(at)
        self.callee = callee
        self.arguments = arguments


class Builtin(Node):
    """A function of the language.

    ``throws``: it stands for ``filter(…)[0]`` or ``[-1]``; ``mapped``: what is made of each item
    that it finds.
    """

    PARTS = ("arguments",)
    __slots__ = ("arguments", "mapped", "name", "throws")

    def __init__(
        self,
        name: str,
        arguments: list[Node],
        at: int,
        throws: bool = False,
        mapped: Node | None = None,
    ) -> None:
        super().__init__(at)
        self.name = name
        self.arguments = arguments
        self.throws = throws
        self.mapped = mapped


def walk(node: Node) -> Iterator[Node]:
    """Yield all parts of ``node``, it being the last."""
    for part in node.parts():
        yield from walk(part)
    yield node


class Predicate(Node):
    """What is evaluated for each item."""

    PARTS = ("body",)
    __slots__ = ("body",)

    def __init__(self, body: Node, at: int) -> None:
        super().__init__(at)
        self.body = body


class Conditional(Node):
    """``a ? b : c`` or ``if a { b } else { c }``."""

    PARTS = ("condition", "then", "otherwise")
    __slots__ = ("condition", "otherwise", "then")

    def __init__(self, condition: Node, then: Node, otherwise: Node, at: int) -> None:
        super().__init__(at)
        self.condition = condition
        self.then = then
        self.otherwise = otherwise


class Declaration(Node):
    """``let name = value; body``."""

    PARTS = ("value", "body")
    __slots__ = ("body", "name", "value")

    def __init__(self, name: str, value: Node, body: Node, at: int) -> None:
        super().__init__(at)
        self.name = name
        self.value = value
        self.body = body


class Sequence(Node):
    """``a; b``: the last one counts."""

    PARTS = ("nodes",)
    __slots__ = ("nodes",)

    def __init__(self, nodes: list[Node], at: int) -> None:
        super().__init__(at)
        self.nodes = nodes


class Array(Node):
    """``[a, b]``."""

    PARTS = ("nodes",)
    __slots__ = ("nodes",)

    def __init__(self, nodes: list[Node], at: int) -> None:
        super().__init__(at)
        self.nodes = nodes


class Mapping(Node):
    """``{key: value}``."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[Node, Node]], at: int) -> None:
        super().__init__(at)
        self.pairs = pairs

    def parts(self) -> Iterator[Node]:
        """Yield keys and values."""
        for key, value in self.pairs:
            yield key
            yield value
