"""What was brought home, and the sentences about it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MOST_NAMED = 5


@dataclass(frozen=True)
class Results:
    """What was brought: ``files`` are the paths below ``folder``, sorted; ``remarks`` sentences.

    ``new`` counts the files that were copied, since the others were here already; ``missing``
    those that are there and could not be brought.
    """

    folder: Path
    files: tuple[Path, ...] = ()
    remarks: tuple[str, ...] = ()
    new: int = 0
    missing: int = 0


def joined(one: Results, other: Results) -> Results:
    """Return what was brought from two places into one folder."""
    return Results(
        one.folder,
        tuple(sorted({*one.files, *other.files})),
        (*one.remarks, *other.remarks),
        new=one.new + other.new,
        missing=one.missing + other.missing,
    )


def printable(name: bytes | str) -> str:
    """Return the name of a file so that no terminal obeys it and every stream can write it."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    return "".join(
        character if unicodedata.category(character)[0] != "C" else ascii(character)[1:-1]
        for character in text
    )


def named(names: Iterable[bytes]) -> str:
    """Return the names of files in quotes, the first few of many."""
    names = sorted(names)
    shown = ", ".join(f"'{printable(name)}'" for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def files(number: int) -> str:
    """Return "1 file", "7 files"."""
    return f"{number} file{'' if number == 1 else 's'}"


def nothing_written(name: str, claims: Iterable[str]) -> str:
    """Return the remark about a workflow that left nothing on its claims."""
    listed = "', '".join(claims)
    return f"no results: nothing was written below {name}/ of the claim '{listed}'"
