"""Reads settings: shell exports, ``.env`` files and option files, all by one parser.

A line is ``NAME=value`` or ``NAME: value``, with or without ``export``; after ``export`` several
may follow each other, as in a shell. Values are quoted as in a shell: nothing is special between
single quotes; ``$NAME``, ``${NAME}`` and a leading ``~`` mean something outside them. A comment
begins with ``#`` or ``;`` at a line's start or after white space.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.context.sources import display
from hera_experiment.errors import UserError

_ASSIGNMENT = re.compile(r"\s*-{0,2}([A-Za-z_][\w-]*)[ \t]*[=:]")
_EXPORT = re.compile(r"\s*export[ \t]+")
_SECTION = re.compile(r"\s*\[[^\]]*\]\s*([#;].*)?$")
_HOME = re.compile(r"^~(?=/|$)")
_DOUBLE_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PLAIN = re.compile(r"""[^\s'"\\]+""")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


@dataclass(frozen=True)
class Line:
    """One assignment: its name as written, its value, and its line, counted from 1."""

    name: str
    value: str
    number: int


def read(path: Path, environ: Mapping[str, str] = os.environ) -> list[Line]:
    """Return the assignments of ``path`` in their order; raises as the two functions below."""
    return parse(text_of(path), display(path), environ)


def text_of(path: Path) -> str:
    """Return the text of a settings file; raises :class:`UserError` when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("the file is not text in UTF-8", where=display(path)) from None
    except OSError as error:
        raise UserError(f"cannot read it: {error.strerror}", where=display(path)) from None


def parse(text: str, name: str, environ: Mapping[str, str] = os.environ) -> list[Line]:
    """Return the assignments of ``text`` in their order; ``name`` stands for it in messages.

    Raises
    ------
    UserError
        When a line is no assignment; it never shows the line itself, which may hold a secret.
    """
    lines: list[Line] = []
    known = dict(environ)
    for number, text_line in enumerate(text.split("\n"), start=1):
        try:
            for key, value in _assignments(text_line.rstrip("\r"), known):
                lines.append(Line(key, value, number))
                known[key] = value
        except _Malformed as error:
            raise UserError(str(error), f"{name}, line {number}", "write NAME='value'") from None
    return lines


class _Malformed(Exception):
    """Why a line is no assignment, without the line."""


def _assignments(line: str, known: Mapping[str, str]) -> list[tuple[str, str]]:
    if _begins_comment(line, 0) or _SECTION.match(line):
        return []
    export = _EXPORT.match(line)
    position = export.end() if export else 0
    found = []
    while position < len(line) and not _begins_comment(line, position):
        start = _ASSIGNMENT.match(line, position)
        if start is None:
            raise _Malformed("this is not an assignment")
        value, position = _value(line, start.end(), known, one_word=export is not None)
        found.append((start.group(1), value))
    return found


def _begins_comment(line: str, position: int) -> bool:
    """Say whether nothing but a comment, or nothing at all, follows ``position``."""
    rest = line[position:].lstrip()
    return not rest or rest[0] in "#;"


def _value(line: str, start: int, known: Mapping[str, str], *, one_word: bool) -> tuple[str, int]:
    """Return the value that begins at ``start``, and where it ends."""
    out: list[str] = []
    spaces = ""
    position = start
    while position < len(line):
        char = line[position]
        if char.isspace():
            if one_word:
                break
            spaces += char
            position += 1
        elif char in "#;" and spaces:
            position = len(line)
        else:
            piece, position = _piece(line, position, known)
            if not out and char == "~":
                piece = _HOME.sub(known.get("HOME", "~").replace("\\", r"\\"), piece)
            out += [spaces, piece] if out else [piece]
            spaces = ""
    return "".join(out), position


def _piece(line: str, position: int, known: Mapping[str, str]) -> tuple[str, int]:
    char = line[position]
    if char == "'":
        end = line.find("'", position + 1)
        if end < 0:
            raise _Malformed("a single quote is not closed")
        return line[position + 1 : end], end + 1
    if char == '"':
        match = _DOUBLE_QUOTED.match(line, position)
        if match is None:
            raise _Malformed("a double quote is not closed")
        parts = re.split(r"(\\.)", match.group(1))
        return "".join(
            _unescaped(part) if part.startswith("\\") else _expanded(part, known) for part in parts
        ), match.end()
    if char == "\\" and position + 1 < len(line):
        return line[position + 1], position + 2
    match = _PLAIN.match(line, position)
    plain = match.group() if match else char
    return _expanded(plain, known), position + len(plain)


def _unescaped(pair: str) -> str:
    return pair[1] if pair[1] in '"\\$`' else pair


def _expanded(text: str, known: Mapping[str, str]) -> str:
    # An unknown variable stays as written: a token may hold a dollar sign.
    return _VARIABLE.sub(lambda m: known.get(m.group(1) or m.group(2), m.group()), text)
