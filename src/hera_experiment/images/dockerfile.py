"""Reads a Dockerfile into its instructions.

Own code rather than a library: the one parser on PyPI that is kept splits lines and no more, and
``hera_utils`` travels inside every experiment, where each dependency is one to keep up to date.
Source of the rules: the Dockerfile reference of Docker's documentation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hera_experiment.errors import UserError

KEYWORDS = frozenset(
    [
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ]
)

_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\S*))?\s+")
_HEREDOC = re.compile(r"<<-?(['\"]?)([A-Za-z_]\w*)\1")
_ESCAPE_DIRECTIVE = re.compile(r"#\s*escape\s*=\s*([\\`])\s*$", re.IGNORECASE)
_DIRECTIVE = re.compile(r"#\s*[A-Za-z]+\s*=")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::([-+])([^}]*))?\}|(\w+))")

Lookup = Callable[[str], "str | None"]


@dataclass(frozen=True)
class Instruction:
    """One instruction: ``value`` is what follows keyword and flags, on one line.

    ``line`` counts from 1; ``heredocs`` are the bodies of its here-documents.
    """

    keyword: str
    value: str
    line: int
    flags: Mapping[str, str] = field(default_factory=dict)
    heredocs: tuple[str, ...] = ()

    def words(self) -> list[str] | None:
        """Return the list of the JSON form, None where the shell form was written."""
        if not self.value.startswith("["):
            return None
        try:
            words = json.loads(self.value)
        except ValueError:
            return None
        return words if all(isinstance(word, str) for word in words) else None


@dataclass(frozen=True)
class Dockerfile:
    """The instructions of the file at ``path``, as written."""

    path: Path
    instructions: tuple[Instruction, ...]

    @classmethod
    def read(cls, path: Path) -> Dockerfile:
        """Read ``path``; raises :class:`UserError` for a file that no engine would accept."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read the Dockerfile: {error}", where=str(path)) from None
        instructions = tuple(_instructions(text, path))
        first = next((each for each in instructions if each.keyword != "ARG"), None)
        if first is None or first.keyword != "FROM":
            raise UserError(
                "the Dockerfile does not begin with FROM",
                where=str(path),
                next_step="write FROM and the image to start from above everything but ARG",
            )
        return cls(path, instructions)

    def declared_arguments(self) -> frozenset[str]:
        """Return the names that ARG declares: those a build takes from its caller."""
        return frozenset(name for name, _, _ in self._arguments())

    def is_default(self, name: str, value: str) -> bool:
        """Tell whether a build without the argument ``name`` gives it ``value`` everywhere."""
        found = [(default, first) for each, default, first in self._arguments() if each == name]
        inherited = any(first and default == value for default, first in found)
        return bool(found) and all(
            default == value or (default is None and inherited and not first)
            for default, first in found
        )

    def _arguments(self) -> Iterator[tuple[str, str | None, bool]]:
        """Yield name, default (None for none) of each ARG, and whether it precedes all FROM."""
        first = True
        for each in self.instructions:
            first = first and each.keyword == "ARG"
            if each.keyword == "ARG":
                # A default with a variable in it stays as it is written, and equals no value.
                for word in split_words(each.value, lambda name: "\0"):
                    name, equals, default = word.partition("=")
                    yield name, default if equals else None, first


def _instructions(text: str, path: Path) -> Iterator[Instruction]:
    lines = text.splitlines()
    escape = _escape_character(lines)
    at = 0
    while at < len(lines):
        start = at
        logical, at = _logical_line(lines, at, escape)
        if not logical:
            continue
        keyword, _, rest = logical.partition(" ")
        keyword = keyword.upper()
        if keyword not in KEYWORDS:
            raise UserError(
                f"the Dockerfile has an unknown instruction {keyword[:40]!r}",
                where=f"{path}, line {start + 1}",
            )
        flags, value = _flags(rest.strip())
        heredocs = []
        if keyword in ("RUN", "COPY", "ADD"):
            for match in _HEREDOC.finditer(value):
                body, at = _heredoc(lines, at, match[2], f"{path}, line {start + 1}")
                heredocs.append(body)
        if not value and keyword != "CMD":
            raise UserError(f"{keyword} has no value", where=f"{path}, line {start + 1}")
        yield Instruction(keyword, value, start + 1, flags, tuple(heredocs))


def _escape_character(lines: list[str]) -> str:
    for line in lines:
        if match := _ESCAPE_DIRECTIVE.match(line.strip()):
            return match[1]
        if not _DIRECTIVE.match(line.strip()):
            break
    return "\\"


def _logical_line(lines: list[str], at: int, escape: str) -> tuple[str, int]:
    """Join continued lines from ``at``; comments and empty lines between them count for nothing."""
    parts: list[str] = []
    while at < len(lines):
        line = lines[at]
        at += 1
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            if not parts:
                return "", at
            continue
        line = line.rstrip()
        if not line.endswith(escape):
            parts.append(line)
            break
        parts.append(line[:-1])
    # The first word ends at any white space; a tab after the keyword is as good as a space.
    return re.sub(r"^\s*(\S+)\s+", r"\1 ", "".join(parts)).strip(), at


def _flags(rest: str) -> tuple[dict[str, str], str]:
    flags: dict[str, str] = {}
    while match := _FLAG.match(rest):
        flags[match[1]] = match[2] or ""
        rest = rest[match.end() :]
    return flags, rest


def _heredoc(lines: list[str], at: int, delimiter: str, where: str) -> tuple[str, int]:
    body: list[str] = []
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.strip("\t") == delimiter:
            return "\n".join(body), at
        body.append(line)
    raise UserError(f"the here-document {delimiter!r} has no end", where=where)


def split_words(text: str, lookup: Lookup) -> list[str]:
    """Split as Docker does: white space, quotes and backslashes mean what they do in a shell.

    Variables are replaced by ``lookup(name)`` (None: not set), except between single quotes.
    """
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace() and not quote:
            if word is not None:
                words.append("".join(word))
            word, at = None, at + 1
            continue
        word = [] if word is None else word
        if character == "\\" and quote != "'" and at + 1 < len(text):
            # Between double quotes a backslash escapes only what would be special there.
            keep = quote == '"' and text[at + 1] not in '"$\\'
            word.append(text[at : at + 2] if keep else text[at + 1])
            at += 2
        elif character in "'\"" and quote in ("", character):
            quote = "" if quote else character
            at += 1
        elif character == "$" and quote != "'" and (match := _VARIABLE.match(text, at)):
            word.append(_value(match, lookup))
            at = match.end()
        else:
            word.append(character)
            at += 1
    if word is not None:
        words.append("".join(word))
    return words


def expand(text: str, lookup: Lookup) -> str:
    """Replace the variables of ``text`` and keep everything else, quotes included."""
    return _VARIABLE.sub(lambda match: _value(match, lookup), text)


def _value(match: re.Match[str], lookup: Lookup) -> str:
    name, operator, alternative = match[1] or match[4], match[2], match[3] or ""
    value = lookup(name)
    if operator == "-":
        return value or expand(alternative, lookup)
    if operator == "+":
        return expand(alternative, lookup) if value else ""
    return value or ""
