"""Regular expressions in linear time, as Go's, of which Argo makes its log filter.

Python's own take a time that doubles with each character for a filter like ``(a+)+$``. Here all
ways through the expression are followed at once, a character at a time, and each set of places is
worked out once (R. Cox, "Regular Expression Matching Can Be Simple And Fast", 2007). The syntax is
read by Python's parser; what looks back or ahead does not exist in Go's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from hera_experiment.local.errors import ApiError

if sys.version_info >= (3, 11):
    import re._constants as op
    import re._parser as parser
else:
    import sre_constants as op
    import sre_parse as parser

_LONGEST = 1000
_LARGEST = 10_000
_MOST_STATES = 2000

Test = Callable[[str], bool]
_CATEGORIES: dict[Any, Test] = {
    op.CATEGORY_DIGIT: lambda c: c in "0123456789",
    op.CATEGORY_NOT_DIGIT: lambda c: c not in "0123456789",
    op.CATEGORY_SPACE: lambda c: c in " \t\n\r\f",
    op.CATEGORY_NOT_SPACE: lambda c: c not in " \t\n\r\f",
    op.CATEGORY_WORD: lambda c: _is_word(c),
    op.CATEGORY_NOT_WORD: lambda c: not _is_word(c),
}
_LITERAL = re.compile(r"[-\w /:,;=<>@#%&!~'\"]+")
_POSIX = re.compile(r"\[:(\w*):\]")
_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r" \t\n\r\f\v",
    "word": r"\w",
    "xdigit": "0-9A-Fa-f",
    "punct": r"!-/:-@\[-`{-~",
}
_Places = tuple[frozenset[int], str]
"""Where the ways are, and the character before."""


class Pattern:
    """One expression; raises :class:`ApiError` in Argo's words for one that cannot be read."""

    def __init__(self, text: str) -> None:
        # Each place of the program: a test of one character, "split" with where to go on, "at"
        # with a condition of the place, or "found".
        self._program: list[tuple[str, Any]] = []
        try:
            if len(text) > _LONGEST:
                raise re.error("expression is too long")
            tree: Any = parser.parse(_POSIX.sub(_posix, text))
            self._fold = bool(tree.state.flags & re.IGNORECASE)
            self._sequence(tree)
        except (re.error, RecursionError, OverflowError) as error:
            raise ApiError(f"failed to compile {text[:_LONGEST]!r}: {error}") from None
        self._emit("found")
        self._literal = _LITERAL.fullmatch(text) is not None and text
        self._known: dict[tuple[_Places, str], _Places | None] = {}

    def found_in(self, text: str) -> bool:
        """Tell whether the expression matches anywhere in ``text``, one line."""
        if self._literal:
            return self._literal in text
        places: _Places = (frozenset((0,)), "")
        for character in text:
            key = (places, character)
            try:
                following = self._known[key]
            except KeyError:
                if len(self._known) >= _MOST_STATES:
                    self._known.clear()
                following = self._known[key] = self._step(*places, character)
            if following is None:
                return True
            places = following
        return self._step(*places, "") is None

    def _step(self, at: frozenset[int], before: str, character: str) -> _Places | None:
        """Go over one character (empty at the end); None when the expression is found."""
        following = {0}
        todo, seen = list(at), set(at)
        while todo:
            place = todo.pop()
            kind, value = self._program[place]
            if kind == "found":
                return None
            if kind == "test":
                if character and value(character):
                    following.add(place + 1)
                continue
            if kind == "at":
                onwards = [place + 1] if _holds(value, before, character) else []
            else:
                onwards = value
            todo += [each for each in onwards if each not in seen]
            seen.update(onwards)
        # All that matters of the character before is whether a word goes on.
        return frozenset(following), "a" if _is_word(character) else "-"

    def _emit(self, kind: str, value: Any = None) -> int:
        if len(self._program) >= _LARGEST:
            raise re.error("expression is too large")
        self._program.append((kind, value))
        return len(self._program) - 1

    def _sequence(self, tree: Iterable[tuple[Any, Any]]) -> None:
        for kind, value in tree:
            if kind in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN):
                self._emit("test", self._test(kind, value))
            elif kind is op.AT:
                self._emit("at", value)
            elif kind is op.SUBPATTERN:
                before, added, removed = self._fold, value[1], value[2]
                self._fold = (before or added & re.IGNORECASE) and not removed & re.IGNORECASE
                self._sequence(value[3])
                self._fold = before
            elif kind is op.BRANCH:
                self._branches(value[1])
            elif kind in (op.MAX_REPEAT, op.MIN_REPEAT):
                self._repeat(*value)
            else:
                raise re.error(f"{str(kind).lower()} is not supported")

    def _branches(self, branches: list[Any]) -> None:
        split = self._emit("split")
        starts, ends = [], []
        for branch in branches:
            starts.append(len(self._program))
            self._sequence(branch)
            ends.append(self._emit("split"))
        self._program[split] = ("split", starts)
        for end in ends:
            self._program[end] = ("split", [len(self._program)])

    def _repeat(self, least: int, most: Any, body: Any) -> None:
        for _ in range(least):
            self._sequence(body)
        if most is op.MAXREPEAT:
            again = self._emit("split")
            self._sequence(body)
            self._emit("split", [again])
            self._program[again] = ("split", [again + 1, len(self._program)])
            return
        skips = []
        for _ in range(most - least):
            skips.append(self._emit("split"))
            self._sequence(body)
        for skip in skips:
            self._program[skip] = ("split", [skip + 1, len(self._program)])

    def _test(self, kind: Any, value: Any) -> Test:
        if kind is op.ANY:
            return lambda c: True
        test = self._in(value) if kind is op.IN else self._in([(op.LITERAL, value)])
        if kind is op.NOT_LITERAL:
            return lambda c: not test(c)
        return test

    def _in(self, members: list[tuple[Any, Any]]) -> Test:
        negated = bool(members) and members[0][0] is op.NEGATE
        tests: list[Test] = []
        for kind, value in members[negated:]:
            if kind is op.LITERAL:
                tests.append(chr(value).__eq__)
            elif kind is op.RANGE:
                tests.append(_between(*value))
            else:
                tests.append(_CATEGORIES[value])
        if self._fold:
            return lambda c: any(t(d) for t in tests for d in _cases(c)) is not negated
        return lambda c: any(test(c) for test in tests) is not negated


def _between(low: int, high: int) -> Test:
    return lambda c: low <= ord(c) <= high


def _posix(found: re.Match[str]) -> str:
    if found[1] not in _CLASSES:
        raise re.error(f"invalid character class range {found[0]}")
    return _CLASSES[found[1]]


def _cases(character: str) -> set[str]:
    cases = {character, character.lower(), character.upper()}
    return {each for each in cases if len(each) == 1}


def _is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def _holds(condition: Any, before: str, after: str) -> bool:
    if condition in (op.AT_BEGINNING, op.AT_BEGINNING_STRING):
        return not before
    if condition in (op.AT_END, op.AT_END_STRING):
        return not after
    return (_is_word(before) != _is_word(after)) is (condition is op.AT_BOUNDARY)
