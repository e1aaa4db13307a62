"""The files of ``data/`` on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.errors import UserError
from hera_experiment.printing import size
from hera_experiment.results.listing import Listing
from hera_experiment.results.outcome import files
from hera_experiment.results.store import checksum

FOLDER = "data"
"""Where the files are on the claim."""

_NOT_DATA = frozenset({".gitignore", ".gitkeep", ".gitattributes", ".DS_Store"})


@dataclass(frozen=True)
class DataFile:
    """A file: where it is, its path below ``data/``, its size in bytes and its SHA-256."""

    file: Path
    path: bytes
    size: int
    sum: str
    is_program: bool = False


def data_files(folder: Path) -> list[DataFile]:
    """Return the files below ``folder``; links are followed, those that lead round in circles not.

    What git and the Finder keep there for themselves is left out. Raises
    :class:`~hera_experiment.errors.UserError` for what cannot be read.
    """
    try:
        return sorted(_below(folder, b"", frozenset()), key=lambda each: each.path)
    except OSError as error:
        raise UserError(f"cannot read it: {error.strerror}", str(error.filename)) from None


def changed_files(here: Sequence[DataFile], there: Listing | None) -> list[DataFile]:
    """Return the files that are not among those listed on the claim with the same checksum."""
    known = {each.path: each.sum for each in there.files} if there is not None else {}
    return [each for each in here if known.get(each.path) != each.sum]


def announce(changed: Sequence[DataFile], claim: str, say: Callable[[str], None]) -> None:
    """Say what will be copied to ``claim``."""
    if changed:
        amount = size(sum(each.size for each in changed))
        say(f"{files(len(changed))} of {FOLDER}/ to copy to the claim '{claim}', {amount}")
    else:
        say(f"{FOLDER}/ on the claim '{claim}' is up to date")


def _below(folder: Path, prefix: bytes, above: frozenset[str]) -> Iterator[DataFile]:
    real = os.path.realpath(folder)
    if real in above:
        return
    for entry in os.scandir(folder):
        path = prefix + os.fsencode(entry.name)
        if entry.is_dir():
            yield from _below(Path(entry.path), path + b"/", above | {real})
        elif entry.is_file() and entry.name not in _NOT_DATA:
            with open(entry.path, "rb") as file:
                sum_ = checksum(file)
            facts = entry.stat()
            is_program = bool(facts.st_mode & 0o100)
            yield DataFile(Path(entry.path), path, facts.st_size, sum_, is_program)
        elif entry.is_symlink() and not entry.is_file():
            raise UserError("the link leads nowhere", entry.path, "correct it or remove it")
