"""Absolute paths of a container, turned into paths below a task's own root.

A process has no file system of its own, so every path that a container's mounts, files and
folders cover is rewritten where it stands in a command, a variable or a script.
"""

from __future__ import annotations

import base64
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hera_experiment.argo.values import WHOLE_VALUE

HOME = "/root"
TEMPORARY = "/tmp"

SYSTEM_FOLDERS = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
)
# Folders of the system itself: what lies in one of them covers itself alone.
SYSTEM = frozenset(
    ("/", "/dev", "/etc", "/run", "/usr", "/usr/local", "/var", "/var/lib", *SYSTEM_FOLDERS)
)
# Every machine and every image has them: reading there is all right, writing is not.
_OF_SYSTEM = ("/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr")
# Devices and the kernel's own files are the same on every machine.
_SHARED = ("/dev", "/proc", "/sys")
_SHELLS = frozenset(("ash", "bash", "dash", "ksh", "sh", "zsh"))

# A path begins where no word, path, variable or glob goes on; "file://" is the one URL of a path.
BEGIN = r"(?:(?<=file://)|(?<![\w./~*})\]$-]))"
_END = r"(?![\w.-])"
_WHOLE = re.compile(r"(?:--?[\w-]+=|[\w.-]+=)?(/[^\s'\"]*)", re.DOTALL)
_IN_SHELL = re.compile(r"(?:(?<=[\s=<>(;|&'\"])|^)(/[\w.{}+@%:,/-]+)")
# '/…/' and '/…/d' between quotes are patterns of sed or awk, not paths.
_EDITING = re.compile(r"/[^/]+/[dpq]?")


_PROGRAM = re.compile(BEGIN + r"/(?:usr/(?:local/)?)?s?bin/([\w.+-]+)" + r"(?![\w./-])")


class PathRules:
    """What is covered by the file system of one kind of pod; the same for each of its tasks.

    ``covered`` are folders and files of the container that lie at the same place below a task's
    root, ``moved`` those that lie elsewhere below it.
    """

    def __init__(self, covered: Iterable[str], moved: Mapping[str, str]) -> None:
        self._moved = dict(moved)
        names = {*covered, *moved, HOME, TEMPORARY} - {"/"}
        self._covered = sorted(names, key=len, reverse=True)
        alternatives = "|".join(map(re.escape, self._covered))
        self._pattern = re.compile(f"{BEGIN}(?:{alternatives}){_END}")

    def covers(self, path: str) -> bool:
        """Tell whether ``path`` lies in the pod's own file system."""
        return is_below(path, self._covered)

    def rewrite(self, text: str, root: str) -> str:
        """Put ``root`` before each covered path in ``text``."""
        if "/" not in text:
            return text
        return self._pattern.sub(lambda match: root + self._moved.get(match[0], match[0]), text)

    def knows(self, path: str) -> bool:
        """Tell whether ``path`` leads somewhere here: it is covered, a program or a device."""
        clean = posixpath.normpath(path)
        if clean in ("/", "//") or self.covers(clean):
            return True
        if posixpath.dirname(clean) in SYSTEM_FOLDERS:
            return True
        return is_shared(clean)


def is_shared(path: str) -> bool:
    """Tell whether ``path`` is one of the devices and files of the kernel."""
    return is_below(path, _SHARED)


def is_of_system(path: str) -> bool:
    """Tell whether ``path`` is one of the files that every machine and every image has."""
    return is_below(posixpath.normpath(path), _OF_SYSTEM)


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Tell whether ``path`` is one of ``folders``, or lies in one."""
    return any(path == each or path.startswith(f"{each}/") for each in folders)


def is_shell(argv: Sequence[str]) -> bool:
    """Tell whether a command is a shell."""
    return bool(argv) and posixpath.basename(argv[0]) in _SHELLS


def shell_code(argv: Sequence[str]) -> int | None:
    """Return which word of a command is shell code, None for none."""
    if not is_shell(argv):
        return None
    # sh -c, bash -ec: the word after the option that ends in c is code.
    options = (i for i, word in enumerate(argv[:-1]) if re.fullmatch(r"-[a-z]*c", word))
    at = next(options, None)
    return None if at is None else at + 1


def absolute_paths(argv: Sequence[str]) -> Iterator[str]:
    """Yield the absolute paths in a command.

    Seen are arguments that are a path, options whose value is one, and the words of shell code; the
    text of other programs is theirs alone.
    """
    code = shell_code(argv)
    for at, word in enumerate(argv):
        if at == code:
            for match in _IN_SHELL.finditer(word):
                quoted = match.start() > 0 and word[match.start() - 1] in "'\""
                if not (quoted and _EDITING.fullmatch(match[1])):
                    yield match[1]
            continue
        whole = _WHOLE.fullmatch(word)
        if whole and not whole[1].startswith("//"):
            yield whole[1]


def rewrite_source(source: str, rewrite: Callable[[str], str]) -> str:
    """Rewrite the source of a script, and the values that it holds in base64."""
    parts = WHOLE_VALUE.split(source)
    parts[::2] = map(rewrite, parts[::2])
    parts[1::2] = [_recoded(value, rewrite) for value in parts[1::2]]
    return "".join(parts)


def _recoded(value: str, rewrite: Callable[[str], str]) -> str:
    try:
        text = base64.b64decode(value).decode()
    except ValueError:
        return value  # not ours
    return base64.b64encode(rewrite(text).encode()).decode()


def image_path(value: str, rules: PathRules, root: str) -> list[str]:
    """Return the folders of an image's PATH that are its own, below ``root``."""
    folders = (folder for folder in value.split(":") if folder not in SYSTEM_FOLDERS)
    return [rules.rewrite(folder, root) for folder in folders if folder]


class NotExecutable(Exception):
    """A command cannot be started; the text is what Argo's executor would say (Go's words)."""


class Programs:
    """The programs of this machine, those of a virtual environment (``folder``) first."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self.path = f"{folder}:{system_path()}"
        self._found: dict[str, str | None] = {}

    def rewrite(self, text: str) -> str:
        """Replace absolute paths of programs, /usr/local/bin/python, by those of this machine."""
        if "bin/" not in text:
            return text
        return _PROGRAM.sub(lambda match: self._replacement(match[0], match[1]), text)

    def executable(self, name: str, written: str, path: str, folder: str) -> str:
        """Return the program that the command ``name`` starts in ``folder`` with this PATH.

        ``written`` is the command as the container has it, for messages.

        Raises
        ------
        NotExecutable
            When there is none.
        """
        if "/" not in name:
            found = self._find(name) if path == self.path else look_up(name, path)
            if found is None:
                raise NotExecutable(f'exec: "{written}": executable file not found in $PATH')
            return found
        absolute = posixpath.join(folder, name)
        if not os.path.exists(absolute):
            # A program of the image's own environment (/venv/bin/python) is in ours.
            own = f"{self._folder}/{posixpath.basename(name)}"
            if posixpath.basename(posixpath.dirname(name)) == "bin" and os.path.exists(own):
                return own
            raise NotExecutable(f'exec: "{written}": stat {written}: no such file or directory')
        if os.path.isdir(absolute) or not os.access(absolute, os.X_OK):
            raise NotExecutable(f'exec: "{written}": permission denied')
        return absolute

    def _replacement(self, path: str, name: str) -> str:
        own = f"{self._folder}/{name}"
        if os.path.exists(own):
            return own
        if os.path.exists(path):
            return path
        return self._find(name) or path

    def _find(self, name: str) -> str | None:
        # What is missing may be installed meanwhile; what was found stays.
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = look_up(name, self.path)
        return found


def look_up(name: str, path: str) -> str | None:
    """Return the first executable file ``name`` on ``path``, as execvp would find it."""
    for folder in path.split(":"):
        candidate = f"{folder}/{name}"
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None


def system_path() -> str:
    """Return the PATH of a clean environment on this machine."""
    # Some systems keep their tools elsewhere (NixOS): POSIX asks them to say where.
    try:
        own = (os.confstr("CS_PATH") or "").split(":")
    except (ValueError, OSError):
        own = []
    return ":".join(dict.fromkeys([*SYSTEM_FOLDERS, *filter(None, own)]))
