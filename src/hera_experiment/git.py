"""Git, called for a project or in a scratch folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from hera_experiment.context.masking import shown

# A person's own settings and hooks must not change what is rendered and merged.
PLAIN = (
    "core.autocrlf=false core.attributesFile=/dev/null core.excludesFile=/dev/null"
    " core.fileMode=true merge.directoryRenames=true user.name=make-update user.email=none"
).split()

_NO_HOOKS = ("core.hooksPath=/dev/null", "core.fsmonitor=false")

# What says where a repository is belongs to the caller's; all else is about the person.
_ELSEWHERE = (
    "GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_COMMON_DIR GIT_NAMESPACE"
    " GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_PREFIX GIT_CEILING_DIRECTORIES GIT_LITERAL_PATHSPECS"
).split()


def clean_environ() -> dict[str, str]:
    """Return this process's environment, without the repository that it is at work in."""
    return {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}


class GitError(Exception):
    """Git has refused; the text is the line in which it says why."""


class Git:
    """Runs git in ``folder``, whatever repository the caller is at work in."""

    def __init__(self, folder: Path, *settings: str, **environ: str) -> None:
        self.folder = folder
        self._settings = [word for each in (*_NO_HOOKS, *settings) for word in ("-c", each)]
        # Reading takes no lock and writes nothing.
        self._environ = {**clean_environ(), "GIT_OPTIONAL_LOCKS": "0", **environ}

    def with_index(self, index: Path) -> Git:
        """Return the same with another index than the repository's own."""
        other = Git(self.folder)
        other._settings = self._settings
        other._environ = {**self._environ, "GIT_INDEX_FILE": str(index)}
        return other

    def __call__(self, *arguments: str, text: str = "", status: tuple[int, ...] = (0,)) -> str:
        """Return what git prints, lossless: bytes that are no UTF-8 are surrogates.

        Raises
        ------
        GitError
            When git ends with another ``status``.
        """
        done = subprocess.run(
            ["git", *self._settings, *arguments],
            cwd=self.folder,
            env=self._environ,
            input=text.encode("utf-8", "surrogateescape"),
            capture_output=True,
        )
        if done.returncode not in status:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            fatal = [line for line in said if line.startswith("fatal: ")]
            line = (fatal or said[-1:] or [f"exit status {done.returncode}"])[0]
            raise GitError(shown(line.removeprefix("fatal: ").rstrip(".")))
        return done.stdout.decode("utf-8", "surrogateescape")

    def line(self, *arguments: str) -> str:
        """Return the one line that git prints."""
        return self(*arguments).removesuffix("\n")
