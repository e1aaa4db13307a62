"""The build context of one image: which files it holds, and a hash of their content.

Which files ``.dockerignore`` keeps out is told by Docker's documentation of it (Go's
``filepath.Match``, plus ``**`` for any number of folders; the last pattern that matches decides).
"""

from __future__ import annotations

import difflib
import hashlib
import os
import posixpath
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from hera_experiment.errors import UserError

DOCKERFILE, IGNORE_FILE = "Dockerfile", ".dockerignore"


class Ignore:
    """The patterns of one ``.dockerignore``; none when there is no such file."""

    def __init__(self, text: str) -> None:
        self._rules: list[tuple[re.Pattern[str], bool]] = []
        for line in text.splitlines():
            pattern = line.strip()
            if not pattern or line.startswith("#"):
                continue
            exception = pattern.startswith("!")
            pattern = posixpath.normpath(pattern.lstrip("!").strip()).strip("/")
            if pattern != ".":
                # What matches a folder matches everything below it.
                expression = re.compile(translate(pattern) + r"(?:/.*)?\Z", re.DOTALL)
                self._rules.append((expression, exception))

    @classmethod
    def of(cls, folder: Path) -> Ignore:
        """Read the patterns of the build context ``folder``."""
        try:
            return cls((folder / IGNORE_FILE).read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return cls("")

    @property
    def has_exceptions(self) -> bool:
        """True when a file below an ignored folder may be wanted after all."""
        return any(exception for _, exception in self._rules)

    def ignores(self, path: str) -> bool:
        """Tell whether ``path`` (relative to the context, with forward slashes) is kept out."""
        ignored = False
        for expression, exception in self._rules:
            if ignored == exception and expression.match(path):
                ignored = not exception
        return ignored


def translate(pattern: str) -> str:
    """Return the regular expression for a pattern of Go's ``filepath.Match`` with ``**``."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
        elif pattern.startswith("**", at):
            parts.append(".*")
            at += 2
        elif pattern[at] == "*":
            parts.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            parts.append("[^/]")
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            parts.append("[" + pattern[at + 1 : end].replace("\\", "\\\\") + "]")
            at = end + 1
        elif pattern[at] == "\\" and at + 1 < len(pattern):
            parts.append(re.escape(pattern[at + 1]))
            at += 2
        else:
            parts.append(re.escape(pattern[at]))
            at += 1
    return "".join(parts)


def container_names(containers: Path) -> list[str]:
    """Return the folders of ``containers`` that have a Dockerfile."""
    return sorted(path.parent.name for path in containers.glob(f"*/{DOCKERFILE}"))


def no_container(containers: Path, name: str) -> UserError:
    """Return what to tell somebody who names a container that has no Dockerfile."""
    missing = f"there is no {containers.name}/{name}/{DOCKERFILE}"
    known = container_names(containers)
    advice = f"there is: {', '.join(known) or 'none'}"
    if (folder := containers / name).is_dir():
        similar = sorted(p.name for p in folder.iterdir() if DOCKERFILE.lower() in p.name.lower())
        do = f"rename {similar[0]!r}, which is there" if similar else "write one"
        advice = f"{do}; {advice}"
    elif close := difflib.get_close_matches(name, known, n=1):
        advice = f"did you mean '{close[0]}'?"
    return UserError(missing, next_step=advice)


def context_entries(folder: Path) -> list[str]:
    """Return the files, symbolic links and empty folders that COPY can see, sorted.

    Paths are relative to ``folder``, with forward slashes; an empty folder ends in one.
    """
    ignore = Ignore.of(folder)
    entries: list[str] = []

    def walk(directory: str, prefix: str) -> bool:
        found = False
        with os.scandir(directory) as listing:
            for entry in listing:
                path = prefix + entry.name
                ignored = ignore.ignores(path)
                if entry.is_dir(follow_symlinks=False):
                    if ignored and not ignore.has_exceptions:
                        continue
                    if walk(entry.path, path + "/"):
                        found = True
                    elif not ignored:
                        entries.append(path + "/")
                        found = True
                elif not ignored:
                    entries.append(path)
                    found = True
        return found

    walk(str(folder), "")
    return sorted(entries)


def content_hash(
    folder: Path, entries: Sequence[str], extra: Mapping[str, str], *, execute_bits: bool = True
) -> str:
    """Return the SHA-256 (64 hexadecimal digits) of these files of ``folder`` and of ``extra``.

    It depends on paths, contents and (unless told otherwise) execute bits, not on times, owners
    or where the folder is.
    """
    digest = hashlib.sha256()
    for key in sorted(extra):
        _feed(digest, f"extra {key}={extra[key]}".encode())
    for entry in entries:
        path = folder / entry
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            _feed(digest, f"link {entry}\0{os.readlink(path)}".encode("utf-8", "surrogateescape"))
        elif stat.S_ISDIR(status.st_mode):
            _feed(digest, f"folder {entry}".encode("utf-8", "surrogateescape"))
        elif stat.S_ISREG(status.st_mode):
            executable = execute_bits and status.st_mode & stat.S_IXUSR
            kind = "program" if executable else "file"
            _feed(digest, f"{kind} {entry}".encode("utf-8", "surrogateescape"))
            digest.update(_file_hash(path))
    return digest.hexdigest()


def _feed(digest: hashlib._Hash, data: bytes) -> None:
    # The length first, so that no two lists of parts look alike.
    digest.update(len(data).to_bytes(8, "big"))
    digest.update(data)


def _file_hash(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.digest()
