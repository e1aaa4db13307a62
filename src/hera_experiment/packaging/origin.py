"""Where a project comes from: the template's address and commit, and all answers."""

from __future__ import annotations

import os
from collections.abc import Mapping

_TEMPLATE = ("cookiecutter.json", "hooks", "src", "LICENSE", "{{cookiecutter.project_slug}}")
_TABLE = """
# Where this project came from, for 'make update' and 'make verify', which keep it up to date.
[template]
address = {address}
version = {version}
commit = {commit}

[template.answers]
{answers}"""
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")


class Git:
    """A call of git in a folder, which is at work until its answer is read.

    The call heeds no repository that the caller is at work in, and calls no hook: one may ask,
    hang, or refuse what is nobody's work. What git says on standard error is part of the answer
    where ``errors`` is set. ``subprocess`` takes longer to import than git does to answer.

    Raises
    ------
    OSError
        When there is no git.
    """

    def __init__(
        self, folder: str, environ: Mapping[str, str], *arguments: str, errors: bool = False
    ) -> None:
        heeded = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CONFIG_", "GIT_EXEC_PATH", "GIT_SSH")
        kept = {
            name: value
            for name, value in environ.items()
            if not name.startswith("GIT_") or name.startswith(heeded)
        }
        self._output, output = os.pipe()
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            *([(os.POSIX_SPAWN_DUP2, output, 2)] if errors else []),
        ]
        try:
            command = ["git", "-C", folder, *_NO_HOOKS, *arguments]
            self._process = os.posix_spawnp("git", command, kept, file_actions=actions)
        except OSError:
            os.close(self._output)
            raise
        finally:
            os.close(output)

    def answer(self) -> tuple[int, str]:
        """Wait, and return the exit status and what was printed."""
        with open(self._output, encoding="utf-8", errors="replace") as output:
            printed = output.read()
        status = os.waitpid(self._process, 0)[1]
        return os.waitstatus_to_exitcode(status), printed


class Repository:
    """What git says about the template's folder; asked at once, answered later.

    A folder that is no repository of its own (a zip, a copy within another repository) is not
    asked about.
    """

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self._calls: list[Git] = []
        status = ("status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--")
        questions = ((*status, *_TEMPLATE), ("config", "--get", "remote.origin.url"))
        if os.path.exists(os.path.join(folder, ".git")):
            try:
                for question in questions:
                    self._calls.append(Git(folder, environ, "--no-optional-locks", *question))
            except OSError:
                # No git: nothing is known.
                return

    def answers(self) -> tuple[str, str]:
        """Return the commit and where the folder was cloned from; empty what is not known.

        ``-dirty`` follows the commit where files of the template differ from it.
        """
        said = [text if status == 0 else "" for status, text in (x.answer() for x in self._calls)]
        lines, remote = said if said else ("", "")
        first, *others = lines.splitlines() or [""]
        commit = first.rpartition(" ")[2]
        if len(commit) not in (40, 64):
            return "", remote.strip()
        changed = any(not line.startswith("#") for line in others)
        return f"{commit}-dirty" if changed else commit, remote.strip()


def address(typed: str, folder: str, remote: str) -> str:
    """Return the template's address without a user, a password or a token in it.

    Parameters
    ----------
    typed:
        What cookiecutter was called with: a path, a URL, or one of its abbreviations (``gh:…``).
    folder:
        The template's folder.
    remote:
        Where the folder was cloned from; empty when it was not.
    """
    name, colon, _ = typed.partition(":")
    if not colon or "/" in name or name.startswith((".", "~")):
        # The scratch folder that a zip was unpacked to is gone in a moment.
        typed = os.path.abspath(typed) if typed.endswith(".zip") else remote or folder
    return without_secrets(typed)


def without_secrets(typed: str) -> str:
    """Return an address without a user, a password, a query; ``git@`` is nobody's and stays."""
    scheme, separator, rest = typed.partition("://")
    if not separator:
        user, at, host = typed.partition("@")
        return host if at and user != "git" and ":" in host and "/" not in user else typed
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    user, _, host = host.rpartition("@")
    kept = "git@" if user.partition(":")[0] == "git" and "ssh" in scheme else ""
    return f"{scheme}://{kept}{host}{slash}{path}"


def table(address: str, version: str, commit: str, answers: Mapping[str, str]) -> str:
    """Return the table of the template for ``experiment.toml``."""
    lines = "".join(f"{name} = {_text(answer)}\n" for name, answer in answers.items())
    return _TABLE.format(
        address=_text(address), version=_text(version), commit=_text(commit), answers=lines
    )


def _text(value: str) -> str:
    """Return a basic string of TOML; a path may hold bytes that are no text."""
    plain = value.encode("utf-8", "replace").decode()
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(
        ['"', *(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in quoted), '"']
    )
