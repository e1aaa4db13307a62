"""Cuts an expression into tokens.

Source: ``parser/lexer/*.go`` of expr-lang/expr.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hera_experiment.argo.expr.errors import Fault

IDENTIFIER, NUMBER, STRING, BYTES = "Identifier", "Number", "String", "Bytes"
OPERATOR, BRACKET, EOF = "Operator", "Bracket", "EOF"

_WORD_OPERATORS = frozenset("in or and matches contains startsWith endsWith let if else".split())
_AFTER_NOT = ("in", "matches", "contains", "startsWith", "endsWith")
_SIMPLE_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?",
}  # fmt: skip
_HEX = frozenset("0123456789abcdefABCDEF")
_LENGTHS = {"x": 2, "X": 2, "u": 4, "U": 8}
_LAST_RUNE = 0x10FFFF
_CANNOT = "unable to unescape string"
_BASES = {
    "x": "0123456789abcdefABCDEF_",
    "o": "01234567_",
    "b": "01_",
}


class Token(NamedTuple):
    """One token and the place where it begins."""

    kind: str
    value: str
    at: int

    def __str__(self) -> str:
        return f"{self.kind}({quoted(self.value)})" if self.value else self.kind


def quoted(text: str) -> str:
    """Return ``text`` as a string literal of Go."""
    out = []
    for character in text:
        if character in '"\\':
            out.append(f"\\{character}")
        elif character.isprintable():
            out.append(character)
        else:
            out.append(_escape(character))
    return f'"{"".join(out)}"'


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    for letter, value in _SIMPLE_ESCAPES.items():
        if value == character:
            return f"\\{letter}"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def is_letter(character: str) -> bool:
    """Tell whether a name may begin with the character."""
    return character == "_" or character == "$" or character.isalpha()


def _in_word(character: str) -> bool:
    return is_letter(character) or character.isdecimal()


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens, the last one being :data:`EOF`; raises :class:`Fault` when it comes up."""
    return _Lexer(text).run()


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._end = len(text)
        self._at = 0

    def run(self) -> Iterator[Token]:
        text, end = self._text, self._end
        while self._at < end:
            start = self._at
            character = text[start]
            follows = text[start + 1] if start + 1 < end else ""
            if character.isspace():
                self._at += 1
            elif character in "'\"":
                yield self._string(start, start)
            elif character == "`":
                yield self._raw(start)
            elif character in "bB" and follows and follows in "'\"":
                yield self._string(start, start + 1)
            elif character in "0123456789" or (character == "." and follows in set("0123456789")):
                yield self._number(start)
            elif character == "/" and follows in ("/", "*"):
                self._comment(start, follows)
            elif character in "([{)]}":
                yield self._emit(BRACKET, start, start + 1)
            elif character == "#":
                yield from self._pointer(start)
            elif _in_word(character):
                yield from self._word(start)
            else:
                yield self._symbol(start, character, follows)
        yield Token(EOF, "", max(end - 1, 0))

    def _emit(self, kind: str, start: int, end: int) -> Token:
        self._at = end
        return Token(kind, self._text[start:end], start)

    def _symbol(self, start: int, character: str, follows: str) -> Token:
        seconds = {"?": ".?", "|": "|", ":": ":", ".": "."}
        if character in seconds or character in "&!=*<>":
            double = bool(follows) and follows in seconds.get(character, "&=*")
            return self._emit(OPERATOR, start, start + 1 + double)
        if character in ",;%+-^/":
            return self._emit(OPERATOR, start, start + 1)
        raise Fault(f"unrecognized character: {_named(character)}", start)

    def _comment(self, start: int, kind: str) -> None:
        stop = "\n" if kind == "/" else "*/"
        found = self._text.find(stop, start + 2)
        if found < 0 and kind == "*":
            raise Fault("unclosed comment", self._end)
        self._at = self._end if found < 0 else found + len(stop)

    def _pointer(self, start: int) -> Iterator[Token]:
        text = self._text
        end = start + 2 if text.startswith("##", start) else start + 1
        yield self._emit(OPERATOR, start, end)
        stop = self._word_end(end)
        if stop > end:
            yield self._emit(IDENTIFIER, end, stop)

    def _word_end(self, at: int) -> int:
        while at < self._end and _in_word(self._text[at]):
            at += 1
        return at

    def _word(self, start: int) -> Iterator[Token]:
        end = self._word_end(start)
        word = self._text[start:end]
        if word != "not":
            kind = OPERATOR if word in _WORD_OPERATORS else IDENTIFIER
            yield self._emit(kind, start, end)
            return
        yield self._emit(OPERATOR, start, end)
        while end < self._end and self._text[end] == " ":
            end += 1
        stop = self._word_end(end)
        self._at = end
        if self._text[end:stop] in _AFTER_NOT:
            yield self._emit(OPERATOR, end, stop)

    def _run(self, at: int, accepted: str) -> int:
        while at < self._end and self._text[at] in accepted:
            at += 1
        return at

    def _number(self, start: int) -> Token:
        text = self._text
        # After a dot at the beginning there may be another one.
        digits, at = "0123456789_", start + (text[start] == ".")
        if text[at] == "0":
            at += 1
            base = _BASES.get(text[at : at + 1].lower())
            if base is not None:
                digits, at = base, at + 1
        at = self._run(at, digits)
        if text.startswith("..", at):
            return self._emit(NUMBER, start, at)
        if text.startswith(".", at):
            at = self._run(at + 1, digits)
        if text[at : at + 1] in ("e", "E"):
            at += 1
            if text[at : at + 1] in ("+", "-"):
                at += 1
            at = self._run(at, digits)
        if at < self._end and _in_word(text[at]):
            raise Fault(f"bad number syntax: {quoted(text[start : at + 1])}", at)
        return self._emit(NUMBER, start, at)

    def _string(self, start: int, opening: int) -> Token:
        at = self._closing(opening)
        body = self._text[opening + 1 : at]
        body = body.replace("\r\n", "\n").replace("\r", "\n")
        is_bytes = opening > start
        try:
            value = _unescaped(body, is_bytes)
        except ValueError as error:
            raise Fault(str(error), at) from None
        self._at = at + 1
        return Token(BYTES if is_bytes else STRING, value, start)

    def _closing(self, opening: int) -> int:
        text, end, quote = self._text, self._end, self._text[opening]
        at = opening + 1
        while True:
            if at >= end or text[at] == "\n":
                raise Fault("literal not terminated", min(at, end))
            if text[at] == quote:
                return at
            at = self._past_escape(at + 1, quote) if text[at] == "\\" else at + 1

    def _past_escape(self, at: int, quote: str) -> int:
        text = self._text
        letter = text[at : at + 1]
        if letter and letter in f"abfnrtv\\{quote}":
            return at + 1
        if letter and letter in "01234567":
            return self._digits(at, "01234567", 3)
        if letter == "u" and text[at + 1 : at + 2] == "{":
            stop = at + 2
            while text[stop : stop + 1] in _HEX and text[stop : stop + 1] and stop - at < 8:
                stop += 1
            if text[stop : stop + 1] != "}" or stop == at + 2:
                raise Fault("invalid char escape", stop - 1)
            return stop + 1
        if letter in ("x", "u", "U"):
            return self._digits(at + 1, "0123456789abcdefABCDEF", _LENGTHS[letter])
        raise Fault("invalid char escape", min(at, self._end))

    def _digits(self, at: int, accepted: str, count: int) -> int:
        for position in range(at, at + count):
            if self._text[position : position + 1] not in set(accepted):
                raise Fault("invalid char escape", min(position, self._end))
        return at + count

    def _raw(self, start: int) -> Token:
        text, at = self._text, start + 1
        out = []
        while True:
            stop = text.find("`", at)
            if stop < 0:
                raise Fault("literal not terminated", self._end)
            out.append(text[at:stop])
            if text.startswith("``", stop):
                out.append("`")
                at = stop + 2
                continue
            self._at = stop + 1
            return Token(STRING, "".join(out), start)


def _named(character: str) -> str:
    code = f"U+{ord(character):04X}"
    return f"{code} '{character}'" if character.isprintable() else code


def _unescaped(body: str, is_bytes: bool) -> str:
    if "\\" not in body:
        return body
    out: list[str] = []
    at = 0
    while at < len(body):
        if body[at] != "\\":
            out.append(body[at])
            at += 1
            continue
        letter = body[at + 1 : at + 2]
        at += 2
        if letter in _SIMPLE_ESCAPES:
            out.append(_SIMPLE_ESCAPES[letter])
        elif letter in _LENGTHS and not (is_bytes and letter in "uU"):
            digits, at = _hexadecimal(body, letter, at)
            code = int(digits, 16)
            if code > _LAST_RUNE:
                raise ValueError(_CANNOT)
            out.append(_character(code, is_bytes))
        elif letter and letter in "0123":
            digits = body[at : at + 2]
            if len(digits) < 2 or any(digit not in "01234567" for digit in digits):
                raise ValueError("unable to unescape octal sequence in string")
            out.append(_character(int(letter + digits, 8), is_bytes))
            at += 2
        else:
            raise ValueError(_CANNOT)
    return "".join(out)


def _hexadecimal(body: str, letter: str, at: int) -> tuple[str, int]:
    if letter == "u" and body.startswith("{", at):
        stop = body.index("}", at)
        return body[at + 1 : stop], stop + 1
    digits = body[at : at + _LENGTHS[letter]]
    if len(digits) < _LENGTHS[letter] or any(digit not in _HEX for digit in digits):
        raise ValueError(_CANNOT)
    return digits, at + len(digits)


def _character(code: int, is_bytes: bool) -> str:
    if is_bytes:
        return bytes([code]).decode("utf-8", "surrogateescape")
    return "\N{REPLACEMENT CHARACTER}" if 0xD800 <= code <= 0xDFFF else chr(code)
