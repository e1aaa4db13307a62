"""Where the programs that a container names lie on this machine."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

from hera_experiment.local.runtimes.paths import BEGIN, SYSTEM_FOLDERS

_PROGRAM = re.compile(BEGIN + r"/(?:usr/(?:local/)?)?s?bin/([\w.+-]+)" + r"(?![\w./-])")


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
