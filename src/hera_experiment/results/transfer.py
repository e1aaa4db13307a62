"""Brings what is new on claims to this machine, through whatever sees them and hands files over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Protocol, TypeVar

from hera_experiment.errors import UserError
from hera_experiment.printing import size
from hera_experiment.results.listing import Entry, Listing
from hera_experiment.results.outcome import Results, files, joined, named
from hera_experiment.results.store import Store, stays_inside
from hera_experiment.waiting import Backoff

T = TypeVar("T")

_EVERY = 5.0


class ConnectionLost(OSError):
    """The connection to a claim ended before its answer did; it may be asked again."""


@dataclass
class Transfer:
    """The paths of the files that arrived, and of those that did not and why."""

    arrived: set[bytes] = field(default_factory=set)
    changing: list[bytes] = field(default_factory=list)
    unreadable: list[bytes] = field(default_factory=list)
    refused: dict[bytes, str] = field(default_factory=dict)

    def receive(self, entry: Entry, pieces: Iterable[bytes], store: Store) -> None:
        """Let ``store`` receive a file."""
        try:
            if store.receive(entry, pieces):
                self.arrived.add(entry.path)
        except ConnectionLost:
            raise
        except (OSError, ValueError) as error:
            # A folder of that name, or a name that this file system does not take.
            self.refused[entry.path] = getattr(error, "strerror", None) or str(error)

    def is_settled(self, entry: Entry) -> bool:
        """Say whether nothing more is to be tried."""
        return entry.path in self.arrived or entry.path in self.refused

    def unsettled(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return those of ``entries`` that are still to be had."""
        return [each for each in entries if not self.is_settled(each)]

    def give_up(self, entries: Iterable[Entry]) -> None:
        """Note that ``entries`` will not come: they cannot be read, or change all the while."""
        for each in entries:
            (self.changing if each.sum else self.unreadable).append(each.path)


class ClaimFolder(Protocol):
    """One folder of a claim."""

    def list(self) -> Listing | None:
        """Return what is in the folder, None when there is no such folder."""

    def download(self, wanted: Sequence[Entry], store: Store) -> Transfer:
        """Bring ``wanted``, the files that are new."""


@dataclass
class Meter:
    """Counts what arrives, and says so every few seconds."""

    say: Callable[[str], None]
    expected: int
    clock: Callable[[], float] = monotonic
    arrived: int = 0
    _said: float | None = None

    def counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Pass ``pieces`` on."""
        for piece in pieces:
            self.count(len(piece))
            yield piece

    def count(self, number: int) -> None:
        """Note that so many bytes have arrived."""
        self.arrived += number
        now = self.clock()
        if self._said is None:
            self._said = now
        elif now - self._said >= _EVERY:
            self._said = now
            self.say(f"  {size(self.arrived)} of {size(self.expected)}")


def retry(
    action: Callable[[], T], backoff: Backoff, pauses: int, arrived: Callable[[], int] = lambda: 0
) -> T:
    """Repeat ``action`` while its connection is lost, after a pause.

    Raises ``UserError`` once it was lost again after so many ``pauses`` in a row while the number
    that ``arrived`` returns stayed the same.
    """
    while True:
        before = arrived()
        try:
            return action()
        except ConnectionLost as error:
            if arrived() > before:
                backoff.reset()
            if backoff.count >= pauses:
                advice = "try again: what has arrived is kept"
                raise UserError(str(error), next_step=advice) from None
            backoff.pause()


def download(
    folders: Mapping[str, ClaimFolder | None],
    destination: Path,
    say: Callable[[str], None],
) -> Results:
    """Bring what is new in ``folders`` by claim; None for a claim that nobody has written to.

    The files of a single claim land in ``destination`` itself, those of several in one folder per
    claim. What cannot be brought becomes a remark. What arrived half is kept beside it.
    """
    there = {}
    for claim, folder in folders.items():
        listing = folder.list() if folder is not None else None
        if folder is not None and listing is not None:
            there[claim] = (folder, listing)
    whole = Results(destination)
    with _drafts(destination) as drafts:
        for claim, (folder, listing) in there.items():
            target = destination if len(there) == 1 else destination / claim
            whole = joined(whole, _download(claim, folder, listing, Store(target, drafts), say))
    return whole


def bring(
    claim: str,
    folders: Mapping[str, ClaimFolder],
    destination: Path,
    most: int,
    say: Callable[[str], None],
) -> Results:
    """Bring ``folders`` of ``claim`` by their names to ``destination``, ``most`` bytes of them."""
    whole = Results(destination)
    with _drafts(destination) as drafts:
        for name, folder in folders.items():
            listing = folder.list()
            if listing is None:
                continue
            within, beyond = smallest(listing.files, most)
            most -= sum(each.size for each in within)
            store = Store(destination / name, drafts)
            found = _download(claim, folder, replace(listing, files=within), store, say)
            whole = joined(whole, replace(found, remarks=(*found.remarks, *left(claim, beyond))))
    return whole


def smallest(entries: Iterable[Entry], most: int) -> tuple[list[Entry], list[Entry]]:
    """Return the smallest of ``entries``, ``most`` bytes together, and the others."""
    within: list[Entry] = []
    beyond: list[Entry] = []
    for each in sorted(entries, key=lambda entry: (entry.size, entry.path)):
        most -= each.size
        (beyond if most < 0 else within).append(each)
    return within, beyond


def left(claim: str, beyond: Sequence[Entry]) -> list[str]:
    """Return the remark about files of ``claim`` that a limit leaves there; none for no file."""
    if not beyond:
        return []
    amount = size(sum(each.size for each in beyond))
    listed = named(each.path for each in beyond)
    return [f"{files(len(beyond))} left on the claim '{claim}' by LIMIT, {amount}: {listed}"]


@contextmanager
def _drafts(destination: Path) -> Iterator[Path]:
    """Yield the folder of what arrives half, which is left for the next time."""
    drafts = destination.parent / ".parts" / destination.name
    try:
        yield drafts
    finally:
        with suppress(OSError):
            drafts.rmdir()
            drafts.parent.rmdir()


def _download(
    claim: str, folder: ClaimFolder, listing: Listing, store: Store, say: Callable[[str], None]
) -> Results:
    new = [each for each in listing.files if not store.has(each)]
    if new:
        amount = size(sum(each.size for each in new))
        of_all = "" if len(new) == len(listing.files) else f" of {len(listing.files)}"
        say(f"{files(len(new))}{of_all} to fetch from the claim '{claim}', {amount}")
    elif listing.files:
        say(f"nothing new on the claim '{claim}': {files(len(listing.files))}, the same as here")
    transfer = folder.download(new, store) if new else Transfer()
    links = make_folders(listing, store, transfer)
    absent = {each.path for each in new} - transfer.arrived
    here = {*(each.path for each in listing.files), *links} - absent - set(transfer.refused)
    remarks, missing = remarks_about(claim, listing, transfer)
    return Results(
        store.folder,
        tuple(store.path(name) for name in here),
        tuple(remarks),
        len(transfer.arrived),
        missing,
    )


def make_folders(listing: Listing, store: Store, transfer: Transfer) -> list[bytes]:
    """Make the folders of ``listing`` and the links that stay inside, which are returned."""
    links = [name for name, to in listing.links.items() if stays_inside(name, to)]
    for name in listing.folders:
        _noted(partial(store.make_folder, name), name, transfer)
    for link in links:
        _noted(partial(store.link, link, listing.links[link]), link, transfer)
    return links


def _noted(action: Callable[[], None], name: bytes, transfer: Transfer) -> None:
    try:
        action()
    except (OSError, ValueError) as error:
        transfer.refused[name] = getattr(error, "strerror", None) or str(error)


def remarks_about(claim: str, listing: Listing, transfer: Transfer) -> tuple[list[str], int]:
    """Return what is said of what cannot come from ``claim``, and how many files that are."""
    outside = [name for name, to in listing.links.items() if not stays_inside(name, to)]
    said = [
        ("links that lead out of the run's folder stay there", outside),
        ("not fetched, since they changed all the while", transfer.changing),
        (f"not fetched, since the pod may not read them on '{claim}'", transfer.unreadable),
        (f"not fetched, since the pod may not enter them on '{claim}'", listing.closed),
    ]
    for reason in sorted(set(transfer.refused.values())):
        refused = [name for name, why in transfer.refused.items() if why == reason]
        said.append((f"cannot be written here ({reason})", refused))
    missing = sum(len(names) for _, names in said[1:])
    return [f"{what}: {named(names)}" for what, names in said if names], missing
