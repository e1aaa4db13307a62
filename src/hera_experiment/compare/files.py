"""The files that two runs left: which are identical, and what differs in the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.compare.pictures import picture_difference
from hera_experiment.compare.tables import Amount, table_difference, text_difference

if TYPE_CHECKING:
    from hera_experiment.account.account import Account, OutputFile

Tolerances = Mapping[str, float]
"""How much may differ, by pattern of path (``*.csv``, ``collect/*``); the first that fits holds."""

IDENTICAL, EQUAL, CHANGED, MISSING, ADDED = "identical", "equal", "changed", "missing", "added"

_LARGEST = 64 << 20
"""Bytes of the largest file whose content is looked at."""


@dataclass(frozen=True)
class FileDifference:
    """One output of either run, by its path below the run's folder.

    ``kind`` is ``identical``, ``equal`` (but for the run's own name, or within the tolerance),
    ``changed``, ``missing`` (the other run has it not) or ``added`` (only the other has it).
    ``what`` says what changed, in words; ``share`` of all cells, lines or pixels did so, by at most
    ``largest`` (numbers as they are, of pictures a share of the scale); both are None where that
    cannot be counted. ``examples`` are the first that changed. ``tasks`` may have written it: one
    where that is known.
    """

    path: str
    kind: str
    size: tuple[int | None, int | None]
    what: str = ""
    share: float | None = None
    largest: float | None = None
    examples: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether it is neither identical nor equal."""
        return self.kind not in (IDENTICAL, EQUAL)

    def of_tasks(self, tasks: tuple[str, ...]) -> FileDifference:
        """Return the same, written by ``tasks``."""
        return replace(self, tasks=tasks)


def compared(one: Account, other: Account, tolerances: Tolerances) -> tuple[FileDifference, ...]:
    """Return a line for each file that ``one`` or the ``other`` left, sorted by path."""
    before = {file.path: file for file in one.files}
    after = {file.path: file for file in other.files}
    found: list[FileDifference] = []
    for path in sorted({*before, *after}):
        if path not in after:
            found.append(FileDifference(path, MISSING, (before[path].size, None)))
        elif path not in before:
            found.append(FileDifference(path, ADDED, (None, after[path].size)))
        else:
            found.append(_pair(one, other, before[path], after[path], tolerances))
    return tuple(found)


def _pair(
    one: Account, other: Account, before: OutputFile, after: OutputFile, tolerances: Tolerances
) -> FileDifference:
    path, size = before.path, (before.size, after.size)
    if before.sha256 == after.sha256:
        return FileDifference(path, IDENTICAL, size)
    if max(before.size, after.size) > _LARGEST:
        return FileDifference(path, CHANGED, size, "too large to be looked into")
    first, second = one.folder / path, other.folder / path
    try:
        contents = _without_name(first, one.name), _without_name(second, other.name)
        if contents[0] == contents[1]:
            return FileDifference(path, EQUAL, size, "but for the name of the run")
        tolerance = _tolerance(path, tolerances)
        amount = _amount(path, *contents, tolerance)
    except OSError as error:
        return FileDifference(path, CHANGED, size, f"cannot be read: {error.strerror}")
    kind = EQUAL if amount.within else CHANGED
    return FileDifference(
        path, kind, size, amount.what, amount.share, amount.largest, amount.examples
    )


def _amount(path: str, one: bytes, other: bytes, tolerance: float) -> Amount:
    found = picture_difference(path, one, other, tolerance)
    found = found or table_difference(path, one, other, tolerance)
    found = found or text_difference(one, other)
    if found is not None:
        return found
    place = next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )
    return Amount(f"the bytes differ from byte {place} on")


def _tolerance(path: str, tolerances: Tolerances) -> float:
    return next((value for pattern, value in tolerances.items() if fnmatch(path, pattern)), 0.0)


def _without_name(path: Path, name: str) -> bytes:
    return path.read_bytes().replace(name.encode(), b"<run>")
