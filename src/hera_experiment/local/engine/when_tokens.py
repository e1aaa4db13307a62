"""Cuts a ``when`` expression into tokens, as Knetic/govaluate does.

Source: ``parsing.go`` of Knetic/govaluate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_COMPARATORS = ("==", "!=", ">=", "<=", "=~", "!~", ">", "<", "in")
_SYMBOL = re.compile(r"[^\w\s()'\",\[\].]+")
ADDITIVE = ("+", "-")
MULTIPLICATIVE = ("*", "/", "%")
_UNKNOWN_OPERATORS = frozenset("& | ^ << >> ~ ? : ??".split())


@dataclass(frozen=True)
class Token:
    """One token; ``bare`` tells a word without quotes."""

    kind: str  # value, comparator, logical, not, minus, or one of ( ) ,
    value: Any
    bare: bool = False


class Invalid(ValueError):
    """The text is no expression."""


class Failed(ValueError):
    """The expression has no value."""


def tokenize(text: str) -> list[Token]:
    """Return the tokens of ``text``; raises :class:`Invalid` and :class:`Failed`."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character.isspace():
            position += 1
        elif character.isdigit() or character == ".":
            word = re.compile(r"[\d.]+").match(text, position)
            assert word
            tokens.append(Token("value", _number(word[0])))
            position = word.end()
        elif character in "'\"":
            value, position = _until(text, position + 1, "'\"", "Unclosed string literal")
            tokens.append(Token("value", value))
        elif character == "[":
            value, position = _until(text, position + 1, "]", "Unclosed parameter bracket")
            tokens.append(Token("value", value))
        elif character in "(),":
            tokens.append(Token(character, character))
            position += 1
        elif character.isalpha():
            position = _word(text, position, tokens)
        else:
            position = _symbol(text, position, tokens)
    if sum(token.kind == "(" for token in tokens) != sum(token.kind == ")" for token in tokens):
        raise Invalid("Unbalanced parenthesis")
    return tokens


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Invalid(f"Unable to parse numeric value '{text}' to float64\n") from None


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
    raise Invalid(unclosed)


def _word(text: str, position: int, tokens: list[Token]) -> int:
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
        tokens.append(Token("value", word == "true"))
    elif word in ("in", "IN"):
        tokens.append(Token("comparator", "in"))
    elif "." in word[1:]:
        if word.endswith("."):
            raise Invalid(f"Hanging accessor on token '{word}'")
        for part in word.split(".")[1:]:
            if part[:1].upper() != part[:1]:
                raise Invalid(f"Unable to access unexported field '{part}' in token '{word}'")
        raise Failed(f"No parameter '{word.split('.')[0]}' found.")
    else:
        tokens.append(Token("value", word, bare=True))
    return position


def _symbol(text: str, position: int, tokens: list[Token]) -> int:
    match = _SYMBOL.match(text, position)
    symbol = match[0] if match else text[position]
    begins = not tokens or tokens[-1].kind not in ("value", ")")
    if begins and symbol in ("!", "-"):
        tokens.append(Token("not" if symbol == "!" else "minus", symbol))
    elif symbol in ("&&", "||"):
        tokens.append(Token("logical", symbol))
    elif symbol in _COMPARATORS:
        tokens.append(Token("comparator", symbol))
    elif symbol in (*ADDITIVE, *MULTIPLICATIVE, "**"):
        tokens.append(Token("modifier", symbol))
    elif symbol in _UNKNOWN_OPERATORS:
        raise Failed(f"the local engine does not interpret the operator '{symbol}' yet")
    else:
        raise Invalid(f"Invalid token: '{symbol}'")
    return position + len(symbol)
