"""The files of claims that are not here yet: each is a hole of its size until it is filled.

A second name of each lies in a folder of its own, so that no other file gets its number while the
task runs, whatever becomes of the first name.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hera_experiment.local.runtimes.scratch import remove_folder
from hera_experiment.printing import size
from hera_experiment.replay.place import Listings
from hera_experiment.results.listing import Entry
from hera_experiment.results.outcome import files as counted
from hera_experiment.results.outcome import named
from hera_experiment.results.pod_folder import PodFolder
from hera_experiment.results.store import FILE_FLAGS, Store
from hera_experiment.results.transfer import Transfer, make_folders, remarks_about

_NO_SECOND_NAMES = (errno.EPERM, errno.EOPNOTSUPP)
_PIECE = 1 << 30
_LARGE = 16 << 20
# Each file costs a pod two calls: what is opened one by one comes in ever larger batches.
_SMALL, _BATCH, _ONE_BY_ONE = 1 << 20, 32 << 20, 2


@dataclass(eq=False)
class Placeholder:
    """One file: ``hole`` is its second name, ``made`` its time of change while it is one.

    ``changed`` is that of what filled it, in whole seconds, ``error`` the number of what its
    opening fails with; ``may_be_cut`` tells that the task may have emptied it itself.
    """

    claim: str
    folder: str
    entry: Entry
    hole: Path
    made: int
    error: int = 0
    is_filled: bool = False
    may_be_cut: bool = False
    changed: int = 0


@dataclass
class Placeholders:
    """The files of ``listed``, in the folder ``claims``.

    One that is opened is taken from the folder ``fetched``, where it comes first by way of
    ``folder_of``, which returns a folder of a claim; at most ``most`` bytes of each claim come.
    ``holes`` is the folder of the second names. After its work ``opened`` are those that the task
    has opened, and ``is_outdated`` tells that not all is as it was listed.
    """

    listed: Listings
    claims: Path
    fetched: Path
    holes: Path
    folder_of: Callable[[str, str], PodFolder | None]
    most: int
    say: Callable[[str], None]
    opened: list[Placeholder] = field(default_factory=list)
    is_outdated: bool = False
    _known: dict[tuple[int, int], Placeholder] = field(default_factory=dict)
    _spent: dict[str, int] = field(default_factory=dict)
    _came: list[Placeholder] = field(default_factory=list)
    _beside: dict[tuple[str, str, bytes], list[Placeholder]] = field(default_factory=dict)
    _calls: dict[tuple[str, str, bytes], int] = field(default_factory=dict)
    _beyond: list[Placeholder] = field(default_factory=list)
    _gone: list[Placeholder] = field(default_factory=list)
    _failed: dict[str, list[Placeholder]] = field(default_factory=dict)
    _about: dict[tuple[str, str], Transfer] = field(default_factory=dict)

    def make(self) -> None:
        """Make them, beside the folders and the links that are listed.

        Raises ``OSError`` where the file system has no second names.
        """
        remove_folder(str(self.holes))
        self.holes.mkdir(parents=True)
        number = 0
        for claim, folders in self.listed.items():
            for folder, listing in folders.items():
                store = Store(self.claims / claim / folder, self.holes)
                about = self._about[claim, folder] = Transfer()
                for entry in sorted(listing.files, key=lambda each: each.path):
                    number += 1
                    hole = self.holes / str(number)
                    try:
                        made = store.reserve(entry, hole)
                    except (ValueError, OSError) as error:
                        if getattr(error, "errno", None) in _NO_SECOND_NAMES:
                            remove_folder(str(self.holes))
                            raise
                        about.refused[entry.path] = str(getattr(error, "strerror", "") or error)
                        continue
                    found = Placeholder(claim, folder, entry, hole, made.st_mtime_ns)
                    found.is_filled = not entry.size
                    self._known[made.st_dev, made.st_ino] = found
                    if entry.size <= _SMALL:
                        self._beside.setdefault(_place(found), []).append(found)
                make_folders(listing, store, about)

    def at(self, facts: os.stat_result) -> Placeholder | None:
        """Return the placeholder that a file is, None for any other and what the task wrote."""
        found = self._known.get((facts.st_dev, facts.st_ino))
        if found is None or not found.may_be_cut or _is_hole(found, facts):
            return found
        found.is_filled = True
        return None

    def fill(self, found: Placeholder) -> int:
        """Have its content in it; return 0, or the number of the error that it cannot."""
        if found.is_filled or found.error:
            return found.error
        self.opened.append(found)
        try:
            found.error = self._fetch(found)
            if not found.error:
                self._copy(found)
        except Exception as error:  # Whatever it is, the task would wait for ever.
            self._failed.setdefault(str(error), []).append(found)
            found.error = errno.EIO
        found.is_filled = not found.error
        return found.error

    def forget(self) -> None:
        """Remove those that were never filled, and all second names."""
        for above, _, names in os.walk(self.claims):
            for name in names:
                path = os.path.join(above, name)
                with suppress(OSError):
                    facts = os.lstat(path)
                    found = self._known.get((facts.st_dev, facts.st_ino))
                    if found is not None and self._is_left(found, facts):
                        os.unlink(path)
        remove_folder(str(self.holes))

    def summary(self) -> str:
        """Return how many files were fetched, of how many."""
        every = [
            each
            for folders in self.listed.values()
            for one in folders.values()
            for each in one.files
        ]
        came, opened = set(self._came), set(self.opened)
        amount = size(sum(each.size for each in every))
        earlier = sum(each.is_filled for each in opened - came)
        kept = f"; {earlier} that it opened came with an earlier replay" if earlier else ""
        if not came:
            return f"none of its {counted(len(every))} ({amount}) had to be fetched{kept}"
        beside = len(came - opened)
        more = f", and {beside} beside them" if beside else ""
        return (
            f"{len(came)} of {counted(len(every))} ({size(sum(each.entry.size for each in came))} "
            f"of {amount}) were fetched: those that the task opened{more}{kept}"
        )

    def remarks(self) -> Iterator[str]:
        """Yield what could not come, and why."""
        for (claim, folder), transfer in self._about.items():
            yield from remarks_about(claim, self.listed[claim][folder], transfer)[0]
        for claim in dict.fromkeys(each.claim for each in self._beyond):
            beyond = [each for each in self._beyond if each.claim == claim]
            enough = self._spent.get(claim, 0) + sum(each.entry.size for each in beyond)
            yield (
                f"opening failed, since LIMIT leaves it on the claim '{claim}': {_named(beyond)}; "
                f"LIMIT={_limit(enough)} brings it"
            )
        if self._gone:
            yield f"no longer on its claim: {_named(self._gone)}"
        for why, those in self._failed.items():
            yield f"opening failed, since it could not be fetched ({why}): {_named(those)}"

    def _is_left(self, found: Placeholder, facts: os.stat_result) -> bool:
        """Tell whether a file has not the content that it should have, nor one of the task's."""
        return not found.is_filled and (not found.may_be_cut or _is_hole(found, facts))

    def _fetch(self, found: Placeholder) -> int:
        """Bring the file to the folder ``fetched`` unless it is there; return an error's number."""
        entry = found.entry
        if self._has(found):
            return 0
        if self._spent.get(found.claim, 0) + entry.size > self.most:
            self._beyond.append(found)
            return errno.EIO
        if entry.size >= _LARGE:
            self.say(f"fetching {_named([found])}, {size(entry.size)}, which it opens")
        wanted = {each.entry.path: each for each in (found, *self._next(found))}
        folder = self.folder_of(found.claim, found.folder)
        drafts = self.fetched / ".parts" / found.claim
        store = Store(self.fetched / found.claim / found.folder, drafts)
        transfer = Transfer()
        if folder is not None:
            there = folder.summed([each.entry for each in wanted.values()])
            transfer = folder.download(there, store)
        with suppress(OSError):
            drafts.rmdir()
            drafts.parent.rmdir()
        for path in transfer.arrived:
            self._came.append(wanted[path])
            self._spent[found.claim] = self._spent.get(found.claim, 0) + wanted[path].entry.size
        if entry.path in transfer.arrived:
            return 0
        self.is_outdated = True
        about = self._about[found.claim, found.folder]
        for those, of_all in (
            (transfer.changing, about.changing),
            (transfer.unreadable, about.unreadable),
        ):
            if entry.path in those:
                of_all.append(entry.path)
                return errno.EIO
        if entry.path in transfer.refused:
            about.refused[entry.path] = transfer.refused[entry.path]
            return errno.EIO
        self._gone.append(found)
        return errno.ENOENT

    def _has(self, found: Placeholder) -> bool:
        """Tell whether the file is in the folder ``fetched``."""
        path = self.fetched / found.claim / found.folder / os.fsdecode(found.entry.path)
        with suppress(OSError):
            return _is_as_listed(found.entry, os.lstat(path))
        return False

    def _next(self, found: Placeholder) -> Iterator[Placeholder]:
        """Yield those that come with ``found``: the next ones of a folder that is read on."""
        place = _place(found)
        calls = self._calls[place] = self._calls.get(place, 0) + 1
        beside = self._beside.get(place, [])
        if calls <= _ONE_BY_ONE or found not in beside:
            return
        begin = beside.index(found) + 1
        left = int(4 ** (calls - _ONE_BY_ONE))
        room = min(self.most - self._spent.get(found.claim, 0), _BATCH) - found.entry.size
        for each in (*beside[begin:], *beside[: begin - 1]):
            if each.is_filled or each.may_be_cut or each.error or self._has(each):
                continue
            room -= each.entry.size
            left -= 1
            if room < 0 or left < 0:
                return
            yield each

    def _copy(self, found: Placeholder) -> None:
        path = self.fetched / found.claim / found.folder / os.fsdecode(found.entry.path)
        source = os.open(path, FILE_FLAGS)
        try:
            facts = os.fstat(source)
            self.is_outdated |= not _is_as_listed(found.entry, facts)
            found.changed = int(facts.st_mtime)
            mode = stat.S_IMODE(os.stat(found.hole).st_mode)
            # The task may have taken the right to write to it.
            os.chmod(found.hole, mode | stat.S_IWUSR)
            hole = os.open(found.hole, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                os.ftruncate(hole, facts.st_size)
                left = facts.st_size
                while left and (number := os.copy_file_range(source, hole, min(left, _PIECE))):
                    left -= number
                os.fchmod(hole, mode)
                os.utime(hole, ns=(facts.st_atime_ns, facts.st_mtime_ns))
            finally:
                os.close(hole)
        finally:
            os.close(source)


def _place(found: Placeholder) -> tuple[str, str, bytes]:
    """Return the folder that a file is in."""
    return found.claim, found.folder, os.path.dirname(found.entry.path)


def _limit(number: int) -> str:
    """Return a ``LIMIT`` of at least so many bytes."""
    unit = next(unit for unit in (30, 20) if number >= 1 << unit or unit == 20)
    return f"{-(-number >> unit)}{'Gi' if unit == 30 else 'Mi'}"


def _is_hole(found: Placeholder, facts: os.stat_result) -> bool:
    return facts.st_mtime_ns == found.made and facts.st_size == found.entry.size


def _is_as_listed(entry: Entry, facts: os.stat_result) -> bool:
    is_file = stat.S_ISREG(facts.st_mode)
    return is_file and facts.st_size == entry.size and int(facts.st_mtime) == entry.changed


def _named(those: list[Placeholder]) -> str:
    return named(os.fsencode(each.folder) + b"/" + each.entry.path for each in those)
