"""Evaluates ``when``: the language of Knetic/govaluate, as far as Argo uses it.

A bare word is a string. Bits and ternaries of govaluate are refused by name.

Source: ``shouldExecute`` in ``workflow/controller/steps.go`` of argoproj/argo-workflows;
``parsing.go``, ``lexerState.go``, ``stagePlanner.go`` and ``evaluationStage.go`` of
Knetic/govaluate.
"""

from __future__ import annotations

import math
import operator as operator_module
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hera_experiment.argo import go_text

_COMPARATORS = ("==", "!=", ">=", "<=", "=~", "!~", ">", "<", "in")
_NUMBER = re.compile(r"0x[0-9a-fA-F]*|[\d.]+", re.ASCII)
_SYMBOL = re.compile(r"[^\w\s()'\",\[\].]+")
ADDITIVE = ("+", "-")
MULTIPLICATIVE = ("*", "/", "%")
_UNKNOWN_OPERATORS = frozenset("& | ^ << >> ~ ? : ??".split())


_HINT = ' (hint: try wrapping the affected expression in quotes ("))'


@dataclass(frozen=True)
class _Token:
    """One token; ``bare`` tells a word without quotes."""

    kind: str  # value, comparator, logical, not, minus, or one of ( ) ,
    value: Any
    bare: bool = False


class _Invalid(ValueError):
    """The text is no expression."""


class _Failed(ValueError):
    """The expression has no value."""


def _tokenize(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character.isspace():
            position += 1
        elif word := _NUMBER.match(text, position):
            tokens.append(_Token("value", _number(word[0])))
            position = word.end()
        elif character in "'\"":
            value, position = _until(text, position + 1, "'\"", "Unclosed string literal")
            tokens.append(_Token("value", value))
        elif character == "[":
            value, position = _until(text, position + 1, "]", "Unclosed parameter bracket")
            tokens.append(_Token("value", value, bare=True))
        elif character in "(),":
            tokens.append(_Token(character, character))
            position += 1
        elif character.isalpha():
            position = _word(text, position, tokens)
        else:
            position = _symbol(text, position, tokens)
    if sum(token.kind == "(" for token in tokens) != sum(token.kind == ")" for token in tokens):
        raise _Invalid("Unbalanced parenthesis")
    _check(tokens)
    return tokens


def _check(tokens: list[_Token]) -> None:
    """Check that each token may stand behind the one before it, and the last at the end."""
    before: _Token | None = None
    for token in tokens:
        if _kind(token) not in _NEXT[_kind(before)]:
            if before is not None and before.bare and token.kind == "(":
                raise _Invalid(f"Undefined function {before.value}")
            raise _Invalid(f"Cannot transition token types from {_told(before)} to {_told(token)}")
        before = token
    if _kind(before) not in _LAST:
        raise _Invalid("Unexpected end of expression")


def _number(text: str) -> float:
    try:
        if not text.startswith("0x"):
            return float(text)
        if (found := int(text, 16)) >= 2**64:
            raise ValueError(text)
        return float(found)
    except ValueError:
        kind, text = ("hex", text[2:]) if text.startswith("0x") else ("numeric", text)
        type_of = "uint64" if kind == "hex" else "float64"
        raise _Invalid(f"Unable to parse {kind} value '{text}' to {type_of}\n") from None


def _until(text: str, position: int, ends: str, unclosed: str) -> tuple[str, int]:
    found: list[str] = []
    while position < len(text):
        character = text[position]
        if character == "\\" and position + 1 < len(text):
            position += 1
            character = text[position]
        elif character in ends:
            return "".join(found), position + 1
        found.append(character)
        position += 1
    raise _Invalid(unclosed)


def _word(text: str, position: int, tokens: list[_Token]) -> int:
    found: list[str] = []
    while position < len(text):
        character = text[position]
        if character == "\\" and position + 1 < len(text):
            position += 1
            character = text[position]
        elif not (character.isalnum() or character in "_."):
            break
        found.append(character)
        position += 1
    word = "".join(found)
    if word in ("true", "false"):
        tokens.append(_Token("value", word == "true"))
    elif word in ("in", "IN"):
        tokens.append(_Token("comparator", "in"))
    elif "." in word[1:]:
        if word.endswith("."):
            raise _Invalid(f"Hanging accessor on token '{word}'")
        for part in word.split(".")[1:]:
            if part[:1].upper() != part[:1]:
                raise _Invalid(f"Unable to access unexported field '{part}' in token '{word}'")
        raise _Failed(f"No parameter '{word.split('.')[0]}' found.")
    else:
        tokens.append(_Token("value", word, bare=True))
    return position


def _symbol(text: str, position: int, tokens: list[_Token]) -> int:
    match = _SYMBOL.match(text, position)
    symbol = match[0] if match else text[position]
    begins = "PREFIX" in _NEXT[_kind(tokens[-1] if tokens else None)]
    if begins and symbol in ("!", "-"):
        tokens.append(_Token("not" if symbol == "!" else "minus", symbol))
    elif symbol in ("&&", "||"):
        tokens.append(_Token("logical", symbol))
    elif symbol in _COMPARATORS:
        tokens.append(_Token("comparator", symbol))
    elif symbol in (*ADDITIVE, *MULTIPLICATIVE, "**"):
        tokens.append(_Token("modifier", symbol))
    elif symbol in _UNKNOWN_OPERATORS:
        raise _Failed(f"the local engine does not interpret the operator '{symbol}' yet")
    else:
        raise _Invalid(f"Invalid token: '{symbol}'")
    return position + len(symbol)


class WhenError(ValueError):
    """An expression that Argo cannot evaluate, or that this engine does not know."""


def should_execute(when: str) -> bool:
    """Tell whether a task runs. ``when`` has its variables replaced; empty means yes."""
    if when == "":
        return True
    try:
        result = _Parser(_tokenize(when)).parse()
    except _Invalid as error:
        hint = _HINT if "Invalid token" in str(error) else ""
        raise WhenError(f"Invalid 'when' expression '{when}': {error}{hint}") from None
    except _Failed as error:
        raise WhenError(f"Failed to evaluate 'when' expresion '{when}': {error}") from None
    if not isinstance(result, bool):
        raise WhenError(f"Expected boolean evaluation for '{when}'. Got {_shown(result)}")
    return result


class _Parser:
    """Recursive descent: ``||`` binds least, then ``&&``, comparisons, ``+``, ``*``, ``**``."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def parse(self) -> Any:
        value = self._or()
        if self._next < len(self._tokens):
            left, token = self._tokens[self._next - 1], self._tokens[self._next]
            raise _Invalid(f"Cannot transition token types from {_told(left)} to {_told(token)}")
        return value

    def _take(self, kind: str, value: str = "") -> _Token | None:
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.kind == kind and (not value or token.value == value):
                self._next += 1
                return token
        return None

    def _or(self) -> Any:
        left = self._and()
        while self._take("logical", "||"):
            right = self._and()
            left = _boolean(left, "||") or _boolean(right, "||")
        return left

    def _and(self) -> Any:
        left = self._comparison()
        while self._take("logical", "&&"):
            right = self._comparison()
            left = _boolean(left, "&&") and _boolean(right, "&&")
        return left

    def _comparison(self) -> Any:
        left = self._sum()
        while token := self._take("comparator"):
            right = self._list() if token.value == "in" else self._sum()
            left = _compare(token.value, left, right)
        return left

    def _sum(self) -> Any:
        return self._modified(ADDITIVE, self._product)

    def _product(self) -> Any:
        return self._modified(MULTIPLICATIVE, self._power)

    def _power(self) -> Any:
        return self._modified(("**",), self._value)

    def _modified(self, symbols: tuple[str, ...], operand: Callable[[], Any]) -> Any:
        left = operand()
        while token := next((t for s in symbols if (t := self._take("modifier", s))), None):
            left = _calculate(token.value, left, operand())
        return left

    def _list(self) -> list[Any]:
        if not self._take("("):
            raise _Failed("Value after 'in' is no list")
        values = [self._or()]
        while self._take(","):
            values.append(self._or())
        if not self._take(")"):
            raise _Invalid("Unbalanced parenthesis")
        return values

    def _value(self) -> Any:
        if self._take("not"):
            value = self._value()
            if not isinstance(value, bool):
                raise _Failed(f"Value '{_shown(value)}' cannot be used with the prefix '!'")
            return not value
        if self._take("minus"):
            value = self._value()
            if not isinstance(value, float):
                raise _Failed(f"Value '{_shown(value)}' cannot be used with the prefix '-'")
            return -value
        if self._take("("):
            value = self._or()
            if not self._take(")"):
                raise _Invalid("Unbalanced parenthesis")
            return value
        if token := self._take("value"):
            return token.value
        raise _Invalid("Unexpected end of expression")


def _calculate(operator: str, left: Any, right: Any) -> Any:
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        return f"{_shown(left)}{_shown(right)}"
    for value in (left, right):
        if not isinstance(value, float):
            raise _Failed(
                f"Value '{_shown(value)}' cannot be used with the modifier '{operator}', "
                "it is not a number"
            )
    try:
        return _MODIFIERS[operator](left, right)
    except OverflowError:
        return math.inf
    except (ZeroDivisionError, ValueError):
        # Go goes on with what IEEE 754 says where Python raises.
        endless = operator == "/" and left == left and left != 0
        endless = endless or (operator == "**" and left == 0)
        return math.copysign(math.inf, left) if endless else math.nan


_MODIFIERS: dict[str, Callable[[float, float], float]] = {
    "+": operator_module.add,
    "-": operator_module.sub,
    "*": operator_module.mul,
    "/": operator_module.truediv,
    "%": math.fmod,
    "**": math.pow,
}


def _compare(operator: str, left: Any, right: Any) -> bool:
    if operator in ("==", "!="):
        return (type(left) is type(right) and left == right) == (operator == "==")
    if operator == "in":
        return any(type(left) is type(item) and left == item for item in right)
    if operator in ("=~", "!~"):
        if not isinstance(left, str) or not isinstance(right, str):
            bad = right if isinstance(left, str) else left
            raise _Failed(f"Value '{_shown(bad)}' cannot be used with the comparator '{operator}'")
        try:
            return (re.search(right, left) is not None) == (operator == "=~")
        except re.error as error:
            raise _Failed(f"Unable to compile regexp pattern '{right}': {error}") from None
    if not (type(left) is type(right) and isinstance(left, (float, str))):
        bad = right if isinstance(left, float) else left
        raise _Failed(
            f"Value '{_shown(bad)}' cannot be used with the comparator '{operator}', "
            "it is not a number"
        )
    pair: Any = (left, right)
    if operator in (">", "<"):
        return bool(pair[0] > pair[1] if operator == ">" else pair[0] < pair[1])
    return bool(pair[0] >= pair[1] if operator == ">=" else pair[0] <= pair[1])


def _boolean(value: Any, operator: str) -> bool:
    if not isinstance(value, bool):
        raise _Failed(
            f"Value '{_shown(value)}' cannot be used with the logical operator '{operator}', "
            "it is not a bool"
        )
    return value


_KINDS = {
    "(": "CLAUSE",
    ")": "CLAUSE_CLOSE",
    ",": "SEPARATOR",
    "comparator": "COMPARATOR",
    "logical": "LOGICALOP",
    "modifier": "MODIFIER",
}
"""Govaluate's words for the kinds of tokens; what else there is, is a prefix."""

_VALUES = ("NUMERIC", "BOOLEAN", "STRING", "VARIABLE")
_LAST = (*_VALUES, "CLAUSE_CLOSE")
_BEGINS = ("PREFIX", *_VALUES, "CLAUSE")
_GOES_ON = ("MODIFIER", "COMPARATOR", "LOGICALOP", "CLAUSE_CLOSE", "SEPARATOR")
_NEXT = {
    "UNKNOWN": _BEGINS,
    "SEPARATOR": _BEGINS,
    **dict.fromkeys(("CLAUSE", "MODIFIER", "COMPARATOR", "LOGICALOP"), (*_BEGINS, "CLAUSE_CLOSE")),
    "PREFIX": ("NUMERIC", "BOOLEAN", "VARIABLE", "CLAUSE", "CLAUSE_CLOSE"),
    **dict.fromkeys(_VALUES, _GOES_ON),
    "CLAUSE_CLOSE": (*_GOES_ON, *_VALUES, "CLAUSE"),
}
"""What may stand behind a kind of token; UNKNOWN stands for the beginning."""


def _kind(token: _Token | None) -> str:
    if token is None:
        return "UNKNOWN"
    if token.kind == "value":
        names = {bool: "BOOLEAN", float: "NUMERIC", str: "VARIABLE" if token.bare else "STRING"}
        return names[type(token.value)]
    return _KINDS.get(token.kind, "PREFIX")


def _told(token: _Token | None) -> str:
    """Return a token as messages have it: to Go a parenthesis is a number."""
    if token is None:
        return "UNKNOWN [<nil>]"
    return f"{_kind(token)} [{ord(token.kind) if token.kind in '()' else _shown(token.value)}]"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_text.general(value) if isinstance(value, float) else str(value)
