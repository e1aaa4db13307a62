"""What lies below a folder of a claim: the shell script that lists it, and the reading of that.

The script needs a shell and the programs that Debian's essential packages and busybox share. The
name of a file may hold any byte but a slash, newlines too, and what it prints can always be read
back: a path never holds ``//``.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hera_experiment.errors import UserError

PROGRAMS = ("find", "head", "readlink", "sha256sum", "stat", "tail", "tar", "xargs")
"""What an image needs besides ``sh``."""

NO_FOLDER = 66
"""The exit status of a script whose folder is not there."""
NO_ENTRY = 67
"""The exit status of a script that may not enter its folder."""

_STAT = "stat -c '%f %s %Y %n//' --"
_SUMS = f"""{_STAT} "$@"; echo -//; sha256sum -- "$@"; echo -//"""
_FIRST_BYTES = """\
for file do
  facts=$(stat -c '%f %s %Y' -- "$file") || continue
  size=${facts#* } sum=
  [ ! -r "$file" ] || sum=$(head -c "${size%% *}" "$file" | sha256sum)
  printf '%s %s//\\n%s//\\n' "$facts" "$file" "${sum%% *}"
done"""
_CLOSED = """for folder do
  [ -r "$folder" ] && [ -x "$folder" ] || printf '%s\\0' "$folder"
done"""
_LINKS = """for link do printf '%s\\0' "$link"; readlink -n "$link"; printf '\\0'; done"""


def _quoted(script: str) -> str:
    return "'" + script.replace("'", "'\\''") + "'"


ENTER = f'[ -d "$1" ] || exit {NO_FOLDER}\ncd -P "$1" || exit {NO_ENTRY}\n'
"""Goes to the folder that is the first argument."""

_ALL_BUT_FILES = f"""{ENTER}
find . -type d -exec {_STAT} {{}} +
echo -//
find . -type d -exec sh -c {_quoted(_CLOSED)} sh {{}} +
printf '\\0'
find . -type l -exec sh -c {_quoted(_LINKS)} sh {{}} +
printf '\\0'
"""

LIST = f"""{_ALL_BUT_FILES}
find . -type f -exec sh -c {_quoted(_SUMS)} sh {{}} +
true
"""
"""Lists the folder: sub-folders, links with their targets, files with their checksums."""

LIST_UNREAD = f"""{_ALL_BUT_FILES}
find . -type f -exec {_STAT} {{}} +
echo -//
"""
"""Lists the folder as :data:`LIST` does, but for the checksums: no file is read."""

LIST_SOME = f"""{ENTER}
head -c "$2" | xargs -0 sh -c {_quoted(_FIRST_BYTES)} sh
true
"""
"""Lists the files that are named on standard input, as many bytes as the second argument says.

The checksum is that of the bytes which the size counts, though the file may grow meanwhile.
"""

PACK = f"""{ENTER}
head -c "$2" | xargs -0 tar -cf - --
"""
"""Packs the files that are named on standard input; several archives when they are many."""

READ = f"""{ENTER}
head -c "$2" | xargs -0 sh -c 'tail -c "+$1" "$3" | head -c "$2"' sh
"""
"""Prints a part of one file; see :func:`part`."""

REMOVE = f"""{ENTER}shift
for name do
  [ -e "./$name" ] || [ -L "./$name" ] || continue
  size=$(du -sk "./$name" 2>/dev/null) || size=0
  rm -rf "./$name" || exit
  printf '%s\\n' "${{size%%[!0-9]*}}"
done
"""
"""Removes folders of the folder, which are the other arguments; prints the KiB of each."""

_END = b"-//\n"
_SUM = re.compile(rb"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """A file: its path below the folder, size in bytes, time of change and permissions.

    ``sum`` is the SHA-256 of its content, empty when it could not be read.
    """

    path: bytes
    size: int
    changed: int
    mode: int
    sum: str = ""


@dataclass(frozen=True)
class Listing:
    """What lies below a folder; paths are relative to it and never begin with ``./``.

    ``closed`` are folders that may not be read, so that nothing is known of what is in them.
    """

    folders: list[bytes] = field(default_factory=list)
    links: dict[bytes, bytes] = field(default_factory=dict)
    files: list[Entry] = field(default_factory=list)
    closed: list[bytes] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "folders": list(map(os.fsdecode, self.folders)),
            "links": {os.fsdecode(name): os.fsdecode(to) for name, to in self.links.items()},
            "files": [
                [os.fsdecode(each.path), each.size, each.changed, each.mode, each.sum]
                for each in self.files
            ],
            "closed": list(map(os.fsdecode, self.closed)),
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Listing:
        """Return what :meth:`document` was made of."""
        return cls(
            list(map(os.fsencode, document["folders"])),
            {os.fsencode(name): os.fsencode(to) for name, to in document["links"].items()},
            [Entry(os.fsencode(path), *facts) for path, *facts in document["files"]],
            list(map(os.fsencode, document["closed"])),
        )


class Unreadable(UserError):
    """It was printed by something else than the scripts above."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the files on the claim cannot be listed: {what}")


def read_listing(printed: bytes, *, summed: bool = True) -> Listing:
    """Return what :data:`LIST` printed, :data:`LIST_UNREAD` unless it is ``summed``.

    Raises :class:`Unreadable`.
    """
    folders, position = _stats(printed, 0)
    closed, position = _names(printed, position)
    links, position = _links(printed, position)
    files: list[Entry] = []
    while position < len(printed):
        entries, position = _stats(printed, position)
        if summed:
            entries, position = _with_sums(entries, printed, position)
        files += [each for each in entries if stat.S_ISREG(each.mode)]
    return Listing([each.path for each in folders if each.path], links, files, closed)


def read_some(printed: bytes) -> list[Entry]:
    """Return what :data:`LIST_SOME` printed; raises :class:`Unreadable`."""
    records = printed.split(b"//\n")
    if records.pop():
        raise Unreadable("the list breaks off")
    pairs = zip(records[::2], records[1::2], strict=True)
    return [_summed(_entry(facts), sum_) for facts, sum_ in pairs]


def names(paths: Sequence[bytes]) -> bytes:
    """Return ``paths`` as the scripts read them from standard input."""
    return b"".join(b"./" + path + b"\0" for path in paths)


def part(path: bytes, start: int, length: int) -> bytes:
    """Return the input of :data:`READ` for ``length`` bytes of a file, from ``start`` on."""
    return b"%d\0%d\0./%s\0" % (start + 1, length, path)


def is_safe(path: bytes) -> bool:
    """Say whether ``path`` stays below the folder that it is relative to."""
    return bool(path) and not any(part in (b"", b".", b"..") for part in path.split(b"/"))


def _stats(printed: bytes, position: int) -> tuple[list[Entry], int]:
    found = []
    while not printed.startswith(_END, position):
        end = printed.find(b"//\n", position)
        if end < 0:
            raise Unreadable("the list breaks off")
        found.append(_entry(printed[position:end]))
        position = end + 3
    return found, position + len(_END)


def _entry(record: bytes) -> Entry:
    try:
        mode, size, changed, name = record.split(b" ", 3)
        entry = Entry(name.removeprefix(b"./"), int(size), int(changed), int(mode, 16))
    except ValueError:
        raise Unreadable("the list holds something else") from None
    if name == b".":
        return Entry(b"", entry.size, entry.changed, entry.mode)
    if not name.startswith(b"./") or not is_safe(entry.path):
        raise Unreadable("the list names a file outside the folder")
    return entry


def _names(printed: bytes, position: int) -> tuple[list[bytes], int]:
    found = []
    while (end := printed.find(b"\0", position)) != position:
        if end < 0:
            raise Unreadable("the list breaks off")
        found.append(printed[position:end].removeprefix(b"./"))
        position = end + 1
    return found, position + 1


def _links(printed: bytes, position: int) -> tuple[dict[bytes, bytes], int]:
    links: dict[bytes, bytes] = {}
    while True:
        end = printed.find(b"\0", position)
        if end < 0:
            raise Unreadable("the list breaks off")
        if end == position:
            return links, position + 1
        path = printed[position:end].removeprefix(b"./")
        position, end = end + 1, printed.find(b"\0", end + 1)
        if end < 0 or not is_safe(path):
            raise Unreadable("the list of links cannot be read")
        links[path], position = printed[position:end], end + 1


def _with_sums(entries: list[Entry], printed: bytes, position: int) -> tuple[list[Entry], int]:
    # A name with a newline makes lines ambiguous, but the names are known, and their order.
    found = []
    for each in entries:
        record, sum_ = _sum(printed, position, b"./" + each.path)
        position += record
        found.append(_summed(each, sum_))
    end = printed.find(_END, position)
    if end < 0:
        raise Unreadable("the list breaks off")
    return found, end + len(_END)


def _summed(entry: Entry, sum_: bytes) -> Entry:
    if sum_ and not _SUM.fullmatch(sum_):
        raise Unreadable("the list holds no checksums")
    return replace(entry, sum=sum_.decode("ascii"))


def _sum(printed: bytes, position: int, name: bytes) -> tuple[int, bytes]:
    """Return the length of the record of ``name`` and its checksum; 0 when there is none."""
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    partly = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
    for mark, written in ((b"", name), (b"\\", escaped), (b"\\", partly)):
        begin = position + len(mark)
        if printed[position:begin] == mark and printed.startswith(written + b"\n", begin + 66):
            return len(mark) + 67 + len(written), printed[begin : begin + 64]
    return 0, b""
