"""Puts what was listed on the claims where it belongs on this machine; only what is new comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from hera_experiment.results.bring import Brought
from hera_experiment.results.listing import Entry, Listing
from hera_experiment.results.outcome import Results, files, named, size
from hera_experiment.results.store import Store, stays_inside

Bring = Callable[[str, Sequence[Entry], Store], Brought]
"""Brings new files of a claim, by its name."""


def gather(
    found: Mapping[str, Listing | None],
    destination: Path,
    drafts: Path,
    bring: Bring,
    say: Callable[[str], None],
) -> Results:
    """Bring what is new of the listings ``found`` by claim; None where there is no folder.

    The files of a single claim land in ``destination`` itself, those of several in one folder per
    claim. What cannot be brought becomes a remark.
    """
    there = {claim: listing for claim, listing in found.items() if listing is not None}
    whole = Results(destination)
    for claim, listing in there.items():
        target = destination if len(there) == 1 else destination / claim
        brought = _gather(claim, listing, Store(target, drafts), bring, say)
        whole = Results(
            destination,
            tuple(sorted({*whole.files, *brought.files})),
            (*whole.remarks, *brought.remarks),
            whole.new + brought.new,
            whole.missing + brought.missing,
        )
    return whole


def _gather(
    claim: str, listing: Listing, store: Store, bring: Bring, say: Callable[[str], None]
) -> Results:
    new = [each for each in listing.files if not store.has(each)]
    if new:
        amount = size(sum(each.size for each in new))
        of_all = "" if len(new) == len(listing.files) else f" of {len(listing.files)}"
        say(f"{files(len(new))}{of_all} to fetch from the claim '{claim}', {amount}")
    elif listing.files:
        say(f"nothing new on the claim '{claim}': {files(len(listing.files))}, the same as here")
    brought = bring(claim, new, store) if new else Brought()
    outside = [name for name, to in listing.links.items() if not stays_inside(name, to)]
    links = [name for name in listing.links if name not in outside]
    for folder in listing.folders:
        _noted(partial(store.make_folder, folder), folder, brought)
    for link in links:
        _noted(partial(store.link, link, listing.links[link]), link, brought)
    absent = {each.path for each in new} - brought.arrived
    here = {*(each.path for each in listing.files), *links} - absent - set(brought.refused)
    remarks, missing = _remarks(claim, listing, brought, outside)
    return Results(
        store.folder,
        tuple(store.path(name) for name in here),
        tuple(remarks),
        len(brought.arrived),
        missing,
    )


def _noted(action: Callable[[], None], name: bytes, brought: Brought) -> None:
    try:
        action()
    except (OSError, ValueError) as error:
        brought.refused[name] = getattr(error, "strerror", None) or str(error)


def _remarks(
    claim: str, listing: Listing, brought: Brought, outside: Sequence[bytes]
) -> tuple[list[str], int]:
    remarks = []
    if outside:
        remarks.append(f"links that lead out of the run's folder stay there: {named(outside)}")
    if brought.changing:
        remarks.append(f"not fetched, since they changed all the while: {named(brought.changing)}")
    if brought.unreadable:
        names = named(brought.unreadable)
        remarks.append(f"not fetched, since the pod may not read them on '{claim}': {names}")
    if listing.closed:
        names = named(listing.closed)
        remarks.append(f"not fetched, since the pod may not enter them on '{claim}': {names}")
    for reason in sorted(set(brought.refused.values())):
        names = named([name for name, why in brought.refused.items() if why == reason])
        remarks.append(f"cannot be written here ({reason}): {names}")
    missing = sum(map(len, (brought.changing, brought.unreadable, listing.closed, brought.refused)))
    return remarks, missing
