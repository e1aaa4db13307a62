"""Parses an expression by the precedence of its operators.

Source: ``parser/parser.go`` and ``parser/operator/operator.go`` of expr-lang/expr.
"""

from __future__ import annotations

from collections.abc import Callable, Set

from hera_experiment.argo.expr import tree
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.lexer import (
    BRACKET,
    BYTES,
    EOF,
    IDENTIFIER,
    NUMBER,
    OPERATOR,
    STRING,
    Token,
    is_letter,
    quoted,
    tokens,
)

_UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
_BINARY = {
    "|": 0,
    "or": 10,
    "||": 10,
    "and": 15,
    "&&": 15,
    **dict.fromkeys("== != < > >= <= in matches contains startsWith endsWith".split(), 20),
    "..": 25,
    "+": 30,
    "-": 30,
    "*": 60,
    "/": 60,
    "%": 60,
    "**": 100,
    "^": 100,
    "??": 500,
}
_TO_THE_RIGHT = ("**", "^")
_COMPARISONS = ("<", ">", ">=", "<=")
_NEGATABLE = ("contains", "matches", "startsWith", "endsWith", "in")
_LITERALS = {"true": True, "false": False, "nil": None}
_MOST_NODES = 10_000
_LARGEST = 2**63 - 1

# What the arguments are: an expression, a predicate, or one of them that may be left out (?).
PREDICATES = {
    **dict.fromkeys(("all", "none", "any", "one", "filter", "map", "groupBy"), "ep"),
    **dict.fromkeys(("find", "findIndex", "findLast", "findLastIndex"), "ep"),
    "count": "eP",
    "sum": "eP",
    "sortBy": "epE",
    "reduce": "epE",
}
"""The functions with a predicate and their arguments; a capital may be left out."""


def parse(text: str, builtins: Set[str]) -> tree.Node:
    """Return the tree of ``text``, ``builtins`` being the functions of the language.

    Raises :class:`Fault`.
    """
    return _Parser(text, builtins).parse()


class _Parser:
    def __init__(self, text: str, builtins: Set[str]) -> None:
        self._tokens = tokens(text)
        self._builtins = builtins
        self._stash: Token | None = None
        self._depth = 0
        self._count = 0
        self._current = next(self._tokens)

    def parse(self) -> tree.Node:
        node = self._sequence()
        if self._current.kind != EOF:
            raise self._unexpected()
        return node

    def _unexpected(self) -> Fault:
        return Fault(f"unexpected token {self._current}", self._current.at)

    def _made(self) -> None:
        self._count += 1
        if self._count > _MOST_NODES:
            message = "compilation failed: expression exceeds maximum allowed nodes"
            raise Fault(message, self._current.at)

    def _next(self) -> None:
        if self._stash is not None:
            self._current, self._stash = self._stash, None
            return
        following = next(self._tokens, None)
        if following is None:
            raise Fault("unexpected end of expression", self._current.at)
        self._current = following

    def _is(self, kind: str, value: str) -> bool:
        return self._current.kind == kind and self._current.value == value

    def _expect(self, kind: str, value: str | None = None) -> None:
        if self._current.kind != kind or (value is not None and self._current.value != value):
            raise self._unexpected()
        self._next()

    def _sequence(self) -> tree.Node:
        nodes = [self._expression(0)]
        while self._is(OPERATOR, ";"):
            self._next()
            if self._current.kind == EOF:
                break
            nodes.append(self._expression(0))
        if len(nodes) == 1:
            return nodes[0]
        self._made()
        return tree.Sequence(nodes, nodes[0].at)

    def _expression(self, precedence: int) -> tree.Node:
        if precedence == 0:
            if self._is(OPERATOR, "let"):
                return self._declaration()
            if self._is(OPERATOR, "if"):
                return self._if()
        left = self._primary()
        before = ""
        operator = self._current
        while operator.kind == OPERATOR:
            negated = operator.value == "not"
            if negated:
                backup = self._current
                self._next()
                if self._current.value not in _NEGATABLE:
                    raise self._unexpected()
                if _BINARY[self._current.value] < precedence:
                    self._stash, self._current = self._current, backup
                    break
                operator = self._current
            binding = _BINARY.get(operator.value)
            if binding is None or binding < precedence:
                break
            left = self._operation(left, operator, binding, negated, before)
            before = operator.value
            operator = self._current
        return self._conditional(left) if precedence == 0 else left

    def _operation(
        self, left: tree.Node, operator: Token, binding: int, negated: bool, before: str
    ) -> tree.Node:
        self._next()
        symbol = operator.value
        if symbol == "|":
            name = self._current
            self._expect(IDENTIFIER)
            return self._call(name, [left], True)
        if before == "??" and symbol != "??":
            raise Fault(
                f"Operator ({symbol}) and coalesce expressions (??) cannot be mixed. "
                "Wrap either by parentheses.",
                operator.at,
            )
        if symbol in _COMPARISONS:
            return self._comparison(left, operator, binding)
        right = self._expression(binding + (symbol not in _TO_THE_RIGHT))
        self._made()
        node: tree.Node = tree.Binary(symbol, left, right, operator.at)
        if negated:
            self._made()
            node = tree.Unary("not", node, operator.at)
        return node

    def _comparison(self, left: tree.Node, operator: Token, binding: int) -> tree.Node:
        whole: tree.Node | None = None
        while True:
            right = self._expression(binding + 1)
            self._made()
            one = tree.Binary(operator.value, left, right, operator.at)
            if whole is None:
                whole = one
            else:
                self._made()
                whole = tree.Binary("&&", whole, one, operator.at)
            left = right
            operator = self._current
            if operator.kind != OPERATOR or operator.value not in _COMPARISONS:
                return whole
            self._next()

    def _declaration(self) -> tree.Node:
        self._next()
        name = self._current
        self._expect(IDENTIFIER)
        self._expect(OPERATOR, "=")
        value = self._expression(0)
        self._expect(OPERATOR, ";")
        body = self._sequence()
        self._made()
        return tree.Declaration(name.value, value, body, name.at)

    def _if(self) -> tree.Node:
        self._next()
        condition = self._expression(0)
        then = self._block()
        self._expect(OPERATOR, "else")
        otherwise = self._if() if self._is(OPERATOR, "if") else self._block()
        return tree.Conditional(condition, then, otherwise, 0)

    def _block(self) -> tree.Node:
        self._expect(BRACKET, "{")
        node = self._sequence()
        self._expect(BRACKET, "}")
        return node

    def _conditional(self, node: tree.Node) -> tree.Node:
        while self._is(OPERATOR, "?"):
            self._next()
            if self._is(OPERATOR, ":"):
                self._next()
                then, otherwise = node, self._expression(0)
            else:
                then = self._expression(0)
                self._expect(OPERATOR, ":")
                otherwise = self._expression(0)
            self._made()
            node = tree.Conditional(node, then, otherwise, self._current.at)
        return node

    def _primary(self) -> tree.Node:
        token = self._current
        if token.kind == OPERATOR and token.value in _UNARY:
            self._next()
            operand = self._expression(_UNARY[token.value])
            self._made()
            return self._postfix(tree.Unary(token.value, operand, token.at))
        if self._is(BRACKET, "("):
            self._next()
            node = self._sequence()
            self._expect(BRACKET, ")")
            return self._postfix(node)
        if self._depth and token.kind == OPERATOR and token.value in ("#", "."):
            name = ""
            if token.value == "#":
                self._next()
                if self._current.kind == IDENTIFIER:
                    name = self._current.value
                    self._next()
            self._made()
            return self._postfix(tree.Pointer(name, token.at))
        if self._is(OPERATOR, "::"):
            self._next()
            token = self._current
            self._expect(IDENTIFIER)
            return self._postfix(self._call(token, [], False))
        return self._secondary(token)

    def _secondary(self, token: Token) -> tree.Node:
        node: tree.Node
        if token.kind == IDENTIFIER:
            self._next()
            if token.value in _LITERALS:
                self._made()
                return tree.Constant(_LITERALS[token.value], token.at)
            if self._is(BRACKET, "("):
                node = self._call(token, [], True)
            else:
                self._made()
                node = tree.Identifier(token.value, token.at)
        elif token.kind == NUMBER:
            self._next()
            self._made()
            return tree.Constant(self._number(token), token.at)
        elif token.kind == STRING:
            self._next()
            self._made()
            node = tree.Constant(token.value, token.at)
        elif token.kind == BYTES:
            self._next()
            self._made()
            node = tree.Constant(token.value.encode("utf-8", "surrogateescape"), token.at)
        elif self._is(BRACKET, "["):
            node = self._array(token)
        elif self._is(BRACKET, "{"):
            node = self._mapping(token)
        else:
            raise self._unexpected()
        return self._postfix(node)

    def _number(self, token: Token) -> int | float:
        text = token.value.replace("_", "")
        lower = text.lower()
        if not lower.startswith("0x") and ("." in lower or "e" in lower):
            return self._float(text)
        for prefix, base, name in (("0x", 16, "hex"), ("0b", 2, "binary"), ("0o", 8, "octal")):
            if lower.startswith(prefix):
                return self._integer(text, text[2:], base, name)
        return self._integer(text, text, 10, "integer")

    def _float(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            reason = "invalid syntax"
        else:
            if value != float("inf"):
                return value
            reason = "value out of range"
        message = f"invalid float literal: strconv.ParseFloat: parsing {quoted(text)}: {reason}"
        raise Fault(message, self._current.at)

    def _integer(self, text: str, digits: str, base: int, name: str) -> int:
        try:
            value = int(digits, base)
        except ValueError:
            reason = "invalid syntax"
        else:
            if value <= _LARGEST:
                return value
            reason = "value out of range"
        message = f"invalid {name} literal: strconv.ParseInt: parsing {quoted(text)}: {reason}"
        raise Fault(message, self._current.at)

    def _call(self, name: Token, arguments: list[tree.Node], overridable: bool) -> tree.Node:
        is_builtin = name.value in self._builtins or not overridable
        node: tree.Node
        if is_builtin and name.value in PREDICATES:
            arguments = self._with_predicate(PREDICATES[name.value], arguments)
            node = tree.Builtin(name.value, arguments, name.at)
        elif is_builtin and name.value in BUILTIN_NAMES:
            node = tree.Builtin(name.value, self._arguments(arguments), name.at)
        else:
            self._made()
            callee = tree.Identifier(name.value, name.at)
            node = tree.Call(callee, self._arguments(arguments), name.at)
        self._made()
        return node

    def _with_predicate(self, kinds: str, arguments: list[tree.Node]) -> list[tree.Node]:
        self._expect(BRACKET, "(")
        wanted = kinds[len(arguments) :]
        arguments = list(arguments)
        for index, kind in enumerate(wanted):
            if self._is(BRACKET, ")"):
                if kind.isupper():
                    break
                raise Fault(f"expected at least {len(wanted)} arguments", self._current.at)
            if index:
                self._expect(OPERATOR, ",")
            is_predicate = kind in "pP"
            arguments.append(self._predicate() if is_predicate else self._expression(0))
        if self._is(OPERATOR, ","):
            self._next()
        self._expect(BRACKET, ")")
        return arguments

    def _predicate(self) -> tree.Node:
        start = self._current
        braced = self._is(BRACKET, "{")
        if braced:
            self._next()
        self._depth += 1
        if braced:
            body = self._sequence()
        else:
            body = self._expression(0)
            if self._is(OPERATOR, ";"):
                raise Fault("wrap predicate with brackets { and }", self._current.at)
        self._depth -= 1
        if braced:
            self._expect(BRACKET, "}")
        self._made()
        return tree.Predicate(body, start.at)

    def _arguments(self, arguments: list[tree.Node]) -> list[tree.Node]:
        self._expect(BRACKET, "(")
        return [*arguments, *self._listed(")", lambda: self._expression(0))]

    def _listed(self, closing: str, item: Callable[[], tree.Node]) -> list[tree.Node]:
        found: list[tree.Node] = []
        while not self._is(BRACKET, closing):
            if found:
                self._expect(OPERATOR, ",")
                if self._is(BRACKET, closing):
                    break
            found.append(item())
        self._next()
        return found

    def _array(self, token: Token) -> tree.Node:
        self._next()
        nodes = self._listed("]", lambda: self._expression(0))
        self._made()
        return tree.Array(nodes, token.at)

    def _mapping(self, token: Token) -> tree.Node:
        self._next()
        pairs: list[tuple[tree.Node, tree.Node]] = []

        def pair() -> tree.Node:
            if pairs and self._is(OPERATOR, ","):
                raise self._unexpected()
            key = self._key()
            self._expect(OPERATOR, ":")
            value = self._expression(0)
            self._made()
            pairs.append((key, value))
            return value

        self._listed("}", pair)
        self._made()
        return tree.Mapping(pairs, token.at)

    def _key(self) -> tree.Node:
        token = self._current
        if token.kind in (NUMBER, STRING, IDENTIFIER):
            self._made()
            self._next()
            return tree.Constant(token.value, token.at)
        if self._is(BRACKET, "("):
            return self._expression(0)
        raise Fault(
            "a map key must be a quoted string, a number, a identifier, or an expression enclosed "
            f"in parentheses (unexpected token {token})",
            token.at,
        )

    def _postfix(self, node: tree.Node) -> tree.Node:
        while self._current.kind in (OPERATOR, BRACKET):
            token = self._current
            optional = token.value == "?."
            if token.value in (".", "?."):
                self._next()
                if optional and self._is(BRACKET, "["):
                    node = self._index(node, True)
                else:
                    node = self._access(node, optional)
            elif token.value == "[":
                node = self._index(node, False)
            else:
                break
        return node

    def _access(self, node: tree.Node, optional: bool) -> tree.Node:
        name = self._current
        self._next()
        is_word = name.kind == OPERATOR and is_letter(name.value[0])
        if name.kind != IDENTIFIER and not is_word:
            raise Fault("expected name", self._current.at)
        self._made()
        chained = isinstance(node, tree.Chain)
        base = node.node if isinstance(node, tree.Chain) else node
        called = self._is(BRACKET, "(")
        self._made()
        key = tree.Constant(name.value, name.at)
        found: tree.Node = tree.Member(base, key, optional, called, name.at)
        if called:
            arguments = self._arguments([])
            self._made()
            found = tree.Call(found, arguments, name.at)
        if chained or optional:
            self._made()
            found = tree.Chain(found, name.at)
        return found

    def _index(self, node: tree.Node, optional: bool) -> tree.Node:
        token = self._current
        self._next()
        start = None if self._is(OPERATOR, ":") else self._expression(0)
        if self._is(OPERATOR, ":"):
            self._next()
            stop = None if self._is(BRACKET, "]") else self._expression(0)
            self._made()
            self._expect(BRACKET, "]")
            return tree.Slice(node, start, stop, token.at)
        if start is None:
            raise self._unexpected()
        self._made()
        found: tree.Node = tree.Member(node, start, optional, False, token.at)
        if optional:
            self._made()
            found = tree.Chain(found, token.at)
        self._expect(BRACKET, "]")
        return found


BUILTIN_NAMES = frozenset(
    [
        *PREDICATES,
        *(
            "len type abs ceil floor round int float string trim trimPrefix trimSuffix upper lower "
            "split splitAfter replace repeat join indexOf lastIndexOf hasPrefix hasSuffix max min "
            "mean median toJSON fromJSON toBase64 fromBase64 now duration date timezone first last "
            "get take keys values toPairs fromPairs reverse uniq concat flatten sort bitand bitor "
            "bitxor bitnand bitshl bitshr bitushr bitnot"
        ).split(),
    ]
)
"""All functions of the language."""
