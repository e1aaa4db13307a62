"""One folder of a claim, seen through the shell of a pod: files come from it and go there."""

from __future__ import annotations

import builtins
import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from time import monotonic, sleep
from typing import TypeVar

from hera_experiment.errors import UserError
from hera_experiment.results import listing
from hera_experiment.results.data_files import FOLDER, DataFile
from hera_experiment.results.listing import Entry, Listing, read_listing, read_some
from hera_experiment.results.outcome import printable
from hera_experiment.results.packed import batches, unpacked, without_first
from hera_experiment.results.pod_shell import ScriptFailed, Shell
from hera_experiment.results.store import Store
from hera_experiment.results.transfer import Meter, Transfer, retry
from hera_experiment.waiting import Backoff

T = TypeVar("T")

_ROUNDS = 3
_FIRST_PAUSE, _LONGEST_PAUSE, _PAUSES = 0.5, 8.0, 5
# What is no bigger travels together with others, in archives of at most so many bytes.
_SMALL, _ARCHIVE = 4 << 20, 64 << 20
_SMALL_UP, _PIECE_UP = 1 << 20, 8 << 20
_MOST_NAMES = 500_000
_MOST_REMOVED = 50

# Beside what it becomes, so that a file appears whole or not at all. A client that was killed
# leaves it, and the next one goes on with it.
_STAGE = ".hera-arriving"
_ENTER = f'mkdir -p "$1/{_STAGE}" && cd "$1/{_STAGE}" || exit\n'
_UNPACK = f"""{_ENTER}
rm -rf batch && mkdir batch && head -c "$2" | tar -xof - -C batch && cd batch && sha256sum *
"""
_LENGTH = f"""{_ENTER}
[ ! -f "$3" ] || wc -c <"$3"
"""
_APPEND = f"""{_ENTER}
[ "$4" -gt 0 ] || : >"$3"
[ "$(wc -c <"$3")" -eq "$4" ] && head -c "$2" >>"$3" && [ "$(wc -c <"$3")" -eq "$5" ]
"""
_SUM = f"""{_ENTER}
sha256sum <"$3"
"""
_PLACE_ALL = """\
while [ $# -gt 0 ]; do
  case $2 in */*) [ -d "../${2%/*}" ] || mkdir -p "../${2%/*}" || exit;; esac
  if [ -d "../$2" ]; then echo "a folder is called $2" >&2; exit 1; fi
  # It was placed already when the answer to an earlier attempt was lost.
  [ ! -f "$1" ] || mv -f "$1" "../$2" || exit
  shift 2
done
"""
_PLACE = f"""{_ENTER}
head -c "$2" | xargs -0 -n 1000 sh -c '{_PLACE_ALL}' sh
"""
_CLEAN = f'rm -rf "$1/{_STAGE}"\n'


class PodFolder:
    """One folder of a claim.

    A script whose connection broke off is run again after a pause that doubles, until six in a row
    brought nothing.
    """

    def __init__(
        self,
        shell: Shell,
        folder: str,
        say: Callable[[str], None],
        pause: Callable[[float], None] = sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shell = shell
        self._folder = folder
        self._say = say
        self._pause = pause
        self._clock = clock

    def list(self) -> Listing | None:
        """Return what is in the folder, None when there is no such folder."""
        printed = self._listed(listing.LIST)
        return None if printed is None else read_listing(printed)

    def list_unread(self) -> Listing | None:
        """Return the same without checksums, for which no file there is read."""
        printed = self._listed(listing.LIST_UNREAD)
        return None if printed is None else read_listing(printed, summed=False)

    def summed(self, entries: Sequence[Entry]) -> builtins.list[Entry]:
        """Return ``entries`` as they are now, with checksums, without those that are gone."""
        given = listing.names([each.path for each in entries])
        return read_some(self._listed(listing.LIST_SOME, given) or b"")

    def download(self, wanted: Sequence[Entry], store: Store) -> Transfer:
        """Bring ``wanted``, the files that are new.

        A file that changes while it is read is read again, twice at most; one that only grows
        comes as it was when it was looked at. One that is gone meanwhile is not missed.
        """
        meter = Meter(self._say, sum(each.size for each in wanted), self._clock)
        transfer = Transfer()
        lacking = list(wanted)
        for round_ in range(_ROUNDS):
            if round_:
                lacking = self._look_again(lacking, store, transfer)
            if not lacking:
                return transfer
            readable = [each for each in lacking if each.sum]
            small = [each for each in readable if not round_ and each.size <= _SMALL]
            for batch in batches(small, _ARCHIVE, _MOST_NAMES):
                self._download(batch, store, transfer, meter, self._packed)
            for entry in [each for each in readable if round_ or each.size > _SMALL]:
                self._download([entry], store, transfer, meter, self._rest)
            lacking = transfer.unsettled(lacking)
        transfer.give_up(lacking)
        return transfer

    def upload(self, files: Sequence[DataFile]) -> None:
        """Take ``files`` there; each replaces what has its name once it has arrived whole.

        Nothing is removed there. Raises :class:`~hera_experiment.errors.UserError` when that is
        impossible.
        """
        meter = Meter(self._say, sum(each.size for each in files), self._clock)
        try:
            small = [each for each in files if each.size <= _SMALL_UP]
            for batch in batches(small, _PIECE_UP, _MOST_NAMES):
                self._upload_batch(batch, meter)
            for each in files:
                if each.size > _SMALL_UP:
                    self._upload_big(each, meter)
            self._printed(_CLEAN)
        except ScriptFailed as error:
            said = f": {printable(error.errors)}" if error.errors else ""
            raise UserError(
                f"the claim does not take the files of {FOLDER}/{said}",
                next_step=f"is it full, or may its folder {FOLDER}/ not be written?",
            ) from None

    def remove(self, names: Sequence[str]) -> int:
        """Remove folders of this one; return the bytes freed.

        Raises :class:`~hera_experiment.errors.UserError` when one may not be removed.
        """
        freed = 0
        try:
            for start in range(0, len(names), _MOST_REMOVED):
                words = names[start : start + _MOST_REMOVED]
                printed = self._retry(
                    lambda words=words: b"".join(  # type: ignore[misc]
                        self._shell.run(listing.REMOVE, self._folder, *words)
                    )
                )
                freed += sum(int(size) for size in printed.split()) * 1024
        except ScriptFailed as error:
            raise UserError(
                f"the claim does not let its files go: {printable(error.errors)}",
                next_step="they belong to another user: ask whoever made them",
            ) from None
        return freed

    def _look_again(
        self, entries: Sequence[Entry], store: Store, transfer: Transfer
    ) -> builtins.list[Entry]:
        found = self.summed(entries)
        transfer.arrived |= {each.path for each in found if store.has(each)}
        return transfer.unsettled(found)

    def _download(
        self,
        entries: Sequence[Entry],
        store: Store,
        transfer: Transfer,
        meter: Meter,
        arriving: Callable[[Sequence[Entry], Store], Iterator[tuple[Entry, Iterator[bytes]]]],
    ) -> None:
        def receive_all() -> None:
            left = transfer.unsettled(entries)
            try:
                for entry, pieces in arriving(left, store) if left else ():
                    transfer.receive(entry, meter.counted(pieces), store)
            except ScriptFailed:
                # A file is gone, or no longer to be read: those that lack are looked at again.
                return

        self._retry(receive_all, lambda: meter.arrived)

    def _packed(
        self, entries: Sequence[Entry], store: Store
    ) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        by_path = {each.path: each for each in entries}
        given = listing.names(list(by_path))
        for path, pieces in unpacked(self._run(listing.PACK, given=given)):
            if path in by_path:
                yield by_path[path], without_first(store.arrived(by_path[path]), pieces)

    def _rest(
        self, entries: Sequence[Entry], store: Store
    ) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """Yield what lacks of each file."""
        for entry in entries:
            start = store.arrived(entry)
            given = listing.part(entry.path, start, entry.size - start)
            pieces = self._run(listing.READ, given=given) if start < entry.size else iter(())
            yield entry, pieces

    def _upload_batch(self, files: Sequence[DataFile], meter: Meter) -> None:
        printed = self._printed(_UNPACK, given=_archive(files))
        sums = dict(line.split()[::-1] for line in printed.decode("ascii").splitlines())
        for number, each in enumerate(files):
            if sums.get(str(number)) != each.sum:
                raise _changed(each)
        self._place([(f"batch/{number}", each) for number, each in enumerate(files)])
        meter.count(sum(each.size for each in files))

    def _upload_big(self, file: DataFile, meter: Meter) -> None:
        def append_rest() -> None:
            with file.file.open("rb") as opened:
                length = int(b"".join(self._run(_LENGTH, file.sum)) or 0)
                opened.seek(length)
                while piece := opened.read(_PIECE_UP):
                    words = (file.sum, str(length), str(length + len(piece)))
                    b"".join(self._run(_APPEND, *words, given=piece))
                    length += len(piece)
                    meter.count(len(piece))

        self._retry(append_rest, lambda: meter.arrived)
        if self._printed(_SUM, file.sum).split()[0].decode("ascii") != file.sum:
            self._printed(_CLEAN)
            raise _changed(file)
        self._place([(file.sum, file)])

    def _place(self, arrived: Sequence[tuple[str, DataFile]]) -> None:
        pairs = [name.encode() + b"\0./" + each.path + b"\0" for name, each in arrived]
        self._printed(_PLACE, given=b"".join(pairs))

    def _listed(self, script: str, given: bytes = b"") -> bytes | None:
        """Return all that ``script`` prints; None when the folder is not there."""
        try:
            return self._printed(script, given=given)
        except ScriptFailed as error:
            if error.status == listing.NO_FOLDER:
                return None
            raise UserError(
                f"the pod cannot read {self._folder}: {printable(error.errors)}",
                next_step="another image may: READER_IMAGE=IMAGE",
            ) from None

    def _printed(self, script: str, *words: str, given: bytes = b"") -> bytes:
        return self._retry(lambda: b"".join(self._run(script, *words, given=given)))

    def _run(self, script: str, *words: str, given: bytes = b"") -> Iterator[bytes]:
        return self._shell.run(script, self._folder, str(len(given)), *words, given=given)

    def _retry(self, action: Callable[[], T], arrived: Callable[[], int] = lambda: 0) -> T:
        return retry(action, Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, self._pause), _PAUSES, arrived)


def _archive(files: Sequence[DataFile]) -> bytes:
    """Return an archive of ``files``, which are called 0, 1, 2 and so on in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for number, each in enumerate(files):
            member = tarfile.TarInfo(str(number))
            content = each.file.read_bytes()
            member.size = len(content)
            member.mode = 0o755 if each.is_program else 0o644
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _changed(file: DataFile) -> UserError:
    return UserError(
        "the file changed while it was copied to the claim", str(file.file), "submit again"
    )
